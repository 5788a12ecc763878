/**
 * How many transactions a second read three keys and write three others, by how many keys there are and
 * how they are chosen: uniformly, or by Zipf's law with the exponent 0.99 (Tango, section 6.2).
 *
 *   threads ── transactSync(3 × get, 3 × set) ──▶ N keys, all of them set before
 *
 * Aborted transactions run again until they commit, and count once. The peers never abort one.
 */
import { freemem } from 'node:os';
import { MIB } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { reportTransactions } from './stores/measure-transactions.ts';
import { notePeers } from './stores/store-places.ts';

/** Of a key that was set once: in both replicas, and in each view. Measured with a million keys. */
const KEY_BYTES_LOG = 2 * 55;
const KEY_BYTES_VIEW = 145;
/** A map that grows is there twice for a moment. */
const FREE_SHARE = 0.4;

const parameters = {
  logMib: { quick: 32, full: 1024 },
  threads: { quick: [2], full: [1, 2] },
  keys: { quick: [10, 1000], full: [10, 1000, 100_000, 1_000_000, 10_000_000] },
  distributions: { quick: ['uniform', 'zipf'], full: ['uniform', 'zipf'] },
  transactions: { quick: 100, full: 20_000 },
  warmUp: { quick: 1, full: 1 },
  rounds: { quick: 1, full: 3 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'object-transactions',
  title: 'Transactions of three reads and three writes',
  description: 'By number of keys, uniform and zipf, with the share that aborts.',
  parameters,
  async run(values, report) {
    const cases = values.distributions.flatMap((distribution) =>
      values.threads.map((threads) => ({ threads, distribution })),
    );
    const most = Math.max(...values.threads);
    for (const keys of values.keys) {
      const bytes = keys * (KEY_BYTES_LOG + most * KEY_BYTES_VIEW);
      if (bytes > freemem() * FREE_SHARE) {
        report.note(`Not with ${keys} keys: ${Math.round(bytes / MIB)} MiB are not free.`);
        continue;
      }
      const logBytes = values.logMib * MIB;
      const kind = 'read three, write three';
      await reportTransactions({ ...values, kind, keys, logBytes, cases }, report);
    }
    notePeers(report);
  },
};
