/** Waiting for something that a signal may end. */
import { abortedError } from './arguments.ts';

const callbacksOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `onAbort` when the signal is raised, unless what is returned was called before. Many may share a signal:
 * it has one listener for all of them, as Node warns of more than ten.
 */
export function whenAborted(signal: AbortSignal | undefined, onAbort: () => void): () => void {
  if (signal === undefined) return () => {};
  const callbacks = callbacksOf.get(signal) ?? listen(signal);
  // The same function may be given twice.
  const call = (): void => onAbort();
  callbacks.add(call);
  return () => callbacks.delete(call);
}

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  const onAbort = (): void => {
    for (const call of callbacks) call();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  callbacksOf.set(signal, callbacks);
  return callbacks;
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
