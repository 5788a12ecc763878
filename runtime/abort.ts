/** Waiting for something that a signal may end. */
import { abortedError } from './arguments.ts';

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
    const onAbort = (): void => reject(abortedError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    stop = () => signal.removeEventListener('abort', onAbort);
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
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}
