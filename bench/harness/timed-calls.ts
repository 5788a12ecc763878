/** Calls of one thread for a time, blocking or with a number of them under way. */

/** Calls between two looks at the clock, where a call may be as cheap as the look. */
const LOOK_EVERY = 16;

export interface CallsPlan {
  readonly ms: number;
  /** Calls under way at once; default 1. */
  readonly window?: number;
  /** No more than that many, however fast; default: as many as there is time for. */
  readonly callsMax?: number;
}

/**
 * Makes calls, numbered from 0, for that long: as soon as one has ended the next one begins. Resolves to
 * how many, once all of them have ended; rejects as the first one that does.
 */
export async function callFor(
  { ms, window = 1, callsMax = Number.POSITIVE_INFINITY }: CallsPlan,
  call: (number: number) => unknown,
): Promise<number> {
  const endMs = performance.now() + ms;
  let calls = 0;
  const callOnAndOn = async (): Promise<void> => {
    while (calls < callsMax && performance.now() < endMs) await call(calls++);
  };
  await Promise.all(Array.from({ length: window }, callOnAndOn));
  return calls;
}

/** As callFor, for calls that block. */
export function callForSync(
  { ms, callsMax = Number.POSITIVE_INFINITY }: CallsPlan,
  call: (number: number) => void,
): number {
  const endMs = performance.now() + ms;
  let calls = 0;
  while (calls < callsMax && performance.now() < endMs) {
    for (let i = 0; i < LOOK_EVERY && calls < callsMax; i++) call(calls++);
  }
  return calls;
}
