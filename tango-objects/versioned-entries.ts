/** The entries of a replicated map, each with the position that set it last. */
import { KeyedMap, type Layered, layered } from './keyed-map.ts';

/** What TangoMap and TangoSortedMap differ in. */
export interface VersionedEntries<K, V> extends Iterable<[K, V]> {
  readonly size: number;
  has(key: K): boolean;
  get(key: K): V | undefined;
  /** Position of the entry that set the key; undefined: it is absent. */
  version(key: K): number | undefined;
  set(key: K, value: V, version: number): void;
  /** Whether it was there. */
  delete(key: K): boolean;
  clear(): void;
  /** What follows is on trial, until the function returned takes it back. */
  tryOut(): () => void;
}

/** In the order in which keys were first set. */
export class KeyedEntries<K, V> implements VersionedEntries<K, V> {
  readonly #values = new KeyedMap<K, V>();
  /** By keys as they are held; apart, since most reads want the value alone. */
  #versions: Layered<K, number> = new Map();

  get size(): number {
    return this.#values.size;
  }

  has(key: K): boolean {
    return this.#values.has(key);
  }

  get(key: K): V | undefined {
    return this.#values.get(key);
  }

  version(key: K): number | undefined {
    return this.#versions.get(this.#values.held(key));
  }

  set(key: K, value: V, version: number): void {
    this.#versions.set(this.#values.set(key, value), version);
  }

  delete(key: K): boolean {
    this.#versions.delete(this.#values.held(key));
    return this.#values.delete(key);
  }

  clear(): void {
    this.#values.clear();
    this.#versions.clear();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#values[Symbol.iterator]();
  }

  tryOut(): () => void {
    const versions = this.#versions;
    const undo = this.#values.tryOut();
    this.#versions = layered(versions);
    return () => {
      undo();
      this.#versions = versions;
    };
  }
}
