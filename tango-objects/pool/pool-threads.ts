/** The threads of a pool, which piscina starts and ends, with one task at a time in each. */
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TransferListItem, Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { TangoError } from '../../actors/tango-error.ts';
import { unlessAborted, whenAborted } from '../../runtime/abort.ts';
import { abortedError, invalid } from '../../runtime/arguments.ts';
import { Conditions } from './conditions.ts';
import type {
  LoadedMessage,
  PoolSizes,
  PoolThreadData,
  TaskCall,
  TaskOutcome,
} from './task-call.ts';

/** `.cts` in source, `.cjs` in dist. */
const POOL_ENTRY = new URL(
  `./pool-entry.c${extname(fileURLToPath(import.meta.url)).slice(1)}`,
  import.meta.url,
);

/** When the first pool is made: most threads that attach to a log have none, and need not load it. */
const require = createRequire(import.meta.url);

/** A module that has not loaded by then may never do. */
const LOAD_MS_MAX = 10_000;

type Balancer = NonNullable<ConstructorParameters<typeof Piscina>[0]>['loadBalancer'];

/** A task that piscina has. */
interface Placed {
  /** Undefined while there is no thread for it. */
  thread?: number;
}

export class PoolThreads {
  readonly #piscina: Piscina;
  /** Under which piscina hands the rest of a task to the balancer: a symbol, which is not posted. */
  readonly #placedSymbol: symbol;
  /** Threads that have loaded all they need. */
  readonly #loaded = new Set<number>();
  readonly #conditions = new Conditions();
  /** Of threads that were told to end, their exits. */
  readonly #ending = new Set<Promise<void>>();
  /** Tasks under way. */
  readonly #tasks = new Map<AbortController, Placed>();
  #exits = 0;
  /** Of the last thread that was not ready yet. */
  #lastError: unknown;
  #ended: Promise<void> | undefined;

  constructor(data: PoolThreadData, sizes: PoolSizes) {
    const { Piscina: Pool } = require('piscina') as typeof import('piscina');
    const { minThreads, maxThreads, idleTimeoutMs, resourceLimits } = sizes;
    this.#placedSymbol = Pool.queueOptionsSymbol;
    this.#piscina = new Pool({
      filename: POOL_ENTRY.href,
      minThreads,
      maxThreads,
      idleTimeout: idleTimeoutMs,
      resourceLimits,
      workerData: data,
      loadBalancer: this.#balancer,
      // A thread that blocks in Atomics.wait for its next task would not be there for the log.
      atomics: 'async',
      // The pool counts for itself, with the time that a task waits for a thread.
      recordTiming: false,
    });
    this.#piscina.on('message', (message: unknown) => this.#onMessage(message));
    this.#piscina.on('workerDestroy', ({ id }: { id: number }) => this.#onEnding(id));
    // Of a thread without a task, by something that an earlier one has left behind.
    this.#piscina.on('error', (error: unknown) => {
      this.#exits++;
      if (this.#isDeserted) this.#lastError = error;
      else process.emitWarning(`a thread of a pool has exited: ${error}`, 'TangoPoolWarning');
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
    const placed: Placed = {};
    const onAbort = async (): Promise<void> => {
      await this.#onceLoaded(() => (placed.thread === undefined ? [] : [placed.thread]));
      stop.abort(signal && abortedError(signal));
    };
    const forget = whenAborted(signal, onAbort);
    this.#tasks.set(stop, placed);
    try {
      const options = { transferList: [...transferList], signal: stop.signal };
      const task = { ...call, [this.#placedSymbol]: placed };
      const outcome = (await this.#piscina.run(task, options)) as TaskOutcome;
      if (!signal?.aborted) return outcome;
    } catch (cause) {
      throw await this.#failure(call, stop.signal, cause);
    } finally {
      this.#tasks.delete(stop);
      forget();
    }
    // It was faster than the wait for its thread.
    throw abortedError(signal);
  }

  async #failure(call: TaskCall, stop: AbortSignal, cause: unknown): Promise<unknown> {
    if (isNotPosted(cause)) return invalidInput(call, cause);
    await Promise.all(this.#ending);
    if (isStop(cause, stop)) return stop.reason;
    if (this.#ended !== undefined) return closedError();
    this.#exits++;
    const text = `the thread has exited in the midst of a task: task=${call.task}`;
    return new TangoError('ERR_ACTOR_EXITED', `${text}: ${cause}`, { cause });
  }

  /** Ends every thread, with what it does; settles after their last instructions. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    for (const [stop, { thread }] of this.#tasks) {
      if (thread === undefined) stop.abort(closedError());
    }
    // When a thread that a signal has ended is gone, piscina starts another one, closed or not.
    do {
      let isLate = false;
      while (!isLate && (this.#ending.size > 0 || this.#allThreads().some(this.#isLoading))) {
        isLate = !(await this.#onceLoaded(this.#allThreads));
        await Promise.all(this.#ending);
      }
      await this.#piscina.destroy();
    } while (this.#ending.size > 0 || this.#piscina.threads.length > 0);
  }

  /** Of a thread, or of a task that posts one to nobody. */
  #onMessage(message: unknown): void {
    const { loaded } = (message ?? {}) as Partial<LoadedMessage>;
    if (typeof loaded !== 'number') return;
    this.#loaded.add(loaded);
    this.#conditions.look();
  }

  /** Called while the thread is still listed. -1: it has exited already. */
  #onEnding(id: number): void {
    const worker = this.#piscina.threads.find(({ threadId }) => threadId === id);
    if (worker !== undefined && id >= 0) this.#follow(worker);
    // Once piscina is done with this one, and has started another if it does.
    queueMicrotask(() => {
      this.#loaded.delete(id);
      this.#stopIfDeserted();
      this.#conditions.look();
    });
  }

  /** The first thread that has nothing to do. */
  readonly #balancer: NonNullable<Balancer> = (task, workers) => {
    const free = workers.find(({ currentUsage }) => currentUsage === 0);
    if (free === undefined) return null;
    const { [this.#placedSymbol]: placed } = task as unknown as Record<symbol, Placed>;
    placed.thread = free.id;
    return free;
  };

  readonly #allThreads = (): number[] => this.#piscina.threads.map(({ threadId }) => threadId);

  readonly #isLoading = (thread: number): boolean =>
    !this.#loaded.has(thread) && this.#allThreads().includes(thread);

  /**
   * Resolves to true once those of the `threads` that are still there have loaded, to false when that takes
   * too long: the files that a thread has open while it loads ES modules stay open if it is ended.
   */
  async #onceLoaded(threads: () => readonly number[]): Promise<boolean> {
    if (!threads().some(this.#isLoading)) return true;
    const loaded = this.#conditions.once(() => !threads().some(this.#isLoading));
    return unlessAborted(loaded, AbortSignal.timeout(LOAD_MS_MAX)).then(
      () => true,
      () => false,
    );
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
    return this.#tasks.size > 0 && this.#piscina.threads.length === 0;
  }

  #stopIfDeserted(): void {
    if (!this.#isDeserted) return;
    const cause = this.#lastError;
    const why = cause === undefined ? '' : `: ${cause}`;
    const text = `the thread has exited before it was ready for a task${why}`;
    const error = new TangoError('ERR_ACTOR_EXITED', text, { cause });
    for (const stop of this.#tasks.keys()) stop.abort(error);
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
