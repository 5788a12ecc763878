/**
 * How many entries a second go to both replicas of a chain.
 *
 *   client ── token ──▶ sequencer ┐
 *   client ── write ──▶ head      ├ one actor thread         one client on the main thread,
 *   client ── write ──▶ tail      ┘                          the second one on a worker
 *
 * With completion callbacks, with a promise per append, and one at a time while the thread blocks; on
 * the direct link, where each client takes all three steps itself, with callbacks and promises.
 * Two limits: three round trips per append through bare mailboxes with the same window, and, for
 * what is copied (payload bytes times replicas), memcpy. The log is finite: what is decided is
 * trimmed after each 4 MiB of a storage unit, within the measured time, and outside of measured
 * latencies.
 */
import { once } from 'node:events';
import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { TangoError } from '../actors/tango-error.ts';
import type { LinkKind } from '../runtime/client-options.ts';
import type { SharedLog } from '../runtime/shared-log.ts';
import { Histogram, histogramBytesFor } from '../shared-memory/histogram.ts';
import type { AppendClientTask, AppendRound } from './append-client-worker.ts';
import { appendAll, decidedEnd, isTrimDue } from './append-window.ts';
import { PLAIN_RECORDS, ringRate } from './bare-ring.ts';
import { type BenchLog, entriesPerTrim, MIB, openBenchLog } from './bench-log.ts';
import type { Experiment, ParameterValues, Report } from './harness/experiment.ts';
import { measureCopy } from './harness/limits.ts';
import {
  latencyResult,
  measureRate,
  type Rate,
  rateResult,
  recordLatencies,
} from './harness/measure.ts';

const WORKER = new URL(
  `./append-client-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
const UNIT = 'appends/s';
const REPLICAS = 2;
/** Token, head, tail. */
const ROUND_TRIPS = 1 + REPLICAS;
/** From here on copying is what an append is made of. */
const COPY_BYTES_MIN = 4096;

const parameters = {
  logMib: { quick: 16, full: 256 },
  // Large entries first: they touch the whole memory before small ones are measured.
  payloadBytes: { quick: [4096, 64], full: [4096, 64] },
  windows: { quick: [1, 256], full: [1, 16, 64, 256] },
  clients: { quick: [1, 2], full: [1, 2] },
  appends: { quick: 2_000, full: 200_000 },
  blockingAppends: { quick: 500, full: 200_000 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

type Values = ParameterValues<typeof parameters>;

export const experiment: Experiment<typeof parameters> = {
  name: 'append-throughput',
  title: 'Appends to two replicas',
  description:
    'Callbacks, promises, blocking and direct appends, beside bare mailboxes and memcpy.',
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
      await measureBlocking({ ...caseOf, payloadBytes, window: 1 });
    }
    await measureDirect({ values, report, limits, copyBytes });
    report.note(
      'The limit of appends/s is three round trips of one client through bare mailboxes; ' +
        'that of B/s is memcpy. Two clients and the actors are three threads.',
    );
  },
};

interface Case {
  readonly values: Values;
  readonly report: Report;
  readonly bench: BenchLog;
  readonly link: LinkKind;
  /** Appends a second that bare mailboxes would carry, by window. */
  readonly limits: ReadonlyMap<number, number>;
  readonly copyBytes: number;
  readonly payloadBytes: number;
  readonly window: number;
}

/** An append ends before its call returns, so a window is of promises, and of turns, alone. */
async function measureDirect(
  common: Pick<Case, 'values' | 'report' | 'limits' | 'copyBytes'>,
): Promise<void> {
  const { logMib, payloadBytes: sizes, clients: counts, windows } = common.values;
  const link = 'direct';
  await using bench = await openBenchLog({ link, logBytes: logMib * MIB, replicas: REPLICAS });
  const window = Math.max(...windows);
  for (const payloadBytes of sizes) {
    const one: Case = { ...common, bench, link, payloadBytes, window };
    for (const clients of counts) await measureCallbacks(one, clients);
    await measurePromises(one);
  }
}

async function ringLimit(values: Values, window: number): Promise<number> {
  const perRound = ROUND_TRIPS * values.appends;
  return (await ringRate(PLAIN_RECORDS, { window, perRound }, values)) / ROUND_TRIPS;
}

/** The rate beside the mailboxes' limit and, where it is much, what was copied beside memcpy. */
function addRate(one: Case, name: string, rate: Rate, clients: number): void {
  const { report, payloadBytes, window, limits, copyBytes, link } = one;
  const labels = { payloadBytes, window, clients, link };
  const limit = limits.get(window);
  report.add({
    ...rateResult(name, UNIT, rate, labels),
    ...(limit === undefined ? {} : { limit }),
  });
  if (payloadBytes < COPY_BYTES_MIN) return;
  const value = rate.median * REPLICAS * payloadBytes;
  report.add({ name: `${name}, copied`, unit: 'B/s', value, limit: copyBytes, parameters: labels });
}

async function measureCallbacks(one: Case, clients: number): Promise<void> {
  const { values, bench, payloadBytes, window } = one;
  const trimEvery = entriesPerTrim(bench.client, payloadBytes);
  const count = Math.ceil(values.appends / clients);
  const payload = new Uint8Array(payloadBytes).fill(1);
  const appendHere = (): void => appendAll(bench, { count, window, payload, trimEvery });
  if (clients === 1) {
    const round = (): number => {
      appendHere();
      return count;
    };
    return addRate(one, 'callback', await measureRate(round, values), clients);
  }
  const worker = await startClient(bench);
  try {
    const task: AppendRound = { count, window, payloadBytes, trimEvery };
    const round = async (): Promise<number> => {
      const appended = once(worker, 'message');
      worker.postMessage(task);
      appendHere();
      await appended;
      return 2 * count;
    };
    addRate(one, 'callback', await measureRate(round, values), clients);
  } finally {
    await worker.terminate();
  }
}

async function startClient({ tango }: BenchLog): Promise<Worker> {
  const task: AppendClientTask = { handle: tango.handle };
  const worker = new Worker(WORKER, { workerData: task });
  await once(worker, 'message');
  return worker;
}

async function measurePromises(one: Case): Promise<void> {
  const { values, bench, payloadBytes, window } = one;
  const { log } = bench.tango;
  const trimEvery = entriesPerTrim(bench.client, payloadBytes);
  const payload = new Uint8Array(payloadBytes).fill(1);
  let trimming = false;
  const round = async (): Promise<number> => {
    let left: number = values.appends;
    const appendSome = async (): Promise<void> => {
      while (left-- > 0) {
        await appendWhenRoom(log, payload);
        if (trimming || !isTrimDue(bench.client, trimEvery)) continue;
        trimming = true;
        await log.trimPrefix(decidedEnd(bench.client));
        trimming = false;
      }
    };
    await Promise.all(Array.from({ length: window }, appendSome));
    return values.appends;
  };
  addRate(one, 'promise', await measureRate(round, values), 1);
}

/** Direct appends may be faster than the units reclaim what is trimmed. */
async function appendWhenRoom(log: SharedLog, payload: Uint8Array): Promise<void> {
  for (;;) {
    try {
      await log.append(payload);
      return;
    } catch (error) {
      if ((error as TangoError).code !== 'ERR_LOG_FULL') throw error;
      await setImmediate();
    }
  }
}

async function measureBlocking(one: Case): Promise<void> {
  const { values, bench, payloadBytes, report } = one;
  const { log } = bench.tango;
  const trimEvery = entriesPerTrim(bench.client, payloadBytes);
  const payload = new Uint8Array(payloadBytes).fill(1);
  const trimWhenDue = (): void => {
    if (isTrimDue(bench.client, trimEvery)) log.trimPrefixSync(decidedEnd(bench.client));
  };
  const count = values.blockingAppends;
  const round = (): number => {
    for (let append = 0; append < count; append++) {
      log.appendSync(payload);
      trimWhenDue();
    }
    return count;
  };
  addRate(one, 'appendSync', await measureRate(round, values), 1);
  const histogram = new Histogram(new SharedArrayBuffer(histogramBytesFor()));
  for (let append = 0; append < count; append++) {
    recordLatencies(histogram, 1, () => log.appendSync(payload));
    trimWhenDue();
  }
  report.add(latencyResult('appendSync latency', histogram, { payloadBytes }));
}
