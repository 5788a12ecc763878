/**
 * How many entries a second go to both replicas of a chain.
 *
 *   client ── token ──▶ sequencer ┐
 *   client ── write ──▶ head      ├ one actor thread         one client on the main thread,
 *   client ── write ──▶ tail      ┘                          the second one on a worker
 *
 * With completion callbacks, with a promise per append, and one at a time while the thread blocks.
 * Two limits: three round trips per append through bare mailboxes with the same window, and, for
 * what is copied (payload bytes times replicas), memcpy. The log is finite: what is decided is
 * trimmed after each 4 MiB of a storage unit, within the measured time, and outside of measured
 * latencies.
 */
import {
  measureBlocking,
  measureCallbacks,
  measurePromises,
  REPLICAS,
  ringLimit,
} from './append-cases.ts';
import { MIB, openBenchLog } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { measureCopy } from './harness/limits.ts';

const parameters = {
  logMib: { quick: 16, full: 256 },
  // Large entries first: they touch the whole memory before small ones are measured.
  payloadBytes: { quick: [4096, 64], full: [4096, 64] },
  windows: { quick: [1, 256], full: [1, 16, 64, 256] },
  clients: { quick: [1, 2], full: [1, 2] },
  appends: { quick: 500, full: 200_000 },
  blockingAppends: { quick: 100, full: 200_000 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'append-throughput',
  title: 'Appends to two replicas',
  description: 'Callbacks, promises and blocking appends, beside bare mailboxes and memcpy.',
  parameters,
  async run(values, report) {
    const copyBytes = await measureCopy(values);
    const limits = new Map<number, number>();
    for (const window of values.windows) limits.set(window, await ringLimit(values, window));
    await using bench = await openBenchLog({ logBytes: values.logMib * MIB, replicas: REPLICAS });
    const caseOf = { values, report, bench, limits, copyBytes, link: 'mailbox' } as const;
    for (const payloadBytes of values.payloadBytes) {
      for (const clients of values.clients) {
        for (const window of values.windows) {
          await measureCallbacks({ ...caseOf, payloadBytes, window }, clients);
        }
      }
      for (const window of values.windows) {
        await measurePromises({ ...caseOf, payloadBytes, window });
      }
      await measureBlocking({ ...caseOf, payloadBytes, window: 1 }, values.blockingAppends);
    }
    report.note(
      'The limit of appends/s is three round trips of one client through bare mailboxes; ' +
        'that of B/s is memcpy. Two clients and the actors are three threads.',
    );
  },
};
