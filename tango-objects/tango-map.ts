/** A map whose keys conflict one by one (Tango, section 3). */
import { encodeKey, type ObjectKey } from '../runtime/views/object-key.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { ReplicatedObject } from '../runtime/views/replicated-object.ts';
import { LayeredMap } from './layered-map.ts';

/** What a change does; in the log. */
const SET = 0;
const SET_IF_ABSENT = 1;
const SET_IF_VERSION = 2;
const DELETE = 3;
const CLEAR = 4;

/** Lists, not named fields: encoded and decoded several times faster. */
type Operation<K, V> =
  | readonly [typeof SET | typeof SET_IF_ABSENT, key: K, value: V]
  | readonly [typeof SET_IF_VERSION, key: K, value: V, version: number]
  | readonly [typeof DELETE, key: K]
  | readonly [typeof CLEAR];

type Layered<K, V> = Map<K, V> | LayeredMap<K, V>;

/**
 * Keys are equal as in a Map; keys that are no primitives are equal when their encodings are: objects with
 * the same properties in the same order. In the order in which keys were first set. Reading a key conflicts
 * with changes of that key only; `size` and iteration with every change.
 */
export class TangoMap<K = unknown, V = unknown> extends ReplicatedObject<Operation<K, V>> {
  static readonly typeName = 'map';

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

  /** By keys as they are held: #held(). */
  #values: Layered<K, V> = new Map();
  /** Position of the entry that set the key; apart, since most reads want the value alone. */
  #versions: Layered<K, number> = new Map();
  /** Of keys that are no primitives: by encoding, the one that stands for all equal ones. */
  #objectKeys: Layered<ObjectKey, K> = new Map();

  /** Linearizable, as every read; blocks only for an entry that its writer has not finished. */
  get(key: K): V | undefined {
    this.ready(key);
    return this.#values.get(this.#held(key));
  }

  has(key: K): boolean {
    this.ready(key);
    return this.#values.has(this.#held(key));
  }

  /** What setIfVersion compares; undefined: the key is absent. */
  versionOf(key: K): number | undefined {
    this.ready(key);
    return this.#versions.get(this.#held(key));
  }

  get size(): number {
    this.ready();
    return this.#values.size;
  }

  /** Entries of one moment, whatever is changed during the iteration; as keys() and values(). */
  entries(): IterableIterator<[K, V]> {
    this.ready();
    return Array.from(this.#values)[Symbol.iterator]();
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
    return this.write([SET, key, value], [key]);
  }

  setSync(key: K, value: V): void {
    this.writeSync([SET, key, value], [key]);
  }

  /** Resolves to whether the key was there. */
  delete(key: K): Promise<boolean> {
    return this.change([DELETE, key], [key]);
  }

  deleteSync(key: K): boolean {
    return this.changeSync([DELETE, key], [key]);
  }

  clear(): Promise<void> {
    return this.write([CLEAR]);
  }

  clearSync(): void {
    this.writeSync([CLEAR]);
  }

  /** Resolves to whether the key was absent, and is set now. */
  setIfAbsent(key: K, value: V): Promise<boolean> {
    return this.change([SET_IF_ABSENT, key, value], [key]);
  }

  setIfAbsentSync(key: K, value: V): boolean {
    return this.changeSync([SET_IF_ABSENT, key, value], [key]);
  }

  /** Sets the key if nobody has set it since versionOf() told `version`; resolves to whether. */
  setIfVersion(key: K, value: V, version: number): Promise<boolean> {
    return this.change([SET_IF_VERSION, key, value, version], [key]);
  }

  setIfVersionSync(key: K, value: V, version: number): boolean {
    return this.changeSync([SET_IF_VERSION, key, value, version], [key]);
  }

  /** Sets the key to what `fn` makes of its value, as a transaction: `fn` may run again. */
  update(key: K, fn: (value: V | undefined) => V): Promise<V> {
    return this.transact(() => this.#updated(key, fn));
  }

  /** As update; blocks. */
  updateSync(key: K, fn: (value: V | undefined) => V): V {
    return this.transactSync(() => this.#updated(key, fn));
  }

  protected apply(operation: Operation<K, V>, { position }: ApplyContext): boolean | undefined {
    switch (operation[0]) {
      case CLEAR:
        this.#values.clear();
        this.#versions.clear();
        this.#objectKeys.clear();
        return undefined;
      case DELETE:
        return this.#delete(this.#held(operation[1]));
      default:
        return this.#set(operation, position);
    }
  }

  #set(
    operation: Exclude<Operation<K, V>, readonly [typeof DELETE, K] | readonly [typeof CLEAR]>,
    position: number,
  ): boolean {
    const [kind, set, value, version] = operation;
    const key = this.#held(set);
    if (kind === SET_IF_ABSENT && this.#values.has(key)) return false;
    if (kind === SET_IF_VERSION && this.#versions.get(key) !== version) return false;
    if (key === set && isObject(key)) this.#objectKeys.set(encodeKey(key), key);
    this.#values.set(key, value);
    this.#versions.set(key, position);
    return true;
  }

  #delete(key: K): boolean {
    if (isObject(key)) this.#objectKeys.delete(encodeKey(key));
    this.#versions.delete(key);
    return this.#values.delete(key);
  }

  protected checkpoint(): unknown {
    return Array.from(this.#values, ([key, value]) => [key, value, this.#versions.get(key)]);
  }

  protected restore(state: unknown): void {
    const entries = state as [K, V, number][];
    this.#values = new Map(entries.map(([key, value]) => [key, value]));
    this.#versions = new Map(entries.map(([key, , version]) => [key, version]));
    const objectKeys = entries.flatMap(([key]) => (isObject(key) ? [key] : []));
    this.#objectKeys = new Map(objectKeys.map((key) => [encodeKey(key), key]));
  }

  protected override tryOut(): () => void {
    const values = this.#values as Map<K, V>;
    const versions = this.#versions as Map<K, number>;
    const objectKeys = this.#objectKeys as Map<ObjectKey, K>;
    this.#values = new LayeredMap(values);
    this.#versions = new LayeredMap(versions);
    this.#objectKeys = new LayeredMap(objectKeys);
    return () => {
      this.#values = values;
      this.#versions = versions;
      this.#objectKeys = objectKeys;
    };
  }

  /** As the key is held, if it is: a primitive stands for itself. */
  #held(key: K): K {
    return isObject(key) ? (this.#objectKeys.get(encodeKey(key)) ?? key) : key;
  }

  #updated(key: K, fn: (value: V | undefined) => V): V {
    const value = fn(this.get(key));
    this.setSync(key, value);
    return value;
  }
}

function isObject(key: unknown): boolean {
  return typeof key === 'object' && key !== null;
}
