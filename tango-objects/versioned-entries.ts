/** The entries of a replicated map, each with the position that set it last. */

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
