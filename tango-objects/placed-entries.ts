/** The entries of a map that keeps, instead of values, where they are in the log. */
import { isSamePlace, ON_TRIAL } from '../runtime/views/log-reference.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { KeyedMap } from './keyed-map.ts';
import type { FrozenEntries, VersionedEntries } from './versioned-entries.ts';

/** One object for each key, as there may be many. */
export class KeptPlace<K> implements ApplyContext {
  readonly key: K;
  /** Position of the entry that set the key. */
  readonly version: number;
  readonly position: number;
  readonly index: number;
  readonly update: number;
  readonly from: number;
  readonly #onTrial: ApplyContext | undefined;

  constructor(key: K, version: number, at: ApplyContext) {
    // On trial there is no place: small numbers instead, which are kept in place, where others are not.
    const isOnTrial = at.position === ON_TRIAL;
    this.key = key;
    this.version = version;
    this.position = isOnTrial ? 0 : at.position;
    this.index = at.index;
    this.update = at.update;
    this.from = isOnTrial ? 0 : at.from;
    this.#onTrial = isOnTrial ? at : undefined;
  }

  /** Of the value: of the entry that set the key, or of one that has put it into the log again. */
  get at(): ApplyContext {
    return this.#onTrial ?? this;
  }
}

/** In the order in which keys were first set. */
export class PlacedEntries<K> implements VersionedEntries<K, unknown> {
  readonly #kept = new KeyedMap<K, KeptPlace<K>>();

  get size(): number {
    return this.#kept.size;
  }

  has(key: K): boolean {
    return this.#kept.has(key);
  }

  get(key: K): KeptPlace<K> | undefined {
    return this.#kept.get(key);
  }

  version(key: K): number | undefined {
    return this.#kept.get(key)?.version;
  }

  set(key: K, at: ApplyContext, version: number): void {
    this.#kept.set(key, new KeptPlace(key, version, at));
  }

  /** The value is at `to` as well; nothing if it was set since `from` was told. */
  move(key: K, from: ApplyContext, to: ApplyContext): void {
    const kept = this.#kept.get(key);
    if (kept === undefined || !isSamePlace(kept.at, from)) return;
    this.#kept.set(kept.key, new KeptPlace(kept.key, kept.version, to));
  }

  delete(key: K): boolean {
    return this.#kept.delete(key);
  }

  clear(): void {
    this.#kept.clear();
  }

  [Symbol.iterator](): IterableIterator<[K, KeptPlace<K>]> {
    return this.#kept[Symbol.iterator]();
  }

  tryOut(): () => void {
    return this.#kept.tryOut();
  }

  freeze(): FrozenEntries<K, KeptPlace<K>> {
    const { entries, thaw } = this.#kept.freeze();
    const versioned = function* (): Iterator<readonly [K, KeptPlace<K>, number]> {
      for (const [key, kept] of entries) yield [key, kept, kept.version];
    };
    return { entries: { [Symbol.iterator]: versioned }, thaw };
  }

  fresh(): PlacedEntries<K> {
    return new PlacedEntries();
  }

  become(other: PlacedEntries<K>): void {
    this.#kept.become(other.#kept);
  }
}
