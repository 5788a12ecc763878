import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateThreadTable, NO_THREAD, ThreadTable } from './thread-table.ts';
import {
  DOORBELL_OFFSET,
  FLIGHTS_OFFSET,
  HEARTBEAT_OFFSET,
  SLEEPS_OFFSET,
  THREAD_RECORD_BYTES,
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
    assert.not(table.inFlight(thread));
    assert.is(table.incarnation(thread), 0);
    assert.is(table.heartbeat(thread), 0);
  }
  assert.is(table.turningCount(), 0);
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

threadTable('takes no incarnation for a claim that finds no room', () => {
  const table = freshTable();
  for (let thread = 0; thread < THREADS - 1; thread++) table.claim(thread, thread + 1);
  for (let i = 0; i < 100; i++) assert.is(table.claim(0, THREADS - 1), NO_THREAD);
  assert.is(table.claim(0, THREADS), THREADS - 1);
  assert.is(table.incarnation(THREADS - 1), THREADS);
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
    assert.is(table.incarnation(thread), 0);
  }
  assert.is(seen.size, 20);
});

threadTable('never gives the index of a thread that exited again', () => {
  const table = freshTable();
  const thread = table.claim(0, 1);
  const incarnation = table.incarnation(thread);
  assert.ok(table.markExited(thread, incarnation));
  assert.is(table.state(thread), EXITED);
  assert.is(table.incarnation(thread), incarnation, 'who has exited can still be told');
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
  table.markExited(0, table.incarnation(0));
  note();
  assert.is(new Set(versions).size, 5);
  table.claim(0, 1);
  assert.is(table.membershipVersion(), versions[4], 'nobody came');
});

threadTable('counts flights, and is in flight while the count is odd', () => {
  const table = freshTable();
  const first = table.flight(1);
  table.announce(1);
  assert.ok(table.inFlight(1));
  assert.not(table.inFlight(0));
  assert.is(table.flight(1), first + 1);
  table.leave(1);
  assert.not(table.inFlight(1));
  assert.is(table.flight(1), first + 2);
  table.announce(1);
  assert.is(table.flight(1), first + 3);
});

threadTable('refuses to announce twice and to leave twice', () => {
  const table = freshTable();
  assert.throws(() => table.leave(1), /only who is in flight leaves/);
  table.announce(1);
  assert.throws(() => table.announce(1), /announces itself once/);
  table.leave(1);
  assert.throws(() => table.leave(1), /only who is in flight leaves/);
});

threadTable('counts flights across the wrap', () => {
  const buffer = allocateThreadTable(THREADS);
  const table = new ThreadTable(buffer);
  for (const count of [2 ** 31 - 2, -2]) {
    new Int32Array(buffer)[wordOf(2, FLIGHTS_OFFSET)] = count;
    table.announce(2);
    assert.ok(table.inFlight(2));
    assert.is(table.flight(2), count + 1);
    table.leave(2);
    assert.not(table.inFlight(2));
    assert.is(table.flight(2), (count + 2) | 0);
  }
});

threadTable('clears what a thread left on that left or died in the middle of it', () => {
  const table = freshTable();
  const clears = {
    release: (thread: number) => table.release(thread),
    markExited: (thread: number) => table.markExited(thread, table.incarnation(thread)),
  };
  for (const [name, clear] of Object.entries(clears)) {
    const thread = table.claim(0, THREADS);
    table.announce(thread);
    const heard = table.prepareToSleep(thread);
    table.setTurning(thread, true);
    const flight = table.flight(thread);
    clear(thread);
    assert.is(table.flight(thread), flight + 1, `${name} ends the flight`);
    assert.is(table.turningCount(), 0, name);
    table.ring(thread);
    assert.is(table.prepareToSleep(thread), heard, `${name}: nobody rings the dead`);
  }
});

threadTable('ends a life once, whoever tells', () => {
  const table = freshTable();
  const thread = table.claim(0, 1);
  const incarnation = table.incarnation(thread);
  assert.not(table.markExited(thread, incarnation + 1), 'nobody of that number lives here');
  assert.is(table.state(thread), ALIVE);
  assert.ok(table.markExited(thread, incarnation));
  assert.not(table.markExited(thread, incarnation), 'somebody was faster');
  assert.is(table.state(thread), EXITED);
});

threadTable('leaves the next tenant alone when the exit of the last one is told late', () => {
  const table = freshTable();
  const thread = table.claim(0, 1);
  const dead = table.incarnation(thread);
  table.announce(thread);
  assert.ok(table.markExited(thread, dead));
  table.release(thread);
  assert.not(table.markExited(thread, dead), 'the index is free');
  assert.is(table.state(thread), FREE);
  assert.is(table.claim(0, 1), thread);
  table.announce(thread);
  const version = table.membershipVersion();
  assert.not(table.markExited(thread, dead));
  assert.is(table.state(thread), ALIVE);
  assert.ok(table.inFlight(thread));
  assert.is(table.membershipVersion(), version);
});

threadTable('begins idle and awake for the next tenant, whatever the last one left', () => {
  const table = freshTable();
  table.announce(1);
  table.prepareToSleep(1);
  table.claim(1, 2);
  assert.not(table.inFlight(1));
  const heard = table.prepareToSleep(1);
  table.awake(1);
  table.ring(1);
  assert.is(table.prepareToSleep(1), heard, 'nobody rings a thread that is awake');
});

threadTable('may be told twice that a thread sleeps, wakes, turns or rests', () => {
  const buffer = allocateThreadTable(THREADS);
  const table = new ThreadTable(buffer);
  const sleeps = wordOf(1, SLEEPS_OFFSET);
  for (const [sleeping, expected] of [
    [true, 1],
    [true, 1],
    [false, 2],
    [false, 2],
    [true, 3],
  ] as const) {
    if (sleeping) table.prepareToSleep(1);
    else table.awake(1);
    assert.is(new Int32Array(buffer)[sleeps], expected);
    table.setTurning(1, sleeping);
    assert.is(table.turningCount(), sleeping ? 1 : 0);
  }
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
