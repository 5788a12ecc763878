/**
 * How many entries a second one thread reads at random positions.
 *
 *   main thread ── slot, entry, watermark ──▶ memory of the chain's tail
 *
 * No message is sent: a complete position is read from shared memory alone. Its limit: copies of
 * as many bytes from random places of a SharedArrayBuffer as large as all the payloads, into one
 * place; a read makes a new Uint8Array each time.
 */
import type { SharedLog } from '../runtime/shared-log.ts';
import { fillLog, MIB, openBenchLog } from './bench-log.ts';
import { measurePieces } from './copy-limit.ts';
import type { Experiment } from './harness/experiment.ts';
import { measureRate, rateResult } from './harness/measure.ts';
import { randomNumbers } from './random-numbers.ts';

const parameters = {
  logMib: { quick: 4, full: 256 },
  payloadBytes: { quick: [64, 4096], full: [64, 4096] },
  reads: { quick: 2_000, full: 500_000 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'random-read',
  title: 'Reads of random positions',
  description: 'Complete entries read one-sided, beside copies of the same sizes.',
  parameters,
  async run(values, report) {
    for (const pieceBytes of values.payloadBytes) {
      await using bench = await openBenchLog({ logBytes: values.logMib * MIB });
      const pieces = fillLog(bench, pieceBytes);
      const order = randomNumbers(values.reads, pieces);
      const { log } = bench.tango;
      const rate = await measureRate(() => readAll(log, order, pieceBytes), values);
      const limit = await measurePieces({ pieceBytes, pieces, order }, values);
      const labels = { payloadBytes: pieceBytes, entries: pieces };
      report.add({ ...rateResult('readSync', 'entries/s', rate, labels), limit });
    }
    report.note('The limit is copies of the same sizes from random places into one place.');
  },
};

function readAll(log: SharedLog, order: Int32Array, payloadBytes: number): number {
  for (const position of order) {
    const entry = log.readSync(position);
    // The log's own entries lie in between, a few in a million, and show as junk.
    if (entry.kind !== 'junk' && (entry.kind !== 'data' || entry.payload.length !== payloadBytes)) {
      throw new Error(`every position is complete: position=${position}, kind=${entry.kind}`);
    }
  }
  return order.length;
}
