/**
 * How many transactions a second read three keys and write three others, by how many keys there are and
 * how they are chosen: uniformly, or by Zipf's law with the exponent 0.99 (Tango, section 6.2).
 *
 *   threads ── transactSync(3 × get, 3 × set) ──▶ N keys, all of them set before
 *
 * Aborted transactions run again until they commit, and count once. The peers never abort one.
 */
import { MIB } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { reportTransactions } from './stores/measure-transactions.ts';
import { notePeers } from './stores/store-places.ts';

const parameters = {
  logMib: { quick: 32, full: 1024 },
  threads: { quick: [2], full: [1, 2] },
  keys: { quick: [10, 1000], full: [10, 1000, 100_000, 1_000_000, 10_000_000] },
  distributions: { quick: ['uniform', 'zipf'], full: ['uniform', 'zipf'] },
  transactions: { quick: 500, full: 20_000 },
  warmUp: { quick: 1, full: 1 },
  rounds: { quick: 1, full: 5 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'object-transactions',
  title: 'Transactions of three reads and three writes',
  description: 'By number of keys, uniform and zipf, with the share that aborts.',
  parameters,
  async run(values, report) {
    for (const keys of values.keys) {
      for (const distribution of values.distributions) {
        for (const threads of values.threads) {
          const count = Math.ceil(values.transactions / threads);
          const plan = { kind: 'read three, write three', count, keys, distribution } as const;
          const one = { ...values, plan, threads, logBytes: values.logMib * MIB };
          await reportTransactions(one, report, { keys, distribution, threads });
        }
      }
    }
    notePeers(report);
  },
};
