/** A thread that uses a namespace as each message says. */
import { parentPort, workerData } from 'node:worker_threads';
import { serveRounds } from '../harness/round-threads.ts';
import { NodeLoad, type NodeOrder, type NodePlace, openNodes } from './node-places.ts';

// Null in the main thread, which has no business here.
if (parentPort !== null) {
  void serveRounds<NodeOrder>(parentPort, async () => {
    const place = workerData as NodePlace;
    const client = await openNodes(place);
    const load = new NodeLoad(client, place);
    return {
      run: (order) => load.run(order),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    };
  });
}
