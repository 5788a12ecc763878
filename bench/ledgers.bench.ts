/**
 * How many entries of 4 KiB a second ledgers take, as TangoBK's (Tango, section 6.3), and give
 * back.
 *
 *   thread 0 ── append, append, … ──▶ a ledger of its own
 *   thread 1 ── the same, or reads that of thread 0
 *
 * The limit: as many appends of the same bytes by as many threads to the bare log, reads of it. The
 * paper: more than 200,000 writes of 4 KB a second on a log of 18 nodes. Ledgers are deleted
 * between two rounds; the log is compacted meanwhile, as it would be for a user. The bare log is
 * trimmed between two rounds.
 */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from '../index.ts';
import { MIB } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { type Rate, type Rounds, rateResult } from './harness/measure.ts';
import { measureThreads, RoundThreads } from './harness/round-threads.ts';
import type { LedgerClientData, LedgerOrder } from './ledger-bench-worker.ts';

const WORKER = new URL(
  `./ledger-bench-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
/** A round ends with the last of its appends: this is never reached. */
const MS_MAX = 60_000;

const parameters = {
  logMib: { quick: 32, full: 256 },
  entryBytes: { quick: 4096, full: 4096 },
  writers: { quick: [1, 2], full: [1, 2] },
  windows: { quick: [0, 64], full: [0, 1, 64] },
  appends: { quick: 100, full: 5000 },
  readMs: { quick: 5, full: 200 },
  // Until each page of the log was touched.
  warmUp: { quick: 1, full: 10 },
  rounds: { quick: 1, full: 5 },
} as const;

interface Plan extends Rounds {
  readonly logMib: number;
  readonly entryBytes: number;
  readonly writers: readonly number[];
  readonly windows: readonly number[];
  readonly appends: number;
  readonly readMs: number;
}

interface Measured {
  /** By writers and window. */
  readonly appends: ReadonlyMap<string, Rate>;
  readonly reads: Rate;
}

export const experiment: Experiment<typeof parameters> = {
  name: 'ledgers',
  title: 'Ledgers of 4 KiB entries',
  description:
    'TangoBK: appends of 1 and 2 writers, reads of what they wrote, beside the bare log.',
  parameters,
  async run(values, report) {
    const bare = await measure(values, true);
    const ledgers = await measure(values, false);
    for (const writers of values.writers) {
      for (const window of values.windows) {
        const key = [writers, window].join();
        const call = window === 0 ? 'blocking' : 'awaited';
        const labels = { writers, call, window: Math.max(1, window) };
        const rate = ledgers.appends.get(key) as Rate;
        const limit = bare.appends.get(key)?.median ?? Number.NaN;
        report.add({ ...rateResult('append', 'appends/s', rate, labels), limit });
      }
    }
    const reads = rateResult('read', 'reads/s', ledgers.reads, { entries: values.appends });
    report.add({ ...reads, limit: bare.reads.median });
    report.note(
      'The limits are appends of the same bytes to the log, with as many under way, and reads of it. ' +
        'The paper, a log of 18 nodes: more than 200,000 writes of 4 KB a second (Tango, section 6.3).',
    );
  },
};

async function measure(plan: Plan, isBare: boolean): Promise<Measured> {
  const { logMib, entryBytes, appends, windows } = plan;
  await using tango = await open({
    logBytes: logMib * MIB,
    link: 'direct',
    compaction: !isBare,
  });
  const data: LedgerClientData = { handle: tango.handle, entryBytes, isBare };
  const most = Math.max(...plan.writers);
  await using threads = await RoundThreads.start<LedgerOrder>(WORKER, Array(most).fill(data));
  const startAnew = async (): Promise<void> => {
    if (isBare) await tango.log.trimPrefix(tango.log.tailSync());
    await threads.ask(Array(most).fill({ what: 'start anew', ms: 0, window: 0 }));
  };
  await startAnew();
  const measured = new Map<string, Rate>();
  for (const writers of plan.writers) {
    for (const window of windows) {
      const order: LedgerOrder = { what: 'append', window, ms: MS_MAX, callsMax: appends };
      const orders = Array<LedgerOrder>(writers).fill(order);
      measured.set(
        [writers, window].join(),
        await measureThreads(threads, orders, plan, startAnew),
      );
    }
  }
  return { appends: measured, reads: await measureReads(threads, plan) };
}

/** By the last thread, of what the first one has written. */
async function measureReads(
  threads: RoundThreads<LedgerOrder>,
  { appends, readMs: ms, writers, warmUp, rounds }: Plan,
): Promise<Rate> {
  await threads.ask([{ what: 'append', window: 64, ms: MS_MAX, callsMax: appends }]);
  const read: LedgerOrder = { what: 'read', window: 0, ms };
  const rest: LedgerOrder = { what: 'rest', window: 0, ms: 0 };
  const orders = [...Array<LedgerOrder>(Math.max(...writers) - 1).fill(rest), read];
  return await measureThreads(threads, orders, { warmUp: Math.min(1, warmUp), rounds });
}
