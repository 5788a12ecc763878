/** What the views of objects are held in: a Map of any size. */
import { HashTable } from './hash-table.ts';

/**
 * From as many entries on they are in a table: a Map would have to grow at 2^18, which takes ten
 * milliseconds, and has room up to there for what is set while it is moved.
 */
const MAP_MAX = 190_000;
/** Of so many times fewer there is a Map again. */
const SHRUNK = 8;
/** Of entries that were set without one. */
const NO_VERSION = 0;
/** Entries that are moved with each change. */
const MOVED_AT_ONCE = 4;

/**
 * A Map that never stands still to grow: one of a million entries doubles for 80 ms. Up to `mapMax` it is
 * one, which is read fastest; then its entries are moved into a table, a few with each change.
 *
 * Keys are primitives, and each has a number beside its value, its version. In the order in which keys were
 * first set. It must not be changed while it is iterated.
 */
export class GrowingMap<K, V> implements Iterable<[K, V]> {
  readonly #mapMax: number;
  /** What is not in the table, or not yet: all that was set after what is. */
  #map = new Map<K, V>();
  /** Of keys in the map, those that are not NO_VERSION; apart, since most reads want the value alone. */
  #versions: Map<K, number> | undefined;
  #table: HashTable<K, V> | undefined;
  /**
   * Of the map, what is moved next: goes on where it was, whatever is set behind it. Not there before: an
   * iterator keeps every table that the map has had since.
   */
  #rest: IterableIterator<[K, V]> | undefined;

  constructor(mapMax = MAP_MAX) {
    this.#mapMax = mapMax;
  }

  get size(): number {
    return this.#map.size + (this.#table?.size ?? 0);
  }

  has(key: K): boolean {
    const table = this.#table;
    if (table === undefined) return this.#map.has(key);
    return this.#isInMap(key) || table.has(key);
  }

  get(key: K): V | undefined {
    const table = this.#table;
    return table === undefined || this.#isInMap(key) ? this.#map.get(key) : table.get(key);
  }

  /** undefined: the key is absent. */
  version(key: K): number | undefined {
    if (this.#table !== undefined && !this.#isInMap(key)) return this.#table.version(key);
    return this.#map.has(key) ? (this.#versions?.get(key) ?? NO_VERSION) : undefined;
  }

  set(key: K, value: V, version = NO_VERSION): this {
    const table = this.#table;
    if (table === undefined) {
      this.#setInMap(key, value, version);
      if (this.#map.size > this.#mapMax) this.#grow();
      return this;
    }
    this.#moveSome(table);
    // What is new goes behind all that is still to be moved.
    if (this.#map.size > 0 && !table.has(key)) this.#setInMap(key, value, version);
    else table.set(key, value, version);
    return this;
  }

  delete(key: K): boolean {
    const table = this.#table;
    if (table === undefined) return this.#deleteInMap(key);
    this.#moveSome(table);
    const isDeleted = this.#deleteInMap(key) || table.delete(key);
    if (this.#map.size === 0 && table.size * SHRUNK < this.#mapMax) this.#shrink(table);
    return isDeleted;
  }

  clear(): void {
    this.#map = new Map();
    this.#versions = undefined;
    this.#table = undefined;
    this.#rest = undefined;
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#table === undefined ? this.#map[Symbol.iterator]() : this.#both(this.#table);
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this) yield key;
  }

  /** Entries with their versions. */
  *versioned(): IterableIterator<[key: K, value: V, version: number]> {
    if (this.#table !== undefined) yield* this.#table;
    for (const [key, value] of this.#map) {
      yield [key, value, this.#versions?.get(key) ?? NO_VERSION];
    }
  }

  #isInMap(key: K): boolean {
    return this.#map.size > 0 && this.#map.has(key);
  }

  #setInMap(key: K, value: V, version: number): void {
    this.#map.set(key, value);
    if (version === NO_VERSION) this.#versions?.delete(key);
    else {
      this.#versions ??= new Map();
      this.#versions.set(key, version);
    }
  }

  #deleteInMap(key: K): boolean {
    this.#versions?.delete(key);
    return this.#map.delete(key);
  }

  #grow(): void {
    this.#table = new HashTable();
    this.#rest = this.#map[Symbol.iterator]();
  }

  #moveSome(table: HashTable<K, V>): void {
    for (let i = 0; i < MOVED_AT_ONCE && this.#rest !== undefined; i++) {
      const next = this.#rest.next();
      if (next.done) {
        this.#rest = undefined;
        this.#map = new Map();
        this.#versions = undefined;
        return;
      }
      const [key, value] = next.value;
      table.set(key, value, this.#versions?.get(key) ?? NO_VERSION);
      this.#deleteInMap(key);
    }
  }

  #shrink(table: HashTable<K, V>): void {
    this.clear();
    for (const [key, value, version] of table) this.#setInMap(key, value, version);
  }

  *#both(table: HashTable<K, V>): IterableIterator<[K, V]> {
    for (const [key, value] of table) yield [key, value];
    yield* this.#map;
  }
}
