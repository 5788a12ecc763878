/**
 * Secondary indexes of a map: keys by what functions make of their values. They are in the view alone,
 * made anew from its entries, and change with each of them, on trial too.
 */
import { TangoError } from '../actors/tango-error.ts';
import { invalid, show } from '../runtime/arguments.ts';
import { encodeKey, type ObjectKey } from '../runtime/views/object-key.ts';
import { KeyedMap } from './keyed-map.ts';
import { type Layered, layered } from './map-cell.ts';
import type { IndexFunction } from './map-options.ts';

/** Keys with their order. */
type Bucket<K> = Layered<K, number>;

/** A key in all indexes. */
interface Filed {
  /** In which keys were first set. */
  readonly order: number;
  /** By index: the bucket it is in; undefined: none. */
  readonly buckets: readonly (ObjectKey | undefined)[];
}

class KeyIndex<K, V> {
  readonly name: string;
  readonly #function: IndexFunction<K, V>;
  #buckets: Layered<ObjectKey, Bucket<K>> = new Map();
  /** Keys whose function has thrown, with what. */
  #failed: Layered<K, unknown> = new Map();
  #isOnTrial = false;

  constructor(name: string, one: IndexFunction<K, V>) {
    this.name = name;
    this.#function = one;
  }

  /** The bucket that the key is in now; undefined: none. */
  add(key: K, order: number, value: () => V): ObjectKey | undefined {
    try {
      const found = this.#function(value(), key);
      if (found === undefined) return undefined;
      const at = encodeKey(found);
      this.#bucket(at).set(key, order);
      return at;
    } catch (error) {
      this.#failed.set(key, error);
      return undefined;
    }
  }

  delete(key: K, at: ObjectKey | undefined): void {
    if (at === undefined) {
      this.#failed.delete(key);
      return;
    }
    const bucket = this.#bucket(at);
    bucket.delete(key);
    if (bucket.size === 0) this.#buckets.delete(at);
  }

  clear(): void {
    this.#buckets.clear();
    this.#failed.clear();
  }

  /** Keys with their order. Throws ERR_INVALID_ARGUMENT when the function has thrown for some key. */
  find(value: unknown): Iterable<[K, number]> {
    for (const [key, cause] of this.#failed) {
      const text = `the function of an index has thrown: index=${this.name}, key=${show(key)}`;
      throw new TangoError('ERR_INVALID_ARGUMENT', text, { cause });
    }
    if (value === undefined) return [];
    return this.#buckets.get(encodeKey(value)) ?? [];
  }

  tryOut(): () => void {
    const buckets = this.#buckets;
    const failed = this.#failed;
    this.#buckets = layered(buckets);
    this.#failed = layered(failed);
    this.#isOnTrial = true;
    return () => {
      this.#buckets = buckets;
      this.#failed = failed;
      this.#isOnTrial = false;
    };
  }

  /** To be changed: on trial one of its own, over that which is left alone. */
  #bucket(at: ObjectKey): Bucket<K> {
    const known = this.#buckets.get(at);
    if (known !== undefined && !(this.#isOnTrial && known instanceof Map)) return known;
    const bucket: Bucket<K> = known === undefined ? new Map() : layered(known);
    this.#buckets.set(at, bucket);
    return bucket;
  }
}

export class KeyIndexes<K, V> {
  readonly #indexes: readonly KeyIndex<K, V>[];
  readonly #compare: ((one: K, other: K) => number) | undefined;
  readonly #filed = new KeyedMap<K, Filed>();
  #nextOrder = 0;

  /** `compare`: the order of keys; undefined: in which they were first set. */
  constructor(
    functions: Readonly<Record<string, IndexFunction<K, V>>>,
    compare?: (one: K, other: K) => number,
  ) {
    this.#indexes = Object.entries(functions).map(([name, one]) => new KeyIndex(name, one));
    this.#compare = compare;
  }

  /** `value` is asked for its value, and may throw. */
  set(key: K, value: () => V): void {
    const before = this.#filed.get(key);
    const held = this.#filed.held(key);
    const order = before?.order ?? this.#nextOrder++;
    const buckets = this.#indexes.map((index, i) => {
      if (before !== undefined) index.delete(held, before.buckets[i]);
      return index.add(held, order, value);
    });
    this.#filed.set(key, { order, buckets });
  }

  delete(key: K): void {
    const before = this.#filed.get(key);
    if (before === undefined) return;
    const held = this.#filed.held(key);
    for (const [i, index] of this.#indexes.entries()) index.delete(held, before.buckets[i]);
    this.#filed.delete(key);
  }

  clear(): void {
    this.#filed.clear();
    for (const index of this.#indexes) index.clear();
  }

  /** The keys of a value, in order. Throws ERR_INVALID_ARGUMENT: no such index, or as KeyIndex.find. */
  find(name: string, value: unknown): K[] {
    const found = Array.from(this.#index(name).find(value));
    const compare = this.#compare;
    if (compare === undefined) found.sort(([, one], [, other]) => one - other);
    else found.sort(([one], [other]) => compare(one, other));
    return found.map(([key]) => key);
  }

  tryOut(): () => void {
    const undos = this.#indexes.map((index) => index.tryOut());
    undos.push(this.#filed.tryOut());
    return () => {
      for (const undo of undos) undo();
    };
  }

  #index(name: unknown): KeyIndex<K, V> {
    const index = this.#indexes.find((one) => one.name === name);
    if (index !== undefined) return index;
    const names = this.#indexes.map((one) => one.name).join(', ');
    const known = names === '' ? ' (there are none)' : `: ${names}`;
    throw invalid('index', name, `an index that the map was opened with${known}`);
  }
}
