/** What the contract of every object does not say of lists: changes outside of them, long ones, feeds. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import type { Tango } from './tango.ts';
import type { TangoList } from './tango-list.ts';

const lists = suite('list');
const logs = new OpenedLogs({ logBytes: 2 ** 24, compaction: false, link: 'direct' });
let tango: Tango;
let other: Tango;
let names = 0;

lists.before(async () => {
  tango = await logs.open();
  other = await logs.attach(tango);
});

lists.after(() => logs.close());

/** A list that nobody has used, in both clients. */
async function twoLists<T = number>(...elements: T[]) {
  const name = `l${++names}`;
  const list = await tango.list<T>(name);
  await list.append(...elements);
  return { list, same: await other.list<T>(name) };
}

/** How often the body of a transaction runs if `meanwhile` happens in it. */
function runsOf(read: () => unknown, list: TangoList, meanwhile: () => unknown): number {
  let runs = 0;
  tango.transactSync(() => {
    read();
    if (++runs === 1) meanwhile();
    list.appendSync(0);
  });
  return runs;
}

lists(
  'where a change takes its place in the log decides whether it is within the list',
  async () => {
    const { list, same } = await twoLists(1, 2, 3);
    // Each was within the list when it was made.
    const ends = [
      list.delete(2),
      list.set(2, 30),
      list.insert(3, 40),
      list.insert(2, 50),
      list.set(2, 60),
    ];
    const settled = await Promise.allSettled(ends);
    assert.equal(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
    );
    assert.equal([...same], [1, 2, 60]);
    const { reason } = settled[2] as PromiseRejectedResult;
    assert.instance(reason, TangoError);
    assert.equal([reason.code, reason.object], ['ERR_INVALID_ARGUMENT', list.name]);
    assert.match(reason.message, /index=3, length=2/);
    assert.is(await ends[0], 3);
  },
);

lists('what another client has done before decides as well', async () => {
  const { list, same } = await twoLists(1, 2);
  assert.is(list.length, 2);
  await same.clear();
  for (const change of [
    () => list.set(0, 1),
    () => list.setSync(1, 1),
    () => list.delete(0),
    () => list.deleteSync(0),
    () => list.insert(1, 1),
    () => list.insertSync(1, 1),
  ]) {
    assert.is(await codeOf(change), 'ERR_INVALID_ARGUMENT', String(change));
    await list.clear();
  }
  assert.equal([...list], []);
});

lists('what is no index is refused before anything is appended', async () => {
  const { list } = await twoLists(1, 2);
  const tail = tango.log.tailSync();
  for (const index of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '0', undefined, null]) {
    const no = index as number;
    for (const call of [
      () => list.set(no, 1),
      () => list.setSync(no, 1),
      () => list.insert(no, 1),
      () => list.delete(no),
      () => list.deleteSync(no),
      () => tango.transactSync(() => void list.set(no, 1)),
    ]) {
      assert.is(await codeOf(call), 'ERR_INVALID_ARGUMENT', `${call} of ${index}`);
    }
    if (index === -1) continue;
    assert.is(await codeOf(() => list.at(no)), 'ERR_INVALID_ARGUMENT');
    if (index !== undefined) {
      assert.is(await codeOf(() => list.slice(no)), 'ERR_INVALID_ARGUMENT');
      assert.is(await codeOf(() => list.slice(0, no)), 'ERR_INVALID_ARGUMENT');
    }
  }
  assert.is(tango.log.tailSync(), tail);
  assert.equal([...list], [1, 2]);
});

lists('a change that a body was refused is no part of its transaction', async () => {
  const { list, same } = await twoLists(1);
  for (const change of [
    () => list.setSync(1, 9),
    () => list.insertSync(2, 9),
    () => list.deleteSync(1),
    () => void list.set(1, 9),
    () => void list.insert(2, 9),
    () => void list.delete(1),
  ]) {
    assert.is(await codeOf(() => tango.transactSync(change)), 'ERR_INVALID_ARGUMENT');
    const tail = tango.log.tailSync();
    assert.is(
      tango.transactSync(() => assert.throws(change)),
      undefined,
    );
    assert.is(tango.log.tailSync(), tail, 'there was nothing to append');
  }
  tango.transactSync(() => {
    list.appendSync(2);
    // Within it by what the body itself has done.
    list.setSync(1, 20);
    list.insertSync(2, 30);
    assert.is(list.deleteSync(0), 1);
  });
  assert.equal([...same], [20, 30]);
});

lists('a short slice is read by element, a long one as a whole', async () => {
  const { list, same } = await twoLists(...Array.from({ length: 300 }, (_, i) => i));
  const set = (): void => same.setSync(200, -1);
  assert.is(
    runsOf(() => list.slice(0, 64), list, set),
    1,
  );
  assert.is(
    runsOf(() => list.slice(0, 65), list, set),
    2,
  );
  assert.is(
    runsOf(() => list.slice(150, 214), list, set),
    2,
  );
  assert.is(
    runsOf(() => list.slice(-64, -1), list, set),
    1,
  );
  assert.is(
    runsOf(() => list.at(199), list, set),
    1,
  );
  assert.is(
    runsOf(() => list.at(200), list, set),
    2,
  );
});

lists('a long list is changed in its midst, also on trial', async () => {
  const count = 20_000;
  const plain = Array.from({ length: count }, (_, i) => i);
  const { list, same } = await twoLists(...plain);
  const change = (at: number): void => {
    list.insertSync(at, -at);
    plain.splice(at, 0, -at);
    assert.is(list.deleteSync(at >> 1), plain.splice(at >> 1, 1)[0]);
    list.setSync(at, at);
    plain[at] = at;
  };
  for (let i = 0; i < 100; i++) change((i * 7919) % count);
  tango.transactSync(() => {
    for (let i = 0; i < 100; i++) change((i * 104_729) % count);
  });
  assert.equal(same.toArray(), plain);
  const before = same.toArray();
  assert.throws(
    () =>
      tango.transactSync(() => {
        for (let i = 0; i < 100; i++) change((i * 1299) % count);
        throw new Error('given up');
      }),
    /given up/,
  );
  assert.equal(list.toArray(), before);
  assert.is(list.length, count);
});

lists('looks like an array', async () => {
  const { list } = await twoLists<unknown>('a', { x: [1] }, undefined, 'a');
  assert.equal([...list.entries()].slice(1, 3), [
    [1, { x: [1] }],
    [2, undefined],
  ]);
  assert.equal([list.indexOf({ x: [1] }), list.indexOf('a'), list.indexOf('b')], [1, 0, -1]);
  assert.equal([list.includes(undefined), list.includes({ x: [2] })], [true, false]);
  const seen: unknown[] = [];
  list.forEach((value, index, all) => {
    seen.push(value, index, all === list);
  });
  assert.equal(seen.slice(0, 6), ['a', 0, true, { x: [1] }, 1, true]);
  assert.equal([list.at(-1), list.at(4), list.at(-5)], ['a', undefined, undefined]);
  // Of one moment, whatever is changed meanwhile.
  let rounds = 0;
  for (const _ of list) {
    rounds++;
    list.appendSync('more');
  }
  assert.equal([rounds, list.length], [4, 8]);
});

lists('a feed tells each change', async () => {
  const { list } = await twoLists<string>();
  const from = tango.log.tailSync();
  await list.push('a', 'b');
  await list.append('c');
  await list.set(0, 'A');
  await list.insert(1, 'x');
  await list.delete(2);
  await list.clear();
  const told: unknown[] = [];
  const range = { from, to: tango.log.tailSync(), objects: [list.name] };
  for await (const { updates } of tango.changes(range)) {
    told.push(...updates.map(({ operation, keys }) => [operation, ...keys]));
  }
  assert.equal(told, [
    [{ append: ['a', 'b'] }, 'end'],
    [{ append: ['c'] }, 'end'],
    [{ set: 0, value: 'A' }, 0],
    [{ insert: 1, value: 'x' }],
    [{ delete: 2 }],
    [{ clear: true }],
  ]);
});

lists.run();
