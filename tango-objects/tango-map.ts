/** A map whose keys conflict one by one (Tango, section 3). */
import { encodeKey, type ObjectKey } from '../runtime/views/object-key.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { ReplicatedObject } from '../runtime/views/replicated-object.ts';
import { LayeredMap } from './layered-map.ts';

type Operation<K, V> =
  | {
      readonly set: K;
      readonly value: V;
      readonly ifAbsent?: true;
      readonly version?: number;
    }
  | { readonly delete: K }
  | { readonly clear: true };

interface Held<V> {
  readonly value: V;
  /** Position of the entry that set it. */
  readonly version: number;
}

type Layered<K, V> = Map<K, V> | LayeredMap<K, V>;
type Entries<V> = Layered<unknown, Held<V>>;

/**
 * Keys are equal as in a Map; keys that are no primitives are equal when their encodings are. In the
 * order in which keys were first set. Reading a key conflicts with changes of that key only; `size`
 * and iteration with every change.
 */
export class TangoMap<K = unknown, V = unknown> extends ReplicatedObject<Operation<K, V>> {
  static readonly typeName = 'map';
  /** By keys as they are held: #held(). */
  #entries: Entries<V> = new Map();
  /** Of keys that are no primitives: by encoding, the one that stands for all equal ones. */
  #objectKeys: Layered<ObjectKey, K> = new Map();

  /** Linearizable, as every read; blocks only for an entry that its writer has not finished. */
  get(key: K): V | undefined {
    return this.query(() => this.#entries.get(this.#held(key))?.value, key);
  }

  has(key: K): boolean {
    return this.query(() => this.#entries.has(this.#held(key)), key);
  }

  /** What setIfVersion compares; undefined: the key is absent. */
  versionOf(key: K): number | undefined {
    return this.query(() => this.#entries.get(this.#held(key))?.version, key);
  }

  get size(): number {
    return this.query(() => this.#entries.size);
  }

  /** Entries of one moment, whatever is changed during the iteration; as keys() and values(). */
  entries(): IterableIterator<[K, V]> {
    const entries = this.query(() =>
      Array.from(this.#entries, ([key, { value }]): [K, V] => [key as K, value]),
    );
    return entries[Symbol.iterator]();
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
    return this.write({ set: key, value }, [key]);
  }

  setSync(key: K, value: V): void {
    this.writeSync({ set: key, value }, [key]);
  }

  /** Resolves to whether the key was there. */
  delete(key: K): Promise<boolean> {
    return this.change({ delete: key }, [key]);
  }

  deleteSync(key: K): boolean {
    return this.changeSync({ delete: key }, [key]);
  }

  clear(): Promise<void> {
    return this.write({ clear: true });
  }

  clearSync(): void {
    this.writeSync({ clear: true });
  }

  /** Resolves to whether the key was absent, and is set now. */
  setIfAbsent(key: K, value: V): Promise<boolean> {
    return this.change({ set: key, value, ifAbsent: true }, [key]);
  }

  setIfAbsentSync(key: K, value: V): boolean {
    return this.changeSync({ set: key, value, ifAbsent: true }, [key]);
  }

  /** Sets the key if nobody has set it since versionOf() told `version`; resolves to whether. */
  setIfVersion(key: K, value: V, version: number): Promise<boolean> {
    return this.change({ set: key, value, version }, [key]);
  }

  setIfVersionSync(key: K, value: V, version: number): boolean {
    return this.changeSync({ set: key, value, version }, [key]);
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
    const entries = this.#entries;
    if ('clear' in operation) {
      entries.clear();
      this.#objectKeys.clear();
      return undefined;
    }
    if ('delete' in operation) {
      const key = this.#held(operation.delete);
      if (isObject(key)) this.#objectKeys.delete(encodeKey(key));
      return entries.delete(key);
    }
    const { set, value, ifAbsent, version } = operation;
    const key = this.#held(set);
    if (ifAbsent === true && entries.has(key)) return false;
    if (version !== undefined && entries.get(key)?.version !== version) return false;
    if (key === set && isObject(key)) this.#objectKeys.set(encodeKey(key), key);
    entries.set(key, { value, version: position });
    return true;
  }

  protected checkpoint(): unknown {
    return Array.from(this.#entries, ([key, { value, version }]) => [key, value, version]);
  }

  protected restore(state: unknown): void {
    const entries = state as [K, V, number][];
    this.#entries = new Map(entries.map(([key, value, version]) => [key, { value, version }]));
    const objectKeys = entries.flatMap(([key]) => (isObject(key) ? [key] : []));
    this.#objectKeys = new Map(objectKeys.map((key) => [encodeKey(key), key]));
  }

  protected override tryOut(): () => void {
    const entries = this.#entries;
    const objectKeys = this.#objectKeys;
    this.#entries = new LayeredMap(entries as Map<unknown, Held<V>>);
    this.#objectKeys = new LayeredMap(objectKeys as Map<ObjectKey, K>);
    return () => {
      this.#entries = entries;
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
