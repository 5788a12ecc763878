/**
 * Threads that do something round by round, and are timed together.
 *
 *   main thread ── order ──▶ thread 0, 1, …      each does what it says
 *               ◀── count ──                     of all of them, by the time until the last answer
 */
import { once } from 'node:events';
import { type MessagePort, type TransferListItem, Worker } from 'node:worker_threads';
import { type Rate, type Rounds, spreadOf } from './measure.ts';

/** What a thread of an experiment has open. */
export interface RoundClient<Order> extends AsyncDisposable {
  /** Resolves to a count: of what, the order says. */
  run(order: Order): number | Promise<number>;
}

const CLOSE = 'close';

export class RoundThreads<Order> implements AsyncDisposable {
  readonly #workers: readonly Worker[];
  readonly #exits: Promise<unknown>;

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
    const exitOf = (worker: Worker): Promise<void> =>
      new Promise((resolve) => worker.once('exit', () => resolve()));
    this.#exits = Promise.all(workers.map(exitOf));
    // Whoever asks is told; between two rounds nobody does.
    for (const worker of workers) worker.on('error', () => {});
  }

  /** A thread for each of `data`, its workerData. Resolves once each of them has opened its client. */
  static async start<Order>(
    file: URL,
    data: readonly unknown[],
    transfer: readonly TransferListItem[] = [],
  ): Promise<RoundThreads<Order>> {
    const workers = data.map((workerData) => {
      const isOurs = (item: TransferListItem): boolean =>
        Object.values(workerData as object).includes(item);
      return new Worker(file, { workerData, transferList: transfer.filter(isOurs) });
    });
    const threads = new RoundThreads<Order>(workers);
    await threads.#answers(workers);
    return threads;
  }

  /** The first threads get an order each; resolves to their answers, rejects with the error of a thread. */
  async ask(orders: readonly Order[]): Promise<number[]> {
    const workers = this.#workers.slice(0, orders.length);
    const answers = this.#answers(workers);
    for (const [i, worker] of workers.entries()) worker.postMessage(orders[i]);
    return await answers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) worker.postMessage(CLOSE);
    await this.#exits;
  }

  #answers(workers: readonly Worker[]): Promise<number[]> {
    return Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
  }
}

/** The other side: opens a client, runs what each message says, and ends with its port. */
export async function serveRounds<Order>(
  port: MessagePort,
  open: () => Promise<RoundClient<Order>>,
): Promise<void> {
  const client = await open();
  port.on('message', async (order: Order | typeof CLOSE) => {
    if (order !== CLOSE) return port.postMessage(await client.run(order));
    await client[Symbol.asyncDispose]();
    port.close();
  });
  port.postMessage(0);
}

/** Counts a second of all threads together. `afterEach` is called after each round, and not timed. */
export async function measureThreads<Order>(
  threads: RoundThreads<Order>,
  orders: readonly Order[],
  { warmUp, rounds }: Rounds,
  afterEach: () => unknown = () => {},
): Promise<Rate> {
  const rates: number[] = [];
  for (let round = 0; round < warmUp + rounds; round++) {
    const startMs = performance.now();
    const counts = await threads.ask(orders);
    const elapsedMs = performance.now() - startMs;
    await afterEach();
    const sum = counts.reduce((all, count) => all + count, 0);
    if (round >= warmUp) rates.push((sum * 1000) / elapsedMs);
  }
  return { ...spreadOf(rates), rounds: rates };
}
