/** Transactions of several threads at once on each store, beside each other, and how many abort. */
import type { Report, Result } from '../harness/experiment.ts';
import { type Rate, type Rounds, rateResult, spreadOf } from '../harness/measure.ts';
import type { Distribution } from './key-choice.ts';
import type { KeyStore } from './key-store.ts';
import { StoreClients } from './store-clients.ts';
import { measureEach, mediansOf, openStore, type StorePlace } from './store-places.ts';
import type { TransactionPlan } from './transaction-load.ts';

/** Measured one case after the other over the same keys: all of them are set before. */
export interface TransactionCases extends Rounds {
  readonly kind: TransactionPlan['kind'];
  readonly keys: number;
  readonly logBytes: number;
  /** Of all threads together in each round. */
  readonly transactions: number;
  readonly cases: readonly TransactionCase[];
}

export interface TransactionCase {
  readonly threads: number;
  readonly distribution: Distribution;
}

interface TransactionRate extends Rate {
  /** Of the attempts, in percent. */
  readonly aborted: number;
}

const PRELOADED_AT_ONCE = 1000;

/** Adds for each case the rate, with the peers' beside it, and the share that aborted. */
export async function reportTransactions(all: TransactionCases, report: Report): Promise<void> {
  const { kind, keys, cases } = all;
  const { ours, peers } = await measureEach({ logBytes: all.logBytes }, (place) =>
    measureCases(place, all),
  );
  for (const [i, { threads, distribution }] of cases.entries()) {
    const parameters: Result['parameters'] = { keys, distribution, threads };
    const ofCase = Object.entries(peers).map(([name, rates]) => [name, rates[i]]);
    const rate = rateResult(kind, 'transactions/s', ours[i], parameters);
    report.add({ ...rate, peers: mediansOf(Object.fromEntries(ofCase)) });
    report.add({ name: `${kind}, aborted`, unit: '%', value: ours[i].aborted, parameters });
  }
}

async function measureCases(place: StorePlace, all: TransactionCases): Promise<TransactionRate[]> {
  const { kind, keys, cases, warmUp, rounds } = all;
  await using store = await openStore(place);
  await preload(store, keys);
  const most = Math.max(...cases.map(({ threads }) => threads));
  await using clients = await StoreClients.start(place, most);
  const rates: TransactionRate[] = [];
  let made = 0;
  for (const { threads, distribution } of cases) {
    const count = Math.ceil(all.transactions / threads);
    rates.push(await measureCase(clients, threads, { kind, count, keys, distribution }, all));
    made += threads * count * (warmUp + rounds);
  }
  if (kind === 'increment') checkSum(place, store, keys, made);
  return rates;
}

async function preload(store: KeyStore, keys: number): Promise<void> {
  for (let first = 0; first < keys; first += PRELOADED_AT_ONCE) {
    const length = Math.min(PRELOADED_AT_ONCE, keys - first);
    await store.putAll(
      Int32Array.from({ length }, (_, i) => first + i),
      0,
    );
  }
}

async function measureCase(
  clients: StoreClients,
  threads: number,
  plan: TransactionPlan,
  { warmUp, rounds }: Rounds,
): Promise<TransactionRate> {
  await clients.ask((client) => ({ what: 'prepare', plan, seed: 1 + client }), threads);
  const rates: number[] = [];
  let runs = 0;
  for (let round = 0; round < warmUp + rounds; round++) {
    const startMs = performance.now();
    const ran = await clients.ask(() => ({ what: 'transact' }), threads);
    const elapsedMs = performance.now() - startMs;
    if (round < warmUp) continue;
    rates.push((threads * plan.count * 1000) / elapsedMs);
    runs += ran;
  }
  const aborted = 100 * (1 - (threads * plan.count * rounds) / runs);
  return { ...spreadOf(rates), rounds: rates, aborted };
}

/** Nothing is lost and nothing is made twice: as a measurement of something wrong is worth nothing. */
function checkSum({ store: name }: StorePlace, store: KeyStore, keys: number, made: number): void {
  let sum = 0;
  for (let key = 0; key < keys; key++) sum += store.get(key) ?? 0;
  if (sum !== made) throw new Error(`each adds one: store=${name}, sum=${sum}, made=${made}`);
}
