/** What a map does: keys conflict one by one, `size` and iteration with every key. */
import fc from 'fast-check';
import { TangoMap } from '../tango-map.ts';
import type { TangoSortedMap } from '../tango-sorted-map.ts';
import { type Call, call, type ObjectContract } from './object-contract.ts';

type Key = unknown;

export class MapModel {
  readonly held = new Map<Key, unknown>();

  get size(): number {
    return this.held.size;
  }

  get(key: Key): unknown {
    return this.held.get(key);
  }

  has(key: Key): boolean {
    return this.held.has(key);
  }

  entries(): [Key, unknown][] {
    return [...this.held];
  }

  keys(): Key[] {
    return [...this.held.keys()];
  }

  values(): unknown[] {
    return [...this.held.values()];
  }

  set(key: Key, value: unknown): void {
    this.held.set(key, value);
  }

  delete(key: Key): boolean {
    return this.held.delete(key);
  }

  clear(): void {
    this.held.clear();
  }

  setIfAbsent(key: Key, value: unknown): boolean {
    const isAbsent = !this.held.has(key);
    if (isAbsent) this.held.set(key, value);
    return isAbsent;
  }

  /** 0 is the version of no key: it is the position of the object's name. */
  setIfVersion(key: Key, value: unknown, version: 0 | undefined): boolean {
    return version === undefined && this.setIfAbsent(key, value);
  }

  setIfUnchanged(key: Key, value: unknown): boolean {
    this.held.set(key, value);
    return true;
  }

  double(key: Key): unknown {
    const value = 2 * Number(this.held.get(key) ?? 1);
    this.held.set(key, value);
    return value;
  }
}

const value = fc.integer({ min: 0, max: 999 });

/** Of each map, whatever its order. */
export function mapCalls(key: fc.Arbitrary<Key>): fc.Arbitrary<Call> {
  return fc.oneof(
    { weight: 4, arbitrary: call('set', key, value) },
    { weight: 2, arbitrary: call('delete', key) },
    { weight: 2, arbitrary: call('get', key) },
    call('has', key),
    call('setIfAbsent', key, value),
    call('setIfVersion', key, value, fc.constantFrom(undefined, 0)),
    call('setIfUnchanged', key, value),
    call('double', key),
    call('clear'),
    call('size'),
    call('entries'),
    call('keys'),
    call('values'),
  );
}

/** What a map without functions as arguments would have. */
export function composedOfMap(map: TangoMap | TangoSortedMap) {
  return {
    setIfUnchanged: (key: Key, value: unknown): boolean => {
      const version = map.versionOf(key);
      if (version !== Number.MAX_SAFE_INTEGER) return map.setIfVersionSync(key, value, version);
      // What the transaction has set itself has no version yet.
      map.setSync(key, value);
      return true;
    },
    double: (key: Key): unknown => map.updateSync(key, (old) => 2 * Number(old ?? 1)),
  };
}

export const mapContract: ObjectContract<TangoMap, MapModel> = {
  name: 'map',
  type: TangoMap,
  model: MapModel,
  observe: (map) => [map.size, [...map.entries()]],
  calls: mapCalls(fc.constantFrom('a', 'b', '__proto__', 1)),
  composed: composedOfMap,
  conflicts: [
    {
      given: [['set', 'a', 1]],
      meanwhile: [
        ['set', 'a', 2],
        ['delete', 'a'],
        ['setIfAbsent', 'a', 2],
        ['set', 'new', 2],
        ['delete', 'new'],
        ['clear'],
      ],
      inBody: [
        [['get', 'a'], 'xxx..x'],
        [['has', 'a'], 'xxx..x'],
        [['get', 'new'], '...xxx'],
        [['get', 'b'], '.....x'],
        [['size'], 'xxxxxx'],
        [['entries'], 'xxxxxx'],
        [['keys'], 'xxxxxx'],
        [['values'], 'xxxxxx'],
        [['delete', 'a'], 'xxx..x'],
        [['setIfAbsent', 'new', 3], '...xxx'],
        [['setIfVersion', 'a', 3, 0], 'xxx..x'],
        [['setIfUnchanged', 'a', 3], 'xxx..x'],
        [['double', 'a'], 'xxx..x'],
        [['set', 'a', 3], '......'],
        [['clear'], '......'],
      ],
    },
  ],
  holders: [
    {
      name: 'value',
      put: (one) => ['set', 'key', one],
      found: (map) => map.get('key'),
    },
    {
      name: 'key',
      put: (one) => ['set', one, 1],
      found: (map, one) => (map.get(one) === 1 ? [...map.keys()][0] : 'not there'),
      isKey: true,
    },
  ],
};
