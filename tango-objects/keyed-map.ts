/** What replicated maps and sets are held in: a map with equal keys for equal values, changed on trial. */
import { encodeKey } from '../runtime/views/object-key.ts';
import { GrowingMap } from './growing-map.ts';
import { type Layered, MapCell } from './map-cell.ts';

/**
 * A key as a primitive: itself, or what it is encoded to behind a character that begins none of the others.
 * Equal for equal keys.
 */
export type KeyId = unknown;

const ENCODED = '\0';

export function keyIdOf(key: unknown): KeyId {
  const isItself =
    typeof key === 'string' ? key[0] !== ENCODED : typeof key !== 'object' || key === null;
  return isItself ? key : ENCODED + encodeKey(key);
}

function isEncoded(id: KeyId): boolean {
  return typeof id === 'string' && id[0] === ENCODED;
}

/**
 * A map in which keys that are no primitives are equal when their encodings are. Every operation is O(1)
 * beside the encoding of such a key; iteration is in the order in which keys were first set.
 */
export class KeyedMap<K, V> implements Iterable<[K, V]> {
  #values = new MapCell<KeyId, V>();
  /** Of those that are encoded. */
  #keys = new MapCell<KeyId, K>(new GrowingMap());

  get size(): number {
    return this.#values.map.size;
  }

  has(key: K): boolean {
    return this.#values.map.has(keyIdOf(key));
  }

  get(key: K): V | undefined {
    return this.#values.map.get(keyIdOf(key));
  }

  /** Returns the key's id. */
  set(key: K, value: V): KeyId {
    const id = keyIdOf(key);
    if (isEncoded(id) && !this.#keys.map.has(id)) this.#keys.map.set(id, key);
    this.#values.map.set(id, value);
    return id;
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    const id = keyIdOf(key);
    if (isEncoded(id)) this.#keys.map.delete(id);
    return this.#values.map.delete(id);
  }

  clear(): void {
    this.#values.map.clear();
    this.#keys.map.clear();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return withKeys(this.#values.map, this.#keys.map);
  }

  /** Another one takes its place, and is not used any more. */
  become(other: KeyedMap<K, V>): void {
    this.#values = other.#values;
    this.#keys = other.#keys;
  }

  /** What follows is on trial, until the function returned takes it back: O(1), and not twice. */
  tryOut(): () => void {
    const values = this.#values.tryOut();
    const keys = this.#keys.tryOut();
    return () => {
      values.undo();
      keys.undo();
    };
  }

  /** The entries as they are now: see MapCell. */
  freeze(): FrozenMap<K, V> {
    const values = this.#values.freeze();
    const keys = this.#keys.freeze();
    return {
      entries: withKeys(values.map, keys.map),
      *thaw() {
        yield* values.thaw();
        yield* keys.thaw();
      },
    };
  }
}

export interface FrozenMap<K, V> {
  readonly entries: Iterable<[K, V]>;
  /** See FrozenState. */
  thaw(): Iterable<void>;
}

function withKeys<K, V>(
  values: Layered<KeyId, V>,
  keys: Layered<KeyId, K>,
): IterableIterator<[K, V]> {
  // Without any, ids are keys.
  if (keys.size === 0) return (values as Layered<K, V>)[Symbol.iterator]();
  return withEncodedKeys(values, keys);
}

function* withEncodedKeys<K, V>(
  values: Layered<KeyId, V>,
  keys: Layered<KeyId, K>,
): IterableIterator<[K, V]> {
  for (const [id, value] of values) yield [isEncoded(id) ? (keys.get(id) as K) : (id as K), value];
}
