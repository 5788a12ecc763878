/** What the views of objects are held in: a Map of any size. */
import { HashTable } from './hash-table.ts';

/**
 * From as many entries on they are in a table: a Map would have to grow at 2^18, which takes ten milliseconds,
 * and has room up to there for what is set while it is moved.
 */
const MAP_MAX = 190_000;
/** Of so many times fewer there is a Map again. */
const SHRUNK = 8;
/** Entries that are moved with each change. */
const MOVED_AT_ONCE = 4;

/**
 * A Map that never stands still to grow: one of a million entries doubles for 80 ms. Up to `mapMax` it is
 * one, which is read fastest; then its entries are moved into a table, a few with each change.
 *
 * Keys are primitives. In the order in which they were first set. It must not be changed while it is iterated.
 */
export class GrowingMap<K, V> implements Iterable<[K, V]> {
  readonly #mapMax: number;
  /** What is not in the table, or not yet: all that was set after what is. */
  #map = new Map<K, V>();
  #table: HashTable<K, V> | undefined;
  /** Entries of the map that are moved next: goes on where it was, whatever is set behind it. */
  #rest: Iterator<[K, V]> | undefined;

  constructor(mapMax = MAP_MAX) {
    this.#mapMax = mapMax;
  }

  get size(): number {
    return this.#map.size + (this.#table?.size ?? 0);
  }

  has(key: K): boolean {
    const table = this.#table;
    if (table === undefined) return this.#map.has(key);
    return (this.#map.size > 0 && this.#map.has(key)) || table.has(key);
  }

  get(key: K): V | undefined {
    const table = this.#table;
    if (table === undefined) return this.#map.get(key);
    if (this.#map.size > 0 && this.#map.has(key)) return this.#map.get(key);
    return table.get(key);
  }

  set(key: K, value: V): this {
    const table = this.#table;
    if (table === undefined) {
      this.#map.set(key, value);
      if (this.#map.size > this.#mapMax) this.#divide();
      return this;
    }
    this.#moveSome(table);
    // What is new goes behind all that is still to be moved.
    if (this.#map.size > 0 && !table.has(key)) this.#map.set(key, value);
    else table.set(key, value);
    return this;
  }

  delete(key: K): boolean {
    const table = this.#table;
    if (table === undefined) return this.#map.delete(key);
    this.#moveSome(table);
    const isDeleted = this.#map.delete(key) || table.delete(key);
    if (this.#map.size === 0 && table.size * SHRUNK < this.#mapMax) {
      this.#map = new Map(table);
      this.#table = undefined;
    }
    return isDeleted;
  }

  clear(): void {
    this.#map = new Map();
    this.#table = undefined;
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#table === undefined ? this.#map[Symbol.iterator]() : this.#both(this.#table);
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this) yield key;
  }

  #divide(): void {
    this.#table = new HashTable();
    this.#rest = this.#map[Symbol.iterator]();
  }

  #moveSome(table: HashTable<K, V>): void {
    for (let i = 0; i < MOVED_AT_ONCE && this.#map.size > 0; i++) {
      const [key, value] = this.#rest?.next().value as [K, V];
      this.#map.delete(key);
      table.set(key, value);
    }
  }

  *#both(table: HashTable<K, V>): IterableIterator<[K, V]> {
    yield* table;
    yield* this.#map;
  }
}
