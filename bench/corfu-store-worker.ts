/** A client of CORFU-Store. */
import { parentPort, workerData } from 'node:worker_threads';
import { attach, type TangoHandle } from '../index.ts';
import { serveRounds } from './harness/round-threads.ts';
import { type CallsPlan, callFor, callForSync } from './harness/timed-calls.ts';
import { randomNumbers } from './random-numbers.ts';
import { CorfuStore } from './stores/corfu-store.ts';

export interface CorfuStoreData {
  readonly handle: TangoHandle;
  readonly keys: number;
  readonly valueBytes: number;
  /** Another one for each thread, not 0. */
  readonly seed: number;
}

/** Answered with how many. */
export interface CorfuStoreOrder extends CallsPlan {
  /** 'preload': each key is put once. 'play': what the others have put. */
  readonly what: 'preload' | 'play' | 'multi-get' | 'multi-put';
  readonly keysPerCall: number;
}

const CHOSEN = 2 ** 16;

async function open({ handle, keys, valueBytes, seed }: CorfuStoreData) {
  const tango = await attach(handle, { link: 'direct' });
  const store = new CorfuStore(tango.log, tango.log.tailSync());
  const chosen = [...randomNumbers(CHOSEN, keys, seed)];
  const value = new Uint8Array(valueBytes).fill(1);
  const keysOf = (number: number, count: number): number[] => {
    const from = (number * count) % (CHOSEN - count);
    return chosen.slice(from, from + count);
  };
  const run = (order: CorfuStoreOrder): number | Promise<number> => {
    const { what, keysPerCall } = order;
    switch (what) {
      case 'preload':
        return callFor({ ...order, callsMax: keys }, (key) => store.multiPut([key], value));
      case 'play':
        store.play();
        return 0;
      case 'multi-get':
        return callForSync(order, (number) => store.multiGet(keysOf(number, keysPerCall)));
      default:
        return callFor(order, (number) => store.multiPut(keysOf(number, keysPerCall), value));
    }
  };
  return { run, [Symbol.asyncDispose]: () => tango.close() };
}

// Null in the main thread, which has no business here.
if (parentPort !== null) {
  void serveRounds<CorfuStoreOrder>(parentPort, () => open(workerData as CorfuStoreData));
}
