/** A pool of threads that are attached to a log, and run the tasks of a module. */

import { checkInteger, checkSignal, invalid } from '../../runtime/arguments.ts';
import type { TangoHandle } from '../../runtime/open.ts';
import {
  type CheckedPool,
  checkCloseOptions,
  checkTaskOptions,
  type PoolCloseOptions,
  type TaskOptions,
} from './pool-options.ts';
import { closedError, PoolThreads } from './pool-threads.ts';
import { errorFrom } from './task-error.ts';
import { TaskLine } from './task-line.ts';
import { type TaskTimes, TimeRecorder } from './task-times.ts';
import type { TaskArguments, TaskModule, TaskName, TaskResult } from './task-types.ts';

export interface PoolStats {
  /** Threads that are there, those that start included. */
  readonly threads: number;
  readonly running: number;
  readonly waiting: number;
  /** Tasks that have returned. */
  readonly completed: number;
  /** Calls that have not: refused, thrown, aborted, dead with their threads. */
  readonly failed: number;
  /** Threads that have died under a task, or of an error that nobody caught. */
  readonly exits: number;
  /** Of tasks that have returned or thrown: how long they ran in their threads. */
  readonly runMs: TaskTimes;
  /** Of the same: the rest until the answer was here: waiting, starting the thread, messages. */
  readonly waitMs: TaskTimes;
}

export class TangoPool<M = TaskModule> implements AsyncDisposable {
  readonly #threads: PoolThreads;
  readonly #line: TaskLine;
  readonly #runMs = new TimeRecorder();
  readonly #waitMs = new TimeRecorder();
  readonly #onClosed: () => void;
  #completed = 0;
  #failed = 0;
  #closing: Promise<void> | undefined;
  /** Threads at most. */
  readonly maxThreads: number;

  /** @internal Use `tango.pool()`. `onClosed` is called when its last thread has ended. */
  constructor(handle: TangoHandle, options: CheckedPool, onClosed: () => void) {
    const { module, maxThreads, maxQueue } = options;
    this.#threads = new PoolThreads({ handle, module }, options);
    this.#line = new TaskLine(maxThreads, maxQueue);
    this.#onClosed = onClosed;
    this.maxThreads = maxThreads;
  }

  /**
   * Runs `task`, a function that the module exports, with `input` in a thread of the pool, and resolves
   * to what it returns. One task at a time in each thread, first come first served. Input and result
   * are copied as by postMessage, the input when the task begins. Rejects with what the task throws: a
   * TangoError with code and fields, another error with name, message, stack, cause and properties. Also
   * with ERR_INVALID_ARGUMENT (no such task, nothing was run; a module that does not load; what cannot
   * be cloned), ERR_QUEUE_FULL (not run), ERR_ABORTED, ERR_ACTOR_EXITED (its thread has died),
   * ERR_TOO_MANY_THREADS (no room to attach), ERR_CLOSED. Once it has settled, nothing more comes of
   * the task; what it had changed before stays, and a transaction under way is in the log, or not.
   */
  async run<K extends TaskName<M>>(
    task: K,
    ...rest: TaskArguments<M, K, TaskOptions>
  ): Promise<TaskResult<M, K>> {
    const [input, options = {}] = rest as [input?: unknown, options?: TaskOptions];
    if (typeof task !== 'string') throw invalid('task', task, 'a string');
    const transferList = checkTaskOptions(options);
    const signal = checkSignal(options.signal);
    if (this.#closing !== undefined) throw closedError();
    const call = { task, input };
    const began = performance.now();
    try {
      const outcome = await this.#line.run(
        () => this.#threads.run(call, transferList, signal),
        signal,
      );
      this.#runMs.record(outcome.ms);
      this.#waitMs.record(performance.now() - began - outcome.ms);
      if ('error' in outcome) throw errorFrom(outcome.error);
      this.#completed++;
      return outcome.value as TaskResult<M, K>;
    } catch (error) {
      this.#failed++;
      throw error;
    }
  }

  /**
   * Resolves once fewer than `waiting` tasks wait for a thread: back-pressure for whoever submits many. With
   * a limit of at most `maxQueue` a single producer is never refused.
   */
  async onceBelow(waiting: number): Promise<void> {
    checkInteger('waiting', waiting, 1, Number.MAX_SAFE_INTEGER);
    await this.#line.once(() => this.#line.waiting < waiting);
  }

  /** Resolves once no task waits or runs. */
  async drained(): Promise<void> {
    await this.#line.once(() => this.#line.running === 0);
  }

  /** Counters since the pool was made. Never blocks, also after close(). */
  stats(): PoolStats {
    return {
      threads: this.#threads.count,
      running: this.#line.running,
      waiting: this.#line.waiting,
      completed: this.#completed,
      failed: this.#failed,
      exits: this.#threads.exits,
      runMs: this.#runMs.times(),
      waitMs: this.#waitMs.times(),
    };
  }

  /**
   * Refuses further tasks (ERR_CLOSED), awaits those that run or wait unless `drain` is false, then ends the
   * threads; resolves after their last instructions. A second call with less patience shortens the first one.
   */
  async close(options: PoolCloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    const { drain = true, timeoutMs } = options;
    this.#closing ??= this.#close();
    if (!drain || timeoutMs === 0) this.#stop();
    else if (timeoutMs !== undefined) {
      const signal = AbortSignal.timeout(timeoutMs);
      const stop = (): void => this.#stop();
      signal.addEventListener('abort', stop, { once: true });
      await this.#closing;
      signal.removeEventListener('abort', stop);
    }
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.drained();
    await this.#threads.end();
    this.#onClosed();
  }

  /** What is left ends with ERR_CLOSED. */
  #stop(): void {
    this.#line.refuseWaiting(closedError());
    void this.#threads.end();
  }
}
