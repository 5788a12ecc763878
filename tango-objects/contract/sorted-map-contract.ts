/** What a sorted map does: as a map, in the order of its keys; ranges conflict with every change. */
import fc from 'fast-check';
import { TangoSortedMap } from '../tango-sorted-map.ts';
import { composedOfMap, MapModel, mapCalls, mapContract } from './map-contract.ts';
import { call, type ObjectContract } from './object-contract.ts';

type Entry = [key: unknown, value: unknown];
type Key = string | number;

interface Range {
  readonly gte?: Key;
  readonly lt?: Key;
  readonly reverse?: boolean;
  readonly limit?: number;
}

class SortedMapModel extends MapModel {
  override entries(): Entry[] {
    return [...this.held].sort(([one], [other]) => (isBelow(one, other) ? -1 : 1));
  }

  override keys(): unknown[] {
    return this.entries().map(([key]) => key);
  }

  override values(): unknown[] {
    return this.entries().map(([, value]) => value);
  }

  range({ gte, lt, reverse = false, limit }: Range): Entry[] {
    const found = this.entries().filter(([key]) => {
      return !(gte !== undefined && isBelow(key, gte)) && (lt === undefined || isBelow(key, lt));
    });
    return (reverse ? found.reverse() : found).slice(0, limit);
  }

  first(): Entry | undefined {
    return this.entries()[0];
  }

  last(): Entry | undefined {
    return this.entries().at(-1);
  }

  floor(key: unknown): Entry | undefined {
    return this.entries().findLast(([one]) => !isBelow(key, one));
  }

  ceiling(key: unknown): Entry | undefined {
    return this.entries().find(([one]) => !isBelow(one, key));
  }
}

/** Numbers stand before strings. */
function isBelow(one: unknown, other: unknown): boolean {
  if (typeof one !== typeof other) return typeof one === 'number';
  return (one as Key) < (other as Key);
}

const key = fc.constantFrom<Key[]>('a', 'b', 'ba', '__proto__', 10, 9, -1);
const range = fc.record(
  { gte: key, lt: key, reverse: fc.boolean(), limit: fc.nat({ max: 3 }) },
  { requiredKeys: [], noNullPrototype: true },
);

export const sortedMapContract: ObjectContract<TangoSortedMap, SortedMapModel> = {
  name: 'sorted map',
  type: TangoSortedMap,
  model: SortedMapModel,
  observe: (map) => [map.size, [...map.entries()]],
  calls: fc.oneof(
    { weight: 4, arbitrary: mapCalls(key) },
    call('range', range),
    call('first'),
    call('last'),
    call('floor', key),
    call('ceiling', key),
  ),
  composed: composedOfMap,
  conflicts: [
    ...mapContract.conflicts,
    {
      given: [
        ['set', 'c', 1],
        ['set', 'e', 1],
      ],
      meanwhile: [['set', 'c', 2], ['set', 'd', 2], ['delete', 'z'], ['clear']],
      inBody: [
        [['floor', 'c'], 'x..x'],
        [['ceiling', 'e'], '...x'],
        [['floor', 'd'], 'xxxx'],
        [['ceiling', 'f'], 'xxxx'],
        [['first'], 'xxxx'],
        [['last'], 'xxxx'],
        [['range', { gte: 'e' }], 'xxxx'],
        [['range', { limit: 0 }], 'xxxx'],
      ],
    },
  ],
  holders: (mapContract.holders ?? []).map((holder) => {
    return holder.isKey ? { ...holder, refuses: (one) => !isOrdered(one) } : holder;
  }),
};

function isOrdered(one: unknown): boolean {
  if (Array.isArray(one)) return one.every(isOrdered);
  if (typeof one !== 'object') return one !== undefined;
  return one === null || one instanceof Date || one instanceof Uint8Array;
}
