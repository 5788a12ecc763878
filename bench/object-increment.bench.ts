/**
 * How many transactions a second read a key and set it to one more, by one thread and by several that
 * are in each other's way.
 *
 *   threads ── transactSync(get, set) ──▶ the same few keys
 *
 * The threads take the direct link. Beside it, the same by as many threads: transactionSync of lmdb, BEGIN
 * IMMEDIATE of SQLite, which wait for each other instead of running again.
 */
import { MIB } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { reportTransactions } from './stores/measure-transactions.ts';
import { notePeers } from './stores/store-places.ts';

const parameters = {
  logMib: { quick: 32, full: 1024 },
  threads: { quick: [1, 2], full: [1, 2, 4] },
  keys: { quick: [1], full: [1, 16] },
  transactions: { quick: 100, full: 20_000 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'object-increment',
  title: 'Read, modify, write',
  description: 'Increments of a few keys by 1, 2 and 4 threads, beside lmdb and SQLite.',
  parameters,
  async run(values, report) {
    const cases = values.threads.map((threads) => ({ threads, distribution: 'uniform' }) as const);
    for (const keys of values.keys) {
      const logBytes = values.logMib * MIB;
      await reportTransactions({ ...values, kind: 'increment', keys, logBytes, cases }, report);
    }
    notePeers(report);
  },
};
