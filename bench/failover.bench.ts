/**
 * How long nobody can append when the sequencer dies, or is replaced.
 *
 *   client ── append ── append ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ append ──▶
 *              terminate() │ death noticed │ next projection │ state built │
 *
 * A light, steady client, on the mailbox link and on the direct one. The sequencer is alone on its
 * thread, and another thread is idle, so nothing dies with it. Ending a worker takes Node itself some
 * milliseconds: that part, and each further one, is told beside the gap, from the last append
 * acknowledged before to the first one after. Once more without a death: `reconfigure` names a new
 * sequencer. Its limit is the goal of the design, and what Tango reports.
 */
import { setTimeout } from 'node:timers/promises';
import { homeIndexOf } from '../actors/actor-ids.ts';
import type { LinkKind } from '../runtime/client-options.ts';
import { type BenchLog, fillLog, MIB, openBenchLog } from './bench-log.ts';
import { type Disturbed, FaultClient, partResult } from './fault-client.ts';
import type { Experiment, Report } from './harness/experiment.ts';
import { keepEntries, latestProjection, untilWhole } from './whole-log.ts';

const LIMIT_NS = 10e6;
const LINKS: readonly LinkKind[] = ['mailbox', 'direct'];
/** Sequencer, two units, an idle one. */
const ACTOR_THREADS = 4;
const WHOLE_MS_MAX = 10_000;
/** What the last event has left to do goes on in the background. */
const REST_MS = 20;

const parameters = {
  logMib: { quick: 16, full: 256 },
  payloadBytes: { quick: 64, full: 64 },
  entries: { quick: 3_000, full: 1_000_000 },
  streams: { quick: 64, full: 64 },
  events: { quick: 2, full: 300 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'failover',
  title: 'Sequencers that die, or are replaced, under a light load',
  description: 'Time without an append, and its parts, over some hundred deaths and replacements.',
  parameters,
  async run({ logMib, payloadBytes, entries, streams, events }, report) {
    await using bench = await openBenchLog({
      link: 'direct',
      logBytes: logMib * MIB,
      actorThreads: ACTOR_THREADS,
    });
    const ids = Array.from({ length: streams }, (_, stream) => stream + 1);
    const filled = fillLog(bench, payloadBytes, entries, ids);
    await untilDecided(bench);
    const { handle } = bench.tango;
    for (const link of LINKS) {
      await using client = await FaultClient.start({ handle, link, payloadBytes, streams: ids });
      const one = { bench, client, link, events, entries: filled, report };
      await measure(one, 'killed');
      await measure(one, 'replaced');
    }
    report.note(
      'The limit is the goal: 10 ms without service, as Tango reports. On the mailbox link the gap ' +
        'begins when the thread dies, on the direct one when the sequencer is sealed. The gap is exact, ' +
        'its parts are known to a millisecond. It starts when the filler has looked at all that was ' +
        'loaded: right after bulk loading, which outruns it, a new sequencer has that to do as well.',
    );
  },
};

/** The filler looks at some ten thousand positions a round; loading is faster. */
async function untilDecided({ client }: BenchLog): Promise<void> {
  const { sequencer } = client.memory;
  const loaded = sequencer.tail();
  const lateMs = performance.now() + WHOLE_MS_MAX;
  while (sequencer.decidedMark() < loaded) {
    if (performance.now() > lateMs) throw new Error(`all is decided in time: tail=${loaded}`);
    await setTimeout(REST_MS);
  }
}

interface Case {
  readonly bench: BenchLog;
  readonly client: FaultClient;
  readonly link: LinkKind;
  readonly events: number;
  readonly entries: number;
  readonly report: Report;
}

async function measure(one: Case, event: 'killed' | 'replaced'): Promise<void> {
  const { link, entries, events, report } = one;
  const seen: Disturbed[] = [];
  for (let i = 0; i < events; i++) seen.push(await disturb(one, event));
  const labels = { link, sequencer: event, entries };
  const part = (name: string, of: (one: Disturbed) => number) =>
    partResult(name, seen.map(of), labels);
  report.add({ ...part('gap in appends', ({ gapMs }) => gapMs), limit: LIMIT_NS });
  if (event === 'killed') {
    report.add(part('terminate() to notice', ({ noticedMs }) => noticedMs));
    report.add(part('notice to projection', ({ projectedMs }) => projectedMs));
  } else report.add(part('reconfigure() to projection', ({ projectedMs }) => projectedMs));
  report.add(part('projection to append', ({ resumedMs }) => resumedMs));
}

/** One event, in a log that is whole. */
async function disturb(
  { bench, client, entries }: Case,
  event: 'killed' | 'replaced',
): Promise<Disturbed> {
  const { tango, client: mine } = bench;
  const { memory } = mine;
  const lateMs = performance.now() + WHOLE_MS_MAX;
  await untilWhole(memory, () => performance.now() > lateMs);
  await keepEntries(tango.log, memory, entries);
  await setTimeout(REST_MS);
  const { epoch, sequencer } = latestProjection(memory);
  const incarnation = memory.threads.incarnation(memory.homes.home(homeIndexOf(sequencer)));
  return event === 'killed'
    ? await client.during({ incarnation, epoch }, () => tango.kill('sequencer'))
    : await client.during({ incarnation: 0, epoch }, () =>
        tango.log.reconfigure({ sequencer: 'replace' }),
      );
}
