/**
 * How many entries of a stream a second one thread plays: learns the stream's positions by its
 * backpointers, then reads them in order.
 *
 *   alone          a a a a a a a a a a …                       sync, then readnext until the end
 *   interleaved    a b c d e f … p a b c d e f … p …           the same, one stream after another
 * Once more with playSync, which hands each entry to a function and allocates nothing for it.
 *
 *   entries()      every position of the log in order
 *
 * Its limit: copies of as many payloads one after another out of a SharedArrayBuffer.
 */
import type { SharedLog } from '../runtime/shared-log.ts';
import { fillLog, MIB, openBenchLog } from './bench-log.ts';
import { measurePieces } from './copy-limit.ts';
import type { Experiment } from './harness/experiment.ts';
import { measureRate, rateResult } from './harness/measure.ts';

const UNIT = 'entries/s';

const parameters = {
  logMib: { quick: 16, full: 256 },
  payloadBytes: { quick: 64, full: 64 },
  entries: { quick: 3_000, full: 500_000 },
  interleaved: { quick: 16, full: 16 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'playback',
  title: 'Playing streams',
  description: 'One stream alone and among others through the cursor, and a scan of the log.',
  parameters,
  async run(values, report) {
    const { payloadBytes } = values;
    const limit = await measurePieces({ pieceBytes: payloadBytes, pieces: values.entries }, values);
    for (const streams of [1, values.interleaved]) {
      await using bench = await openBenchLog({ logBytes: values.logMib * MIB });
      const ids = Array.from({ length: streams }, (_, stream) => stream + 1);
      const entries = fillLog(bench, payloadBytes, values.entries, ids);
      const { log } = bench.tango;
      const labels = { streams, entries };
      const cursor = await measureRate(() => checked(playCursors(log, ids), entries), values);
      report.add({ ...rateResult('sync, readnextSync', UNIT, cursor, labels), limit });
      const played = await measureRate(() => checked(playStreams(log, ids), entries), values);
      report.add({ ...rateResult('sync, playSync', UNIT, played, labels), limit });
      const scan = await measureRate(async () => checked(await scanAll(log), entries), values);
      report.add({ ...rateResult('entries()', UNIT, scan, labels), limit });
    }
    report.note('The limit is copies of as many payloads in order, into one place.');
  },
};

/** Each stream from its beginning, by a new cursor. */
function playCursors(log: SharedLog, streams: readonly number[]): number {
  let played = 0;
  for (const stream of streams) {
    const cursor = log.stream(stream);
    cursor.syncSync();
    while (cursor.readnextSync() !== undefined) played++;
  }
  return played;
}

/** The same with a handler that looks at one byte of each payload. */
function playStreams(log: SharedLog, streams: readonly number[]): number {
  let played = 0;
  let sum = 0;
  for (const stream of streams) {
    const cursor = log.stream(stream);
    cursor.syncSync();
    played += cursor.playSync(({ payload }) => {
      sum += payload[0];
    });
  }
  // Every payload starts with a 1.
  if (sum !== played) throw new Error(`a payload is what was appended: ${sum} of ${played}`);
  return played;
}

async function scanAll(log: SharedLog): Promise<number> {
  let scanned = 0;
  for await (const _entry of log.entries()) scanned++;
  return scanned;
}

function checked(played: number, entries: number): number {
  if (played !== entries) throw new Error(`all is played: entries=${entries}, played=${played}`);
  return played;
}
