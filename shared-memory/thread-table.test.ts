import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateThreadTable, NO_THREAD, ThreadTable } from './thread-table.ts';
import {
  DOORBELL_OFFSET,
  HEARTBEAT_OFFSET,
  THREAD_RECORD_BYTES,
  THREAD_STATE_OFFSET,
  THREAD_TABLE_HEADER_BYTES,
  ThreadState,
} from './thread-table-layout.ts';
import { within } from './within.ts';
import { WORD_BYTES } from './words.ts';

const { FREE, ALIVE, EXITED } = ThreadState;
const THREADS = 4;
const LATEST_MS = 10_000;

const threadTable = suite('thread table');

function freshTable(threads = THREADS): ThreadTable {
  return new ThreadTable(allocateThreadTable(threads));
}

function wordOf(thread: number, offset: number): number {
  return (THREAD_TABLE_HEADER_BYTES + thread * THREAD_RECORD_BYTES + offset) / WORD_BYTES;
}

threadTable('is a table of free, idle threads in fresh memory', () => {
  const table = freshTable();
  assert.is(table.count, THREADS);
  assert.is(table.membershipVersion(), 0);
  for (let thread = 0; thread < THREADS; thread++) {
    assert.is(table.state(thread), FREE);
    assert.is(table.inFlight(thread), 0);
    assert.is(table.operations(thread), 0);
    assert.is(table.heartbeat(thread), 0);
  }
  assert.ok(table.drained(1));
});

threadTable('gives each claimer an index of its own, within the range it asked for', () => {
  const table = freshTable();
  assert.is(table.claim(2, 4), 2);
  assert.is(table.claim(2, 4), 3);
  assert.is(table.claim(2, 4), NO_THREAD);
  assert.is(table.claim(0, 4), 0);
  assert.equal(
    [0, 1, 2, 3].map((thread) => table.state(thread)),
    [ALIVE, FREE, ALIVE, ALIVE],
  );
});

threadTable('gives a released index again, under a new incarnation', () => {
  const table = freshTable();
  const seen = new Set<number>();
  for (let tenant = 0; tenant < 20; tenant++) {
    const thread = table.claim(1, 2);
    assert.is(thread, 1);
    assert.ok(table.incarnation(thread) > 0);
    seen.add(table.incarnation(thread));
    table.release(thread);
    assert.is(table.state(thread), FREE);
  }
  assert.is(seen.size, 20);
});

threadTable('never gives the index of a thread that exited again', () => {
  const table = freshTable();
  const thread = table.claim(0, 1);
  table.markExited(thread);
  assert.is(table.state(thread), EXITED);
  assert.is(table.claim(0, 1), NO_THREAD);
});

threadTable('changes its membership version whenever somebody comes or goes', () => {
  const table = freshTable();
  const versions = [table.membershipVersion()];
  const note = (): number => versions.push(table.membershipVersion());
  table.claim(0, 1);
  note();
  table.claim(1, 2);
  note();
  table.release(1);
  note();
  table.markExited(0);
  note();
  assert.is(new Set(versions).size, 5);
  table.claim(0, 1);
  assert.is(table.membershipVersion(), versions[4], 'nobody came');
});

threadTable('shows the epoch of the operation in flight, and counts operations', () => {
  const table = freshTable();
  table.announce(1, 6);
  assert.is(table.inFlight(1), 6);
  assert.is(table.inFlight(0), 0);
  assert.is(table.operations(1), 1);
  table.leave(1);
  assert.is(table.inFlight(1), 0);
  assert.is(table.operations(1), 1);
  table.announce(1, 6);
  assert.is(table.operations(1), 2);
  assert.throws(() => table.announce(1, 0), /epoch 0 means idle/);
});

threadTable('is drained of an epoch when nobody is in flight in it or an older one', () => {
  const table = freshTable();
  table.announce(0, 3);
  table.announce(2, 5);
  assert.equal(
    [2, 3, 4, 5].map((epoch) => table.drained(epoch)),
    [true, false, false, false],
  );
  table.leave(0);
  assert.equal(
    [2, 3, 4, 5].map((epoch) => table.drained(epoch)),
    [true, true, true, false],
  );
  table.leave(2);
  assert.ok(table.drained(2 ** 30));
});

threadTable('waits for no operation of a thread that left or died in the middle of it', () => {
  const table = freshTable();
  for (const clear of ['release', 'markExited'] as const) {
    const thread = table.claim(0, THREADS);
    table.announce(thread, 1);
    table[clear](thread);
    assert.ok(table.drained(1), clear);
  }
});

threadTable('begins idle and awake for the next tenant, whatever the last one left', () => {
  const table = freshTable();
  table.announce(1, 4);
  table.prepareToSleep(1);
  table.claim(1, 2);
  assert.is(table.inFlight(1), 0);
  const heard = table.prepareToSleep(1);
  table.awake(1);
  table.ring(1);
  assert.is(table.prepareToSleep(1), heard, 'nobody rings a thread that is awake');
});

threadTable('beats, and its beats and rings may wrap', () => {
  const buffer = allocateThreadTable(THREADS);
  const table = new ThreadTable(buffer);
  table.beat(2);
  assert.is(table.heartbeat(2), 1);
  assert.is(table.heartbeat(1), 0);
  const words = new Int32Array(buffer);
  words[wordOf(2, HEARTBEAT_OFFSET)] = 2 ** 31 - 1;
  table.beat(2);
  assert.is(table.heartbeat(2), -(2 ** 31));
  words[wordOf(2, DOORBELL_OFFSET)] = 2 ** 31 - 1;
  const heard = table.prepareToSleep(2);
  table.ring(2);
  assert.is(table.sleepAsync(2, heard, LATEST_MS), undefined, 'it was heard across the wrap');
});

threadTable('refuses a state that nobody writes', () => {
  const buffer = allocateThreadTable(THREADS);
  new Int32Array(buffer)[wordOf(1, THREAD_STATE_OFFSET)] = 17;
  assert.throws(() => new ThreadTable(buffer).state(1), /state is known/);
});

threadTable('loses no ring between the last look for work and the sleep', () => {
  const table = freshTable();
  const heard = table.prepareToSleep(1);
  table.ring(1);
  assert.is(table.sleepAsync(1, heard, LATEST_MS), undefined);
  // Returns at once; the deadline of the runner would tell.
  table.sleep(1, heard, 2 ** 30);
});

threadTable('wakes who sleeps, and nobody else', async () => {
  const table = freshTable();
  const woken: number[] = [];
  const sleepers = [0, 1, 2].map((thread) => {
    const sleep = table.sleepAsync(thread, table.prepareToSleep(thread), LATEST_MS);
    return sleep?.then(() => woken.push(thread));
  });
  table.ring(1);
  await within(LATEST_MS, 'thread 1 wakes', Promise.resolve(sleepers[1]));
  assert.equal(woken, [1]);
  table.ringAll();
  await within(LATEST_MS, 'all wake', Promise.all(sleepers));
  assert.equal(woken.sort(), [0, 1, 2]);
});

threadTable('wakes by itself when nobody rings', async () => {
  const table = freshTable();
  const sleep = table.sleepAsync(0, table.prepareToSleep(0), 5);
  assert.is(await within(LATEST_MS, 'the deadline', Promise.resolve(sleep)), 'timed-out');
  table.sleep(0, table.prepareToSleep(0), 5);
});

/** Waits at a gate, then claims indexes until none is left and posts them with incarnations. */
const CLAIMER = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.module).then(({ ThreadTable, NO_THREAD }) => {
  const table = new ThreadTable(workerData.buffer);
  const gate = new Int32Array(workerData.gate);
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < 2) Atomics.wait(gate, 1, 0, 1);
  const claimed = [];
  for (;;) {
    const thread = table.claim(0, table.count);
    if (thread === NO_THREAD) break;
    claimed.push([thread, table.incarnation(thread)]);
  }
  parentPort.postMessage(claimed);
});
`;

threadTable('gives no index and no incarnation to two threads that claim at once', async () => {
  const threads = 400;
  const buffer = allocateThreadTable(threads);
  const gate = new SharedArrayBuffer(2 * WORD_BYTES);
  const module = new URL(
    `./thread-table${extname(fileURLToPath(import.meta.url))}`,
    import.meta.url,
  );
  const workerData = { buffer, gate, module: module.href };
  const workers = [1, 2].map(() => new Worker(CLAIMER, { eval: true, workerData }));
  try {
    const claims = await within(
      LATEST_MS,
      'both claim all they can',
      Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0])),
    );
    const all = claims.flat() as [number, number][];
    assert.is(all.length, threads);
    assert.is(new Set(all.map(([thread]) => thread)).size, threads);
    assert.is(new Set(all.map(([, incarnation]) => incarnation)).size, threads);
    assert.is(new ThreadTable(buffer).membershipVersion(), threads);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
});

threadTable.run();
