import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import { within } from '../shared-memory/within.ts';
import { AttachedWorker } from './attach-worker.ts';
import type { Position } from './log-entry.ts';
import { open } from './open.ts';
import type { OpenOptions } from './open-options.ts';
import type { SharedLog } from './shared-log.ts';
import type { Tango } from './tango.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const DEADLINE_MS = 30_000;

/** CYCLES=1000 for the full number. */
const CYCLES = Number(process.env.CYCLES ?? 200);
const LAPS = Math.ceil(CYCLES / 10);

const logFull = suite('full log');

const opened: Tango[] = [];
const workers: AttachedWorker[] = [];

async function openLog(options: OpenOptions): Promise<Tango> {
  const tango = await open({ holeFillMs: 5000, ...options });
  opened.push(tango);
  return tango;
}

/** A payload that tells its number and its length. */
function payloadOf(number: number, length: number): Uint8Array {
  const payload = new Uint8Array(length).fill(number % 251);
  if (length >= 4) new DataView(payload.buffer).setUint32(0, number);
  return payload;
}

/** Positions acknowledged, with the number of the payload. */
type Written = ReadonlyMap<Position, number>;

const BATCH = 64;

/** Appends in batches until nothing of a batch has room, or `most` entries are written. */
async function fillUp(log: SharedLog, length: number, most = 100_000): Promise<Written> {
  const written = new Map<Position, number>();
  let number = 0;
  for (let before = -1; written.size > before && written.size < most; ) {
    before = written.size;
    const appends = Array.from({ length: Math.min(BATCH, most - before) }, async () => {
      const own = number++;
      try {
        written.set(await log.append(payloadOf(own, length)), own);
      } catch (error) {
        if (!(error instanceof TangoError) || error.code !== 'ERR_LOG_FULL') throw error;
      }
    });
    await within(DEADLINE_MS, 'a batch of appends', Promise.all(appends));
  }
  return written;
}

async function hasRoom(log: SharedLog, length: number): Promise<boolean> {
  return (await fillUp(log, length, 1)).size === 1;
}

function hasRoomSync(log: SharedLog, payload: Uint8Array): boolean {
  try {
    log.appendSync(payload);
    return true;
  } catch (error) {
    if (!(error instanceof TangoError) || error.code !== 'ERR_LOG_FULL') throw error;
    return false;
  }
}

/** Long enough for any trim to be finished, short enough for a log that stays full. */
const ROOM_MS_MAX = 5000;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + ROOM_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${ROOM_MS_MAX} ms: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Everything below the tail is trimmed and `length` bytes have room again, soon. */
async function emptied(tango: Tango, length: number, what: string): Promise<void> {
  const tail = await tango.log.tail();
  await tango.log.trimPrefix(tail);
  await until(`${what}: an append after trimPrefix(${tail})`, () => hasRoom(tango.log, length));
  assert.ok((await tango.log.tail()) > tail);
}

function checkReadable(log: SharedLog, written: Written, length: number): void {
  for (const [position, number] of written) {
    const entry = log.readSync(position);
    if (entry.kind !== 'data') throw new Error(`position ${position} is ${entry.kind}`);
    const same = Buffer.compare(entry.payload, payloadOf(number, length)) === 0;
    assert.ok(same, `entry ${number} at ${position}`);
  }
}

logFull.after.each(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
  for (const tango of opened.splice(0)) await within(DEADLINE_MS, 'a close', tango.close());
});

interface Shape {
  readonly options: OpenOptions;
  /** Bytes of the entries; the last is entryBytesMax. */
  readonly lengths: readonly number[];
}

const SHAPES: readonly Shape[] = [
  {
    options: { logBytes: 64 * KIB, entryBytesMax: 64, storageUnits: 1, replicas: 1 },
    lengths: [0, 1, 63, 64],
  },
  { options: { logBytes: 64 * KIB, entryBytesMax: 1000 }, lengths: [0, 17, 500, 1000] },
  { options: { logBytes: 64 * KIB, entryBytesMax: 7000 }, lengths: [10, 7000] },
  {
    options: { logBytes: 256 * KIB, entryBytesMax: 8000, storageUnits: 4 },
    lengths: [100, 4000, 8000],
  },
  { options: { logBytes: 100 * KIB, entryBytesMax: 30_000 }, lengths: [100, 30_000] },
  { options: { logBytes: 1024 * KIB, entryBytesMax: 64 * KIB }, lengths: [1000, 64 * KIB] },
];

for (const { options, lengths } of SHAPES) {
  const { logBytes = 0, entryBytesMax = 0, storageUnits = 2 } = options;
  const shape = `${logBytes / KIB} KiB, entries up to ${entryBytesMax}, ${storageUnits} units`;

  logFull(`fills, reads back, trims and fills again: ${shape}`, async () => {
    for (const length of lengths) {
      const tango = await openLog(options);
      const { log } = tango;
      const written = await fillUp(log, length);
      assert.ok(written.size > 0, `${length} bytes fit`);
      // What is acknowledged is there, and another attempt changes nothing.
      checkReadable(log, written, length);
      assert.is((await fillUp(log, length)).size, 0, 'full stays full');
      checkReadable(log, written, length);
      for (const { chunks, freeChunks } of tango.stats().log.units) {
        assert.ok(freeChunks >= Math.max(1, Math.floor(chunks / 16)), 'the headroom is free');
      }
      await emptied(tango, length, `${length} bytes`);
      const again = await fillUp(log, length);
      assert.ok(again.size > 0 || written.size === 1, `${length} bytes fit again`);
      checkReadable(log, again, length);
      await tango.close();
    }
  });

  logFull(`goes round for ${LAPS} laps: ${shape}`, async () => {
    const tango = await openLog(options);
    const { log } = tango;
    let appended = 0;
    for (let lap = 0; lap < LAPS; lap++) {
      const length = lengths[lap % lengths.length];
      const written = await fillUp(log, length, 256);
      if (lap % 10 === 0) checkReadable(log, written, length);
      appended += written.size;
      await emptied(tango, entryBytesMax, `lap ${lap}`);
      appended++;
    }
    assert.is(tango.stats().thread.appends, appended);
    assert.ok((await log.tail()) >= appended);
    assert.is(await log.tail({ slow: true }), await log.tail());
  });
}

logFull('passes its slots many times over', async () => {
  const tango = await openLog({ logBytes: 64 * KIB, entryBytesMax: 64 });
  const { log } = tango;
  // 64 KiB have 512 slots.
  let laps = 0;
  for (; (await log.tail()) < 60 * CYCLES; laps++) {
    checkReadable(log, await fillUp(log, 40), 40);
    await emptied(tango, 40, `lap ${laps}`);
  }
  assert.ok(laps >= CYCLES / 10, `${laps} laps`);
});

logFull(`goes through ${CYCLES} full and trim cycles`, async () => {
  const tango = await openLog({ logBytes: 64 * KIB, entryBytesMax: 7000 });
  let last = -1;
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const written = await fillUp(tango.log, 2500);
    const highest = Math.max(...written.keys());
    assert.ok(highest > last, `cycle ${cycle}`);
    last = highest;
    await emptied(tango, 2500, `cycle ${cycle}`);
  }
});

logFull('frees the memory of positions trimmed one by one', async () => {
  const tango = await openLog({ logBytes: 64 * KIB, entryBytesMax: 1000 });
  const { log } = tango;
  for (let round = 0; round < 3; round++) {
    const positions = [...(await fillUp(log, 900)).keys()].toSorted((a, b) => a - b);
    const from = positions[0];
    // Backwards: only the last one makes the run contiguous.
    for (const position of positions.toReversed()) await log.trim(position);
    for (let at = 0; at < from; at++) assert.is(log.readSync(at).kind, 'trimmed');
    await until('an append', () => hasRoom(log, 900));
    assert.ok((await fillUp(log, 900)).size >= positions.length / 2);
    await emptied(tango, 900, `round ${round}`);
    await log.trimPrefix(await log.tail());
  }
});

logFull('frees nothing for trims with a gap before them', async () => {
  const tango = await openLog({ logBytes: 64 * KIB, entryBytesMax: 1000 });
  const { log } = tango;
  const written = await fillUp(log, 900);
  const first = Math.min(...written.keys());
  for (const position of written.keys()) if (position !== first) await log.trim(position);
  assert.is((await fillUp(log, 900)).size, 0);
  checkReadable(log, new Map([[first, written.get(first) ?? -1]]), 900);
  await log.trim(first);
  await until('an append', () => hasRoom(log, 900));
});

logFull('is filled by two threads at once, again and again', async () => {
  const tango = await openLog({ logBytes: 64 * KIB, entryBytesMax: 1000, holeFillMs: 20 });
  const { log } = tango;
  const worker = await AttachedWorker.start(tango.handle);
  workers.push(worker);
  for (let round = 0; round < 30; round++) {
    const other = worker.call('loadSync', 700);
    const own = await fillUp(log, 700);
    const { code, positions } = await other;
    assert.is(code, 'ERR_LOG_FULL');
    const both = [...own.keys(), ...positions];
    assert.is(new Set(both).size, both.length);
    assert.ok(both.length > 0, `round ${round}`);
    for (const position of both) assert.is((await log.read(position)).kind, 'data');
    await emptied(tango, 700, `round ${round}`);
  }
});

logFull('direct: a trim makes room although its thread never turns again', async () => {
  // The hole filler would tell the units in an hour.
  const tango = await openLog({ logBytes: MIB, link: 'direct', holeFillMs: 3_600_000 });
  const { log } = tango;
  const fill = (): void => {
    const payload = payloadOf(1, 4 * KIB);
    while (hasRoomSync(log, payload));
  };
  for (let round = 0; round < 3; round++) {
    fill();
    log.trimPrefixSync(log.tailSync());
    const endMs = performance.now() + ROOM_MS_MAX;
    while (!hasRoomSync(log, payloadOf(1, 4 * KIB))) {
      assert.ok(performance.now() < endMs, `room after a trim, round ${round}`);
    }
  }
});

logFull('is filled by more threads than it has chunks', async () => {
  const tango = await openLog({ logBytes: 64 * KIB, entryBytesMax: 7000, holeFillMs: 20 });
  const { log } = tango;
  const others = await Promise.all([0, 1].map(() => AttachedWorker.start(tango.handle)));
  workers.push(...others);
  for (let round = 0; round < 10; round++) {
    const loads = others.map((one) => one.call('loadSync', 3000));
    await fillUp(log, 3000);
    for (const { code } of await Promise.all(loads)) assert.is(code, 'ERR_LOG_FULL');
    // Whoever comes first after a trim gets room, whoever filled the log.
    await emptied(tango, 3000, `round ${round}`);
  }
});

logFull('gets the memory of terminated threads back, whatever they held', async () => {
  // Five chunks of two entries each, one of them headroom.
  const tango = await openLog({ logBytes: 96 * KIB, entryBytesMax: 7000, holeFillMs: 20 });
  const text = 'x'.repeat(6000);
  for (let round = 0; round < 5; round++) {
    const others = await Promise.all([0, 1].map(() => AttachedWorker.start(tango.handle)));
    workers.push(...others);
    // Each fills a chunk of its own, and dies with it.
    for (const other of others) await other.call('append', 2, text);
    for (const other of others) await other.terminate();
    await until('their indexes come back', () => tango.stats().attached === 1);
    await emptied(tango, 7000, `round ${round}`);
  }
});

logFull.run();
