/**
 * What each further view costs the one that writes: other threads that have the same map open.
 *
 *   main thread ── set, set, … ──▶ log
 *   threads: the map is open, and rests; or a key is read each millisecond, which plays what is new
 *
 * A view that nobody reads plays nothing. One that is read takes its share of the cores.
 */
import { open } from '../index.ts';
import { MIB } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { type Rate, type Rounds, rateResult, spreadOf } from './harness/measure.ts';
import { writeSteadily } from './stores/paced-load.ts';
import { StoreClients } from './stores/store-clients.ts';
import { OURS } from './stores/store-places.ts';
import { TangoStore } from './stores/tango-store.ts';

const parameters = {
  logMib: { quick: 16, full: 1024 },
  keys: { quick: 100, full: 10_000 },
  setsPerTurn: { quick: 100, full: 100 },
  views: { quick: [0, 1], full: [0, 1, 2, 4] },
  roundMs: { quick: 20, full: 300 },
  warmUp: { quick: 1, full: 1 },
  rounds: { quick: 1, full: 5 },
} as const;

interface Views extends Rounds {
  readonly logMib: number;
  readonly keys: number;
  readonly setsPerTurn: number;
  readonly roundMs: number;
}

export const experiment: Experiment<typeof parameters> = {
  name: 'object-views',
  title: 'What a view costs',
  description: 'Sets of one thread while 0 to 4 others have the map open, at rest or read.',
  parameters,
  async run(values, report) {
    for (const views of values.views) {
      const atRest = await measureViews(values, views, false);
      report.add(rateResult('set, views at rest', 'sets/s', atRest, { views }));
      if (views === 0) continue;
      const read = await measureViews(values, views, true);
      report.add(rateResult('set, views read', 'sets/s', read, { views }));
    }
  },
};

async function measureViews(values: Views, views: number, areRead: boolean): Promise<Rate> {
  const { logMib, keys, setsPerTurn: batch, roundMs: ms, warmUp, rounds } = values;
  await using tango = await open({ logBytes: logMib * MIB, link: 'direct' });
  const store = await TangoStore.of(tango);
  await using clients = await StoreClients.start({ store: OURS, handle: tango.handle }, views);
  const rates: number[] = [];
  const perSecond = Number.POSITIVE_INFINITY;
  for (let round = 0; round < warmUp + rounds; round++) {
    const following = areRead ? clients.ask(() => ({ what: 'follow', ms })) : undefined;
    const written = await writeSteadily(store, { keys, batch, perSecond, ms });
    await following;
    if (round >= warmUp) rates.push((written * 1000) / ms);
  }
  return { ...spreadOf(rates), rounds: rates };
}
