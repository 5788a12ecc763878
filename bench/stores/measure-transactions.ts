/** Transactions of several threads at once on each store, beside each other, and how many abort. */
import type { Report, Result } from '../harness/experiment.ts';
import { type Rate, type Rounds, rateResult, spreadOf } from '../harness/measure.ts';
import { StoreClients } from './store-clients.ts';
import { measureEach, openStore, type StorePlace } from './store-places.ts';
import type { TransactionPlan } from './transaction-load.ts';

export interface TransactionCase extends Rounds {
  /** Of each thread in each round. */
  readonly plan: TransactionPlan;
  readonly threads: number;
  readonly logBytes: number;
}

interface TransactionRate extends Rate {
  /** Of the attempts, in percent. */
  readonly aborted: number;
}

const PRELOADED_AT_ONCE = 1000;

/** Adds the rate of all threads together, with the peers' beside it, and the share that aborted. */
export async function reportTransactions(
  one: TransactionCase,
  report: Report,
  parameters: Result['parameters'],
): Promise<void> {
  const { ours, peers } = await measureEach({ logBytes: one.logBytes }, (place) =>
    measureTransactions(place, one),
  );
  report.add({ ...rateResult(one.plan.kind, 'transactions/s', ours, parameters), peers });
  report.add({ name: `${one.plan.kind}, aborted`, unit: '%', value: ours.aborted, parameters });
}

async function measureTransactions(
  place: StorePlace,
  { plan, threads, warmUp, rounds }: TransactionCase,
): Promise<TransactionRate> {
  await using store = await openStore(place);
  const { count, keys } = plan;
  for (let first = 0; first < keys; first += PRELOADED_AT_ONCE) {
    const length = Math.min(PRELOADED_AT_ONCE, keys - first);
    await store.putAll(
      Int32Array.from({ length }, (_, i) => first + i),
      0,
    );
  }
  await using clients = await StoreClients.start(place, threads);
  await clients.all((client) => ({ what: 'prepare', plan, seed: 1 + client }));
  const rates: number[] = [];
  let runs = 0;
  for (let round = 0; round < warmUp + rounds; round++) {
    const startMs = performance.now();
    const ran = await clients.all(() => ({ what: 'transact' }));
    const elapsedMs = performance.now() - startMs;
    if (round < warmUp) continue;
    rates.push((threads * count * 1000) / elapsedMs);
    runs += ran;
  }
  if (plan.kind === 'increment') {
    let sum = 0;
    for (let key = 0; key < keys; key++) sum += store.get(key) ?? 0;
    const made = threads * count * (warmUp + rounds);
    if (sum !== made) throw new Error(`each adds one: store=${place.store}, ${sum} of ${made}`);
  }
  const aborted = 100 * (1 - (threads * count * rounds) / runs);
  return { ...spreadOf(rates), rounds: rates, aborted };
}
