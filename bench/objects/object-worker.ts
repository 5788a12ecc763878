/** A thread that uses objects as each message says. */
import { parentPort, workerData } from 'node:worker_threads';
import { serveRounds } from '../harness/round-threads.ts';
import { type ObjectOrder, runOrder } from './object-load.ts';
import { type ObjectPlace, openObjects } from './object-places.ts';

// Null in the main thread, which has no business here.
if (parentPort !== null) {
  void serveRounds<ObjectOrder>(parentPort, async () => {
    const client = await openObjects(workerData as ObjectPlace);
    return {
      run: (order) => runOrder(client, order),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    };
  });
}
