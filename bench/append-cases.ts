/** The ways to append that experiments measure, on either link, each beside its limits. */
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
import { type BenchLog, entriesPerTrim } from './bench-log.ts';
import type { Report } from './harness/experiment.ts';
import {
  latencyResult,
  measureRate,
  type Rate,
  type Rounds,
  rateResult,
  recordLatencies,
} from './harness/measure.ts';

const WORKER = new URL(
  `./append-client-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
const UNIT = 'appends/s';
export const REPLICAS = 2;
/** Token, head, tail. */
const ROUND_TRIPS = 1 + REPLICAS;
/** From here on copying is what an append is made of. */
const COPY_BYTES_MIN = 4096;

/** How much is appended, and how often. */
export interface AppendValues extends Rounds {
  readonly appends: number;
}

export interface Case {
  readonly values: AppendValues;
  readonly report: Report;
  readonly bench: BenchLog;
  readonly link: LinkKind;
  /** Appends a second that bare mailboxes would carry, by window. */
  readonly limits: ReadonlyMap<number, number>;
  readonly copyBytes: number;
  readonly payloadBytes: number;
  readonly window: number;
}

export async function ringLimit(values: AppendValues, window: number): Promise<number> {
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

export async function measureCallbacks(one: Case, clients: number): Promise<void> {
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

export async function measurePromises(one: Case): Promise<void> {
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

/** `count` appends a round. */
export async function measureBlocking(one: Case, count: number): Promise<void> {
  const { values, bench, payloadBytes, report } = one;
  const { log } = bench.tango;
  const trimEvery = entriesPerTrim(bench.client, payloadBytes);
  const payload = new Uint8Array(payloadBytes).fill(1);
  const trimWhenDue = (): void => {
    if (isTrimDue(bench.client, trimEvery)) log.trimPrefixSync(decidedEnd(bench.client));
  };
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
