/** What replicated maps and sets are held in: a map with equal keys for equal values, changed on trial. */
import { encodeKey } from '../runtime/views/object-key.ts';
import type { Layered } from './layered-map.ts';
import { MapCell } from './map-cell.ts';
import type { FrozenEntries, VersionedEntries } from './versioned-entries.ts';

/**
 * A key as a primitive: itself, or what it is encoded to behind a character that begins none of the others.
 * Equal for equal keys.
 */
export type KeyId = unknown;

const ENCODED = '\0';

export function keyIdOf(key: unknown): KeyId {
  if (typeof key === 'string' ? !isEncoded(key) : typeof key !== 'object' || key === null)
    return key;
  return ENCODED + encodeKey(key);
}

function isEncoded(id: KeyId): boolean {
  return typeof id === 'string' && id.charCodeAt(0) === ENCODED.charCodeAt(0);
}

/**
 * A map in which keys that are no primitives are equal when their encodings are. Every operation is O(1)
 * beside the encoding of such a key; iteration is in the order in which keys were first set.
 */
export class KeyedMap<K, V> implements VersionedEntries<K, V> {
  #entries = new MapCell<KeyId, V>();
  /** Of those that are encoded. */
  #keys = new MapCell<KeyId, K>();

  get size(): number {
    return this.#entries.map.size;
  }

  has(key: K): boolean {
    return this.#entries.map.has(keyIdOf(key));
  }

  get(key: K): V | undefined {
    return this.#entries.map.get(keyIdOf(key));
  }

  version(key: K): number | undefined {
    return this.#entries.map.version(keyIdOf(key));
  }

  set(key: K, value: V, version?: number): void {
    const id = keyIdOf(key);
    if (isEncoded(id) && !this.#keys.map.has(id)) this.#keys.map.set(id, key);
    this.#entries.map.set(id, value, version);
  }

  delete(key: K): boolean {
    const id = keyIdOf(key);
    if (isEncoded(id)) this.#keys.map.delete(id);
    return this.#entries.map.delete(id);
  }

  clear(): void {
    this.#entries.map.clear();
    this.#keys.map.clear();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    const entries = this.#entries.map;
    const keys = this.#keys.map;
    // Without any, ids are keys.
    if (keys.size === 0) return (entries as Layered<K, V>)[Symbol.iterator]();
    return (function* () {
      for (const [id, value] of entries) yield [keyOf(id, keys), value] satisfies [K, V];
    })();
  }

  tryOut(): () => void {
    const entries = this.#entries.tryOut();
    const keys = this.#keys.tryOut();
    return () => {
      entries.undo();
      keys.undo();
    };
  }

  freeze(): Required<FrozenEntries<K, V>> {
    const entries = this.#entries.freeze();
    const keys = this.#keys.freeze();
    return {
      entries: {
        *[Symbol.iterator]() {
          for (const [id, value, version] of entries.map.versioned()) {
            yield [keyOf(id, keys.map), value, version];
          }
        },
      },
      *thaw() {
        yield* entries.thaw();
        yield* keys.thaw();
      },
    };
  }

  fresh(): KeyedMap<K, V> {
    return new KeyedMap();
  }

  become(other: KeyedMap<K, V>): void {
    this.#entries = other.#entries;
    this.#keys = other.#keys;
  }
}

function keyOf<K>(id: KeyId, keys: Layered<KeyId, K>): K {
  return isEncoded(id) ? (keys.get(id) as K) : (id as K);
}
