/** For tests: a worker thread that holds a lock, again and again or until something happens to it. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { TangoHandle } from '../runtime/open.ts';
import { attach } from './tango.ts';

export interface LockOrder {
  readonly handle: TangoHandle;
  readonly lock: string;
  /** How often to add one to `shared` under the lock, as whoever is alone may; or what to do with it once. */
  readonly what: number | 'hold' | 'stall' | 'close';
  readonly shared: SharedArrayBuffer;
  readonly stallMs: number;
}

async function run({ handle, lock: name, what, shared, stallMs }: LockOrder): Promise<void> {
  const tango = await attach(handle);
  const lock = await tango.lock(name);
  const words = new Int32Array(shared);
  if (typeof what === 'number') {
    for (let i = 0; i < what; i++) {
      await using _hold = await lock.acquire();
      const seen = words[0];
      // Others have their turn in between, if they can.
      await new Promise((resolve) => setImmediate(resolve));
      words[0] = seen + 1;
    }
    parentPort?.postMessage('done');
    return tango.close();
  }
  const hold = await lock.acquire();
  parentPort?.postMessage(hold.token);
  if (what === 'hold') return void setInterval(() => {}, 1000);
  if (what === 'close') return tango.close();
  const end = performance.now() + stallMs;
  while (performance.now() < end) {}
  parentPort?.postMessage({ isHeld: hold.isHeld, wasHeld: await hold.release() });
  await using next = await lock.acquire();
  parentPort?.postMessage(next.token);
  await tango.close();
}

if (!isMainThread) void run(workerData as LockOrder);
