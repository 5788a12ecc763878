import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import { within } from '../shared-memory/within.ts';
import { AttachedWorker } from './attach-worker.ts';
import { attach, open, type TangoHandle } from './open.ts';
import type { OpenOptions } from './open-options.ts';
import type { Tango } from './tango.ts';

const MIB = 1024 * 1024;
const SMALL: OpenOptions = { logBytes: 4 * MIB, holeFillMs: 5000 };
const DEADLINE_MS = 15_000;

const attaching = suite('attach');

const opened: Tango[] = [];
const workers: AttachedWorker[] = [];

async function openLog(options: OpenOptions = SMALL): Promise<Tango> {
  const tango = await open(options);
  opened.push(tango);
  return tango;
}

async function startWorker(tango: Tango): Promise<AttachedWorker> {
  const worker = await AttachedWorker.start(tango.handle);
  workers.push(worker);
  return worker;
}

function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  return within(DEADLINE_MS, what, promise);
}

/** Waits until `holds()`; the deadline is an error. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await soon('a settled promise', promise);
    return 'no error';
  } catch (error) {
    return error instanceof TangoError ? error.code : `not a TangoError: ${error}`;
  }
}

attaching.after.each(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
  for (const tango of opened.splice(0)) await soon('the owner closing', tango.close());
});

attaching('gives a worker the whole log', async () => {
  const tango = await openLog();
  const before = await tango.log.append(new TextEncoder().encode('before'));
  const worker = await startWorker(tango);
  assert.equal(await worker.call('append', 3, 'w'), [before + 1, before + 2, before + 3]);
  assert.equal(await worker.call('appendSync', 2, 's'), [before + 4, before + 5]);
  assert.equal(await worker.call('texts'), ['0:before', '1:w0', '2:w1', '3:w2', '4:s0', '5:s1']);
  assert.equal(await worker.call('tail'), [6, 6]);
  const entry = await tango.log.read(2);
  assert.is(entry.kind, 'data');
  assert.is(tango.stats().attached, 2);
  await worker.call('close');
  await until('the index comes back', () => tango.stats().attached === 1);
  assert.is(await codeOf(worker.call('append', 1, 'late')), 'ERR_CLOSED');
});

attaching('lets the owner be a worker too, and attach twice to one log', async () => {
  const tango = await openLog();
  const second = await attach(tango.handle);
  const third = await attach(tango.handle);
  assert.is(await second.log.append(new Uint8Array(1)), 0);
  assert.is(third.log.appendSync(new Uint8Array(2)), 1);
  assert.is((await tango.log.read(1)).kind, 'data');
  await second.close();
  await second.close();
  assert.is(await third.log.append(new Uint8Array(1)), 2);
  await third.close();
});

attaching('shows every thread the same log while all of them append', async () => {
  const tango = await openLog();
  const count = 200;
  const threads = await Promise.all([0, 1, 2, 3].map(() => startWorker(tango)));
  const granted = await Promise.all(threads.map((one, i) => one.call('append', count, `t${i}-`)));
  assert.is(new Set(granted.flat()).size, threads.length * count, 'every position is given once');
  const [first, ...others] = await Promise.all(threads.map((one) => one.call('texts')));
  assert.is(first.length, threads.length * count);
  for (const other of others) assert.equal(other, first);
  for (const [i, positions] of granted.entries()) {
    const own = first.filter((text) => text.includes(`:t${i}-`));
    const expected = positions.map((position, n) => `${position}:t${i}-${n}`);
    assert.equal(own, expected, 'the entries of a thread are in its order');
  }
});

attaching('refuses more threads than attachMax, and takes one when another has left', async () => {
  const tango = await openLog({ ...SMALL, attachMax: 3 });
  const worker = await startWorker(tango);
  const second = await attach(tango.handle);
  const refused = await attach(tango.handle).catch((error: unknown) => error);
  assert.instance(refused, TangoError);
  assert.is((refused as TangoError).code, 'ERR_TOO_MANY_THREADS');
  assert.match((refused as TangoError).message, 'attachMax=3');
  await second.close();
  await until('the index comes back', () => tango.stats().attached === 2);
  const third = await attach(tango.handle);
  await worker.terminate();
  await until('the index of the dead comes back', () => tango.stats().attached === 2);
  const fourth = await attach(tango.handle);
  assert.is(await fourth.log.append(new Uint8Array(1)), 0);
  await third.close();
  await fourth.close();
});

attaching('takes back what a terminated worker held, again and again', async () => {
  const tango = await openLog({ logBytes: MIB, entryBytesMax: 4096, holeFillMs: 20 });
  const survivor = await startWorker(tango);
  for (let round = 0; round < 12; round++) {
    const victim = await startWorker(tango);
    await victim.call('startLoad', 1000);
    const mark = await tango.log.tail();
    await until('the victim appends', () => tango.log.tailSync() >= mark + 100);
    await victim.terminate();
    await until('its index comes back', () => tango.stats().attached === 2);
    // Others go on, and nobody meets a hole for longer than it takes to fill it.
    const [position] = await survivor.call('append', 1, `round ${round} `);
    await until('holes are decided', () => tango.stats().log.decidedMark > position);
    assert.is((await tango.log.read(position)).kind, 'data');
    for (let at = mark; at < position; at++) {
      const entry = await soon(`position ${at}`, tango.log.read(at));
      assert.ok(entry.kind === 'data' || entry.kind === 'junk', entry.kind);
      if (entry.kind === 'data') assert.is(entry.payload.length, 1000);
    }
    await tango.log.trimPrefix(position);
    await survivor.call('append', 20, 'more');
  }
  // The dead hold no chunk: with the living gone and everything trimmed, (nearly) all are free.
  await survivor.call('close');
  await until('the survivor has left', () => tango.stats().attached === 1);
  for (let i = 0; i < 40; i++) await tango.log.append(new Uint8Array(8));
  await tango.log.trimPrefix(await tango.log.tail());
  await until('chunks are free again', () =>
    tango.stats().log.units.every(({ chunks, freeChunks }) => freeChunks >= chunks - 3),
  );
});

attaching('ends appends with ERR_CLOSED when the owner closes', async () => {
  const tango = await openLog();
  const threads = await Promise.all([0, 1].map(() => startWorker(tango)));
  for (const thread of threads) await thread.call('startLoad', 100);
  await until('both append', () => tango.log.tailSync() > 500);
  await soon('the owner closing', tango.close());
  for (const thread of threads) {
    const { code, positions } = await soon('the end of a load', thread.call('loadEnd'));
    assert.is(code, 'ERR_CLOSED');
    assert.ok(positions.length > 0);
    assert.is(await codeOf(thread.call('read', 0)), 'ERR_CLOSED');
    assert.is(await codeOf(thread.call('texts')), 'ERR_CLOSED');
    await soon('a close after the owner', thread.call('close'));
  }
});

attaching('ends blocking appends with ERR_CLOSED when the owner closes', async () => {
  const tango = await openLog();
  const thread = await startWorker(tango);
  const load = thread.call('loadSync', 100);
  await until('it appends', () => tango.log.tailSync() > 200);
  await soon('the owner closing', tango.close());
  const { code, positions } = await soon('the end of the load', load);
  assert.is(code, 'ERR_CLOSED');
  assert.ok(positions.length > 0);
  assert.is(await codeOf(thread.call('append', 1, 'late')), 'ERR_CLOSED');
});

attaching('refuses with ERR_CLOSED after the owner has closed', async () => {
  const tango = await openLog();
  await tango.close();
  assert.is(await codeOf(attach(tango.handle)), 'ERR_CLOSED');
  const worker = new AttachedWorker(tango.handle);
  workers.push(worker);
  assert.is(await codeOf(worker.call('attach')), 'ERR_CLOSED');
});

attaching('settles every attach that races with the owner closing, and close too', async () => {
  for (let round = 0; round < 20; round++) {
    const tango = await openLog({ ...SMALL, logBytes: 64 * 1024, entryBytesMax: 64 });
    const racing = [0, 1, 2].map(() => attach(tango.handle));
    // Each round closes at another point of the handshake.
    for (let i = 0; i < round; i++) await new Promise((resolve) => setImmediate(resolve));
    const closed = tango.close();
    for (const one of await soon('racing attaches', Promise.allSettled(racing))) {
      if (one.status === 'rejected') assert.is((one.reason as TangoError).code, 'ERR_CLOSED');
      else await soon('a close', one.value.close());
    }
    await soon('the owner closing', closed);
  }
});

attaching('refuses what is no handle', async () => {
  const tango = await openLog({ ...SMALL, attachMax: 2 });
  const { handle } = tango;
  const wrong: unknown[] = [
    undefined,
    null,
    0,
    'handle',
    {},
    [],
    tango,
    { tangolog: 2 },
    { tangolog: 1 },
    { ...handle, tangolog: 2 },
    { ...handle, registrar: undefined },
    { ...handle, registrar: {} },
    { ...handle, registrar: { path: 1, secret: 'x' } },
    { ...handle, buffers: undefined },
    { ...handle, buffers: { ...handle.buffers, units: undefined } },
    { ...handle, watch: undefined },
    { ...handle, times: undefined },
    JSON.parse(JSON.stringify(handle)),
  ];
  for (const [i, one] of wrong.entries()) {
    assert.is(await codeOf(attach(one as TangoHandle)), 'ERR_INVALID_ARGUMENT', `handle ${i}`);
  }
  await until('no index is left behind', () => tango.stats().attached === 1);
  const good = await attach(structuredClone(handle));
  await good.close();
});

attaching('refuses a handle with the secret of another log', async () => {
  const tango = await openLog();
  const other = await openLog();
  const { path } = tango.handle.registrar;
  for (const secret of [other.handle.registrar.secret, '', 'x'.repeat(10_000)]) {
    const handle = { ...tango.handle, registrar: { path, secret } };
    const code = await codeOf(attach(handle));
    assert.is(code, 'ERR_INVALID_ARGUMENT', `a secret of ${secret.length}`);
  }
  assert.is(tango.stats().attached, 1);
  assert.is(await tango.log.append(new Uint8Array(1)), 0);
});

attaching('counts from zero for the next thread on the same index', async () => {
  const tango = await openLog({ ...SMALL, attachMax: 2 });
  for (let round = 0; round < 3; round++) {
    await until('the index is free', () => tango.stats().attached === 1);
    const tenant = await attach(tango.handle);
    assert.is(tenant.stats().thread.appends, 0, `round ${round}`);
    for (let i = 0; i < 5; i++) await tenant.log.append(new Uint8Array(1));
    assert.is(tenant.stats().thread.appends, 5);
    await tenant.close();
  }
  assert.is(tango.stats().all.appends, 15, 'sums keep what earlier threads counted');
});

attaching('lets a worker exit by itself once nothing is under way', async () => {
  const tango = await openLog();
  const worker = await startWorker(tango);
  await worker.call('append', 5, 'x');
  await worker.call('appendSync', 5, 'y');
  await worker.call('detach');
  assert.is(await soon('the worker exits', worker.exited), 0);
  await until('its index comes back', () => tango.stats().attached === 1);
});

attaching.run();
