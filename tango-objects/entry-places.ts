/** Where the entries of a ledger are in the log: by their numbers, from 0 without gaps. */
import type { ApplyContext } from '../runtime/views/playback.ts';

/** For who puts the entry into the log again. */
export interface PlacedEntry extends ApplyContext {
  readonly ledger: number;
  readonly entry: number;
}

export class EntryPlaces {
  /** Replaced one by one, and not changed. */
  readonly #places: ApplyContext[] = [];

  /** The number of the last entry; -1: there is none. */
  get last(): number {
    return this.#places.length - 1;
  }

  get(entry: number): ApplyContext | undefined {
    return this.#places[entry];
  }

  /** Returns the number of the entry. */
  push(at: ApplyContext): number {
    return this.#places.push(at) - 1;
  }

  pop(): void {
    this.#places.pop();
  }

  /** The entry is there as well. */
  move(entry: number, at: ApplyContext): void {
    this.#places[entry] = at;
  }

  /** All of them, as they are now. */
  slice(): ApplyContext[] {
    return this.#places.slice();
  }

  *placed(ledger: number): Iterable<PlacedEntry> {
    for (let entry = 0; entry < this.#places.length; entry++) {
      const { position, index, update, from } = this.#places[entry];
      yield { position, index, update, from, ledger, entry };
    }
  }
}
