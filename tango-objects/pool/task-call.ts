/** What the pool and its threads say to each other; each side imports this and not the other. */
import type { ResourceLimits } from 'node:worker_threads';
import type { TangoHandle } from '../../runtime/open.ts';
import type { PlainError } from './task-error.ts';

/** What a thread of the pool starts with. */
export interface PoolThreadData {
  readonly handle: TangoHandle;
  /** Address of the module of tasks. */
  readonly module: string;
}

/** From a thread that has loaded all it needs. */
export interface LoadedMessage {
  /** Its id. */
  readonly loaded: number;
}

export interface TaskCall {
  readonly task: string;
  readonly input: unknown;
}

/** How a task has ended, and for how many milliseconds it ran. */
export type TaskOutcome =
  | { readonly value: unknown; readonly ms: number }
  | { readonly error: PlainError; readonly ms: number };

/** What becomes of threads. */
export interface PoolSizes {
  readonly minThreads: number;
  readonly maxThreads: number;
  readonly idleTimeoutMs: number;
  readonly resourceLimits: ResourceLimits;
}
