import { connect, createServer, type Socket } from 'node:net';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  allocateThreadTable,
  type ThreadIndex,
  ThreadTable,
} from '../shared-memory/thread-table.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { within } from '../shared-memory/within.ts';
import { newAddress, type SocketAddress } from './local-socket.ts';
import { Watched, WatchServer } from './watch.ts';

const DEADLINE_MS = 10_000;
const THREADS = 6;
const { FREE, ALIVE, EXITED } = ThreadState;

const watching = suite('watch');

/**
 * A thread that watches, or is watched, until it is terminated. Says when it has begun; beats when
 * introduced.
 */
const THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { watch, table, address, buffer, thread, incarnation, busy } = workerData;
  setInterval(() => {}, 1 << 30);
  (async () => {
    const { Watched, WatchServer } = await import(watch);
    const { ThreadTable } = await import(table);
    if (thread === undefined) new WatchServer(address, new ThreadTable(buffer));
    else globalThis.watched = new Watched(address, thread, incarnation);
    if (thread !== undefined) {
      globalThis.watched.introduced.then(() => new ThreadTable(buffer).beat(thread));
    }
    parentPort.on('message', () => globalThis.watched.leave());
    // Connected first; then it can only be ended from outside.
    if (busy) setTimeout(() => { for (;;); }, 100);
    parentPort.postMessage('begun');
  })();`;

const suffix = extname(import.meta.url);
const modules = {
  watch: new URL(`./watch${suffix}`, import.meta.url).href,
  table: new URL(`../shared-memory/thread-table${suffix}`, import.meta.url).href,
};

const workers: Worker[] = [];
const sockets: Socket[] = [];

interface Bench {
  readonly address: SocketAddress;
  readonly buffer: SharedArrayBuffer;
  readonly table: ThreadTable;
}

function fresh(): Bench {
  const buffer = allocateThreadTable(THREADS);
  return { address: newAddress(), buffer, table: new ThreadTable(buffer) };
}

async function start(workerData: object): Promise<Worker> {
  const worker = new Worker(THREAD, { eval: true, workerData: { ...modules, ...workerData } });
  workers.push(worker);
  const begun = new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
  await within(DEADLINE_MS, 'the start of a thread', begun);
  return worker;
}

function monitor({ address, buffer }: Bench): Promise<Worker> {
  return start({ address, buffer });
}

/** Claims an index as a live thread does. */
function claim({ table }: Bench, thread: ThreadIndex): number {
  assert.is(table.claim(thread, thread + 1), thread);
  return table.incarnation(thread);
}

/** A thread that is watched. */
function watched(bench: Bench, thread: ThreadIndex, busy = false): Promise<Worker> {
  const { address, buffer } = bench;
  return start({ address, buffer, thread, incarnation: claim(bench, thread), busy });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Long enough for whatever should not happen to happen. */
function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

watching.after.each(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const worker of workers.splice(0)) await worker.terminate();
});

watching('marks a thread that was terminated, and no other', async () => {
  const bench = fresh();
  await monitor(bench);
  const victim = await watched(bench, 2);
  await watched(bench, 3);
  await aWhile();
  assert.equal([bench.table.state(2), bench.table.state(3)], [ALIVE, ALIVE]);
  await victim.terminate();
  await until('its death is known', () => bench.table.state(2) === EXITED);
  assert.is(bench.table.state(3), ALIVE);
});

watching('marks a thread that never let its event loop turn', async () => {
  const bench = fresh();
  await monitor(bench);
  const victim = await watched(bench, 2, true);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.is(bench.table.state(2), ALIVE);
  await victim.terminate();
  await until('its death is known', () => bench.table.state(2) === EXITED);
});

watching('clears the flight of the dead, and rings whoever sleeps', async () => {
  const bench = fresh();
  const { table } = bench;
  await monitor(bench);
  const victim = await watched(bench, 2);
  await aWhile();
  table.announce(2);
  claim(bench, 4);
  const sleep = table.sleepAsync(4, table.prepareToSleep(4), DEADLINE_MS);
  await victim.terminate();
  await until('its death is known', () => table.state(2) === EXITED);
  await until('its flight has ended', () => !table.inFlight(2));
  assert.is(await sleep, 'ok', 'the sleeper was rung');
});

watching('is believed about an incarnation only: the next tenant of the index lives', async () => {
  const bench = fresh();
  const { table } = bench;
  await monitor(bench);
  const victim = await watched(bench, 2);
  await aWhile();
  // The owner was faster, and has given the index to another thread.
  const before = table.incarnation(2);
  assert.ok(table.markExited(2, before));
  table.release(2);
  const next = claim(bench, 2);
  await victim.terminate();
  await aWhile();
  assert.equal([table.state(2), table.incarnation(2)], [ALIVE, next]);
  assert.not(table.lives(before));
});

watching('comes back to whoever listens now, until it has left', async () => {
  const bench = fresh();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.push(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(bench.address.path, resolve));
  const own = new Watched(bench.address, 2, claim(bench, 2));
  for (let expected = 1; expected <= 3; expected++) {
    await until('a connection', () => connections === expected);
    if (expected < 3) sockets.pop()?.destroy();
  }
  own.leave();
  await aWhile();
  assert.is(connections, 3);
  server.close();
});

watching('takes who leaves for gone', async () => {
  const bench = fresh();
  await monitor(bench);
  const leaver = await watched(bench, 2);
  await aWhile();
  leaver.postMessage('leave');
  await until('it is known', () => bench.table.state(2) === EXITED);
  bench.table.release(2);
  await aWhile();
  assert.is(bench.table.state(2), FREE, 'it has not connected anew');
});

watching(
  'waits for a monitor that comes later, and for the successor of one that died',
  async () => {
    const bench = fresh();
    const victims = [await watched(bench, 2), await watched(bench, 3)];
    const own = new Watched(bench.address, 4, claim(bench, 4));
    await aWhile();
    const first = await monitor(bench);
    await aWhile();
    await victims[0].terminate();
    await until('the first monitor knows', () => bench.table.state(2) === EXITED);
    for (let round = 0; round < 2; round++) {
      const dying = round === 0 ? first : workers[workers.length - 1];
      await dying.terminate();
      await aWhile();
      assert.is(bench.table.state(3), ALIVE, 'the death of a monitor is nobody else’s');
      await monitor(bench);
    }
    await aWhile();
    await victims[1].terminate();
    await until('the third monitor knows', () => bench.table.state(3) === EXITED);
    assert.is(bench.table.state(4), ALIVE);
    own.leave();
    await until('the third monitor knows of all', () => bench.table.state(4) === EXITED);
  },
);

watching('misses no death once a thread is introduced, which takes a monitor', async () => {
  const bench = fresh();
  const { table } = bench;
  const victim = await watched(bench, 2);
  await aWhile();
  assert.is(table.heartbeat(2), 0, 'nobody listens yet');
  new WatchServer(bench.address, table);
  // This event loop, the monitor's, does not turn between the introduction and the death.
  const end = performance.now() + DEADLINE_MS;
  while (table.heartbeat(2) === 0 && performance.now() < end);
  assert.is(table.heartbeat(2), 1, 'it is introduced');
  await victim.terminate();
  await until('its death is known', () => table.state(2) === EXITED);
});

watching('lets nobody wait who leaves', async () => {
  const bench = fresh();
  const own = new Watched(bench.address, 2, claim(bench, 2));
  own.leave();
  await within(DEADLINE_MS, 'the end of the introduction', own.introduced);
});

watching('begins while the monitor before still holds the path', async () => {
  const bench = fresh();
  const first = await monitor(bench);
  await monitor(bench);
  await aWhile();
  await first.terminate();
  const victim = await watched(bench, 2);
  await aWhile();
  await victim.terminate();
  await until('the second monitor knows', () => bench.table.state(2) === EXITED);
});

watching('believes nobody without the secret, and survives what it is told', async () => {
  const bench = fresh();
  await monitor(bench);
  const incarnation = claim(bench, 2);
  const { path, secret } = bench.address;
  const lines = [
    JSON.stringify({ thread: 2, incarnation }),
    JSON.stringify({ secret: '', thread: 2, incarnation }),
    JSON.stringify({ secret: `${secret}x`, thread: 2, incarnation }),
    'null',
    'no JSON',
    '',
    'x'.repeat(10_000),
  ];
  for (const line of lines) {
    const socket = connect(path);
    sockets.push(socket);
    socket.on('error', () => {});
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.resume();
    socket.write(`${line}\n`);
    await within(DEADLINE_MS, 'the end of a stranger', ended);
  }
  await aWhile();
  assert.is(bench.table.state(2), ALIVE);
  const victim = await watched(bench, 3);
  await aWhile();
  await victim.terminate();
  await until('it still watches', () => bench.table.state(3) === EXITED);
});

watching.run();
