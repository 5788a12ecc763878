/** For tests: the tasks of a pool. */
import { threadId } from 'node:worker_threads';
import { TangoError } from '../../actors/tango-error.ts';
import type { Tango } from '../tango.ts';

export interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

/** Resolves to what is left. */
export async function transfer(tango: Tango, { from, to, amount }: Transfer): Promise<number> {
  const accounts = await tango.map<string, number>('accounts');
  return tango.transact(() => {
    const left = (accounts.get(from) ?? 0) - amount;
    accounts.setSync(from, left);
    accounts.setSync(to, (accounts.get(to) ?? 0) + amount);
    return left;
  });
}

/** Never ends by itself: transactions one after the other, blocking or not. */
export async function transferForEver(tango: Tango, blocking: boolean): Promise<never> {
  const accounts = await tango.map<string, number>('accounts');
  const cursor = await tango.counter('progress');
  const body = (from: string, to: string) => () => {
    const amount = 1 + (accounts.size % 3);
    accounts.setSync(from, (accounts.get(from) ?? 0) - amount);
    cursor.addSync(1);
    accounts.setSync(to, (accounts.get(to) ?? 0) + amount);
  };
  for (let i = 0; ; i++) {
    const move = body(`a${i % 5}`, `a${(i + 1 + (i % 4)) % 5}`);
    if (blocking) tango.transactSync(move);
    else await tango.transact(move);
  }
}

export async function add(tango: Tango, amount: number): Promise<number> {
  const counter = await tango.counter('sum');
  await counter.add(amount);
  return threadId;
}

export async function objectsOpen(tango: Tango): Promise<[thread: number, objects: number]> {
  return [threadId, tango.stats().views.objects];
}

export function same(_tango: Tango, value: unknown): unknown {
  return value;
}

export function bytesOf(_tango: Tango, buffer: ArrayBuffer): number {
  return buffer.byteLength;
}

export function notCloneable(): unknown {
  return { call: () => {} };
}

class QuotaError extends Error {
  override readonly name = 'QuotaError';
  readonly code = 'E_QUOTA';
  readonly limit = 3;
}

/** Throws, in a way that is asked for. */
export async function fail(tango: Tango, how: string): Promise<never> {
  switch (how) {
    case 'tango': {
      const details = {
        position: 7,
        object: 'accounts',
        key: ['k', 1n],
        cause: new QuotaError('c'),
      };
      throw new TangoError('ERR_LOCKED', 'as was asked for', details);
    }
    case 'type mismatch':
      await tango.counter('sum');
      await tango.map('sum');
      throw new Error('the name stands for two objects');
    case 'range':
      throw new RangeError('out of range', { cause: 'the cause' });
    case 'own class':
      throw new QuotaError('too much');
    case 'several':
      throw new AggregateError([new TypeError('one'), new QuotaError('two')], 'several');
    case 'a function inside':
      throw Object.assign(new Error('odd'), { call: () => {} });
    case 'text':
      throw 'just text';
    default:
      throw undefined;
  }
}

/** Takes the lock, and keeps it. */
export async function keepLock(tango: Tango, name: string): Promise<never> {
  const lock = await tango.lock(name);
  await lock.acquire();
  return hold(tango, 'never') as Promise<never>;
}

/** Leaves something to do behind. */
export async function addLater(tango: Tango, amount: number): Promise<void> {
  const counter = await tango.counter('sum');
  AbortSignal.timeout(20).onabort = () => void counter.add(amount);
}

function raise(message: string): never {
  throw new Error(message);
}

/** Ends its thread. */
export async function die(tango: Tango, how: 'exit' | 'memory' | 'uncaught'): Promise<void> {
  const counter = await tango.counter('sum');
  await counter.add(1);
  if (how === 'exit') process.exit(3);
  if (how === 'uncaught') queueMicrotask(() => raise('nobody catches this'));
  const kept: number[][] = [];
  while (how === 'memory') kept.push(new Array(100_000).fill(kept.length));
  await new Promise(() => {});
}

export async function close(tango: Tango): Promise<void> {
  await tango.close();
}

/** Until the test lets it go: the register is not 'wait' any more. */
export async function hold(tango: Tango, name: string): Promise<string> {
  const gate = await tango.register<string>(name);
  const began = await tango.counter('began');
  await began.add(1);
  for await (const _ of tango.changes({ objects: [name], from: 0 })) {
    if (gate.get() === 'go') break;
  }
  return name;
}

/** A pool of its own, in a thread of a pool. */
export async function nested(tango: Tango, module: string): Promise<number> {
  const pool = tango.pool<typeof import('./pool-tasks.ts')>({ module, maxThreads: 1 });
  try {
    return await pool.run('bytesOf', new ArrayBuffer(9));
  } finally {
    await pool.close();
  }
}

/** No task: it takes no log. */
export function plus(a: number, b: number): number {
  return a + b;
}

export const LIMIT = 7;
