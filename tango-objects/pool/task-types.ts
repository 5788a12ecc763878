/** What a module of tasks looks like to the compiler: names, inputs and results of its functions. */
import type { Tango } from '../tango.ts';

/**
 * A task: runs in a thread of the pool, with the log of that thread. Input and result cross threads as
 * `postMessage` has it.
 */
type Task = (tango: Tango, input: never) => unknown;

/** A module whose types are not known: any name, unknown results. */
export type TaskModule = Readonly<Record<string, (tango: Tango, input?: unknown) => unknown>>;

/** Names of the functions that a module exports and that are tasks. */
export type TaskName<M> = { [K in keyof M]: M[K] extends Task ? K : never }[keyof M] & string;

/** What a task is called with: its input, where it has one, and options. */
export type TaskArguments<M, K extends keyof M, Options> = M[K] extends (
  tango: Tango,
  ...rest: infer Rest
) => unknown
  ? Rest extends readonly []
    ? [input?: undefined, options?: Options]
    : Rest extends readonly [infer Input]
      ? [input: Input, options?: Options]
      : Rest extends readonly [(infer Input)?]
        ? [input?: Input, options?: Options]
        : never
  : never;

export type TaskResult<M, K extends keyof M> = M[K] extends (...args: never) => infer Result
  ? Awaited<Result>
  : never;
