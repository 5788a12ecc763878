/** The entries of a replicated map, each with the position that set it last. */
import { GrowingMap } from './growing-map.ts';
import { type KeyId, KeyedMap, keyIdOf } from './keyed-map.ts';
import { type Layered, MapCell } from './map-cell.ts';

/** Entries that stand still, whatever is changed. */
export interface FrozenEntries<K, V> {
  readonly entries: Iterable<readonly [key: K, value: V, version: number]>;
  /** See FrozenState. */
  thaw?(): Iterable<void>;
}

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
  /** As they are now; the last frozen are thawed first. */
  freeze(): FrozenEntries<K, V>;
  /** Another one of the same kind, without entries. */
  fresh(): VersionedEntries<K, V>;
  /** One that fresh() has made takes its place, and is not used any more. */
  become(other: VersionedEntries<K, V>): void;
}

/** In the order in which keys were first set. */
export class KeyedEntries<K, V> implements VersionedEntries<K, V> {
  readonly #values = new KeyedMap<K, V>();
  /** Apart, since most reads want the value alone. */
  #versions = new MapCell<KeyId, number>(new GrowingMap());

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
    return this.#versions.map.get(keyIdOf(key));
  }

  set(key: K, value: V, version: number): void {
    this.#versions.map.set(this.#values.set(key, value), version);
  }

  delete(key: K): boolean {
    this.#versions.map.delete(keyIdOf(key));
    return this.#values.delete(key);
  }

  clear(): void {
    this.#values.clear();
    this.#versions.map.clear();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#values[Symbol.iterator]();
  }

  tryOut(): () => void {
    const undoValues = this.#values.tryOut();
    const versions = this.#versions.tryOut();
    return () => {
      undoValues();
      versions.undo();
    };
  }

  freeze(): FrozenEntries<K, V> {
    const values = this.#values.freeze();
    const versions = this.#versions.freeze();
    return {
      entries: withVersions(values.entries, versions.map),
      *thaw() {
        yield* values.thaw();
        yield* versions.thaw();
      },
    };
  }

  fresh(): KeyedEntries<K, V> {
    return new KeyedEntries();
  }

  become(other: KeyedEntries<K, V>): void {
    this.#values.become(other.#values);
    this.#versions = other.#versions;
  }
}

function* withVersions<K, V>(
  entries: Iterable<[K, V]>,
  versions: Layered<KeyId, number>,
): Iterable<readonly [K, V, number]> {
  for (const [key, value] of entries) yield [key, value, versions.get(keyIdOf(key)) as number];
}
