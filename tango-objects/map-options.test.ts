/** Secondary indexes and codecs of maps, by two clients on one thread that take turns. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import { KeyIndexes } from './key-indexes.ts';
import type { MapOptions } from './map-options.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';

const MIB = 1024 * 1024;
const logs = new OpenedLogs({ logBytes: 4 * MIB, attachMax: 8, link: 'direct' });
const options = suite('map options');

options.after.each(() => logs.close());

interface Person {
  readonly city?: unknown;
  readonly age: number;
}

const BY_CITY: MapOptions<unknown, Person> = {
  indexes: { byCity: ({ city }) => city, byAge: ({ age }) => age },
};

async function twoMaps(of: MapOptions<unknown, Person> = BY_CITY) {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const map = await tango.map<unknown, Person>('map', of);
  const same = await other.map<unknown, Person>('map', of);
  return { tango, other, map, same };
}

options('entries are found by what the function makes of their values', async () => {
  const { map, same } = await twoMaps();
  map.setSync('ann', { city: 'Ulm', age: 30 });
  map.setSync({ id: 2 }, { city: 'Rome', age: 30 });
  map.setSync('cid', { city: 'Ulm', age: 40 });
  map.setSync('dan', { age: 50 });
  const keys = (index: string, value: unknown): unknown[] =>
    same.find(index, value).map(([key]) => key);
  assert.equal(same.find('byCity', 'Ulm'), [
    ['ann', { city: 'Ulm', age: 30 }],
    ['cid', { city: 'Ulm', age: 40 }],
  ]);
  assert.equal(keys('byAge', 30), ['ann', { id: 2 }]);
  assert.equal(keys('byCity', 'Oslo'), []);
  assert.equal(keys('byCity', undefined), [], 'dan is found by nothing');
  map.setSync({ id: 2 }, { city: 'Ulm', age: 31 });
  assert.equal(keys('byCity', 'Ulm'), ['ann', { id: 2 }, 'cid'], 'in the order of the map');
  assert.equal([keys('byCity', 'Rome'), keys('byAge', 30)], [[], ['ann']]);
  map.deleteSync('ann');
  assert.is(map.setIfAbsentSync('cid', { city: 'Rome', age: 1 }), false);
  map.setSync('ann', { city: 'Ulm', age: 30 });
  assert.equal(keys('byCity', 'Ulm'), [{ id: 2 }, 'cid', 'ann']);
  map.clearSync();
  assert.equal(keys('byCity', 'Ulm'), []);
});

options('what is found by is equal as keys are', async () => {
  const { map, same } = await twoMaps();
  const cities = [1, '1', 1n, Number.NaN, null, new Date(1), { a: [1] }, '__proto__', true];
  for (const [key, city] of cities.entries()) map.setSync(key, { city, age: 1 });
  for (const [key, city] of cities.entries()) {
    assert.equal(same.find('byCity', structuredClone(city)), [[key, { city, age: 1 }]]);
  }
  map.setSync('zero', { city: -0, age: 1 });
  assert.equal(same.find('byCity', 0)[0][0], 'zero');
});

options('a transaction finds its own changes, and they are gone if it throws', async () => {
  const { tango, map, same } = await twoMaps();
  map.setSync('ann', { city: 'Ulm', age: 30 });
  map.setSync('bob', { city: 'Ulm', age: 30 });
  const keys = (one: typeof map, value: unknown): unknown[] =>
    one.find('byCity', value).map(([key]) => key);
  const body = (): void => {
    map.setSync('ann', { city: 'Rome', age: 30 });
    map.setSync('cid', { city: 'Ulm', age: 30 });
    assert.equal([keys(map, 'Ulm'), keys(map, 'Rome')], [['bob', 'cid'], ['ann']]);
    map.deleteSync('bob');
    map.deleteSync('cid');
    assert.equal([keys(map, 'Ulm'), map.find('byAge', 30).length], [[], 1]);
    map.setSync('bob', { city: 'Rome', age: 30 });
    assert.equal(keys(map, 'Rome'), ['ann', 'bob']);
  };
  const throwing = (): void => {
    body();
    throw new Error('thrown by the body');
  };
  assert.throws(() => tango.transactSync(throwing), /thrown by the body/);
  assert.equal([keys(map, 'Ulm'), keys(map, 'Rome')], [['ann', 'bob'], []]);
  tango.transactSync(body);
  for (const one of [map, same]) {
    assert.equal([keys(one, 'Ulm'), keys(one, 'Rome')], [[], ['ann', 'bob']]);
  }
});

options('find conflicts with every change of the map', async () => {
  const { tango, map, same } = await twoMaps();
  for (const change of [
    () => same.setSync('new', { city: 'Ulm', age: 1 }),
    () => same.setSync('ann', { city: 'Rome', age: 1 }),
    () => same.setSync('other', { city: 'Oslo', age: 1 }),
    () => same.deleteSync('other'),
  ]) {
    map.setSync('ann', { city: 'Ulm', age: 30 });
    let runs = 0;
    tango.transactSync(() => {
      const found = map.find('byCity', 'Ulm').length;
      if (runs++ === 0) change();
      map.setSync('seen', { age: found });
    });
    assert.is(runs, 2, String(change));
  }
});

options('an index that is not there is refused, and so are wrong options', async () => {
  const { tango, map } = await twoMaps();
  assert.is(await codeOf(() => map.find('bycity', 'Ulm')), 'ERR_INVALID_ARGUMENT');
  const plain = await tango.map('plain');
  assert.is(await codeOf(() => plain.find('byCity', 1)), 'ERR_INVALID_ARGUMENT');
  for (const wrong of [
    { indices: {} },
    { indexes: 5 },
    { indexes: { byCity: 'city' } },
    { codec: {} },
    { codec: null },
    5,
  ]) {
    const call = () => tango.map('wrong', wrong as unknown as MapOptions);
    assert.is(await codeOf(call), 'ERR_INVALID_ARGUMENT', JSON.stringify(wrong));
  }
});

options('a function that throws is told by find, and fails nothing else', async () => {
  const { map, same } = await twoMaps();
  map.setSync('ann', { city: 'Ulm', age: 30 });
  map.setSync('bad', null as unknown as Person);
  assert.is(map.size, 2, 'the view goes on');
  for (const index of ['byCity', 'byAge']) {
    try {
      assert.unreachable(String(same.find(index, 'Ulm')));
    } catch (error) {
      const { code, message, cause } = TangoError.from(error);
      assert.is(code, 'ERR_INVALID_ARGUMENT');
      assert.match(message, `index=${index}, key="bad"`);
      assert.instance(cause, TypeError);
    }
  }
});

options('an entry whose function no longer throws is found again', async () => {
  const { tango, map } = await twoMaps();
  map.setSync('bad', null as unknown as Person);
  assert.is(await codeOf(() => map.find('byCity', 'Ulm')), 'ERR_INVALID_ARGUMENT');
  tango.transactSync(() => {
    map.deleteSync('bad');
    assert.equal(map.find('byCity', 'Ulm'), []);
    map.setSync('bad', { city: 'Ulm', age: 1 });
    assert.is(map.find('byCity', 'Ulm').length, 1);
  });
  assert.is(map.find('byCity', 'Ulm').length, 1);
});

options('indexes are made anew from a checkpoint, in the order of the map', async () => {
  const { tango, map } = await twoMaps();
  for (const key of ['c', 'a', 'b']) map.setSync(key, { city: 'Ulm', age: 1 });
  map.setSync('a', { city: 'Rome', age: 1 });
  map.setSync('a', { city: 'Ulm', age: 1 });
  await tango.checkpoint();
  map.setSync('d', { city: 'Ulm', age: 2 });
  const late = await (await logs.attach(tango)).map<unknown, Person>('map', BY_CITY);
  assert.equal(late.find('byCity', 'Ulm'), map.find('byCity', 'Ulm'));
  assert.equal(
    late.find('byCity', 'Ulm').map(([key]) => key),
    ['c', 'a', 'b', 'd'],
  );
  const past = await tango.at(tango.log.tailSync());
  const then = await past.map<unknown, Person>('map', BY_CITY);
  assert.is(then.find('byAge', 1).length, 3);
  const without = await (await logs.attach(tango)).map<unknown, Person>('map');
  assert.equal([...without], [...map], 'indexes are the thread’s own');
});

options('a sorted map finds in the order of its keys', async () => {
  const tango = await logs.open();
  const map = await tango.sortedMap<number, Person>('map', {
    indexes: { byCity: ({ city }, key) => [city, key % 2] },
  });
  for (const key of [5, 3, 2, 1]) map.setSync(key, { city: 'Ulm', age: key });
  assert.equal(
    map.find('byCity', ['Ulm', 1]).map(([key]) => key),
    [1, 3, 5],
  );
});

/** Bytes that say in which thread they were made; a value is of one number. */
const HALVES = {
  encode: (value: number) => Buffer.of(value >> 8, value & 255),
  decode: (bytes: Uint8Array) => bytes[0] * 256 + bytes[1],
};

options('with a codec, values are bytes in the log and in checkpoints', async () => {
  const tango = await logs.open();
  const codec = { codec: HALVES, indexes: { byHalf: (value: number) => value >> 8 } };
  const map = await tango.map<string, number>('map', codec);
  const plain = await (await logs.attach(tango)).map<string, Uint8Array>('map');
  map.setSync('a', 515);
  await map.set('b', 7);
  assert.equal([map.get('a'), map.get('x'), [...map.values()]], [515, undefined, [515, 7]]);
  assert.is(await map.update('b', (value) => (value ?? 0) + 1), 8);
  assert.equal(
    [...map],
    [
      ['a', 515],
      ['b', 8],
    ],
  );
  assert.equal(map.find('byHalf', 2), [['a', 515]]);
  assert.equal(plain.get('a'), Buffer.of(2, 3));
  await tango.checkpoint();
  const late = await (await logs.attach(tango)).map<string, number>('map', codec);
  assert.equal([[...late], late.find('byHalf', 0)], [[...map], [['b', 8]]]);
  const sorted = await tango.sortedMap<string, number>('sorted', { codec: HALVES });
  sorted.setSync('z', 258);
  assert.equal([sorted.first(), sorted.get('z')], [['z', 258], 258]);
});

options('a codec that fails is told to its caller, and fails nothing else', async () => {
  const tango = await logs.open();
  const map = await tango.map<string, number>('map', {
    codec: {
      encode: (value) => (value < 0 ? (String(value) as never) : Buffer.of(value)),
      decode: ([byte]) => {
        if (byte === 13) throw new Error('thrown by the codec');
        return byte;
      },
    },
  });
  const before = tango.log.tailSync();
  assert.is(await codeOf(() => map.set('x', -1)), 'ERR_INVALID_ARGUMENT');
  assert.is(tango.log.tailSync(), before);
  map.setSync('unlucky', 13);
  map.setSync('b', 12);
  assert.throws(() => map.get('unlucky'), /thrown by the codec/);
  assert.equal([map.get('b'), map.has('unlucky'), [...map.keys()]], [12, true, ['unlucky', 'b']]);
  const plain = await (await logs.attach(tango)).map<string, string>('map');
  plain.setSync('raw', 'text');
  assert.is(await codeOf(() => map.get('raw')), 'ERR_TYPE_MISMATCH');
});

type Step = readonly ['set' | 'delete' | 'clear' | 'try' | 'undo', key: number, value: number];
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(
    fc.constantFrom('set', 'set', 'set', 'set', 'delete', 'delete', 'clear', 'try', 'undo'),
    fc.nat(9),
    fc.nat(3),
  ) as fc.Arbitrary<Step>,
  { maxLength: 60 },
);

options('an index holds what a look at every entry would find, on trial and after it', () => {
  const of = (value: number): unknown => {
    if (value === 3) throw new Error('no');
    return value === 0 ? undefined : value;
  };
  fc.assert(
    fc.property(steps, (done) => {
      const indexes = new KeyIndexes<{ key: number }, number>({ of });
      let plain = new Map<number, number>();
      let kept = plain;
      let undo: (() => void) | undefined;
      for (const [what, key, value] of done) {
        if (what === 'set') {
          indexes.set({ key }, () => value);
          plain.set(key, value);
        } else if (what === 'delete') {
          indexes.delete({ key });
          plain.delete(key);
        } else if (what === 'clear') {
          indexes.clear();
          plain.clear();
        } else if (what === 'try' && undo === undefined) {
          undo = indexes.tryOut();
          kept = new Map(plain);
        } else if (what === 'undo' && undo !== undefined) {
          undo();
          undo = undefined;
          plain = kept;
        }
        const entries = [...plain];
        for (const one of [0, 1, 2]) {
          const expected = one === 0 ? [] : entries.filter(([, value]) => value === one);
          const find = (): unknown => indexes.find('of', one === 0 ? undefined : one);
          if (entries.some(([, value]) => value === 3)) assert.throws(find, /index=of/);
          else
            assert.equal(
              find(),
              expected.map(([key]) => ({ key })),
            );
        }
      }
    }),
    { numRuns: 500 },
  );
});

options.run();
