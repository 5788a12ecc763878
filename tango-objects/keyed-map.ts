/** What replicated maps and sets are held in: a Map with equal keys for equal values, changed on trial. */
import { encodeKey, type ObjectKey } from '../runtime/views/object-key.ts';
import { LayeredMap } from './layered-map.ts';

/** A Map, or one on trial over it. */
export type Layered<K, V> = Map<K, V> | LayeredMap<K, V>;

/**
 * A Map in which keys that are no primitives are equal when their encodings are. Every operation is O(1)
 * beside the encoding of such a key; iteration is in the order in which keys were first set.
 */
export class KeyedMap<K, V> implements Iterable<[K, V]> {
  /** By keys as they are held. */
  #values: Layered<K, V> = new Map();
  /** Of keys that are no primitives: by encoding, the one that stands for all equal ones. */
  #objectKeys: Layered<ObjectKey, K> = new Map();

  get size(): number {
    return this.#values.size;
  }

  /** The key as it is held, if it is: a primitive stands for itself. */
  held(key: K): K {
    return isObject(key) ? (this.#objectKeys.get(encodeKey(key)) ?? key) : key;
  }

  has(key: K): boolean {
    return this.#values.has(this.held(key));
  }

  get(key: K): V | undefined {
    return this.#values.get(this.held(key));
  }

  /** Returns the key as it is held now. */
  set(key: K, value: V): K {
    const held = this.held(key);
    if (held === key && isObject(key)) this.#objectKeys.set(encodeKey(key), key);
    this.#values.set(held, value);
    return held;
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    const held = this.held(key);
    if (isObject(held)) this.#objectKeys.delete(encodeKey(held));
    return this.#values.delete(held);
  }

  clear(): void {
    this.#values.clear();
    this.#objectKeys.clear();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#values[Symbol.iterator]();
  }

  /** What follows is on trial, until the function returned takes it back: O(1), and not twice. */
  tryOut(): () => void {
    const values = this.#values;
    const objectKeys = this.#objectKeys;
    this.#values = layered(values);
    this.#objectKeys = layered(objectKeys);
    return () => {
      this.#values = values;
      this.#objectKeys = objectKeys;
    };
  }
}

/** On trial over `below`, which is left alone. */
export function layered<K, V>(below: Layered<K, V>): LayeredMap<K, V> {
  return new LayeredMap(below);
}

function isObject(key: unknown): boolean {
  return typeof key === 'object' && key !== null;
}
