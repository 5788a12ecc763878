/** The monitor on real threads: what is dead or stalled is noticed, and the log goes on without it. */
import { extname } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ActorThreadControl } from '../actors/actor-thread.ts';
import { connectControl } from '../actors/control.ts';
import { newAddress } from '../actors/local-socket.ts';
import { allocateLog, LogMemory } from '../actors/log-memory.ts';
import { WatchServer } from '../actors/watch.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { within } from '../shared-memory/within.ts';
import { DEFAULT_TIMES } from './client-options.ts';
import { open } from './open.ts';
import { checkOpenOptions } from './open-options.ts';
import type { Tango } from './tango.ts';

const DEADLINE_MS = 20_000;
const MIB = 1024 * 1024;
const LOG_WORKER = new URL(`./log-worker${extname(import.meta.url)}`, import.meta.url);

const monitor = suite('monitor');
const opened: Tango[] = [];

async function openLog(actorThreads: number): Promise<Tango> {
  const tango = await open({ actorThreads, logBytes: 4 * MIB, spareUnits: 4, holeFillMs: 20 });
  opened.push(tango);
  return tango;
}

async function append(tango: Tango, text: string): Promise<number> {
  return within(DEADLINE_MS, text, tango.log.append(Buffer.from(text), { streams: [1] }));
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const wait = async (): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await within(DEADLINE_MS, what, wait());
}

/** Every entry of the stream, in order. */
function played(tango: Tango): string[] {
  const cursor = tango.log.stream(1);
  cursor.syncSync();
  const texts: string[] = [];
  cursor.playSync(({ payload }) => texts.push(Buffer.from(payload).toString()));
  return texts;
}

monitor.after.each(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

for (const what of ['sequencer', 'housekeeper', 'unit'] as const) {
  monitor(`goes on without a stalled ${what}, and has its thread replaced`, async () => {
    const tango = await openLog(3);
    const memory = new LogMemory(tango.handle.buffers);
    await append(tango, 'before');
    const [head] = tango.log.projection().ranges[0].extents[0].chain;
    const before = memory.threads.membershipVersion();
    const stalled = tango.stall(what === 'unit' ? head : what, 60_000);
    await append(tango, 'meanwhile');
    await within(DEADLINE_MS, 'the stalled thread is ended', stalled);
    await until('threads have come and gone', () => memory.threads.membershipVersion() > before);
    await append(tango, 'after');
    assert.equal(played(tango), ['before', 'meanwhile', 'after']);
    if (what === 'unit')
      assert.not.ok(tango.log.projection().ranges.at(-1)?.extents[0].chain.includes(head));
  });
}

monitor('notices a death while the owner blocks, and replaces the thread afterwards', async () => {
  const tango = await openLog(2);
  const memory = new LogMemory(tango.handle.buffers);
  await append(tango, 'before');
  const killed = tango.kill('sequencer');
  // This thread's event loop does not turn before the append has returned.
  for (let i = 0; i < 50; i++) tango.log.appendSync(Buffer.from(`sync ${i}`), { streams: [1] });
  await killed;
  assert.ok(tango.log.projection().epoch > 1);
  assert.is(played(tango).length, 51);
  const threads = [...Array(memory.sizes.actorThreads).keys()];
  await until('every actor thread lives', () =>
    threads.every((thread) => memory.threads.state(thread) === ThreadState.ALIVE),
  );
});

monitor('is told of every actor thread BEFORE that is taken for ready', async () => {
  const sizes = checkOpenOptions({ actorThreads: 2, logBytes: 4 * MIB });
  const buffers = allocateLog(sizes);
  const { threads } = new LogMemory(buffers);
  assert.is(threads.claim(0, 1), 0);
  const { port1, port2 } = new MessageChannel();
  const watch = newAddress();
  const workerData = { buffers, thread: 0, control: port2, times: DEFAULT_TIMES, watch };
  const worker = new Worker(LOG_WORKER, { workerData, transferList: [port2] });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  try {
    const control = connectControl<ActorThreadControl>(port1, 'actors 0', exited);
    let isReady = false;
    const ready = control.ready().then(() => {
      isReady = true;
    });
    // One port keeps the order: it would be ready by now.
    await within(DEADLINE_MS, 'a thread that serves', control.stats());
    assert.not(isReady, 'no monitor listens yet');
    new WatchServer(watch, threads);
    await within(DEADLINE_MS, 'the ready thread', ready);
  } finally {
    await worker.terminate();
    port1.close();
  }
  await until('its death is known', () => threads.state(0) === ThreadState.EXITED);
});

monitor('refuses to kill or stall what is not there', async () => {
  const tango = await openLog(1);
  const code = async (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'done',
      (error) => error.code,
    );
  assert.is(await code(tango.kill(77)), 'ERR_INVALID_ARGUMENT');
  assert.is(await code(tango.kill('nobody' as 'sequencer')), 'ERR_INVALID_ARGUMENT');
  assert.is(await code(tango.stall('sequencer', 0)), 'ERR_INVALID_ARGUMENT');
  await tango.log.reconfigure({ sequencer: 'none' });
  assert.is(await code(tango.kill('sequencer')), 'ERR_INVALID_ARGUMENT');
});

monitor.run();
