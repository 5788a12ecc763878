/** A thread that uses a store as each message says, and ends with its port. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { KeyStore } from './key-store.ts';
import { follow, writeSteadily } from './paced-load.ts';
import type { ClientOrder } from './store-clients.ts';
import { openStore, type StorePlace } from './store-places.ts';
import { TransactionLoad } from './transaction-load.ts';

async function run(place: StorePlace, port: MessagePort): Promise<void> {
  const store = await openStore(place);
  let load: TransactionLoad | undefined;
  port.on('message', async (order: ClientOrder) => {
    if (order.what === 'close') {
      await store[Symbol.asyncDispose]();
      return port.close();
    }
    if (order.what === 'prepare') load = new TransactionLoad(order.plan, order.seed);
    port.postMessage(await obey(order, store, load));
  });
  port.postMessage(0);
}

/** Resolves to a count: of what, the order says. */
async function obey(order: ClientOrder, store: KeyStore, load?: TransactionLoad): Promise<number> {
  switch (order.what) {
    case 'transact':
      return load?.run(store) ?? 0;
    case 'write':
      return writeSteadily(store, order);
    case 'follow':
      return follow(store, order.ms);
    default:
      return 0;
  }
}

// Null in the main thread, which has no business here.
if (parentPort !== null) void run(workerData as StorePlace, parentPort);
