/** A map over another one. */
import { GrowingMap } from './growing-map.ts';

/** A map, or one or more layers over it. */
export type Layered<K, V> = GrowingMap<K, V> | LayeredMap<K, V>;

/** Entries moved before anybody else has a turn. */
const SETTLED_MAX = 512;

/**
 * A Map over another one that it leaves alone: what a transaction makes of a map on trial, and what becomes
 * of one while a checkpoint looks at it. Costs what was changed, not what is there.
 */
export class LayeredMap<K, V> implements Iterable<[K, V]> {
  readonly #below: Layered<K, V>;
  /** Changed in place, where they stand below; or new, in order. undefined while there is none. */
  #changed: GrowingMap<K, V> | undefined;
  #deleted: GrowingMap<K, true> | undefined;
  #isCleared = false;
  #size: number;

  constructor(below: Layered<K, V>) {
    this.#below = below;
    this.#size = below.size;
  }

  get size(): number {
    return this.#size;
  }

  has(key: K): boolean {
    return this.#changed?.has(key) === true || this.#isBelow(key);
  }

  get(key: K): V | undefined {
    const changed = this.#changed?.get(key);
    if (changed !== undefined || this.#changed?.has(key)) return changed;
    return this.#isBelow(key) ? this.#below.get(key) : undefined;
  }

  version(key: K): number | undefined {
    const changed = this.#changed?.version(key);
    if (changed !== undefined) return changed;
    return this.#isBelow(key) ? this.#below.version(key) : undefined;
  }

  set(key: K, value: V, version?: number): this {
    if (!this.has(key)) this.#size++;
    this.#changed ??= new GrowingMap();
    this.#changed.set(key, value, version);
    return this;
  }

  delete(key: K): boolean {
    if (!this.has(key)) return false;
    this.#size--;
    this.#changed?.delete(key);
    this.#deleted ??= new GrowingMap();
    this.#deleted.set(key, true);
    return true;
  }

  clear(): void {
    this.#changed = undefined;
    this.#deleted = undefined;
    this.#isCleared = true;
    this.#size = 0;
  }

  /**
   * Moves what was changed into the one below, some entries at a time; this one is the same at every step,
   * and may be changed in between. Nobody looks at the one below by itself any more, which is returned.
   */
  *settle(): Generator<void, Layered<K, V>> {
    for (;;) {
      if (this.#isCleared) {
        this.#below.clear();
        this.#isCleared = false;
        this.#deleted = undefined;
      }
      const deleted = firstOf(this.#deleted, SETTLED_MAX);
      for (const [key] of deleted) {
        this.#below.delete(key);
        this.#deleted?.delete(key);
      }
      // AFTER all of those: what was deleted and set again stands behind what was not.
      const changed = firstOf(this.#changed, SETTLED_MAX - deleted.length);
      for (const [key, value, version] of changed) {
        this.#below.set(key, value, version);
        this.#changed?.delete(key);
      }
      if (deleted.length + changed.length === 0) return this.#below;
      yield;
    }
  }

  /** In the order of a Map in which the same was done. */
  *[Symbol.iterator](): IterableIterator<[K, V]> {
    const changed = this.#changed;
    for (const entry of this.#below) {
      const [key] = entry;
      if (!this.#isBelow(key)) continue;
      yield changed?.has(key) ? [key, changed.get(key) as V] : entry;
    }
    for (const entry of changed ?? []) if (!this.#isBelow(entry[0])) yield entry;
  }

  /** Entries with their versions. */
  *versioned(): IterableIterator<[key: K, value: V, version: number]> {
    for (const [key, value] of this) yield [key, value, this.version(key) as number];
  }

  /** Present below, and neither deleted since nor set again after that. */
  #isBelow(key: K): boolean {
    return !this.#isCleared && this.#deleted?.has(key) !== true && this.#below.has(key);
  }
}

/** The first entries, at most so many. */
function firstOf<K, V>(map: GrowingMap<K, V> | undefined, max: number): [K, V, number][] {
  const first: [K, V, number][] = [];
  if (max === 0 || map === undefined || map.size === 0) return first;
  for (const entry of map.versioned()) {
    first.push(entry);
    if (first.length === max) break;
  }
  return first;
}
