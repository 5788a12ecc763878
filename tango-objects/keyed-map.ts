/** What replicated maps and sets are held in: a Map with equal keys for equal values, changed on trial. */
import { encodeKey, type ObjectKey } from '../runtime/views/object-key.ts';
import { MapCell } from './map-cell.ts';

/**
 * A Map in which keys that are no primitives are equal when their encodings are. Every operation is O(1)
 * beside the encoding of such a key; iteration is in the order in which keys were first set.
 */
export class KeyedMap<K, V> implements Iterable<[K, V]> {
  /** By keys as they are held. */
  #values = new MapCell<K, V>();
  /** Of keys that are no primitives: by encoding, the one that stands for all equal ones. */
  #objectKeys = new MapCell<ObjectKey, K>();

  get size(): number {
    return this.#values.map.size;
  }

  /** The key as it is held, if it is: a primitive stands for itself. */
  held(key: K): K {
    return isObject(key) ? (this.#objectKeys.map.get(encodeKey(key)) ?? key) : key;
  }

  has(key: K): boolean {
    return this.#values.map.has(this.held(key));
  }

  get(key: K): V | undefined {
    return this.#values.map.get(this.held(key));
  }

  /** Returns the key as it is held now. */
  set(key: K, value: V): K {
    const held = this.held(key);
    if (held === key && isObject(key)) this.#objectKeys.map.set(encodeKey(key), key);
    this.#values.map.set(held, value);
    return held;
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    const held = this.held(key);
    if (isObject(held)) this.#objectKeys.map.delete(encodeKey(held));
    return this.#values.map.delete(held);
  }

  clear(): void {
    this.#values.map.clear();
    this.#objectKeys.map.clear();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#values.map[Symbol.iterator]();
  }

  /** Another one takes its place, and is not used any more. */
  become(other: KeyedMap<K, V>): void {
    this.#values = other.#values;
    this.#objectKeys = other.#objectKeys;
  }

  /** What follows is on trial, until the function returned takes it back: O(1), and not twice. */
  tryOut(): () => void {
    const undoValues = this.#values.tryOut();
    const undoKeys = this.#objectKeys.tryOut();
    return () => {
      undoValues();
      undoKeys();
    };
  }

  /** The entries as they are now: see MapCell. */
  freeze(): { readonly entries: Iterable<[K, V]>; thaw(): Iterable<void> } {
    const values = this.#values.freeze();
    const objectKeys = this.#objectKeys.freeze();
    return {
      entries: values.map,
      *thaw() {
        yield* values.thaw();
        yield* objectKeys.thaw();
      },
    };
  }
}

function isObject(key: unknown): boolean {
  return typeof key === 'object' && key !== null;
}
