import { setMaxListeners } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LatestProjection } from '../actors/layout-store.ts';
import { capacityOf, LogMemory } from '../actors/log-memory.ts';
import { Message, MessageType } from '../actors/message.ts';
import { SequencerSteps } from '../actors/sequencer.ts';
import { TangoError } from '../actors/tango-error.ts';
import { within } from '../shared-memory/within.ts';
import { AttachedWorker } from './attach-worker.ts';
import type { EntriesOptions } from './entries.ts';
import type { LogEntry, Position } from './log-entry.ts';
import { open } from './open.ts';
import type { OpenOptions } from './open-options.ts';
import type { AppendOptions, SharedLog } from './shared-log.ts';
import type { Tango } from './tango.ts';

const MIB = 1024 * 1024;
const MAX = 4096;
const SMALL: OpenOptions = { logBytes: 4 * MIB, entryBytesMax: MAX, holeFillMs: 5000 };
const DEADLINE_MS = 15_000;

const sharedLog = suite('shared log');

const opened: Tango[] = [];
const workers: AttachedWorker[] = [];

async function openLog(options: OpenOptions = SMALL): Promise<SharedLog> {
  const tango = await open(options);
  opened.push(tango);
  return tango.log;
}

function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  return within(DEADLINE_MS, what, promise);
}

async function failed(promise: Promise<unknown>): Promise<TangoError> {
  const thrown = await soon('a rejection', promise).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.instance(thrown, TangoError);
  return thrown as TangoError;
}

/** The error of a promise form and of a blocking form, which must be the same. */
async function refused(code: string, ...calls: (() => unknown)[]): Promise<void> {
  for (const call of calls) {
    const error = await failed(new Promise((resolve) => resolve(call())));
    assert.is(error.code, code, `${call}: ${error.message}`);
  }
}

/** Of a client that dies with it: a hole in the stream. */
function takeToken({ handle }: Tango, stream: number): void {
  const memory = new LogMemory(handle.buffers);
  const latest = new LatestProjection(memory.layoutStore);
  const nobody = 1_000_000;
  const steps = new SequencerSteps(
    memory.sequencer,
    capacityOf(memory, () => latest.map()),
    nobody,
  );
  const [request, reply] = [new Message(), new Message()];
  request.type = MessageType.SEQUENCER_NEXT;
  request.epoch = latest.map().epoch;
  request.extra[0] = stream;
  request.extraCount = 1;
  steps.serve(request, reply);
  assert.is(reply.outcome, 0);
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (entry: LogEntry | undefined): string =>
  entry?.kind === 'data' ? new TextDecoder().decode(entry.payload) : `${entry?.kind}`;

async function collect(log: SharedLog, options?: EntriesOptions): Promise<string[]> {
  const texts: string[] = [];
  for await (const entry of log.entries(options)) texts.push(`${entry.position}:${textOf(entry)}`);
  return texts;
}

async function fill(log: SharedLog, count: number, options?: AppendOptions): Promise<Position[]> {
  const appends = Array.from({ length: count }, (_, i) => log.append(bytes(`${i}`), options));
  return soon('appends', Promise.all(appends));
}

sharedLog.after.each(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
  for (const tango of opened.splice(0)) await soon('a close', tango.close());
});

sharedLog('refuses what is no position, in every call, and appends nothing', async () => {
  const log = await openLog();
  const wrong: unknown[] = [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, -Infinity];
  wrong.push('0', '', null, undefined, true, 0n, {}, [], [0], new Date(0), () => 0);
  for (const value of wrong) {
    const position = value as Position;
    await refused(
      'ERR_INVALID_ARGUMENT',
      () => log.read(position),
      () => log.readSync(position),
      () => log.fill(position),
      () => log.fillSync(position),
      () => log.trim(position),
      () => log.trimSync(position),
      () => log.trimPrefix(position),
      () => log.trimPrefixSync(position),
    );
    if (value === undefined) continue;
    await refused(
      'ERR_INVALID_ARGUMENT',
      () => log.entries({ from: position }),
      () => log.entries({ to: position }),
      () => log.stream(1, position),
    );
  }
  const error = await failed(log.read(-1));
  assert.match(error.message, /position.*from 0 to 9007199254740991.*position=-1/);
  assert.is(await log.tail(), 0);
  assert.equal(await collect(log), []);
});

sharedLog('refuses wrong payloads and appends nothing', async () => {
  const log = await openLog();
  const detached = new Uint8Array(8);
  structuredClone(detached, { transfer: [detached.buffer] });
  const wrong: unknown[] = [undefined, null, 'text', 5, {}, [], [1, 2], new ArrayBuffer(4)];
  wrong.push(new DataView(new ArrayBuffer(4)), new Uint16Array(2), { length: 4 }, detached);
  wrong.push(new SharedArrayBuffer(4), new Int8Array(2), new Uint8ClampedArray(2));
  for (const payload of wrong) {
    await refused(
      'ERR_INVALID_ARGUMENT',
      () => log.append(payload as Uint8Array),
      () => log.appendSync(payload as Uint8Array),
    );
  }
  for (const length of [MAX + 1, 2 * MAX, 100 * MAX]) {
    await refused(
      'ERR_ENTRY_TOO_LARGE',
      () => log.append(new Uint8Array(length)),
      () => log.appendSync(new Uint8Array(length)),
    );
  }
  assert.match((await failed(log.append(new Uint8Array(MAX + 1)))).message, `${MAX + 1}`);
  assert.is(await log.tail(), 0);
  assert.is(await log.tail({ slow: true }), 0);
  assert.equal(await collect(log), []);
});

sharedLog('refuses wrong streams and options and appends nothing', async () => {
  const log = await openLog();
  const payload = bytes('x');
  const streams: unknown[] = [1, '1', null, {}, new Set([1]), new Int32Array([1])];
  const ids: unknown[] = [-1, 0.5, 2 ** 31, Number.NaN, '1', null, undefined, 1n, {}];
  streams.push(...ids.map((id) => [id]), [1, 1], [0, 1, 2, 0]);
  for (const one of streams) {
    const options = { streams: one } as AppendOptions;
    await refused(
      'ERR_INVALID_ARGUMENT',
      () => log.append(payload, options),
      () => log.appendSync(payload, options),
      () => log.entries(options),
    );
  }
  for (const id of ids) await refused('ERR_INVALID_ARGUMENT', () => log.stream(id as number));
  const many = { streams: Array.from({ length: 33 }, (_, i) => i) };
  await refused(
    'ERR_TOO_MANY_STREAMS',
    () => log.append(payload, many),
    () => log.appendSync(payload, many),
  );
  const wrong: unknown[] = [null, 5, 'streams', { stream: [1] }, { signal: 1 }, { signal: {} }];
  for (const options of wrong as AppendOptions[]) {
    await refused(
      'ERR_INVALID_ARGUMENT',
      () => log.append(payload, options),
      () => log.appendSync(payload, options),
    );
  }
  assert.match(
    (await failed(log.append(payload, { stream: [1] } as AppendOptions))).message,
    'did you mean streams?',
  );
  for (const options of [null, 1, { fast: true }, { slow: 1 }, { slow: 'yes' }]) {
    const wrongTail = options as { slow?: boolean };
    await refused(
      'ERR_INVALID_ARGUMENT',
      () => log.tail(wrongTail),
      () => log.tailSync(wrongTail),
    );
  }
  const iterations: unknown[] = [null, 1, { upTo: 3 }, { live: 1 }, { live: true, to: 3 }];
  for (const options of iterations as EntriesOptions[]) {
    await refused('ERR_INVALID_ARGUMENT', () => log.entries(options));
  }
  const aborted = { signal: AbortSignal.abort() };
  await refused(
    'ERR_ABORTED',
    () => log.append(payload, aborted),
    () => log.appendSync(payload, aborted),
    () => log.entries(aborted),
  );
  assert.is(await log.tail(), 0);
  assert.equal(await collect(log), []);
});

sharedLog('takes every kind of Uint8Array, of 0 to entryBytesMax bytes', async () => {
  const log = await openLog();
  const big = Uint8Array.from({ length: MAX }, (_, i) => i * 7);
  const shared = new Uint8Array(new SharedArrayBuffer(300)).fill(9);
  const payloads = [
    new Uint8Array(0),
    big,
    Buffer.from('a buffer of the pool'),
    Buffer.alloc(0),
    big.subarray(3, 1000),
    big.subarray(5, 5),
    shared,
    shared.subarray(17, 90),
    ...Array.from({ length: 70 }, (_, i) => big.subarray(i, 2 * i)),
  ];
  for (const [i, payload] of payloads.entries()) {
    const streams = i % 2 === 0 ? [] : [0, 2 ** 31 - 1, i];
    const position = await log.append(payload, { streams });
    const again = log.appendSync(payload, { streams });
    for (const at of [position, again]) {
      const entry = await log.read(at);
      assert.is(entry.kind, 'data');
      if (entry.kind !== 'data') continue;
      assert.is(Buffer.compare(entry.payload, payload), 0, `payload ${i}`);
      assert.ok(entry.payload.buffer instanceof ArrayBuffer, 'a private copy');
      assert.equal(entry.streams, streams);
      assert.equal(log.readSync(at), entry);
    }
  }
});

sharedLog('has copied the payload and the streams when append returns', async () => {
  for (const storageUnits of [2, 4]) {
    const log = await openLog({ ...SMALL, storageUnits });
    for (const payload of [1, 60, 1000, MAX].flatMap((n) => [new Uint8Array(n), Buffer.alloc(n)])) {
      const { length } = payload.fill(1);
      const streams = [1, 2];
      const appends = Array.from({ length: 20 }, () => log.append(payload, { streams }));
      payload.fill(2);
      streams[0] = 3;
      for (const position of await soon('appends', Promise.all(appends))) {
        const entry = await log.read(position);
        if (entry.kind !== 'data') throw new Error(entry.kind);
        assert.ok(
          entry.payload.every((byte) => byte === 1),
          `${length} bytes`,
        );
        assert.equal(entry.streams, [1, 2]);
      }
    }
  }
});

sharedLog('numbers the appends of a writer', async () => {
  const log = await openLog();
  const writers = [];
  for (let i = 0; i < 3; i++) {
    const entry = await log.read(await log.append(bytes('x')));
    if (entry.kind === 'data') writers.push(entry.writer);
  }
  assert.is(writers.length, 3);
  assert.is(new Set(writers.map(({ thread }) => thread)).size, 1);
  const [first, second, third] = writers.map(({ sequence }) => sequence);
  assert.ok(first < second && second < third);
});

sharedLog('says ERR_UNWRITTEN at and beyond the tail, and the position stays free', async () => {
  const log = await openLog();
  for (let tail = 0; tail < 3; tail++) {
    for (const position of [tail, tail + 1, tail + 5000, 2 ** 32 + tail, 2 ** 53 - 1]) {
      await refused(
        'ERR_UNWRITTEN',
        () => log.read(position),
        () => log.readSync(position),
        () => log.fill(position),
        () => log.fillSync(position),
        () => log.trim(position),
        () => log.trimSync(position),
      );
      await refused(
        'ERR_UNWRITTEN',
        () => log.trimPrefix(position + (position === tail ? 1 : 0)),
        () => log.trimPrefixSync(position + (position === tail ? 1 : 0)),
      );
      assert.is((await failed(log.read(position))).position, position);
    }
    assert.is(await log.append(bytes(`${tail}`)), tail);
  }
  assert.equal(await collect(log), ['0:0', '1:1', '2:2']);
});

sharedLog('fills nothing that is written, and trims again and again', async () => {
  const log = await openLog();
  await fill(log, 10);
  assert.is(textOf(await log.fill(3)), '3');
  assert.is(textOf(log.fillSync(3)), '3');
  await log.trim(5);
  await log.trim(5);
  log.trimSync(5);
  assert.equal(await log.read(5), { kind: 'trimmed', position: 5 });
  assert.equal(await log.fill(5), { kind: 'trimmed', position: 5 });
  assert.is(textOf(await log.read(4)), '4');
  await log.trimPrefix(3);
  await log.trimPrefix(3);
  log.trimPrefixSync(1);
  await log.trimPrefix(0);
  for (let i = 0; i < 10; i++) {
    const expected = i < 3 || i === 5 ? 'trimmed' : `${i}`;
    assert.is(textOf(await log.read(i)), expected);
    assert.is(textOf(log.readSync(i)), expected);
    assert.is(textOf(log.fillSync(i)), expected);
  }
  await log.trim(1);
  await log.trimPrefix(10);
  assert.equal(await collect(log), []);
  assert.is(await log.append(bytes('next')), 10);
});

sharedLog('tells the same tail fast and slow when it is quiet', async () => {
  for (const [storageUnits, replicas] of [
    [1, 1],
    [2, 1],
    [2, 2],
    [6, 2],
    [3, 3],
  ]) {
    const log = await openLog({ ...SMALL, storageUnits, replicas });
    for (let i = 1; i <= 9; i++) {
      await log.append(bytes('x'));
      assert.is(await log.tail(), i);
      assert.is(log.tailSync({ slow: false }), i);
      assert.is(await log.tail({ slow: true }), i, `${storageUnits} units, ${replicas} replicas`);
      assert.is(log.tailSync({ slow: true }), i);
    }
    await log.trimPrefix(9);
    assert.is(log.tailSync({ slow: true }), 9);
  }
});

sharedLog('iterates over a part of the log', async () => {
  const log = await openLog();
  await fill(log, 6);
  const all = ['0:0', '1:1', '2:2', '3:3', '4:4', '5:5'];
  assert.equal(await collect(log), all);
  assert.equal(await collect(log, {}), all);
  assert.equal(await collect(log, { from: 0 }), all);
  assert.equal(await collect(log, { from: 4 }), all.slice(4));
  assert.equal(await collect(log, { to: 2 }), all.slice(0, 2));
  assert.equal(await collect(log, { from: 2, to: 4 }), all.slice(2, 4));
  assert.equal(await collect(log, { from: 4, to: 4 }), []);
  assert.equal(await collect(log, { from: 5, to: 2 }), []);
  assert.equal(await collect(log, { from: 6 }), []);
  assert.equal(await collect(log, { to: 1000 }), all);
  assert.equal(await collect(log, { from: 1000 }), []);
  const seen: string[] = [];
  for await (const entry of log.entries()) {
    seen.push(textOf(entry));
    if (seen.length === 1) await log.append(bytes('later'));
  }
  assert.is(seen.length, 6, 'up to the tail when it began');
});

sharedLog('skips single trimmed positions, never a trimmed prefix', async () => {
  const log = await openLog();
  await fill(log, 8);
  await log.trim(3);
  assert.equal(await collect(log), ['0:0', '1:1', '2:2', '4:4', '5:5', '6:6', '7:7']);
  const reader = log.entries()[Symbol.asyncIterator]();
  assert.is((await reader.next()).value.position, 0);
  await log.trimPrefix(5);
  const error = await failed(reader.next());
  assert.is(error.code, 'ERR_TRIMMED');
  assert.is(error.position, 1);
  assert.is((await failed(collect(log, { from: 0 }))).code, 'ERR_TRIMMED');
  assert.is((await failed(collect(log, { from: 4 }))).code, 'ERR_TRIMMED');
  assert.equal(await collect(log, { from: 5 }), ['5:5', '6:6', '7:7']);
  assert.equal(await collect(log), ['5:5', '6:6', '7:7'], 'from the oldest');
});

sharedLog('goes on for ever when live, until its signal', async () => {
  const log = await openLog();
  await fill(log, 3);
  for (const streams of [undefined, [5]]) {
    const controller = new AbortController();
    const { signal } = controller;
    const from = await log.tail();
    const options =
      streams === undefined ? { live: true, signal } : { live: true, signal, streams };
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { position } of log.entries({ ...options, from })) {
        seen.push(position);
        if (seen.length === 4) controller.abort(new Error('enough'));
      }
    })();
    const ended = failed(reading);
    for (let i = 0; i < 4; i++) {
      await log.append(bytes('live'), { streams: [5] });
      if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const error = await ended;
    assert.is(error.code, 'ERR_ABORTED');
    assert.is((error.cause as Error).message, 'enough');
    assert.equal(seen, [from, from + 1, from + 2, from + 3]);
  }
});

sharedLog('iterates over streams: entries of any of them, each once, in order', async () => {
  const log = await openLog();
  const member = (i: number): number[] => [1, 2, 3].filter((stream) => i % (stream + 1) === 0);
  for (let i = 0; i < 60; i++) await log.append(bytes(`${i}`), { streams: member(i) });
  for (const streams of [[1], [2, 3], [3, 1, 2], [9], [9, 2]]) {
    const expected = Array.from({ length: 60 }, (_, i) => i)
      .filter((i) => member(i).some((stream) => streams.includes(stream)))
      .map((i) => `${i}:${i}`);
    assert.equal(await collect(log, { streams }), expected, `streams ${streams}`);
    const part = expected.filter((text) => Number.parseInt(text, 10) >= 20);
    assert.equal(await collect(log, { streams, from: 20 }), part);
    const middle = part.filter((text) => Number.parseInt(text, 10) < 40);
    assert.equal(await collect(log, { streams, from: 20, to: 40 }), middle);
  }
  assert.equal(await collect(log, { streams: [] }), []);
  await log.trimPrefix(30);
  assert.is((await failed(collect(log, { streams: [1], from: 3 }))).code, 'ERR_TRIMMED');
  assert.is((await collect(log, { streams: [1] }))[0], '30:30');
});

sharedLog('plays a stream in order through its cursor', async () => {
  const log = await openLog();
  const empty = log.stream(4);
  assert.is(await empty.sync(), -1);
  assert.is(await empty.readnext(), undefined);
  for (let i = 0; i < 50; i++) await log.append(bytes(`${i}`), { streams: [i % 5] });
  const cursor = log.stream(3);
  assert.is(cursor.stream, 3);
  assert.is(await cursor.readnext(), undefined, 'nothing is known before the first sync');
  assert.is(await cursor.sync(), 48);
  for (let i = 3; i < 50; i += 5) assert.is(textOf(await cursor.readnext()), `${i}`);
  assert.is(await cursor.readnext(), undefined);
  assert.is(cursor.syncSync(), -1);
  await log.append(bytes('more'), { streams: [3, 4] });
  assert.is(cursor.readnextSync(), undefined, 'not before the next sync');
  assert.is(cursor.syncSync(), 50);
  assert.is(textOf(cursor.readnextSync()), 'more');
  const late = log.stream(3, 40);
  assert.is(await late.sync(), 50);
  const played: string[] = [];
  const count = late.playSync(({ position, payload }) => {
    played.push(`${position}:${new TextDecoder().decode(payload)}`);
  });
  assert.is(count, 3);
  assert.equal(played, ['43:43', '48:48', '50:more']);
  assert.is(
    late.playSync(() => {}),
    0,
  );
});

sharedLog('keeps a thousand streams apart', async () => {
  const log = await openLog();
  const count = 1000;
  const stride = 2_000_003;
  const appends = Array.from({ length: 3 * count }, (_, i) => {
    const streams = [(i % count) * stride, 2 ** 31 - 1 - (i % count)];
    return log.append(bytes(`${i % count}`), { streams });
  });
  await soon('appends', Promise.all(appends));
  for (let i = 0; i < count; i += 37) {
    for (const stream of [i * stride, 2 ** 31 - 1 - i]) {
      const cursor = log.stream(stream);
      await cursor.sync();
      for (let n = 0; n < 3; n++) assert.is(textOf(await cursor.readnext()), `${i}`);
      assert.is(await cursor.readnext(), undefined);
    }
  }
  const full = { streams: Array.from({ length: 32 }, (_, i) => 5 * i + 1) };
  const entry = await log.read(await log.append(new Uint8Array(MAX), full));
  assert.equal(entry.kind === 'data' && entry.streams, full.streams);
});

sharedLog('lets go of a stream reader that a trim has overtaken', async () => {
  const log = await openLog();
  await fill(log, 40, { streams: [1] });
  const cursor = log.stream(1);
  await cursor.sync();
  assert.is(textOf(await cursor.readnext()), '0');
  await log.trimPrefix(20);
  assert.is((await failed(cursor.readnext())).code, 'ERR_TRIMMED');
  await refused(
    'ERR_TRIMMED',
    () => cursor.readnextSync(),
    () => cursor.playSync(() => {}),
  );
  const fresh = log.stream(1);
  assert.is(fresh.syncSync(), 39);
  assert.is(textOf(fresh.readnextSync()), '20');
});

sharedLog('ends an append with its signal, and the next goes on', async () => {
  const log = await openLog();
  const controller = new AbortController();
  setMaxListeners(100, controller.signal);
  const appends = Array.from({ length: 50 }, () =>
    log.append(bytes('x'), { signal: controller.signal }).catch((error: unknown) => error),
  );
  controller.abort(new Error('why'));
  for (const outcome of await soon('appends', Promise.all(appends))) {
    if (typeof outcome === 'number') continue;
    assert.is((outcome as TangoError).code, 'ERR_ABORTED');
  }
  const position = await log.append(bytes('next'));
  assert.is(textOf(await log.read(position)), 'next');
});

sharedLog('mixes blocking and promise forms with operations under way', async () => {
  const log = await openLog({ ...SMALL, logBytes: 16 * MIB });
  const expected = new Map<Position, string>();
  const pending: Promise<void>[] = [];
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 20; i++) {
      const text = `p${round}.${i}`;
      pending.push(
        log.append(bytes(text), { streams: [1] }).then((position) => {
          expected.set(position, text);
        }),
      );
    }
    const position = log.appendSync(bytes(`s${round}`), { streams: [1, 2] });
    expected.set(position, `s${round}`);
    assert.is(textOf(log.readSync(position)), `s${round}`);
    assert.ok(log.tailSync() > position);
    const cursor = log.stream(2);
    assert.is(cursor.syncSync(), position);
    if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await soon('appends', Promise.all(pending));
  assert.is(expected.size, 60 * 21);
  const all = [...expected].toSorted(([a], [b]) => a - b).map(([at, text]) => `${at}:${text}`);
  assert.equal(await collect(log), all);
  assert.equal(await collect(log, { streams: [1] }), all);
});

sharedLog('blocks a worker like the main thread', async () => {
  const log = await openLog();
  const worker = await AttachedWorker.start(opened[0].handle);
  workers.push(worker);
  const blocking = worker.call('appendSync', 300, 's');
  const own = Array.from({ length: 300 }, (_, i) => log.appendSync(bytes(`m${i}`)));
  const others = await blocking;
  const both = await Promise.all([worker.call('appendSync', 100, 't'), fill(log, 100)]);
  const positions = [...own, ...others, ...both.flat()];
  assert.is(new Set(positions).size, 800);
  assert.equal(await worker.call('texts'), await collect(log));
  assert.equal(await worker.call('readSync', own[7]), await log.read(own[7]));
});

for (const link of ['mailbox', 'direct'] as const) {
  sharedLog(
    `a handler of playback may use the log, even if playback has waited: ${link}`,
    async () => {
      const log = await openLog({ ...SMALL, link, holeFillMs: 20 });
      log.appendSync(bytes('one'), { streams: [5] });
      takeToken(opened[opened.length - 1], 5);
      log.appendSync(bytes('two'), { streams: [5] });
      const cursor = log.stream(5);
      cursor.syncSync();
      const derived: Position[] = [];
      const played = cursor.playSync(({ position }) => {
        derived.push(position, log.appendSync(bytes('derived')));
      });
      assert.equal([played, derived], [2, [0, 3, 2, 4]]);
      // Nobody is in flight for ever: sealing waits for that.
      await soon('a new sequencer', log.reconfigure({ sequencer: 'replace' }));
      assert.is(await soon('an append', log.append(bytes('after'))), 5);
    },
  );
}

sharedLog('hands out a projection that may be changed without effect', async () => {
  const log = await openLog({ ...SMALL, storageUnits: 4 });
  const projection = log.projection();
  assert.equal(projection.ranges[0].extents, [
    { chain: [0, 1], start: 0 },
    { chain: [2, 3], start: 0 },
  ]);
  (projection.ranges as unknown[]).length = 0;
  assert.is(log.projection().ranges.length, 1);
});

sharedLog.run();
