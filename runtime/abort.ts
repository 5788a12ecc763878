/** Waiting for something that a signal may end. */
import { abortedError } from './arguments.ts';

/** All that one listener calls. */
interface Listener {
  readonly callbacks: Set<() => void>;
  readonly onAbort: () => void;
}

const listeners = new WeakMap<AbortSignal, Listener>();

/**
 * Calls `onAbort` when the signal is raised, unless what is returned was called before. Many may share a
 * signal: it has one listener for all of them, as Node warns of more than ten.
 */
export function whenAborted(signal: AbortSignal | undefined, onAbort: () => void): () => void {
  if (signal === undefined) return () => {};
  const listener = listeners.get(signal) ?? listen(signal);
  const { callbacks } = listener;
  // The same function may be given twice.
  const call = (): void => onAbort();
  callbacks.add(call);
  return () => {
    callbacks.delete(call);
    if (callbacks.size > 0 || listeners.get(signal) !== listener) return;
    listeners.delete(signal);
    signal.removeEventListener('abort', listener.onAbort);
  };
}

function listen(signal: AbortSignal): Listener {
  const callbacks = new Set<() => void>();
  const onAbort = (): void => {
    for (const call of callbacks) call();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const listener = { callbacks, onAbort };
  listeners.set(signal, listener);
  return listener;
}

/**
 * Settles as `result` does, or rejects with ERR_ABORTED as soon as the signal is raised; what is
 * under way goes on then, unheard.
 */
export async function unlessAborted<T>(
  result: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return result;
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = whenAborted(signal, () => reject(abortedError(signal)));
  });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    stop();
  }
}

/** Settles after `pauseMs`, or as soon as the signal is raised. Keeps the thread alive meanwhile. */
export function quietTime(pauseMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, pauseMs);
    const stop = whenAborted(signal, done);
    function done(): void {
      clearTimeout(timer);
      stop();
      resolve();
    }
  });
}

/** Settles after everybody else in this thread has had a turn. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
