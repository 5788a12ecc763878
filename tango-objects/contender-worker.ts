/** For tests: a worker thread that changes keys in small transactions until the log is closed. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { TangoError } from '../actors/tango-error.ts';
import type { TangoHandle } from '../runtime/open.ts';
import { attach } from './tango.ts';

export interface ContenderData {
  readonly handle: TangoHandle;
  readonly map: string;
  readonly keys: number;
}

const TRANSACTIONS_PER_TURN = 20;

async function contend({ handle, map: name, keys }: ContenderData): Promise<void> {
  const tango = await attach(handle);
  const map = await tango.map<number, number>(name);
  let next = 0;
  const increase = (): void => map.setSync(next, (map.get(next) ?? 0) + 1);
  parentPort?.postMessage('ready');
  try {
    for (;;) {
      for (let i = 0; i < TRANSACTIONS_PER_TURN; i++) {
        next = (next + 1) % keys;
        tango.transactSync(increase);
      }
      // The owner's closing is learnt in a turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    if (!(error instanceof TangoError) || error.code !== 'ERR_CLOSED') throw error;
  } finally {
    await tango.close();
  }
}

if (!isMainThread) void contend(workerData as ContenderData);
