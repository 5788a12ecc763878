/** What TangoMap and TangoSortedMap have in common: all but the order of their keys. */
import { invalid } from '../runtime/arguments.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { type ObjectBinding, ReplicatedObject } from '../runtime/views/replicated-object.ts';
import type { VersionedEntries } from './versioned-entries.ts';

/** What a change does; in the log. */
const SET = 0;
const SET_IF_ABSENT = 1;
const SET_IF_VERSION = 2;
const DELETE = 3;
const CLEAR = 4;

/** Lists, not named fields: encoded and decoded several times faster. */
type Operation<K, V> =
  | readonly [typeof SET | typeof SET_IF_ABSENT, key: K, value: V]
  | readonly [typeof SET_IF_VERSION, key: K, value: V, version: number | undefined]
  | readonly [typeof DELETE, key: K]
  | readonly [typeof CLEAR];

type SetOperation<K, V> = Exclude<
  Operation<K, V>,
  readonly [typeof DELETE, K] | readonly [typeof CLEAR]
>;

export abstract class ReplicatedMap<K, V> extends ReplicatedObject<Operation<K, V>> {
  /** For change feeds; a conditional change is told as what it was, whether it has set the key or not. */
  static describe(operation: unknown): unknown {
    const [kind, key, value, version] = operation as Operation<unknown, unknown>;
    if (kind === CLEAR) return { clear: true };
    if (kind === DELETE) return { delete: key };
    if (kind === SET) return { set: key, value };
    return kind === SET_IF_ABSENT
      ? { set: key, value, ifAbsent: true }
      : { set: key, value, ifVersion: version };
  }

  readonly #entries: VersionedEntries<K, V>;

  /** @internal Use `tango.object`. */
  constructor(binding: ObjectBinding, entries: VersionedEntries<K, V>) {
    super(binding);
    this.#entries = entries;
  }

  /** The key as it is kept. ERR_INVALID_ARGUMENT for one that is none. */
  protected keyOf(key: K): K {
    return key;
  }

  /** Linearizable, as every read; blocks only for an entry that its writer has not finished. */
  get(key: K): V | undefined {
    const own = this.keyOf(key);
    this.ready(own);
    return this.#entries.get(own);
  }

  has(key: K): boolean {
    const own = this.keyOf(key);
    this.ready(own);
    return this.#entries.has(own);
  }

  /**
   * What setIfVersion compares; undefined: the key is absent. Within a transaction that has set the key
   * itself it is not known yet: Number.MAX_SAFE_INTEGER, which setIfVersion refuses.
   */
  versionOf(key: K): number | undefined {
    const own = this.keyOf(key);
    this.ready(own);
    return this.#entries.version(own);
  }

  get size(): number {
    this.ready();
    return this.#entries.size;
  }

  /** Entries of one moment, whatever is changed during the iteration; as keys() and values(). */
  entries(): IterableIterator<[K, V]> {
    this.ready();
    return Array.from(this.#entries)[Symbol.iterator]();
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(callback: (value: V, key: K, map: this) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  /** Resolves once it is in the log. */
  set(key: K, value: V): Promise<void> {
    const own = this.keyOf(key);
    return this.write([SET, own, value], [own]);
  }

  setSync(key: K, value: V): void {
    const own = this.keyOf(key);
    this.writeSync([SET, own, value], [own]);
  }

  /** Resolves to whether the key was there. */
  delete(key: K): Promise<boolean> {
    const own = this.keyOf(key);
    return this.change([DELETE, own], [own]);
  }

  deleteSync(key: K): boolean {
    const own = this.keyOf(key);
    return this.changeSync([DELETE, own], [own]);
  }

  clear(): Promise<void> {
    return this.write([CLEAR]);
  }

  clearSync(): void {
    this.writeSync([CLEAR]);
  }

  /** Resolves to whether the key was absent, and is set now. */
  setIfAbsent(key: K, value: V): Promise<boolean> {
    const own = this.keyOf(key);
    return this.change([SET_IF_ABSENT, own, value], [own]);
  }

  setIfAbsentSync(key: K, value: V): boolean {
    const own = this.keyOf(key);
    return this.changeSync([SET_IF_ABSENT, own, value], [own]);
  }

  /**
   * Sets the key if nobody has set or deleted it since versionOf() told `version`; resolves to whether.
   * undefined: if it is absent.
   */
  setIfVersion(key: K, value: V, version: number | undefined): Promise<boolean> {
    const own = this.keyOf(key);
    return this.change([SET_IF_VERSION, own, value, version], [own]);
  }

  setIfVersionSync(key: K, value: V, version: number | undefined): boolean {
    const own = this.keyOf(key);
    return this.changeSync([SET_IF_VERSION, own, value, version], [own]);
  }

  /** Sets the key to what `fn` makes of its value, as a transaction: `fn` may run again. */
  update(key: K, fn: (value: V | undefined) => V): Promise<V> {
    return this.transact(() => this.#updated(key, fn));
  }

  /** As update; blocks. */
  updateSync(key: K, fn: (value: V | undefined) => V): V {
    return this.transactSync(() => this.#updated(key, fn));
  }

  protected override check(operation: Operation<K, V>): void {
    if (operation[0] === SET_IF_VERSION) checkVersion(operation[3]);
  }

  protected apply(operation: Operation<K, V>, { position }: ApplyContext): boolean | undefined {
    switch (operation[0]) {
      case CLEAR:
        this.#entries.clear();
        return undefined;
      case DELETE:
        return this.#entries.delete(operation[1]);
      default:
        return this.#set(operation, position);
    }
  }

  #set([kind, key, value, version]: SetOperation<K, V>, position: number): boolean {
    const entries = this.#entries;
    if (kind === SET_IF_ABSENT && entries.has(key)) return false;
    if (kind === SET_IF_VERSION && entries.version(key) !== version) return false;
    entries.set(key, value, position);
    return true;
  }

  protected checkpoint(): unknown {
    const entries = this.#entries;
    return Array.from(entries, ([key, value]) => [key, value, entries.version(key)]);
  }

  protected restore(state: unknown): void {
    this.#entries.clear();
    for (const [key, value, version] of state as [K, V, number][]) {
      this.#entries.set(key, value, version);
    }
  }

  protected override tryOut(): () => void {
    return this.#entries.tryOut();
  }

  #updated(key: K, fn: (value: V | undefined) => V): V {
    if (typeof fn !== 'function') throw invalid('fn', fn, 'a function of the value');
    const value = fn(this.get(key));
    this.setSync(key, value);
    return value;
  }
}

/** One that versionOf() may have told of a key that is in the log. */
function checkVersion(version: unknown): void {
  if (version === undefined) return;
  if (Number.isSafeInteger(version) && Number(version) >= 0 && version !== ON_TRIAL) return;
  throw invalid('version', version, 'what versionOf() told of a key that is in the log');
}

/** Version of a key that the transaction under way has set. */
const ON_TRIAL = Number.MAX_SAFE_INTEGER;
