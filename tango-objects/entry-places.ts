/** Where the entries of a ledger are in the log: by their numbers, from 0 without gaps. */
import { isSamePlace } from '../runtime/views/log-reference.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { CountedTree } from './counted-tree.ts';

/** For who puts the entry into the log again. */
export interface PlacedEntry extends ApplyContext {
  readonly ledger: number;
  readonly entry: number;
}

export class EntryPlaces {
  /** Replaced one by one, and not changed. */
  readonly #places: CountedTree<ApplyContext>;

  constructor(places = new CountedTree<ApplyContext>()) {
    this.#places = places;
  }

  /** The same in O(1), to be changed instead of this one. */
  fork(): EntryPlaces {
    return new EntryPlaces(this.#places.fork());
  }

  /** The number of the last entry; -1: there is none. */
  get last(): number {
    return this.#places.length - 1;
  }

  get(entry: number): ApplyContext | undefined {
    return entry > this.last ? undefined : this.#places.at(entry);
  }

  /** Whether that is where the view finds the entry. */
  isAt(entry: number, place: ApplyContext): boolean {
    const at = this.get(entry);
    return at !== undefined && isSamePlace(at, place);
  }

  /** Returns the number of the entry. */
  push(at: ApplyContext): number {
    this.#places.push(at);
    return this.last;
  }

  /** The entry is there as well. */
  move(entry: number, at: ApplyContext): void {
    this.#places.set(entry, at);
  }

  values(): Iterable<ApplyContext> {
    return this.#places.values();
  }

  *placed(ledger: number): Iterable<PlacedEntry> {
    let entry = 0;
    for (const { position, index, update, from } of this.#places.values()) {
      yield { position, index, update, from, ledger, entry: entry++ };
    }
  }
}
