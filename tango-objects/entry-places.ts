/** Where the entries of a ledger are in the log: by their numbers, from 0 without gaps. */
import type { ApplyContext } from '../runtime/views/playback.ts';

/** For who puts the entry into the log again. */
export interface PlacedEntry extends ApplyContext {
  readonly ledger: number;
  readonly entry: number;
}

/** Numbers of one place, in a checkpoint. */
const FIELDS = 4;

export class EntryPlaces {
  readonly #places: ApplyContext[] = [];

  /** What state() has told. */
  static from(state: readonly number[]): EntryPlaces {
    const places = new EntryPlaces();
    for (let i = 0; i < state.length; i += FIELDS) {
      const [position, index, update, from] = state.slice(i, i + FIELDS);
      places.push({ position, index, update, from });
    }
    return places;
  }

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

  *placed(ledger: number): Iterable<PlacedEntry> {
    for (const [entry, at] of this.#places.entries()) yield { ...at, ledger, entry };
  }

  state(): number[] {
    const state: number[] = [];
    for (const { position, index, update, from } of this.#places) {
      state.push(position, index, update, from);
    }
    return state;
  }
}
