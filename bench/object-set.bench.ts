/**
 * How many keys a second one thread sets without looking: those of one turn are awaited together.
 *
 *   turn: set, set, … ──▶ outbox ──▶ a few entries ──▶ log          once more with a get after each
 *                                                                  turn, which plays what was set
 *
 * Beside it, as many in one transaction: of lmdb, which makes one of a turn's puts; of SQLite.
 */
import { type OpenOptions, open } from '../index.ts';
import { MIB } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { measureRate, type Rate, type Rounds, rateResult } from './harness/measure.ts';
import type { KeyStore } from './stores/key-store.ts';
import { measurePeers, mediansOf, notePeers, openStore } from './stores/store-places.ts';
import { TangoStore } from './stores/tango-store.ts';

const parameters = {
  logMib: { quick: 32, full: 512 },
  keys: { quick: 1000, full: 100_000 },
  links: { quick: ['direct', 'mailbox'], full: ['direct', 'mailbox'] },
  setsPerTurn: { quick: [100], full: [1, 100, 1000] },
  turns: { quick: 5, full: 5000 },
  setsMax: { quick: 2000, full: 200_000 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

interface Sets extends Rounds {
  readonly keys: number;
  readonly sets: number;
  readonly setsPerTurn: number;
}

export const experiment: Experiment<typeof parameters> = {
  name: 'object-set',
  title: 'Blind sets',
  description: 'Sets of a map, awaited once a turn, on both links, beside lmdb and SQLite.',
  parameters,
  async run(values, report) {
    for (const setsPerTurn of values.setsPerTurn) {
      const sets = Math.min(values.setsMax, values.turns * setsPerTurn);
      const plan = { ...values, setsPerTurn, sets };
      const measured = await measurePeers(async (place) => {
        await using store = await openStore(place);
        return await measureSets(store, plan, () => {});
      });
      const peers = mediansOf(measured);
      for (const link of values.links) {
        const options = { link, logBytes: values.logMib * MIB };
        const labels = { setsPerTurn, link };
        const blind = await measureOurs(options, plan, () => {});
        report.add({ ...rateResult('set', 'sets/s', blind, labels), peers });
        const played = await measureOurs(options, plan, (store) => store.get(0));
        report.add({ ...rateResult('set, then get', 'sets/s', played, labels), peers });
      }
    }
    notePeers(report);
  },
};

async function measureOurs(
  options: OpenOptions,
  plan: Sets,
  afterTurn: (store: KeyStore) => void,
): Promise<Rate> {
  await using tango = await open(options);
  return await measureSets(await TangoStore.of(tango), plan, afterTurn);
}

function measureSets(
  store: KeyStore,
  { keys, sets, setsPerTurn, ...rounds }: Sets,
  afterTurn: (store: KeyStore) => void,
): Promise<Rate> {
  const chosen = new Int32Array(setsPerTurn);
  return measureRate(async () => {
    for (let made = 0; made < sets; made += setsPerTurn) {
      for (let i = 0; i < setsPerTurn; i++) chosen[i] = (made + i) % keys;
      await store.putAll(chosen, made);
      afterTurn(store);
    }
    return sets;
  }, rounds);
}
