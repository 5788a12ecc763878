/**
 * CORFU-Store by the number of keys in a call (CORFU, NSDI 2012, figure 9).
 *
 *   multi-get of k keys: k reads of the log          multi-put of k keys: k + 1 appends
 *
 * The paper's shape: gets of k keys as 1/k, with the log's reads constant; puts limited by the
 * commit records at first, by the log's appends beyond four keys. Its figures, read off the plot,
 * with 32 drives and 44 clients: 416,000 gets and 54,000 puts a second of one key, 52,000 and
 * 22,000 of eight. Values have 4 KiB, as there.
 */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from '../index.ts';
import { MIB } from './bench-log.ts';
import type { CorfuStoreData, CorfuStoreOrder } from './corfu-store-worker.ts';
import type { Experiment, Report } from './harness/experiment.ts';
import { type Rounds, rateResult } from './harness/measure.ts';
import { measureThreads, RoundThreads } from './harness/round-threads.ts';

const WORKER = new URL(
  `./corfu-store-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
/** Of the log's memory, for the puts of one round. */
const ROUND_SHARE = 1 / 4;

const parameters = {
  logMib: { quick: 32, full: 512 },
  keys: { quick: 100, full: 1000 },
  valueBytes: { quick: 4096, full: 4096 },
  keysPerCall: { quick: [1, 8], full: [1, 2, 3, 4, 5, 6, 7, 8] },
  threads: { quick: [2], full: [1, 2] },
  putsUnderWay: { quick: 16, full: 16 },
  roundMs: { quick: 5, full: 150 },
  warmUp: { quick: 0, full: 1 },
  rounds: { quick: 1, full: 3 },
} as const;

interface Plan extends Rounds {
  readonly logMib: number;
  readonly valueBytes: number;
  readonly keysPerCall: readonly number[];
  readonly threads: readonly number[];
  readonly putsUnderWay: number;
  readonly roundMs: number;
}

export const experiment: Experiment<typeof parameters> = {
  name: 'corfu-store',
  title: 'CORFU-Store',
  description: 'Multi-gets and multi-puts of 1 to 8 keys, and what they make of the log.',
  parameters,
  async run(values, report) {
    const { logMib, keys, valueBytes } = values;
    await using tango = await open({ logBytes: logMib * MIB, link: 'direct', compaction: false });
    const { handle, log } = tango;
    const dataOf = (_: unknown, i: number): CorfuStoreData => {
      return { handle, keys, valueBytes, seed: 1 + i };
    };
    const data = Array.from({ length: Math.max(...values.threads) }, dataOf);
    await using threads = await RoundThreads.start<CorfuStoreOrder>(WORKER, data);
    const preload = { what: 'preload', keysPerCall: 1, ms: Number.POSITIVE_INFINITY } as const;
    await threads.ask([preload]);
    await reportGets(threads, values, report);
    await reportPuts(threads, values, report, async () => {
      // Each has played what is trimmed.
      await threads.ask(data.map(() => ({ what: 'play', keysPerCall: 0, ms: 0 }) as const));
      await log.trimPrefix(log.tailSync());
    });
    report.note(
      'The paper, 44 clients, 32 drives, read off the plot (CORFU, NSDI 2012, figure 9), thousand/s: ' +
        'multi-gets of 1 to 8 keys 416, 208, 139, 104, 84, 70, 60, 52; ' +
        'multi-puts 54, 48, 42, 37.5, 32, 28, 24, 22.',
    );
  },
};

async function reportGets(
  threads: RoundThreads<CorfuStoreOrder>,
  plan: Plan,
  report: Report,
): Promise<void> {
  for (const count of plan.threads) {
    for (const keysPerCall of plan.keysPerCall) {
      const order: CorfuStoreOrder = { what: 'multi-get', keysPerCall, ms: plan.roundMs };
      const rate = await measureThreads(threads, Array(count).fill(order), plan);
      const labels = { threads: count, keysPerCall };
      report.add(rateResult('multi-get', 'gets/s', rate, labels));
      const value = rate.median * keysPerCall;
      report.add({ name: 'multi-get, reads', unit: 'reads/s', value, parameters: labels });
    }
  }
}

async function reportPuts(
  threads: RoundThreads<CorfuStoreOrder>,
  plan: Plan,
  report: Report,
  afterEach: () => Promise<void>,
): Promise<void> {
  const { logMib, valueBytes, putsUnderWay: window, roundMs: ms } = plan;
  for (const count of plan.threads) {
    for (const keysPerCall of plan.keysPerCall) {
      const putBytes = count * keysPerCall * valueBytes;
      const callsMax = Math.floor((logMib * MIB * ROUND_SHARE) / putBytes);
      const order: CorfuStoreOrder = { what: 'multi-put', keysPerCall, ms, window, callsMax };
      const rate = await measureThreads(threads, Array(count).fill(order), plan, afterEach);
      const labels = { threads: count, keysPerCall };
      report.add(rateResult('multi-put', 'puts/s', rate, labels));
      const value = rate.median * (keysPerCall + 1);
      report.add({ name: 'multi-put, appends', unit: 'appends/s', value, parameters: labels });
    }
  }
}
