/** What a thread of a pool does: attaches to the log, loads the module of tasks, runs them. */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { TangoError } from '../../actors/tango-error.ts';
import { nearestWord, show } from '../../runtime/arguments.ts';
import { attachAs } from '../../runtime/open.ts';
import { Tango } from '../tango.ts';
import type { LoadedMessage, PoolThreadData, TaskCall, TaskOutcome } from './task-call.ts';
import { plainError, whyNotCloneable } from './task-error.ts';

/** A thread that was ended holds its place until the owner has noticed. */
const ATTACH_MS_MAX = 2000;
const ATTACH_PAUSE_MS = 10;

const { handle, module } = workerData as PoolThreadData;

/** Lasts for as long as its thread: the next task needs it, too. */
class TaskTango extends Tango {
  override async close(): Promise<void> {
    if (this.#isClosed()) return super.close();
    throw new TangoError('ERR_UNSUPPORTED', 'a task leaves the log of its thread open');
  }

  /** By its owner. */
  #isClosed(): boolean {
    try {
      return this.log.tailSync() < 0;
    } catch {
      return true;
    }
  }
}

type Exports = Readonly<Record<string, unknown>>;

let attached: Promise<Tango> | undefined;

/** Tried again by the next task if it fails. */
function attach(): Promise<Tango> {
  attached ??= attachWhenThereIsRoom().catch((error: unknown) => {
    attached = undefined;
    throw error;
  });
  return attached;
}

async function load(): Promise<Exports> {
  try {
    return (await import(module)) as Exports;
  } catch (cause) {
    const text = `module must be a module that loads: module=${show(module)}`;
    throw new TangoError('ERR_INVALID_ARGUMENT', `${text}: ${cause}`, { cause });
  }
}

async function attachWhenThereIsRoom(): Promise<Tango> {
  const end = performance.now() + ATTACH_MS_MAX;
  for (;;) {
    try {
      return await attachAs(TaskTango, handle);
    } catch (error) {
      const full = error instanceof TangoError && error.code === 'ERR_TOO_MANY_THREADS';
      if (!full || performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, ATTACH_PAUSE_MS));
  }
}

type Task = (tango: Tango, input: unknown) => unknown;

function taskOf(exports: Exports, name: string): Task {
  const found = Object.hasOwn(exports, name) ? exports[name] : undefined;
  if (typeof found === 'function') return found as Task;
  const known = Object.keys(exports).filter((one) => typeof exports[one] === 'function');
  const nearest = nearestWord(name, known);
  const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
  const text = `task must be a function that the module exports (${known.join(', ')})`;
  throw new TangoError('ERR_INVALID_ARGUMENT', `${text}: task=${show(name)}${hint}`);
}

/** Never rejects: an error would lose class and code on the way. */
export async function runTask({ task, input }: TaskCall): Promise<TaskOutcome> {
  let began = performance.now();
  try {
    const run = taskOf(await load(), task);
    const tango = await attach();
    began = performance.now();
    const value = await run(tango, input);
    const ms = performance.now() - began;
    const cause = whyNotCloneable(value);
    if (cause === undefined) return { value, ms };
    // Posted, it would end the thread.
    const text = `what a task returns must be cloneable: task=${task}`;
    throw new TangoError('ERR_INVALID_ARGUMENT', text, { cause });
  } catch (error) {
    return { error: plainError(error), ms: performance.now() - began };
  }
}

/** Before the first task: what fails here is told to every task. */
export async function loadTasks(): Promise<void> {
  attach().catch(() => {});
  await load().catch(() => {});
  parentPort?.postMessage({ loaded: threadId } satisfies LoadedMessage);
}
