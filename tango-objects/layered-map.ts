/** What LayeredMap needs of the one below: a Map, or another layer. */
type Below<K, V> = Pick<ReadonlyMap<K, V>, 'size' | 'has' | 'get'> & Iterable<[K, V]>;

/**
 * A Map over another one that it leaves alone: what a transaction makes of a map on trial. Costs what was
 * changed, not what is there.
 */
export class LayeredMap<K, V> implements Iterable<[K, V]> {
  readonly #below: Below<K, V>;
  /** Changed in place, where they stand below; or new, in order. */
  #changed = new Map<K, V>();
  #deleted = new Set<K>();
  #isCleared = false;
  #size: number;

  constructor(below: Below<K, V>) {
    this.#below = below;
    this.#size = below.size;
  }

  get size(): number {
    return this.#size;
  }

  has(key: K): boolean {
    return this.#changed.has(key) || this.#isBelow(key);
  }

  get(key: K): V | undefined {
    const changed = this.#changed.get(key);
    if (changed !== undefined || this.#changed.has(key)) return changed;
    return this.#isBelow(key) ? this.#below.get(key) : undefined;
  }

  set(key: K, value: V): this {
    if (!this.has(key)) this.#size++;
    this.#changed.set(key, value);
    return this;
  }

  delete(key: K): boolean {
    if (!this.has(key)) return false;
    this.#size--;
    this.#changed.delete(key);
    this.#deleted.add(key);
    return true;
  }

  clear(): void {
    this.#changed = new Map();
    this.#deleted = new Set();
    this.#isCleared = true;
    this.#size = 0;
  }

  /** In the order of a Map in which the same was done. */
  *[Symbol.iterator](): IterableIterator<[K, V]> {
    for (const [key, value] of this.#below) {
      if (!this.#isBelow(key)) continue;
      yield [key, this.#changed.has(key) ? (this.#changed.get(key) as V) : value];
    }
    for (const entry of this.#changed) if (!this.#isBelow(entry[0])) yield entry;
  }

  /** Present below, and neither deleted since nor set again after that. */
  #isBelow(key: K): boolean {
    return !this.#isCleared && !this.#deleted.has(key) && this.#below.has(key);
  }
}
