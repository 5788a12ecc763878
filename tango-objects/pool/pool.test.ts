/** Pools whose threads are attached to a log: tasks, their errors, limits and deaths. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../../actors/tango-error.ts';
import { within } from '../../shared-memory/within.ts';
import { codeOf, OpenedLogs } from '../opened-logs.ts';
import type { Tango } from '../tango.ts';
import type { PoolOptions } from './pool-options.ts';
import type { TangoPool } from './tango-pool.ts';

const DEADLINE_MS = 20_000;
const MIB = 1024 * 1024;
const MODULE = new URL(`./pool-tasks${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
type Tasks = typeof import('./pool-tasks.ts');

const pools = suite('pool');
const logs = new OpenedLogs({ logBytes: 4 * MIB, attachMax: 8, link: 'direct' });

async function openPool(
  options: Partial<PoolOptions> = {},
): Promise<{ tango: Tango; pool: TangoPool<Tasks> }> {
  const tango = await logs.open();
  return { tango, pool: tango.pool<Tasks>({ module: MODULE, maxThreads: 2, ...options }) };
}

function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  return within(DEADLINE_MS, what, promise);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const wait = async (): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  await soon(what, wait());
}

/** What `promise` rejects with. */
async function thrown(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`resolved to ${value}`);
    },
    (error: unknown) => error,
  );
}

async function thrownTango(promise: Promise<unknown>): Promise<TangoError> {
  const error = await thrown(promise);
  assert.instance(error, TangoError, String(error));
  return error as TangoError;
}

/** Tasks that run until `name` is let go; resolves once they do. */
async function holding(tango: Tango, pool: TangoPool<Tasks>, names: readonly string[]) {
  const began = await tango.counter('began');
  const before = began.value;
  const held = names.map((name) => pool.run('hold', name));
  await until('the tasks run', () => began.value === before + names.length);
  const release = async (): Promise<void> => {
    for (const name of names) await (await tango.register<string>(name)).set('go');
  };
  return { held, release };
}

/** For tests that leave it as it was. */
let shared: TangoPool<Tasks>;
const sharedLogs = new OpenedLogs({ logBytes: 4 * MIB, attachMax: 8, link: 'direct' });

pools.before(async () => {
  const tango = await sharedLogs.open();
  shared = tango.pool<Tasks>({ module: MODULE, maxThreads: 1 });
});

pools.after(() => sharedLogs.close());

pools.after.each(() => soon('the logs are closed', logs.close()));

pools('runs a task with the log of its thread, and resolves to its result', async () => {
  const { tango, pool } = await openPool();
  const accounts = await tango.map<string, number>('accounts');
  await accounts.set('a', 100);
  const left: number = await pool.run('transfer', { from: 'a', to: 'b', amount: 30 });
  assert.is(left, 70);
  assert.equal([accounts.get('a'), accounts.get('b')], [70, 30]);
  assert.is(await pool.run('bytesOf', new ArrayBuffer(5)), 5);
  await pool.close();
  await until('its threads are attached no more', () => tango.stats().attached === 1);
});

pools('hands inputs and results over as postMessage does', async () => {
  const value = {
    map: new Map<unknown, unknown>([['k', new Date(5)]]),
    big: 2n ** 70n,
    bytes: new Uint8Array([1, 2, 3]),
    nothing: undefined,
    nan: Number.NaN,
    set: new Set([/x/g]),
  };
  assert.equal(await shared.run('same', value), value);
  assert.is(await shared.run('same', undefined), undefined);
  assert.is(await shared.run('same', null), null);
  const moved = new ArrayBuffer(1000);
  assert.is(await shared.run('bytesOf', moved, { transferList: [moved] }), 1000);
  assert.is(moved.byteLength, 0, 'it was moved');
});

pools('says what cannot be cloned, and loses no thread to it', async () => {
  const [thread] = await shared.run('objectsOpen');
  const error = await thrownTango(shared.run('notCloneable'));
  assert.is(error.code, 'ERR_INVALID_ARGUMENT');
  assert.match(error.message, /returns must be cloneable: task=notCloneable/);
  const input = await thrownTango(shared.run('same', () => {}));
  assert.is(input.code, 'ERR_INVALID_ARGUMENT');
  assert.match(input.message, /input must be cloneable/);
  const moved = [7] as unknown as ArrayBuffer[];
  assert.is(
    await codeOf(() => shared.run('same', 1, { transferList: moved })),
    'ERR_INVALID_ARGUMENT',
  );
  assert.is((await shared.run('objectsOpen'))[0], thread);
  assert.is(shared.stats().exits, 0);
});

pools('knows the tasks of the module, and names the nearest one', async () => {
  // @ts-expect-error no function of that name is exported
  const misspelt = await thrownTango(shared.run('tranfser', { from: 'a', to: 'b', amount: 1 }));
  assert.is(misspelt.code, 'ERR_INVALID_ARGUMENT');
  assert.match(misspelt.message, /task="tranfser" \(did you mean transfer\?\)/);
  // @ts-expect-error exported, and no function
  assert.is(await codeOf(() => shared.run('LIMIT')), 'ERR_INVALID_ARGUMENT');
  // @ts-expect-error inherited by every object
  assert.is(await codeOf(() => shared.run('hasOwnProperty')), 'ERR_INVALID_ARGUMENT');
  // Not run: what the compiler refuses besides.
  const refused = [
    // @ts-expect-error takes no log
    () => shared.run('plus', 1),
    // @ts-expect-error a field is missing
    () => shared.run('transfer', { from: 'a', to: 'b' }),
    // @ts-expect-error the input is missing
    () => shared.run('add'),
    // @ts-expect-error the result is a number
    async (): Promise<string> => shared.run('add', 1),
  ];
  assert.is(refused.length, 4);
});

pools('says so when the module does not load', async () => {
  const tango = await logs.open();
  const nowhere = tango.pool({ module: new URL('./no-such-module.js', import.meta.url) });
  const missing = await thrownTango(nowhere.run('anything'));
  assert.is(missing.code, 'ERR_INVALID_ARGUMENT');
  assert.match(
    missing.message,
    /module must be a module that loads: module="file:.*no-such-module/,
  );
  await nowhere.close();
  const broken = tango.pool({ module: 'data:text/javascript,throw new RangeError("at once")' });
  const error = await thrownTango(broken.run('anything', 1));
  assert.is(error.code, 'ERR_INVALID_ARGUMENT');
  assert.instance(error.cause, RangeError);
  const code = 'data:text/javascript,process.exit(5)';
  const deadly = tango.pool({ module: code, maxThreads: 1 });
  for (let i = 0; i < 2; i++) assert.is(await codeOf(() => deadly.run('x')), 'ERR_ACTOR_EXITED');
});

pools('rejects with what a task has thrown', async () => {
  const error = await thrownTango(shared.run('fail', 'tango'));
  const { code, message, position, object, key } = error;
  const fields = { code, message, position, object, key };
  const expected = { position: 7, object: 'accounts', key: ['k', 1n] };
  assert.equal(fields, { code: 'ERR_LOCKED', message: 'as was asked for', ...expected });
  assert.is((error.cause as Error).name, 'QuotaError');
  assert.is((error.cause as { code?: string }).code, 'E_QUOTA');
  assert.match(error.stack ?? '', /pool-tasks/);
  assert.is((await thrownTango(shared.run('fail', 'type mismatch'))).code, 'ERR_TYPE_MISMATCH');
  const range = (await thrown(shared.run('fail', 'range'))) as RangeError;
  assert.instance(range, RangeError);
  assert.equal([range.message, range.cause], ['out of range', 'the cause']);
  const own = (await thrown(shared.run('fail', 'own class'))) as Error & { limit: number };
  assert.instance(own, Error);
  assert.equal([own.name, own.message, own.limit], ['QuotaError', 'too much', 3]);
  assert.match(own.stack ?? '', /pool-tasks/);
  const several = (await thrown(shared.run('fail', 'several'))) as AggregateError;
  assert.instance(several, AggregateError);
  assert.equal(
    several.errors.map((one: Error) => one.name),
    ['TypeError', 'QuotaError'],
  );
  const odd = (await thrown(shared.run('fail', 'a function inside'))) as Error & { call: unknown };
  assert.equal([odd.message, odd.call], ['odd', 'a function']);
  assert.is(await thrown(shared.run('fail', 'text')), 'just text');
  assert.is(await thrown(shared.run('fail', 'nothing')), undefined);
  assert.is(shared.stats().exits, 0);
});

pools('keeps the objects of a thread open from task to task', async () => {
  const { pool } = await openPool({ maxThreads: 1 });
  const thread = await pool.run('add', 1);
  assert.is(await pool.run('add', 1), thread);
  assert.equal(await pool.run('objectsOpen'), [thread, 1]);
  assert.is(await codeOf(() => pool.run('close')), 'ERR_UNSUPPORTED');
  assert.is(await pool.run('add', 1), thread, 'its log is open as before');
});

pools('a thread without a task turns', async () => {
  const { tango, pool } = await openPool({ maxThreads: 1 });
  const counter = await tango.counter('sum');
  await pool.run('addLater', 5);
  await until('what was left behind is done', () => counter.value === 5);
});

pools('1,000 short tasks over two threads', async () => {
  const { tango, pool } = await openPool();
  const amounts = Array.from({ length: 1000 }, (_, i) => i);
  const threads = await soon('tasks', Promise.all(amounts.map((n) => pool.run('add', n))));
  assert.is((await tango.counter('sum')).value, 499_500);
  assert.is(new Set(threads).size, 2);
  const { completed, failed, runMs, waitMs, running, waiting, threads: there } = pool.stats();
  assert.equal([completed, failed, running, waiting, there], [1000, 0, 0, 0, 2]);
  for (const { count, mean, p50, p90, p99, max } of [runMs, waitMs]) {
    assert.is(count, 1000);
    assert.ok(0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= max, `${p50} ${p90} ${p99} ${max}`);
    assert.ok(0 < mean && mean <= max, `${mean}`);
  }
});

pools('refuses a task more than may wait, and tells when there is room', async () => {
  const { tango, pool } = await openPool({ maxQueue: 2 });
  const signal = new AbortController().signal;
  const { held, release } = await holding(tango, pool, ['one', 'two']);
  const waiting = [pool.run('same', 3), pool.run('same', 4, { signal })];
  const full = await thrownTango(pool.run('same', 5, { signal }));
  assert.is(full.code, 'ERR_QUEUE_FULL');
  assert.match(full.message, /maxQueue=2/);
  assert.equal([pool.stats().running, pool.stats().waiting], [2, 2]);
  let told = false;
  const room = pool.onceBelow(2).then(() => {
    told = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.not(told, 'nothing has changed yet');
  await release();
  await soon('there is room', room);
  assert.ok(pool.stats().waiting < 2);
  assert.equal(await Promise.all([...held, ...waiting]), ['one', 'two', 3, 4]);
  await pool.drained();
  assert.equal([pool.stats().running, pool.stats().waiting], [0, 0]);
});

pools('a producer that waits for room is never refused', async () => {
  const { pool } = await openPool({ maxQueue: 4 });
  const results: Promise<unknown>[] = [];
  for (let i = 0; i < 100; i++) {
    await pool.onceBelow(4);
    results.push(pool.run('same', i));
  }
  assert.equal(await Promise.all(results), [...results.keys()]);
});

pools('with no queue, runs what has a thread and nothing else', async () => {
  const { tango, pool } = await openPool({ maxQueue: 0, maxThreads: 1 });
  const { held, release } = await holding(tango, pool, ['one']);
  assert.is(await codeOf(() => pool.run('add', 5)), 'ERR_QUEUE_FULL');
  await release();
  await Promise.all(held);
  await pool.close();
  assert.is((await tango.counter('sum')).value, 0, 'what was refused was not run');
});

pools('begins tasks in the order of their calls, with and without signals', async () => {
  const { tango, pool } = await openPool({ maxThreads: 1 });
  const { release } = await holding(tango, pool, ['one']);
  const signal = new AbortController().signal;
  const order: number[] = [];
  const tasks = Array.from({ length: 20 }, async (_, i) => {
    await pool.run('same', i, i % 3 === 0 ? { signal } : {});
    order.push(i);
  });
  await release();
  await Promise.all(tasks);
  assert.equal(order, [...tasks.keys()]);
});

pools('many tasks may share a signal', async () => {
  const { tango, pool } = await openPool({ maxThreads: 1 });
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  const { held, release } = await holding(tango, pool, ['one']);
  const controller = new AbortController();
  const { signal } = controller;
  const tasks = Array.from({ length: 50 }, () => codeOf(() => pool.run('add', 1, { signal })));
  controller.abort();
  assert.equal(await Promise.all(tasks), new Array(50).fill('ERR_ABORTED'));
  await release();
  assert.equal(await Promise.all(held), ['one']);
  assert.is((await tango.counter('sum')).value, 0);
  process.off('warning', onWarning);
  assert.equal(warnings, []);
});

pools('checks its options', async () => {
  const tango = await logs.open({ attachMax: 4 });
  const code = (options: object) =>
    codeOf(() => tango.pool({ module: MODULE, ...options } as PoolOptions));
  for (const wrong of [
    { module: './tasks.js' },
    { module: undefined },
    { maxThreads: 0 },
    { minThreads: 3, maxThreads: 2 },
    { maxQueue: -1 },
    { idleTimeoutMs: 0.5 },
    { resourceLimits: { maxOldGenerationSizeMb: 'much' } },
    { maxThread: 2 },
  ]) {
    assert.is(await code(wrong), 'ERR_INVALID_ARGUMENT', JSON.stringify(wrong));
  }
  assert.is(await code({ maxThreads: 4 }), 'ERR_TOO_MANY_THREADS');
  const pool = tango.pool<Tasks>({ module: MODULE, maxThreads: 2 });
  assert.is(await code({ maxThreads: 2 }), 'ERR_TOO_MANY_THREADS', 'two are promised to a pool');
  for (const wrong of [{ transferList: 7 }, { signal: 7 }, { timeout: 7 }]) {
    assert.is(await codeOf(() => pool.run('same', 1, wrong as object)), 'ERR_INVALID_ARGUMENT');
  }
  assert.is(await codeOf(() => pool.onceBelow(0)), 'ERR_INVALID_ARGUMENT');
  assert.is(await codeOf(() => pool.close({ timeoutMs: -1 })), 'ERR_INVALID_ARGUMENT');
  assert.is(await pool.run('same', 1), 1, 'and is as open as before');
  await pool.close();
  await tango.pool({ module: MODULE, maxThreads: 3 }).close();
  await tango.close();
  assert.is(await code({ maxThreads: 1 }), 'ERR_CLOSED');
});

pools('works in any thread that is attached', async () => {
  const { tango, pool } = await openPool({ maxThreads: 1 });
  assert.is(await soon('a pool of a pool', pool.run('nested', MODULE.href)), 9);
  const attached = await logs.attach(tango);
  const other = attached.pool<Tasks>({ module: MODULE, maxThreads: 1 });
  await other.run('add', 4);
  assert.is((await tango.counter('sum')).value, 4);
});

pools.run();
