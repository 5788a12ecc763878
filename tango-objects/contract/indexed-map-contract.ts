/** What a map with a secondary index and a codec does: as a map, and it finds entries by their values. */
import fc from 'fast-check';
import type { MapOptions } from '../map-options.ts';
import { TangoMap } from '../tango-map.ts';
import { MapModel, mapContract } from './map-contract.ts';
import { call, type ObjectContract } from './object-contract.ts';

class IndexedMapModel extends MapModel {
  find(index: 'remainder' | 'key', value: unknown): [unknown, unknown][] {
    return this.entries().filter(([key, one]) => {
      return index === 'key' ? key === value : Number(one) % 3 === value;
    });
  }
}

const options: MapOptions = {
  indexes: { remainder: (value) => Number(value) % 3, key: (_value, key) => key },
  codec: {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  },
};

export const indexedMapContract: ObjectContract<TangoMap, IndexedMapModel> = {
  ...mapContract,
  name: 'indexed map',
  type: TangoMap,
  options,
  model: IndexedMapModel,
  calls: fc.oneof(
    { weight: 4, arbitrary: mapContract.calls },
    call('find', fc.constant('remainder'), fc.nat({ max: 2 })),
    call('find', fc.constant('key'), fc.constantFrom('a', 1)),
  ),
  conflicts: [
    ...mapContract.conflicts,
    {
      given: [['set', 'a', 1]],
      meanwhile: [['set', 'a', 2], ['set', 'new', 2], ['delete', 'new'], ['clear']],
      inBody: [
        [['find', 'remainder', 1], 'xxxx'],
        [['find', 'key', 'b'], 'xxxx'],
      ],
    },
  ],
  // The values are what JSON has.
  holders: (mapContract.holders ?? []).filter(({ isKey }) => isKey),
};
