/** Sorted maps, by two clients on one thread that take turns. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import type { RangeOptions, TangoSortedMap } from './tango-sorted-map.ts';

const MIB = 1024 * 1024;
const logs = new OpenedLogs({ logBytes: 4 * MIB, attachMax: 8, link: 'direct' });
const maps = suite('sorted map');

maps.after.each(() => logs.close());

async function twoMaps() {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const map = await tango.sortedMap<unknown, unknown>('map');
  const same = await other.sortedMap<unknown, unknown>('map');
  return { tango, other, map, same };
}

maps('does what a map does, in the order of its keys', async () => {
  const { map, same } = await twoMaps();
  for (const key of ['b', 10, 9, 'a', Uint8Array.of(1), [2], null]) map.setSync(key, key);
  const inOrder = [null, 9, 10, 'a', 'b', Uint8Array.of(1), [2]];
  assert.equal([...same.keys()], inOrder);
  assert.equal([...same.values()], inOrder);
  assert.equal(
    [same.size, same.get(Buffer.of(1)), same.has([2]), same.has(11)],
    [7, Uint8Array.of(1), true, false],
  );
  assert.is(await map.setIfAbsent([2], 'x'), false);
  const version = same.versionOf('a');
  assert.is(await map.setIfVersion('a', 'A', version), true);
  assert.is(same.setIfVersionSync('a', 'AA', version), false);
  assert.is(await same.update('a', (value) => `${value}!`), 'A!');
  assert.is(await map.delete(null), true);
  assert.is(map.deleteSync(null), false);
  const seen: unknown[] = [];
  same.forEach((value, key) => {
    seen.push([key, value]);
  });
  assert.equal(seen.slice(1, 3), [
    [10, 10],
    ['a', 'A!'],
  ]);
  await map.clear();
  assert.equal([same.size, [...same], same.first(), same.last()], [0, [], undefined, undefined]);
});

maps('ranges, ends and neighbours', async () => {
  const { map, same } = await twoMaps();
  for (const key of [10, 30, 20, 50, 40]) map.setSync(key, `${key}`);
  const keys = (options?: RangeOptions<unknown>): unknown[] =>
    Array.from(same.range(options), ([key]) => key);
  assert.equal(keys(), [10, 20, 30, 40, 50]);
  assert.equal(keys({ gte: 20, lt: 40 }), [20, 30]);
  assert.equal(keys({ gt: 20, lte: 40 }), [30, 40]);
  assert.equal(keys({ gt: 15, lte: 45, reverse: true }), [40, 30, 20]);
  assert.equal(keys({ gt: 20, lt: 50, reverse: true, limit: 1 }), [40]);
  assert.equal(keys({ limit: 2 }), [10, 20]);
  assert.equal(keys({ reverse: true, limit: 2 }), [50, 40]);
  assert.equal(keys({ limit: 0 }), []);
  assert.equal(keys({ gte: 40, lte: 20 }), []);
  assert.equal(keys({ gte: '' }), [], 'every string is above every number');
  assert.equal([...same.range({ gte: 30, lte: 30 })], [[30, '30']]);
  assert.equal(
    [same.first(), same.last()],
    [
      [10, '10'],
      [50, '50'],
    ],
  );
  assert.equal([same.floor(30), same.ceiling(30)].flat(), [30, '30', 30, '30']);
  assert.equal([same.floor(35), same.ceiling(35)].flat(), [30, '30', 40, '40']);
  assert.equal([same.floor(9), same.ceiling(51)], [undefined, undefined]);
  for (const [key] of map.range({ gt: 10 })) map.deleteSync(key);
  assert.equal(keys(), [10], 'of one moment, whatever is changed');
});

maps(
  'wrong ranges and keys without an order are refused, before anything is appended',
  async () => {
    const { tango, map } = await twoMaps();
    const before = tango.log.tailSync();
    for (const call of [
      () => map.range({ gte: 1, gt: 1 }),
      () => map.range({ lte: 1, lt: 1 }),
      () => map.range({ limit: -1 }),
      () => map.range({ limit: 1.5 }),
      () => map.range({ reverse: 1 as unknown as boolean }),
      () => map.range({ from: 1 } as unknown as RangeOptions<unknown>),
      () => map.range({ gte: {} }),
      () => map.range(5 as unknown as RangeOptions<unknown>),
      () => map.set(undefined, 1),
      () => map.setSync({ a: 1 }, 1),
      () => map.setIfAbsent(Symbol('s'), 1),
      () => map.delete(new Map()),
      () =>
        map.update(
          () => 1,
          () => 1,
        ),
      () => map.get([{}]),
      () => map.floor(undefined),
    ]) {
      assert.is(await codeOf(call), 'ERR_INVALID_ARGUMENT', String(call));
    }
    assert.is(tango.log.tailSync(), before);
  },
);

type Map = TangoSortedMap<unknown, unknown>;

/** What a read of a map of 10, 20 and 30 conflicts with. */
const CONFLICTS: readonly (readonly [
  name: string,
  read: (map: Map) => unknown,
  setOfOwn: unknown,
  setOfAnother: boolean,
])[] = [
  ['get', (map) => map.get(20), 20, false],
  ['get of an absent key', (map) => map.get(25), 25, false],
  ['has', (map) => map.has(20), 20, false],
  ['versionOf', (map) => map.versionOf(20), 20, false],
  ['deleteSync', (map) => void map.deleteSync(20), 20, false],
  ['delete', (map) => void map.delete(20), 20, false],
  ['setIfAbsentSync', (map) => void map.setIfAbsentSync(25, 1), 25, false],
  ['setIfAbsent', (map) => void map.setIfAbsent(25, 1), 25, false],
  ['setIfVersionSync', (map) => void map.setIfVersionSync(20, 1, 0), 20, false],
  ['setIfVersion', (map) => void map.setIfVersion(20, 1, 0), 20, false],
  ['update', (map) => void map.update(20, (value) => value), 20, false],
  ['floor that finds its key', (map) => map.floor(20), 20, false],
  ['ceiling that finds its key', (map) => map.ceiling(20), 20, false],
  ['floor of an absent key', (map) => map.floor(25), 20, true],
  ['ceiling of an absent key', (map) => map.ceiling(25), 30, true],
  ['first', (map) => map.first(), 10, true],
  ['last', (map) => map.last(), 30, true],
  ['range', (map) => [...map.range({ gte: 15, lt: 25 })], 20, true],
  ['size', (map) => map.size, 20, true],
  ['iteration', (map) => [...map], 20, true],
];

maps('a read conflicts with what could change it, as documented', async () => {
  const { tango, map, same } = await twoMaps();
  for (const [name, read, own, another] of CONFLICTS) {
    for (const [change, conflicts] of [
      [() => same.setSync(own, 'new'), true],
      [() => same.setSync(11, 'another'), another],
      [() => same.deleteSync(11), another],
      [() => same.deleteSync(own), true],
      [() => same.clearSync(), true],
    ] as const) {
      for (const key of [10, 20, 30]) map.setSync(key, key);
      let runs = 0;
      let seen: unknown;
      tango.transactSync(() => {
        seen = read(map);
        if (runs++ === 0) change();
        map.setSync('seen', runs);
      });
      assert.is(runs, conflicts ? 2 : 1, `${name}: ${change}`);
      map.deleteSync('seen');
      // What did not conflict has not changed what was read.
      if (!conflicts) assert.equal(read(map), seen, `${name}: ${change}`);
    }
  }
});

maps('keys that are equal conflict, whatever they look like', async () => {
  const { tango, map, same } = await twoMaps();
  const shared = [1];
  for (const [key, equal] of [
    [Uint8Array.of(1), Buffer.of(1)],
    [
      [shared, shared],
      [[1], [1]],
    ],
    [[-0], [0]],
    [-0, 0],
  ]) {
    let runs = 0;
    tango.transactSync(() => {
      map.get(key);
      if (runs++ === 0) same.setSync(equal, 1);
      map.setSync('seen', runs);
    });
    assert.is(runs, 2);
    assert.is(map.get(key), 1);
  }
});

maps('the body of a transaction sees its own changes, and they are gone if it throws', async () => {
  const { tango, map, same } = await twoMaps();
  for (let key = 0; key < 100; key++) map.setSync(key, key);
  const before = [...map];
  const body = (): void => {
    map.setSync(-1, 'first');
    map.deleteSync(99);
    map.setSync(50, 'new');
    assert.equal(
      [map.first(), map.last(), map.floor(50)],
      [
        [-1, 'first'],
        [98, 98],
        [50, 'new'],
      ],
    );
    map.clearSync();
    assert.equal([...map.range()], []);
    map.setSync(7, 7);
    assert.equal([...map], [[7, 7]]);
    throw new Error('thrown by the body');
  };
  assert.throws(() => tango.transactSync(body), /thrown by the body/);
  assert.equal([...map], before);
  map.setSync(100, 100);
  assert.equal([...same], [...before, [100, 100]]);
});

maps('a view that starts from a checkpoint is the same, versions included', async () => {
  const { tango, map } = await twoMaps();
  for (const key of [3, [1, 'a'], Buffer.of(1), new Date(1), 1n, 'a', 1]) map.setSync(key, key);
  await tango.checkpoint();
  map.setSync(2, 2);
  const late = await (await logs.attach(tango)).sortedMap<unknown, unknown>('map');
  assert.equal([...late], [...map]);
  assert.equal([...late.keys()].slice(0, 4), [1, 2, 3, 1n]);
  assert.is(late.versionOf([1, 'a']), map.versionOf([1, 'a']));
  assert.equal(late.range({ gt: 1, limit: 1 }).next().value, [2, 2]);
});

maps.run();
