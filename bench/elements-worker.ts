/** A thread that opens an object of many elements from its checkpoint. */
import { parentPort, workerData } from 'node:worker_threads';
import { attach, type TangoHandle } from '../index.ts';
import { type Kind, openObject, timed } from './elements.ts';
import { serveRounds } from './harness/round-threads.ts';

export interface OpenerData {
  readonly handle: TangoHandle;
  readonly kind: Kind;
  readonly elements: number;
}

/** 'open' is answered with milliseconds, 'pause' with the longest one of them. */
export type OpenerOrder = 'open' | 'pause';

async function open({ handle, kind, elements }: OpenerData) {
  const tango = await attach(handle, { link: 'direct' });
  let longestMs = 0;
  const run = async (order: OpenerOrder): Promise<number> => {
    if (order === 'pause') return longestMs;
    const { ms, pauseMs } = await timed(async () => {
      const found = await openObject(tango, kind);
      if (found !== elements) throw new Error(`all elements are there: ${found} of ${elements}`);
    });
    longestMs = pauseMs;
    return ms;
  };
  return { run, [Symbol.asyncDispose]: () => tango.close() };
}

// Null in the main thread, which has no business here.
if (parentPort !== null) {
  void serveRounds<OpenerOrder>(parentPort, () => open(workerData as OpenerData));
}
