/** What a pool is made of, and what a task may be run with: defaults, ranges, checks. */
import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ResourceLimits, TransferListItem } from 'node:worker_threads';
import { checkInteger, checkKeys, invalid } from '../../runtime/arguments.ts';
import type { PoolSizes } from './task-call.ts';

export const POOL_THREADS_MAX = 1024;
const IDLE_MS_DEFAULT = 10_000;
const IDLE_MS_MAX = 3_600_000;
const WAITING_DEFAULT = 65_536;
const WAITING_MAX = 1_048_576;
export const CLOSE_MS_MAX = 3_600_000;

export interface PoolOptions {
  /**
   * The module of tasks: `new URL('./tasks.js', import.meta.url)`, or an absolute path. It exports
   * functions of `(tango, input)`. Without a top-level await: in Node 20 a thread that is ended while
   * such a module begins takes the process along.
   */
  readonly module: URL | string;
  /** Threads that are kept, 0 … maxThreads; default 1. */
  readonly minThreads?: number | undefined;
  /**
   * Threads at most, 1 … 1024, each of which counts as attached (`attachMax`); default: one a core, as
   * far as there is room.
   */
  readonly maxThreads?: number | undefined;
  /** Tasks that wait for a thread, at most, 0 … 1,048,576; default 65,536. */
  readonly maxQueue?: number | undefined;
  /** Threads beyond minThreads end after that long without a task, 0 … 3,600,000 ms; default 10,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** Of each thread, as in Node's Worker: `{ maxOldGenerationSizeMb }`. */
  readonly resourceLimits?: ResourceLimits | undefined;
}

export interface TaskOptions {
  /**
   * While the task waits: it is not run. While it runs: its thread is ended, wherever it stands; one that is
   * just starting, when it has loaded.
   */
  readonly signal?: AbortSignal | undefined;
  /** What of the input is moved instead of copied, as in postMessage. */
  readonly transferList?: readonly TransferListItem[] | undefined;
}

export interface PoolCloseOptions {
  /** False: tasks that wait are not run, those that run are ended. Default true: they are awaited. */
  readonly drain?: boolean | undefined;
  /** How long they are awaited, 0 … 3,600,000 ms; what is left then is ended. Default: for ever. */
  readonly timeoutMs?: number | undefined;
}

export interface CheckedPool extends PoolSizes {
  readonly module: string;
  readonly maxQueue: number;
}

const KEYS = ['module', 'minThreads', 'maxThreads', 'maxQueue', 'idleTimeoutMs', 'resourceLimits'];

/** `room`: threads that may still attach, for the default of maxThreads. */
export function checkPoolOptions(options: PoolOptions, room: number): CheckedPool {
  checkKeys('pool', options, KEYS);
  const cores = Math.max(1, Math.min(availableParallelism(), room));
  const {
    maxThreads = Math.max(cores, options.minThreads ?? 0),
    minThreads = 1,
    maxQueue = WAITING_DEFAULT,
    idleTimeoutMs = IDLE_MS_DEFAULT,
    resourceLimits = {},
  } = options;
  checkInteger('minThreads', minThreads, 0, POOL_THREADS_MAX);
  checkInteger('maxThreads', maxThreads, 1, POOL_THREADS_MAX);
  if (minThreads > maxThreads) {
    throw invalid('minThreads', minThreads, `at most maxThreads (${maxThreads})`);
  }
  checkInteger('maxQueue', maxQueue, 0, WAITING_MAX);
  checkInteger('idleTimeoutMs', idleTimeoutMs, 0, IDLE_MS_MAX);
  checkLimits(resourceLimits);
  const module = checkModule(options.module);
  return { module, minThreads, maxThreads, maxQueue, idleTimeoutMs, resourceLimits };
}

const LIMITS = [
  'maxYoungGenerationSizeMb',
  'maxOldGenerationSizeMb',
  'codeRangeSizeMb',
  'stackSizeMb',
];

function checkLimits(limits: ResourceLimits): void {
  checkKeys('resourceLimits', limits, LIMITS);
  for (const [name, value] of Object.entries(limits)) {
    if (value === undefined) continue;
    if (typeof value !== 'number' || !(value > 0)) throw invalid(name, value, 'above 0');
  }
}

/** A relative path would be relative to whom? */
function checkModule(module: unknown): string {
  if (module instanceof URL) return module.href;
  if (typeof module === 'string') {
    if (isAbsolute(module)) return pathToFileURL(module).href;
    if (URL.canParse(module)) return module;
  }
  throw invalid('module', module, 'a URL or an absolute path');
}

/** All but the signal: what is moved. */
export function checkTaskOptions(options: TaskOptions): readonly TransferListItem[] {
  checkKeys('run', options, ['signal', 'transferList']);
  const { transferList = [] } = options;
  if (!Array.isArray(transferList)) throw invalid('transferList', transferList, 'an array');
  return transferList;
}

export function checkCloseOptions(options: PoolCloseOptions): void {
  checkKeys('close', options, ['drain', 'timeoutMs']);
  const { drain, timeoutMs } = options;
  if (drain !== undefined && typeof drain !== 'boolean') throw invalid('drain', drain, 'a boolean');
  if (timeoutMs !== undefined) checkInteger('timeoutMs', timeoutMs, 0, CLOSE_MS_MAX);
}
