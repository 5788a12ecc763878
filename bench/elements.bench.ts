/**
 * Objects of many elements: how fast they are loaded, put into a checkpoint, and opened from
 * there, and how long the event loop of the thread that does it stands meanwhile.
 *
 *   main thread ── 250 elements, a turn, … ──▶ log             load
 *               ── checkpoint() ──▶ log ──▶ another thread      open: from the checkpoint
 *
 * A pause is the longest time without a turn of the thread's event loop
 * (perf_hooks.monitorEventLoopDelay, once a millisecond). Each size is measured in a new log, the
 * smaller ones several times.
 */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { open } from '../index.ts';
import { MIB } from './bench-log.ts';
import { KINDS, type Kind, load, type Timed, timed } from './elements.ts';
import type { OpenerData, OpenerOrder } from './elements-worker.ts';
import type { Experiment, Report } from './harness/experiment.ts';
import { latencySpread, rateResult, spreadOf } from './harness/measure.ts';
import { RoundThreads } from './harness/round-threads.ts';

const WORKER = new URL(
  `./elements-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
/** Larger ones are measured less often, and at least once. */
const ELEMENTS_MAX = 1_000_000;
const NANOSECONDS_PER_MS = 1e6;

const parameters = {
  logMib: { quick: 32, full: 1024 },
  kinds: { quick: ['map', 'queue'], full: KINDS },
  elements: { quick: [3000], full: [10_000, 100_000, 1_000_000] },
  rounds: { quick: 1, full: 5 },
} as const;

interface Measured {
  readonly load: Timed;
  readonly checkpoint: Timed;
  readonly open: Timed;
  readonly bytes: number;
}

export const experiment: Experiment<typeof parameters> = {
  name: 'elements',
  title: 'Objects of many elements',
  description: 'Load, checkpoint and open 10 thousand to a million elements; the longest pause.',
  parameters,
  async run({ logMib, kinds, elements, rounds }, report) {
    for (const kind of kinds) {
      for (const count of elements) {
        const times = Math.max(1, Math.min(rounds, Math.floor(ELEMENTS_MAX / count)));
        const measured: Measured[] = [];
        for (let i = 0; i < times; i++) measured.push(await measure(logMib * MIB, kind, count));
        tell(report, kind, count, measured);
      }
    }
    report.note(
      'Pauses: the longest time without a turn of the event loop of the thread that does it ' +
        '(perf_hooks.monitorEventLoopDelay, a resolution of 1 ms).',
    );
  },
};

async function measure(logBytes: number, kind: Kind, elements: number): Promise<Measured> {
  collectGarbage();
  await using tango = await open({ logBytes, link: 'direct', compaction: false });
  const loaded = await timed(() => load(tango, kind, elements));
  const before = tango.stats().thread.appendedBytes;
  const checkpoint = await timed(() => tango.checkpoint());
  const bytes = tango.stats().thread.appendedBytes - before;
  const data: OpenerData = { handle: tango.handle, kind, elements };
  await using threads = await RoundThreads.start<OpenerOrder>(WORKER, [data]);
  const [ms] = await threads.ask(['open']);
  const [pauseMs] = await threads.ask(['pause']);
  return { load: loaded, checkpoint, open: { ms, pauseMs }, bytes };
}

/** What the log before has left is no part of a pause. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

function tell(report: Report, kind: Kind, elements: number, measured: readonly Measured[]): void {
  const labels = { kind, elements };
  for (const what of ['load', 'checkpoint', 'open'] as const) {
    const times = measured.map((one) => one[what]);
    const rates = times.map(({ ms }) => (elements * 1000) / ms);
    const rate = { ...spreadOf(rates), rounds: rates };
    report.add(rateResult(what, 'elements/s', rate, labels));
    const pauses = times.map(({ pauseMs }) => pauseMs * NANOSECONDS_PER_MS);
    report.add(latencySpread(`${what}, pause`, pauses, labels));
  }
  const bytes = spreadOf(measured.map((one) => one.bytes)).median;
  report.add({ name: 'size of the checkpoint', unit: 'bytes', value: bytes, parameters: labels });
}
