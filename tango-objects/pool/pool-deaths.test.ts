/**
 * Pools whose threads are ended: by a signal, by their tasks, by close. Nothing is left of them: no thread,
 * no place among the attached, no half of a transaction, nothing that keeps the log from being trimmed.
 * `ABORTS=` has more of them, `SEED=` repeats their times.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../actors/simulation/random.ts';
import { TangoError } from '../../actors/tango-error.ts';
import { within } from '../../shared-memory/within.ts';
import { codeOf, OpenedLogs } from '../opened-logs.ts';
import type { Tango } from '../tango.ts';
import type { PoolOptions } from './pool-options.ts';
import type { TangoPool } from './tango-pool.ts';

const ABORTS = Number(process.env.ABORTS ?? 50);
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1e6));
const DEADLINE_MS = 60_000;
const MIB = 1024 * 1024;
const EXTENSION = extname(fileURLToPath(import.meta.url));
const MODULE = new URL(`./pool-tasks${EXTENSION}`, import.meta.url);
type Tasks = typeof import('./pool-tasks.ts');

const deaths = suite('pool deaths');
const logs = new OpenedLogs({ logBytes: 4 * MIB, attachMax: 4, link: 'direct' });

async function openPool(
  options: Partial<PoolOptions> = {},
): Promise<{ tango: Tango; pool: TangoPool<Tasks> }> {
  const tango = await logs.open();
  return { tango, pool: tango.pool<Tasks>({ module: MODULE, maxThreads: 2, ...options }) };
}

function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  return within(DEADLINE_MS, what, promise);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const wait = async (): Promise<void> => {
    while (!holds()) await pause(2);
  };
  await soon(what, wait());
}

async function thrownTango(promise: Promise<unknown>): Promise<TangoError> {
  const error = await promise.then(
    (value) => value,
    (thrown: unknown) => thrown,
  );
  assert.instance(error, TangoError, String(error));
  return error as TangoError;
}

/** Entries of a folder of /proc; 0 where there is none. */
function count(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0;
  }
}

deaths.after.each(() => soon('the logs are closed', logs.close()));

deaths('a task that is aborted while it waits is not run', async () => {
  const { tango, pool } = await openPool({ maxThreads: 1 });
  const gate = await tango.register<string>('gate');
  const running = pool.run('hold', 'gate');
  const controller = new AbortController();
  const reason = new Error('why');
  const waiting = pool.run('add', 5, { signal: controller.signal });
  const next = pool.run('add', 1);
  assert.is(pool.stats().waiting, 2);
  controller.abort(reason);
  const error = await thrownTango(waiting);
  assert.equal([error.code, error.cause], ['ERR_ABORTED', reason]);
  assert.is(pool.stats().waiting, 1);
  await gate.set('go');
  assert.is(await soon('the first', running), 'gate');
  await soon('the next', next);
  assert.is((await tango.counter('sum')).value, 1);
  const aborted = AbortSignal.abort();
  assert.is(await codeOf(() => pool.run('add', 7, { signal: aborted })), 'ERR_ABORTED');
  assert.is(pool.stats().exits, 0);
});

async function checkAborts(link: 'mailbox' | 'direct', aborts: number): Promise<void> {
  console.log(`SEED=${SEED}`);
  const random = new Random(SEED, link);
  // No more places than the pool has threads: a new one waits for that of a dead one.
  const tango = await logs.open({ attachMax: 3, link });
  const pool = tango.pool<Tasks>({ module: MODULE, maxThreads: 2, minThreads: 2 });
  const accounts = await tango.map<string, number>('accounts');
  for (let i = 0; i < 5; i++) await accounts.set(`a${i}`, 100);
  const sum = () => [...accounts.values()].reduce((all, one) => all + one, 0);
  const progress = await tango.counter('progress');
  const abortOne = async (isBlocking: boolean): Promise<void> => {
    const controller = new AbortController();
    const { signal } = controller;
    const before = progress.value;
    const running = thrownTango(pool.run('transferForEver', isBlocking, { signal }));
    await until('it runs', () => progress.value > before);
    await pause(random.below(10));
    controller.abort();
    assert.is((await soon('the end of the task', running)).code, 'ERR_ABORTED');
  };
  for (let i = 0; i < aborts; i += 2) {
    await Promise.all([abortOne(i % 4 === 0), abortOne(true)]);
    const stands = progress.value;
    assert.is(sum(), 500);
    await pause(3);
    assert.is(progress.value, stands, 'nothing came of a task after its end');
  }
  await pool.run('transfer', { from: 'a0', to: 'a1', amount: 1 });
  assert.is(sum(), 500);
  const covered = await tango.checkpoint();
  await tango.forget(tango.log.tailSync());
  assert.is(tango.log.readSync(covered - 1).kind, 'trimmed', 'a thread that died holds nothing');
  assert.is(pool.stats().failed, aborts);
  await pool.close();
  await until('nobody else is attached', () => tango.stats().attached === 1);
}

for (const link of ['mailbox', 'direct'] as const) {
  const aborts = 2 * Math.ceil(ABORTS / 4);
  deaths(`${aborts} aborts leave whole transactions and no hold: ${link}`, () =>
    checkAborts(link, aborts),
  );
}

deaths('a task that is ended leaves no lock behind', async () => {
  const { tango, pool } = await openPool({ maxThreads: 1 });
  const lock = await tango.lock('lock');
  const controller = new AbortController();
  const keeping = thrownTango(pool.run('keepLock', 'lock', { signal: controller.signal }));
  await until('it holds the lock', () => lock.holder !== undefined);
  const acquiring = lock.acquire();
  await until('somebody waits', () => lock.waiting === 1);
  controller.abort();
  assert.is((await keeping).code, 'ERR_ABORTED');
  const hold = await soon('the lock', acquiring);
  assert.ok(hold.isHeld);
  await hold.release();
});

for (const how of ['exit', 'uncaught', 'memory'] as const) {
  deaths(`goes on with a new thread after a task has died: ${how}`, async () => {
    const limits = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 };
    const resourceLimits = how === 'memory' ? limits : {};
    const { tango, pool } = await openPool({ maxThreads: 1, resourceLimits });
    const first = await pool.run('add', 1);
    const died = thrownTango(pool.run('die', how));
    const waiting = pool.run('add', 1);
    const error = await soon('the death', died);
    assert.is(error.code, 'ERR_ACTOR_EXITED');
    assert.match(error.message, /in the midst of a task: task=die/);
    assert.instance(error.cause, Error);
    if (how === 'uncaught') assert.match((error.cause as Error).message, /nobody catches this/);
    assert.not.equal(await soon('the next task', waiting), first);
    assert.is((await tango.counter('sum')).value, 3, 'what it had changed before stays');
    assert.equal([pool.stats().exits, pool.stats().threads], [1, 1]);
    await until('it is attached no more', () => tango.stats().attached === 2);
  });
}

deaths('fails what waits for a thread that cannot start', async () => {
  const { pool } = await openPool({
    minThreads: 0,
    module: 'data:text/javascript,process.exit(5)',
  });
  const signal = new AbortController().signal;
  const runs = [pool.run('add', 1), pool.run('add', 1, { signal }), pool.run('add', 1)];
  for (const run of runs) {
    const { code, message } = await soon('the end', thrownTango(run));
    assert.is(code, 'ERR_ACTOR_EXITED');
    assert.match(message, /before it was ready/);
  }
  assert.equal([pool.stats().threads, pool.stats().running], [0, 0]);
});

deaths('close awaits what runs and waits, and refuses the rest', async () => {
  const { tango, pool } = await openPool({ maxThreads: 1 });
  const gate = await tango.register<string>('gate');
  const tasks = [pool.run('hold', 'gate'), pool.run('same', 2)];
  const closing = pool.close();
  assert.is(await codeOf(() => pool.run('same', 3)), 'ERR_CLOSED');
  await gate.set('go');
  assert.equal(await soon('the tasks', Promise.all(tasks)), ['gate', 2]);
  await soon('it is closed', closing);
  assert.is(pool.stats().threads, 0);
  await pool.close();
  // The log is as open as before.
  assert.is(await (await tango.counter('sum')).add(1), 1);
});

for (const options of [{ drain: false }, { timeoutMs: 30 }]) {
  deaths(`close ends what still runs and waits: ${JSON.stringify(options)}`, async () => {
    const { tango, pool } = await openPool({ maxThreads: 1 });
    const began = await tango.counter('began');
    const tasks = [thrownTango(pool.run('hold', 'gate')), thrownTango(pool.run('add', 1))];
    await until('it runs', () => began.value === 1);
    const patient = pool.close();
    await soon('it is closed', Promise.all([pool.close(options), patient]));
    for (const task of tasks) assert.is((await soon('the end', task)).code, 'ERR_CLOSED');
    assert.is((await tango.counter('sum')).value, 0);
    await until('nobody else is attached', () => tango.stats().attached === 1);
  });
}

deaths('a Tango that closes closes its pools first', async () => {
  const { tango, pool } = await openPool();
  const idle = tango.pool<Tasks>({ module: MODULE, maxThreads: 1 });
  const tasks = [1, 2, 3, 4].map((amount) => pool.run('add', amount));
  await soon('the log is closed', tango.close());
  for (const task of tasks) assert.type(await task, 'number');
  for (const one of [pool, idle]) {
    assert.is(await codeOf(() => one.run('same', 1)), 'ERR_CLOSED');
    assert.is(one.stats().threads, 0);
  }
  const { pool: own, tango: owner } = await openPool({ maxThreads: 1 });
  const attached = await logs.attach(owner);
  const others = attached.pool<Tasks>({ module: MODULE, maxThreads: 1 });
  await others.run('add', 1);
  await owner.close();
  assert.is(await codeOf(() => own.run('same', 1)), 'ERR_CLOSED');
  assert.is(await codeOf(() => others.run('add', 1)), 'ERR_CLOSED', 'the owner has gone');
});

deaths('a thread that finds no room to attach says so to its task, and tries again', async () => {
  const tango = await logs.open({ attachMax: 2 });
  const pool = tango.pool<Tasks>({ module: MODULE, maxThreads: 1, minThreads: 0 });
  const other = await logs.attach(tango);
  assert.is(await codeOf(() => pool.run('add', 1)), 'ERR_TOO_MANY_THREADS');
  await other.close();
  await soon('the second try', pool.run('add', 2));
  assert.is((await tango.counter('sum')).value, 2);
});

deaths('threads beyond minThreads end when they have nothing to do', async () => {
  const { tango, pool } = await openPool({ minThreads: 0, idleTimeoutMs: 20 });
  await Promise.all([pool.run('add', 1), pool.run('add', 2)]);
  await until('all have ended', () => pool.stats().threads === 0);
  await until('nobody else is attached', () => tango.stats().attached === 1);
  await pool.run('add', 3);
  assert.is((await tango.counter('sum')).value, 6);
  assert.is(pool.stats().exits, 0);
});

deaths('pools that come, are aborted and go leave nothing', async () => {
  const tango = await logs.open();
  const cycle = async (): Promise<void> => {
    const pool = tango.pool<Tasks>({ module: MODULE, maxThreads: 1 });
    const controller = new AbortController();
    const { signal } = controller;
    await pool.run('add', 1, { signal });
    const running = thrownTango(pool.run('transferForEver', true, { signal }));
    await pause(5);
    controller.abort();
    // Another thread starts just now: it may be ended only when it has loaded.
    await soon('the close', pool.close({ drain: false }));
    assert.ok(['ERR_ABORTED', 'ERR_CLOSED'].includes((await running).code));
    assert.is(pool.stats().threads, 0);
    await until('nobody else is attached', () => tango.stats().attached === 1);
  };
  const footprint = () => ({
    threads: count('/proc/self/task'),
    descriptors: count('/proc/self/fd'),
    resources: process.getActiveResourcesInfo().filter((one) => one !== 'Timeout').length,
  });
  for (let i = 0; i < 2; i++) await cycle();
  const before = footprint();
  for (let i = 0; i < 6; i++) await cycle();
  const after = footprint();
  const text = `${JSON.stringify(before)} then ${JSON.stringify(after)}`;
  // One of each a cycle would be six.
  assert.ok(after.threads <= before.threads + 2, text);
  assert.ok(after.descriptors <= before.descriptors + 2, text);
  assert.ok(after.resources <= before.resources + 2, text);
});

deaths('an idle pool lets the process exit, a task does not', async () => {
  const text = `
    import { open } from '${new URL(`../tango${EXTENSION}`, import.meta.url)}';
    const tango = await open({ logBytes: 65536, entryBytesMax: 64, link: 'direct' });
    const pool = tango.pool({ module: '${MODULE}', minThreads: 2, maxThreads: 2 });
    pool.run('add', 5).then(() => console.log('ended'));
  `;
  const args = ['--input-type=module', '--eval', text];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const code = await soon(
    'the end of the process',
    new Promise((resolve) => child.once('close', resolve)),
  );
  assert.equal([code, output.trim()], [0, 'ended']);
});

deaths.run();
