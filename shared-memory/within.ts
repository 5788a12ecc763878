/**
 * A deadline for tests, which uvu has none of.
 *
 *     const value = await within(1000, 'the reply of the sequencer', reply);
 */

/**
 * Settles as `promise` does if that happens within `ms` milliseconds, and else rejects with an error
 * that says `what` was awaited. The awaited work is not stopped.
 */
export async function within<T>(ms: number, what: string, promise: PromiseLike<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Made before the wait, so that its stack shows the caller.
  const late = new Error(`not within ${ms} ms: ${what}`);
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(late);
    }, ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
