/** The threads of a pool, which piscina starts and ends, with one task at a time in each. */
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TransferListItem, Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { TangoError } from '../../actors/tango-error.ts';
import { abortedError, invalid } from '../../runtime/arguments.ts';
import type { PoolSizes, PoolThreadData, TaskCall, TaskOutcome } from './task-call.ts';

/** `.cts` in source, `.cjs` in dist. */
const POOL_ENTRY = new URL(
  `./pool-entry.c${extname(fileURLToPath(import.meta.url)).slice(1)}`,
  import.meta.url,
);

/** When the first pool is made: most threads that attach to a log have none, and need not load it. */
const require = createRequire(import.meta.url);

export class PoolThreads {
  readonly #piscina: Piscina;
  /** Of threads that were told to end, their exits. */
  readonly #ending = new Set<Promise<void>>();
  /** Of tasks under way. */
  readonly #stops = new Set<AbortController>();
  #exits = 0;
  /** Of a thread that had no task. */
  #lastError: unknown;
  #ended: Promise<void> | undefined;

  constructor(data: PoolThreadData, sizes: PoolSizes) {
    const { Piscina: Pool } = require('piscina') as typeof import('piscina');
    const { minThreads, maxThreads, idleTimeoutMs, resourceLimits } = sizes;
    this.#piscina = new Pool({
      filename: POOL_ENTRY.href,
      minThreads,
      maxThreads,
      idleTimeout: idleTimeoutMs,
      resourceLimits,
      workerData: data,
      // A thread that blocks in Atomics.wait for its next task would not be there for the log.
      atomics: 'async',
      // The pool counts for itself, with the time that a task waits for a thread.
      recordTiming: false,
    });
    this.#piscina.on('workerDestroy', ({ id }: { id: number }) => this.#onEnding(id));
    // Of a thread without a task, by something that an earlier one has left behind.
    this.#piscina.on('error', (error: unknown) => {
      this.#exits++;
      this.#lastError = error;
      if (this.#isDeserted) return;
      process.emitWarning(`a thread of a pool has exited: ${error}`, 'TangoPoolWarning');
    });
  }

  /** Threads that are there, those that start included. */
  get count(): number {
    return this.#piscina.threads.length;
  }

  /** Threads that ended although nobody had asked for it. */
  get exits(): number {
    return this.#exits;
  }

  /**
   * Runs a task. Rejects with ERR_ABORTED, ERR_ACTOR_EXITED (its thread has died), ERR_CLOSED (end() was
   * called), ERR_INVALID_ARGUMENT (what cannot be posted), in each case once it does nothing any more.
   */
  async run(
    call: TaskCall,
    transferList: readonly TransferListItem[],
    signal: AbortSignal | undefined,
  ): Promise<TaskOutcome> {
    if (this.#ended !== undefined) throw closedError();
    if (signal?.aborted) throw abortedError(signal);
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(signal && abortedError(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#stops.add(stop);
    try {
      const options = { transferList: [...transferList], signal: stop.signal };
      return (await this.#piscina.run(call, options)) as TaskOutcome;
    } catch (cause) {
      if (isNotPosted(cause)) throw invalidInput(call, cause);
      await Promise.all(this.#ending);
      if (isStop(cause, stop.signal)) throw stop.signal.reason;
      if (this.#ended !== undefined) throw closedError();
      this.#exits++;
      const text = `the thread has exited in the midst of a task: task=${call.task}`;
      throw new TangoError('ERR_ACTOR_EXITED', `${text}: ${cause}`, { cause });
    } finally {
      this.#stops.delete(stop);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Ends every thread, with what it does; settles after their last instructions. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    await this.#piscina.destroy();
    await Promise.all(this.#ending);
  }

  /** Called while the thread is still listed. -1: it has exited already. */
  #onEnding(id: number): void {
    const worker = this.#piscina.threads.find(({ threadId }) => threadId === id);
    if (worker !== undefined && id >= 0) this.#follow(worker);
    // Once piscina is done with this one, and has started another if it does.
    queueMicrotask(() => this.#stopIfDeserted());
  }

  #follow(worker: Worker): void {
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        this.#ending.delete(exited);
        resolve();
      });
    });
    this.#ending.add(exited);
  }

  /** piscina starts no other thread for tasks whose thread dies before it is ready. */
  get #isDeserted(): boolean {
    return this.#stops.size > 0 && this.#piscina.threads.length === 0;
  }

  #stopIfDeserted(): void {
    if (!this.#isDeserted) return;
    const cause = this.#lastError;
    const text = `the thread has exited before it was ready for a task: ${cause}`;
    for (const stop of this.#stops) stop.abort(new TangoError('ERR_ACTOR_EXITED', text, { cause }));
  }
}

export function closedError(): TangoError {
  return new TangoError('ERR_CLOSED', 'the pool is closed');
}

/** What piscina rejects with when `signal` is raised, and not what the task's thread has met before. */
function isStop(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error instanceof Error && error.cause === signal.reason;
}

const TRANSFER_ERRORS: ReadonlySet<unknown> = new Set([
  'ERR_INVALID_TRANSFER_OBJECT',
  'ERR_MISSING_TRANSFERABLE_IN_TRANSFER_LIST',
]);

/** By postMessage, in this thread: an error of another thread is no DOMException here. */
function isNotPosted(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return error instanceof DOMException || TRANSFER_ERRORS.has(code);
}

function invalidInput({ task, input }: TaskCall, cause: unknown): TangoError {
  const error = invalid('input', input, `cloneable, with transferList what it moves (${task})`);
  return new TangoError('ERR_INVALID_ARGUMENT', `${error.message}: ${cause}`, { cause });
}
