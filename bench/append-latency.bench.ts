/**
 * How long one append takes from the call until both replicas hold it, nothing else going on.
 *
 *   main thread ── token ──▶ ┐
 *               ── write ──▶ ├ actor thread, awake: three round trips, each after the one before
 *               ── write ──▶ ┘
 *
 * While the thread blocks, and as a promise on the event loop; on the direct link the main thread
 * takes all three steps itself, while it blocks. The limit: three round trips through
 * bare mailboxes. Beside it one round trip of postMessage. The log is trimmed between the appends,
 * outside of what is measured.
 */
import { once } from 'node:events';
import { Histogram, histogramBytesFor } from '../shared-memory/histogram.ts';
import { decidedEnd } from './append-window.ts';
import { ringLatency } from './bare-ring.ts';
import { type BenchLog, entriesPerTrim, MIB, openBenchLog } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { latencyResult, recordLatencies, recordLatenciesAsync } from './harness/measure.ts';
import { RecordKind, type SmallMessage, startPeer } from './mailbox-bench-peer.ts';

/** Token, head, tail. */
const ROUND_TRIPS = 3;
/** Of postMessage, which needs none. */
const SMALLEST_RING_WORDS = 64;

const parameters = {
  logMib: { quick: 16, full: 256 },
  payloadBytes: { quick: [64, 4096], full: [64, 4096] },
  appends: { quick: 200, full: 500_000 },
  messages: { quick: 100, full: 50_000 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'append-latency',
  title: 'One append at a time',
  description: 'Blocking, awaited and direct appends, beside bare mailboxes and postMessage.',
  parameters,
  async run({ logMib, payloadBytes, appends, messages }, report) {
    const ring = await ringLatency(ROUND_TRIPS, appends);
    const limit = ring.percentile(50);
    report.add(latencyResult('three round trips, bare mailboxes', ring, {}));
    report.add(latencyResult('one round trip, postMessage', await pingMessages(messages), {}));
    await using bench = await openBenchLog({ logBytes: logMib * MIB });
    const { log } = bench.tango;
    for (const bytes of payloadBytes) {
      const payload = new Uint8Array(bytes).fill(1);
      const trimEvery = entriesPerTrim(bench.client, bytes);
      const labels = { payloadBytes: bytes, link: 'mailbox' };
      const blocking = await measureBlocking(bench, appends, bytes);
      report.add({ ...latencyResult('appendSync', blocking, labels), limit });
      const append = async (): Promise<void> => {
        await log.append(payload);
      };
      const awaited = await measured(appends, async (histogram, count) => {
        for (let left = count; left > 0; left -= trimEvery) {
          await recordLatenciesAsync(histogram, Math.min(left, trimEvery), append);
          await log.trimPrefix(decidedEnd(bench.client));
        }
      });
      report.add({ ...latencyResult('await append', awaited, labels), limit });
    }
    await using direct = await openBenchLog({ link: 'direct', logBytes: logMib * MIB });
    for (const bytes of payloadBytes) {
      const blocking = await measureBlocking(direct, appends, bytes);
      const labels = { payloadBytes: bytes, link: 'direct' };
      report.add({ ...latencyResult('appendSync', blocking, labels), limit });
    }
    report.note(
      'The limit is the median of three round trips through bare mailboxes, best of three starts.',
    );
  },
};

function measureBlocking(bench: BenchLog, appends: number, bytes: number): Promise<Histogram> {
  const { log } = bench.tango;
  const payload = new Uint8Array(bytes).fill(1);
  const trimEvery = entriesPerTrim(bench.client, bytes);
  return measured(appends, async (histogram, count) => {
    for (let append = 1; append <= count; append++) {
      recordLatencies(histogram, 1, () => log.appendSync(payload));
      if (append % trimEvery === 0) log.trimPrefixSync(decidedEnd(bench.client));
    }
    log.trimPrefixSync(decidedEnd(bench.client));
  });
}

/** Runs `body` for a tenth of `count`, forgets that, and runs it in full. */
async function measured(
  count: number,
  body: (histogram: Histogram, count: number) => Promise<void>,
): Promise<Histogram> {
  const histogram = new Histogram(new SharedArrayBuffer(histogramBytesFor()));
  await body(histogram, Math.ceil(count / 10));
  histogram.clear();
  await body(histogram, count);
  return histogram;
}

async function pingMessages(count: number): Promise<Histogram> {
  await using peer = await startPeer('message echo', SMALLEST_RING_WORDS);
  const { worker } = peer;
  const message: SmallMessage = {
    kind: RecordKind.USUAL,
    position: 1,
    epoch: 1,
    stream: 2,
    length: 64,
    first: 3,
    second: 4,
  };
  return await measured(count, (histogram, times) =>
    recordLatenciesAsync(histogram, times, async () => {
      worker.postMessage(message);
      await once(worker, 'message');
    }),
  );
}
