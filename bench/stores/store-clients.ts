/** Threads that share a store. */
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { SteadyWrites } from './paced-load.ts';
import type { StorePlace } from './store-places.ts';
import type { TransactionPlan } from './transaction-load.ts';

/** Each is answered with a number; 'close' by the thread's end. */
export type ClientOrder =
  | { readonly what: 'prepare'; readonly plan: TransactionPlan; readonly seed: number }
  /** What was prepared; answered with how often a body has run. */
  | { readonly what: 'transact' }
  /** Answered with how many were written. */
  | ({ readonly what: 'write' } & SteadyWrites)
  | { readonly what: 'follow'; readonly ms: number }
  | { readonly what: 'close' };

const WORKER = new URL(
  `./store-client-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);

export class StoreClients implements AsyncDisposable {
  readonly #workers: readonly Worker[];

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  /** Resolves once each of them has opened the store. */
  static async start(place: StorePlace, count: number): Promise<StoreClients> {
    const start = (): Worker => new Worker(WORKER, { workerData: place });
    const clients = new StoreClients(Array.from({ length: count }, start));
    await clients.#answers(clients.#workers);
    return clients;
  }

  /**
   * Resolves to the answers' sum. `orderOf`: for the client of that number, from 0; the first `count`
   * get one.
   */
  async ask(
    orderOf: (client: number) => ClientOrder,
    count: number = this.#workers.length,
  ): Promise<number> {
    const workers = this.#workers.slice(0, count);
    const answers = this.#answers(workers);
    for (const [client, worker] of workers.entries()) worker.postMessage(orderOf(client));
    return (await answers).reduce((sum, answer) => sum + answer, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exits = this.#workers.map((worker) => once(worker, 'exit'));
    const order: ClientOrder = { what: 'close' };
    for (const worker of this.#workers) worker.postMessage(order);
    await Promise.all(exits);
  }

  /** Rejects with the error of a thread. */
  async #answers(workers: readonly Worker[]): Promise<number[]> {
    return Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
  }
}
