/**
 * Maps whose values are in the log: that they are what maps are, contract/log-map-contract.ts has; here is
 * what they are for: data that does not fit the heap, in a log that is written over for ever. CASE= runs
 * those with it in their name.
 */
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';
import { chosen } from './chosen-cases.ts';
import { heapBytes } from './heap-bytes.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import type { Tango } from './tango.ts';
import { checkWorn, type WornMap, wear } from './worn-values.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const logs = new OpenedLogs();
const cases = chosen(suite('log maps'));

cases.after.each(() => logs.close());

interface Person {
  readonly city?: string;
  readonly age: number;
}

const INDEXED = { values: 'log', indexes: { byCity: ({ city }: Person) => city } } as const;

cases('what the map is opened with belongs to its name', async () => {
  const tango = await logs.open({ logBytes: MIB });
  await tango.map('in the log', { values: 'log' });
  await tango.map('in memory', { values: 'memory' });
  assert.is(await codeOf(() => tango.map('in the log')), 'ERR_TYPE_MISMATCH');
  assert.is(await codeOf(() => tango.map('in memory', { values: 'log' })), 'ERR_TYPE_MISMATCH');
  const nowhere = { values: 'nowhere' } as unknown as { values: 'memory' };
  assert.is(await codeOf(() => tango.map('x', nowhere)), 'ERR_INVALID_ARGUMENT');
  const sorted = tango.sortedMap('sorted', { values: 'log' });
  assert.is(await codeOf(() => sorted), 'ERR_INVALID_ARGUMENT');
});

cases('entries are found by what functions make of values that are in the log', async () => {
  const tango = await logs.open({ logBytes: MIB, compaction: false, link: 'direct' });
  const map = await tango.map<string, Person>('m', INDEXED);
  map.setSync('ann', { city: 'Ulm', age: 1 });
  map.setSync('ben', { city: 'Rome', age: 2 });
  map.setSync('cid', { city: 'Ulm', age: 3 });
  map.setSync('dan', { age: 4 });
  await tango.forget(await tango.checkpoint());
  map.setSync('ben', { city: 'Ulm', age: 5 });
  map.deleteSync('ann');
  const found = [
    ['ben', { city: 'Ulm', age: 5 }],
    ['cid', { city: 'Ulm', age: 3 }],
  ];
  const other = await logs.attach(tango);
  // Begun at the checkpoint, which has no values.
  const same = await other.map<string, Person>('m', INDEXED);
  const early = await other.transact(() => {
    same.setSync('eva', { city: 'Ulm', age: 6 });
    same.setSync('ben', { city: 'Oslo', age: 7 });
    return same.find('byCity', 'Ulm');
  });
  assert.equal(early, [found[1], ['eva', { city: 'Ulm', age: 6 }]]);
  assert.equal(same.find('byCity', 'Oslo'), [['ben', { city: 'Oslo', age: 7 }]]);
  assert.equal(map.find('byCity', 'Ulm'), early);
  assert.equal(map.find('byCity', undefined), []);
  // What fails is not in the index that is made afterwards, either.
  await codeOf(() =>
    other.transact(() => {
      same.setSync('fay', { city: 'Ulm', age: 8 });
      assert.is(same.find('byCity', 'Ulm').length, 3);
      throw new TypeError('given up');
    }),
  ).catch(() => {});
  assert.equal(same.find('byCity', 'Ulm'), early);
  await tango.forget(await tango.checkpoint());
  assert.equal(same.find('byCity', 'Ulm'), early, 'the values have moved');
});

cases('100000 values take the heap of their keys', async () => {
  const KEYS = 100_000;
  const VALUE = 'v'.repeat(500);
  const tango = await logs.open({ logBytes: 128 * MIB, link: 'direct' });
  const map = await tango.map<number, string>('m', { values: 'log' });
  const before = heapBytes();
  for (let key = 0; key < KEYS; ) {
    const turn: Promise<void>[] = [];
    for (const end = key + 1000; key < end; key++) turn.push(map.set(key, VALUE + key));
    await Promise.all(turn);
  }
  assert.is(map.size, KEYS);
  const taken = heapBytes() - before;
  assert.ok(taken < (KEYS * VALUE.length) / 2, `${Math.round(taken / KEYS)} bytes a key`);
  for (let key = 0; key < KEYS; key += 997) assert.is(map.get(key), VALUE + key);
  let count = 0;
  for (const [key, value] of map) if (value === VALUE + key) count++;
  assert.is(count, KEYS);
  assert.ok(heapBytes() - before < (KEYS * VALUE.length) / 2);
});

for (const link of ['mailbox', 'direct'] as const) {
  cases(`values that are written over for ever need a bounded log, ${link}`, async () => {
    const wearing = { keys: 120, valueBytes: 4 * KIB, turns: 250 };
    const tango = await logs.open({ logBytes: 2 * MIB, link });
    const map: WornMap = await tango.map('m', { values: 'log' });
    const worker = start(tango, link, { ...wearing, writer: 1 });
    const exited = once(worker, 'exit');
    await within(60_000, 'the changes', wear(map, { ...wearing, writer: 2 }));
    assert.is((await within(60_000, 'the other thread', exited))[0], 0);
    // Four times what the log holds was appended.
    assert.ok(tango.stats().all.checkpoints > 3);
    await agree(tango, map, wearing);
  });
}

cases('a thread that is killed while it writes and compacts spoils nothing', async () => {
  const wearing = { keys: 100, valueBytes: 4 * KIB, turns: 1e9 };
  const tango = await logs.open({ logBytes: 2 * MIB });
  const map: WornMap = await tango.map('m', { values: 'log' });
  for (let round = 0; round < 3; round++) {
    const worker = start(tango, round % 2 === 0 ? 'direct' : 'mailbox', {
      ...wearing,
      writer: round,
    });
    const before = tango.stats().log.tail;
    const enough = new Promise<void>((resolve) => {
      worker.on('message', () => {
        // At any time, and now and then while it compacts.
        if (tango.stats().log.tail > before + 350 + 40 * round) resolve();
      });
    });
    await within(30_000, 'changes of the thread', enough);
    await worker.terminate();
    await wear(map, { ...wearing, turns: 50, writer: 10 + round });
  }
  assert.ok(tango.stats().all.checkpoints > 2);
  await agree(tango, map, wearing);
});

cases('values that take several entries are moved along as others are', async () => {
  const wearing = { keys: 4, valueBytes: 100 * KIB, turns: 40 };
  const tango = await logs.open({ logBytes: 4 * MIB, entryBytesMax: 32 * KIB, link: 'direct' });
  const map: WornMap = await tango.map('m', { values: 'log' });
  await within(60_000, 'the changes', wear(map, { ...wearing, writer: 1 }));
  await agree(tango, map, wearing);
});

function start(tango: Tango, link: 'mailbox' | 'direct', wearing: Parameters<typeof wear>[1]) {
  const path = `./log-map-worker${extname(import.meta.url)}`;
  const file = fileURLToPath(new URL(path, import.meta.url));
  return new Worker(file, { workerData: { handle: tango.handle, link, wear: wearing } });
}

/** All of it is there, and a view that begins now has the same. */
async function agree(
  tango: Tango,
  map: WornMap,
  { keys, valueBytes }: { keys: number; valueBytes: number },
): Promise<void> {
  const late: WornMap = await (await logs.attach(tango)).map('m', { values: 'log' });
  assert.ok(map.size <= keys);
  for (let key = 0; key < keys; key++) {
    checkWorn(key, map.get(key), valueBytes);
    assert.equal(late.get(key), map.get(key));
    assert.is(late.versionOf(key), map.versionOf(key));
  }
}

cases.run();
