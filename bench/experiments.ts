/** All experiments, in the order in which they run and are listed. */
import { experiment as appendLatency } from './append-latency.bench.ts';
import { experiment as appendThroughput } from './append-throughput.bench.ts';
import { experiment as corfuSmr } from './corfu-smr.bench.ts';
import { experiment as corfuStore } from './corfu-store.bench.ts';
import { experiment as directAppendThroughput } from './direct-append-throughput.bench.ts';
import { experiment as elements } from './elements.bench.ts';
import { experiment as failover } from './failover.bench.ts';
import type { Experiment } from './harness/experiment.ts';
import { experiment as ledgers } from './ledgers.bench.ts';
import { experiment as namespace } from './namespace.bench.ts';
import { experiment as objectGet } from './object-get.bench.ts';
import { experiment as objectIncrement } from './object-increment.bench.ts';
import { experiment as objectPlayback } from './object-playback.bench.ts';
import { experiment as objectSet } from './object-set.bench.ts';
import { experiment as objectTransactions } from './object-transactions.bench.ts';
import { experiment as objectViews } from './object-views.bench.ts';
import { experiment as objects } from './objects.bench.ts';
import { experiment as mailboxThroughput } from './one-to-one-mailbox-throughput.bench.ts';
import { experiment as mailboxLatency } from './ping-pong-mailbox-latency.bench.ts';
import { experiment as playback } from './playback.bench.ts';
import { experiment as pool } from './pool.bench.ts';
import { experiment as randomRead } from './random-read.bench.ts';
import { experiment as replaceUnit } from './replace-unit.bench.ts';
import { experiment as tokenThroughput } from './token-throughput.bench.ts';

export const experiments: readonly Experiment[] = [
  mailboxThroughput,
  mailboxLatency,
  tokenThroughput,
  appendThroughput,
  directAppendThroughput,
  appendLatency,
  randomRead,
  playback,
  failover,
  replaceUnit,
  objectGet,
  objectSet,
  objectIncrement,
  objectTransactions,
  objectPlayback,
  objectViews,
  objects,
  elements,
  namespace,
  ledgers,
  pool,
  corfuStore,
  corfuSmr,
];

export function experimentNamed(name: string): Experiment | undefined {
  return experiments.find((experiment) => experiment.name === name);
}
