/**
 * Opening, attaching and closing again and again leaves nothing behind: no thread, descriptor,
 * handle, or memory. `CYCLES=1000` opens and closes, and attaches, as often as that.
 */
import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';
import { AttachedWorker } from './attach-worker.ts';
import { open } from './open.ts';
import type { OpenOptions } from './open-options.ts';

/** An open and close takes some 80 ms when both cores are free, twice that beside another test. */
const OPEN_CYCLES = Number(process.env.CYCLES ?? 120);
const ATTACH_CYCLES = Number(process.env.CYCLES ?? 400);
/** Caches, pools and compiled code have settled after this part of the cycles. */
const SETTLED = 1 / 3;
/** A further batch is this part of the first. */
const FURTHER = 1 / 3;
const DEADLINE_MS = 100_000;
const BATCHES_MAX = 3;
const MIB = 1024 * 1024;
/** Nobody fills a hole here: a thread may wait for a core between its token and its write. */
const HOLE_FILL_MS = 5000;
const SMALL: OpenOptions = {
  logBytes: 64 * 1024,
  entryBytesMax: 64,
  attachMax: 4,
  holeFillMs: HOLE_FILL_MS,
};

const leaks = suite('leaks');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface Footprint {
  readonly threads: number;
  readonly descriptors: number;
  readonly resources: number;
  readonly heap: number;
  readonly rss: number;
}

async function footprint(): Promise<Footprint> {
  // Finalizers of what was collected run between turns.
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    threads: count('/proc/self/task'),
    descriptors: count('/proc/self/fd'),
    resources: process.getActiveResourcesInfo().filter((one) => one !== 'Timeout').length,
    heap: heapUsed + external,
    rss,
  };
}

/** Entries of a folder of /proc; 0 where there is none. */
function count(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0;
  }
}

/** `perCycle`: bytes of heap that a cycle may leave, far below those of anything it makes. */
function checkSame(before: Footprint, after: Footprint, cycles: number, perCycle: number): void {
  const text = `${JSON.stringify(before)} then ${JSON.stringify(after)}, ${cycles} cycles`;
  // A thread of the pool, or the descriptor of a stream, may come late; not one a cycle.
  assert.ok(after.threads <= before.threads + 4, `threads: ${text}`);
  assert.ok(after.descriptors <= before.descriptors + 4, `descriptors: ${text}`);
  assert.ok(after.resources <= before.resources, `resources: ${text}`);
  assert.ok(after.heap - before.heap < MIB + cycles * perCycle, `heap: ${text}`);
}

/** Memory that is mapped and touched: generous, but no log and no thread a cycle. */
function residentGrew(before: Footprint, after: Footprint, cycles: number): boolean {
  return after.rss - before.rss >= 48 * MIB + cycles * 40_000;
}

/** Everything, the resident size too, with no further batch. */
function checkAtOnce(before: Footprint, after: Footprint, cycles: number, perCycle: number): void {
  checkSame(before, after, cycles, perCycle);
  assert.not(
    residentGrew(before, after, cycles),
    `resident: ${before.rss} then ${after.rss} bytes`,
  );
}

/**
 * Runs `cycles` cycles and checks what they left. Only the resident size gets further batches: it
 * goes up in steps of the allocator's own, while what leaks leaks every time.
 */
async function checkCycles(
  run: (cycles: number) => Promise<unknown>,
  all: number,
  perCycle: number,
): Promise<void> {
  let before = await footprint();
  let cycles = all;
  for (let batch = 1; ; batch++) {
    await run(cycles);
    const after = await footprint();
    checkSame(before, after, cycles, perCycle);
    if (!residentGrew(before, after, cycles)) return;
    const grown = `${before.rss} then ${after.rss} bytes, ${cycles} cycles`;
    assert.ok(batch < BATCHES_MAX, `resident, in every batch: ${grown}`);
    before = after;
    cycles = Math.ceil(all * FURTHER);
  }
}

leaks(`${OPEN_CYCLES} logs opened and closed leave nothing`, async () => {
  const cycle = async (i: number): Promise<void> => {
    const tango = await open(SMALL);
    assert.is(await tango.log.append(new Uint8Array(8), { streams: [i] }), 0);
    tango.log.readSync(0);
    await tango.close();
  };
  const settled = Math.floor(OPEN_CYCLES * SETTLED);
  for (let i = 0; i < settled; i++) await cycle(i);
  const batch = async (cycles: number): Promise<void> => {
    for (let i = 0; i < cycles; i++) await cycle(settled + i);
  };
  await checkCycles(batch, OPEN_CYCLES - settled, 4000);
});

leaks(`${ATTACH_CYCLES} attachments of one worker leave nothing`, async () => {
  const tango = await open({ ...SMALL, logBytes: 4 * MIB });
  const worker = await AttachedWorker.start(tango.handle);
  try {
    const settled = Math.floor(ATTACH_CYCLES * SETTLED);
    await within(DEADLINE_MS, 'cycles', worker.call('cycle', settled));
    const rest = ATTACH_CYCLES - settled;
    const batch = (cycles: number): Promise<unknown> =>
      within(DEADLINE_MS, 'cycles', worker.call('cycle', cycles));
    await checkCycles(batch, rest, 2000);
    assert.is(tango.stats().attached, 2);
    for (const { chunks, freeChunks } of tango.stats().log.units) {
      assert.ok(freeChunks >= chunks - 12, `${freeChunks} of ${chunks} chunks are free`);
    }
  } finally {
    await worker.terminate();
    await tango.close();
  }
});

leaks('failed opens leave nothing', async () => {
  const fail = async (): Promise<void> => {
    const controller = new AbortController();
    const opening = open({ ...SMALL, signal: controller.signal });
    controller.abort();
    const failed = await opening.then(
      () => false,
      () => true,
    );
    assert.ok(failed);
    await open({ ...SMALL, replicas: 99 }).catch(() => {});
  };
  for (let i = 0; i < 5; i++) await fail();
  const before = await footprint();
  for (let i = 0; i < 25; i++) await fail();
  checkAtOnce(before, await footprint(), 25, 20_000);
});

leaks('ten thousand operations of every kind keep nothing', async () => {
  const tango = await open({ ...SMALL, logBytes: MIB });
  const { log } = tango;
  const signal = new AbortController().signal;
  const run = async (rounds: number): Promise<void> => {
    for (let i = 0; i < rounds; i++) {
      const position = await log.append(new Uint8Array(8), { streams: [1], signal });
      log.appendSync(new Uint8Array(8));
      await log.read(position);
      await log.read(position + 1000).catch(() => {});
      await log.fill(position);
      const cursor = log.stream(1, position);
      await cursor.sync();
      await cursor.readnext();
      for await (const _ of log.entries({ from: position, signal }));
      if (i % 100 === 99) await tango.actorStats();
      if (i % 100 === 99) await log.trimPrefix(await log.tail());
    }
  };
  await run(500);
  const before = await footprint();
  await run(1000);
  checkAtOnce(before, await footprint(), 1000, 500);
  await tango.close();
});

leaks.run();
