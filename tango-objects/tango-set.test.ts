/** Sets, by two clients on one thread that take turns. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OpenedLogs } from './opened-logs.ts';
import type { TangoSet } from './tango-set.ts';

const MIB = 1024 * 1024;
const logs = new OpenedLogs({ logBytes: 4 * MIB, attachMax: 8, link: 'direct' });
const sets = suite('set');

sets.after.each(() => logs.close());

async function twoSets() {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const set = await tango.set<unknown>('set');
  const same = await other.set<unknown>('set');
  return { tango, other, set, same };
}

sets('does what a Set does, and tells what it has changed', async () => {
  const { set, same } = await twoSets();
  const added = [set.add('a'), set.add(1), set.add('a'), set.add(undefined)];
  assert.equal(await Promise.all(added), [true, true, false, true]);
  assert.is(same.addSync('b'), true);
  assert.is(same.addSync('b'), false);
  assert.equal([...same], ['a', 1, undefined, 'b']);
  assert.equal([set.has('b'), set.has('c'), set.has(undefined), set.size], [true, false, true, 4]);
  assert.is(await same.delete('a'), true);
  assert.is(set.deleteSync('a'), false);
  assert.is(set.addSync('a'), true);
  assert.equal(
    [...same.values()],
    [1, undefined, 'b', 'a'],
    'in the order in which they were added',
  );
  assert.equal([...same.keys()], [...same]);
  assert.equal([...same.entries()].at(-1), ['a', 'a']);
  const seen: unknown[] = [];
  same.forEach((value, again, of) => {
    seen.push(value, again, of === same);
  });
  assert.equal(seen.slice(0, 3), [1, 1, true]);
  await set.clear();
  assert.equal([same.size, [...same], same.has('a')], [0, [], false]);
});

sets('values of any kind are one when they look the same', async () => {
  const { tango, set, same } = await twoSets();
  const values = [{ a: [1] }, new Date(5), 5n, Number.NaN, new Map([[1, 2]]), '__proto__', null];
  for (const value of values) assert.is(set.addSync(value), true);
  for (const value of values) {
    assert.is(same.addSync(structuredClone(value)), false);
    assert.is(same.has(structuredClone(value)), true);
  }
  assert.is(set.addSync(0), true);
  assert.is(set.addSync(-0), false);
  assert.is(same.size, values.length + 1);
  tango.transactSync(() => {
    assert.is(set.deleteSync({ a: [1] }), true);
    assert.is(set.addSync({ a: [2] }), true);
    assert.equal([set.has({ a: [1] }), set.has({ a: [2] })], [false, true]);
  });
  assert.equal([same.has({ a: [1] }), same.has({ a: [2] })], [false, true]);
});

sets('iteration is of one moment', async () => {
  const { set } = await twoSets();
  for (const value of [1, 2, 3]) set.addSync(value);
  for (const value of set) set.deleteSync(4 - (value as number));
  assert.is(set.size, 0);
});

sets('the body of a transaction sees its own changes, and they are gone if it throws', async () => {
  const { tango, set, same } = await twoSets();
  set.addSync(1);
  const body = (): void => {
    assert.is(set.addSync(2), true);
    set.deleteSync(1);
    assert.equal([...set], [2]);
    set.clearSync();
    assert.is(set.size, 0);
    set.addSync(3);
    assert.equal([...set], [3]);
    throw new Error('thrown by the body');
  };
  assert.throws(() => tango.transactSync(body), /thrown by the body/);
  assert.equal([...set], [1]);
  assert.equal([...same], [1]);
});

type Set = TangoSet<unknown>;

const READS: readonly (readonly [name: string, read: (set: Set) => unknown, isOfOne: boolean])[] = [
  ['has', (set) => set.has(1), true],
  ['addSync', (set) => set.addSync(1), true],
  ['add', (set) => void set.add(1), true],
  ['deleteSync', (set) => set.deleteSync(1), true],
  ['delete', (set) => void set.delete(1), true],
  ['size', (set) => set.size, false],
  ['iteration', (set) => [...set], false],
];

sets('a read conflicts with changes of what was read', async () => {
  const { tango, set, same } = await twoSets();
  for (const [name, read, isOfOne] of READS) {
    for (const [change, conflicts] of [
      [() => same.addSync(1), true],
      [() => same.addSync(2), !isOfOne],
      [() => same.deleteSync(2), !isOfOne],
      [() => same.clearSync(), true],
    ] as const) {
      let runs = 0;
      tango.transactSync(() => {
        read(set);
        if (runs++ === 0) change();
        set.addSync('seen');
      });
      assert.is(runs, conflicts ? 2 : 1, `${name}: ${change}`);
    }
  }
});

sets(
  'a view that starts from a checkpoint is the same, and so are its past and its feed',
  async () => {
    const { tango, set } = await twoSets();
    for (const value of ['b', { c: 1 }, 'a']) set.addSync(value);
    const from = tango.log.tailSync();
    await tango.checkpoint();
    set.addSync('d');
    set.deleteSync('b');
    await set.clear();
    set.addSync({ c: 1 });
    const to = tango.log.tailSync();
    const late = await logs.attach(tango);
    const restored = await late.set<unknown>('set');
    assert.equal([...restored], [{ c: 1 }]);
    assert.is(restored.addSync({ c: 1 }), false);
    const changes: unknown[] = [];
    for await (const change of tango.changes({ from, to })) {
      for (const { operation } of change.updates) changes.push(operation);
    }
    assert.equal(changes, [{ add: 'd' }, { delete: 'b' }, { clear: true }, { add: { c: 1 } }]);
  },
);

sets.run();
