/** Objects as they were, and changes as they come (Tango 2.8, PROTOCOL case 52). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Change } from '../runtime/views/change-feed.ts';
import { within } from '../shared-memory/within.ts';
import { chosen } from './chosen-cases.ts';
import { codeOf, forgetVerdicts, OpenedLogs } from './opened-logs.ts';
import type { TangoMap } from './tango-map.ts';

const DEADLINE_MS = 10_000;
const history = chosen(suite('history'));
const logs = new OpenedLogs({ logBytes: 2 ** 20, compaction: false, link: 'direct' });

history.after.each(() => logs.close());

function transfer(map: TangoMap<string, number>, from: string, to: string, amount: number): void {
  map.setSync(from, (map.get(from) ?? 0) - amount);
  map.setSync(to, (map.get(to) ?? 0) + amount);
}

history('objects at every position there was are what they were, together', async () => {
  const tango = await logs.open();
  const map = await tango.map<string, number>('accounts');
  const counter = await tango.counter('transfers');
  for (const name of ['a', 'b', 'c']) map.setSync(name, 100);
  const states: [position: number, entries: unknown, count: number][] = [];
  const note = (): void => {
    states.push([tango.log.tailSync(), [...map], counter.value]);
  };
  note();
  for (let i = 0; i < 30; i++) {
    tango.transactSync(() => {
      transfer(map, 'abc'[i % 3], 'abc'[(i + 1) % 3], i);
      counter.addSync(1);
    });
    note();
  }
  for (const [position, entries, count] of states) {
    const then = await tango.at(position);
    assert.is(then.position, position);
    const [accounts, transfers] = await Promise.all([
      then.map<string, number>('accounts'),
      then.counter('transfers'),
    ]);
    assert.equal([...accounts], entries);
    assert.is(transfers.value, count);
    const sum = [...accounts.values()].reduce((all, one) => all + one, 0);
    assert.is(sum, 300);
  }
  const empty = await tango.at(0);
  assert.is((await empty.map('accounts')).size, 0, 'there was nothing yet');
});

history('an aborted commit is in no history, and in no feed', async () => {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const map = await tango.map<string, number>('m');
  const same = await other.map<string, number>('m');
  map.setSync('x', 1);
  const from = tango.log.tailSync();
  let runs = 0;
  tango.transactSync(() => {
    const x = map.get('x') as number;
    if (++runs === 1) same.setSync('x', 50);
    map.setSync('x', x + 1);
  });
  assert.is(runs, 2);
  const to = tango.log.tailSync();
  assert.is(to - from, 3, 'a change, a commit that aborts, one that does not');
  for (const [position, value] of [
    [from, 1],
    [from + 1, 50],
    [from + 2, 50],
    [from + 3, 51],
  ]) {
    assert.is((await (await tango.at(position)).map('m')).get('x'), value);
  }
  assert.equal(
    (await all(tango.changes({ from, to }))).map(({ position, updates }) => [
      position,
      updates.map(({ keys }) => keys),
    ]),
    [
      [from, [['x']]],
      [from + 2, [['x']]],
    ],
  );
});

history('history is read-only, and ends where the log was trimmed', async () => {
  const tango = await logs.open();
  const map = await tango.map<string, number>('m');
  for (let i = 0; i < 20; i++) map.setSync('x', i);
  const before = await tango.at(10);
  const covered = await tango.checkpoint();
  const old = await before.map<string, number>('m');
  assert.is(await codeOf(() => old.set('x', 1)), 'ERR_UNSUPPORTED');
  assert.is(await codeOf(() => old.updateSync('x', () => 1)), 'ERR_UNSUPPORTED');
  assert.is(await codeOf(() => before.counter('m')), 'ERR_TYPE_MISMATCH');
  map.setSync('x', 100);
  await tango.forget(covered);
  assert.is(old.get('x'), 8, 'what was read, is there');
  assert.is(await codeOf(() => tango.at(5)), 'ERR_TRIMMED');
  assert.is(await codeOf(() => tango.at(tango.log.tailSync() + 1)), 'ERR_UNWRITTEN');
  assert.is(await codeOf(() => tango.at(-1)), 'ERR_INVALID_ARGUMENT');
  assert.is((await (await tango.at(covered)).map('m')).get('x'), 19, 'from the checkpoint');
  assert.is((await (await tango.at(tango.log.tailSync())).map('m')).get('x'), 100);
});

history('many checkpoints without a trim change nothing of what was before them', async () => {
  const tango = await logs.open();
  const map = await tango.map<string, number>('m');
  const other = await logs.attach(tango);
  const same = await other.map<string, number>('m');
  const values: [number, number | undefined][] = [];
  for (let i = 0; i < 60; i++) {
    tango.transactSync(() => {
      const x = map.get('x') ?? 0;
      same.setSync('y', i);
      map.setSync('x', x + 1);
    });
    values.push([tango.log.tailSync(), map.get('x')]);
    if (i % 5 === 0) await tango.checkpoint();
  }
  forgetVerdicts(tango);
  for (const [position, value] of values) {
    const then = await tango.at(position);
    assert.is((await then.map('m')).get('x'), value, `at ${position}`);
  }
});

async function all(changes: AsyncIterable<Change>): Promise<Change[]> {
  const list: Change[] = [];
  for await (const change of changes) list.push(change);
  return list;
}

history('a feed tells every change once, transactions together, and goes on from any', async () => {
  const tango = await logs.open();
  const map = await tango.map<string, number>('m');
  const counter = await tango.counter('c');
  const from = tango.log.tailSync();
  await Promise.all([
    map.set('a', 1),
    counter.add(2),
    tango.transact(() => {
      transfer(map, 'a', 'b', 5);
      counter.addSync(1);
    }),
    map.clear(),
  ]);
  const to = tango.log.tailSync();
  const told = await all(tango.changes({ from, to }));
  assert.equal(
    told.map(({ updates }) => updates.map(({ object, keys }) => [object, ...keys])),
    [[['m', 'a']], [['c']], [['m']], [['m', 'a'], ['m', 'b'], ['c']]],
  );
  assert.equal(told[1].updates[0].operation, 2);
  for (const [i, { position, index }] of told.entries()) {
    const rest = await all(tango.changes({ from: { position, index: index + 1 }, to }));
    assert.equal(rest, told.slice(i + 1));
  }
  const ofCounter = await all(tango.changes({ from, to, objects: ['c'] }));
  assert.is(ofCounter.length, 2);
  assert.is(await codeOf(() => tango.changes({ objects: [1] as never })), 'ERR_INVALID_ARGUMENT');
  assert.is(await codeOf(() => tango.changes({ from: -1 })), 'ERR_INVALID_ARGUMENT');
  assert.is(await codeOf(() => tango.changes({ since: 1 } as never)), 'ERR_INVALID_ARGUMENT');
});

history('a feed waits for what comes, until its signal is raised', async () => {
  const tango = await logs.open({ link: 'mailbox' });
  const other = await logs.attach(tango);
  const map = await other.map<string, number>('m');
  const ending = new AbortController();
  const seen: unknown[] = [];
  const follow = async (): Promise<void> => {
    for await (const { updates } of tango.changes({ signal: ending.signal })) {
      seen.push(...updates.map(({ keys }) => keys[0]));
      if (seen.length === 3) ending.abort();
    }
  };
  const following = codeOf(follow);
  for (const key of ['a', 'b', 'c']) await map.set(key, 1);
  const end = await within(DEADLINE_MS, 'the feed', following);
  assert.is(end, 'ERR_ABORTED');
  assert.equal(seen, ['a', 'b', 'c']);
});

history('a feed that a trim has passed is told so: never a gap', async () => {
  const tango = await logs.open();
  const map = await tango.map<string, number>('m');
  const from = tango.log.tailSync();
  for (let i = 0; i < 20; i++) map.setSync('x', i);
  const feed = tango.changes({ from })[Symbol.asyncIterator]();
  assert.is((await feed.next()).value.position, from);
  await tango.forget(await tango.checkpoint());
  // Something that comes behind the gap.
  map.setSync('x', 20);
  assert.is(await codeOf(() => feed.next()), 'ERR_TRIMMED');
  const to = tango.log.tailSync();
  assert.is(await codeOf(() => all(tango.changes({ from, to }))), 'ERR_TRIMMED');
});

history.run();
