/**
 * How long nobody can append when a storage unit dies, and how soon its chain is whole again.
 *
 *   [0 1] ── unit 1 dies ──▶ [0] up to the split, [0 2] from there ── rebuilt ──▶ [0 2]
 *             gap in appends ends                                      joined
 *
 * The replicas live on threads of their own, the victim with nobody else; a spare takes part in
 * later positions at once, and gets the earlier ones in the background, while a light, steady
 * client goes on until the first append. The limit of the gap is the goal of the design, and what
 * CORFU reports.
 */
import { setTimeout } from 'node:timers/promises';
import { homeIndexOf, type UnitId, unitActor } from '../actors/actor-ids.ts';
import type { LogMemory } from '../actors/log-memory.ts';
import { rebuildOf } from '../actors/next-projection.ts';
import type { LinkKind } from '../runtime/client-options.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { type BenchLog, fillLog, MIB, openBenchLog } from './bench-log.ts';
import { type Disturbed, FaultClient, partResult } from './fault-client.ts';
import type { Experiment } from './harness/experiment.ts';
import { spreadOf } from './harness/measure.ts';
import { processMs } from './run/silences.ts';
import { chainsLack, keepEntries, latestProjection, untilWhole } from './whole-log.ts';

const LIMIT_NS = 30e6;
const LINKS: readonly LinkKind[] = ['mailbox', 'direct'];
/** One of the sequencer, one of each replica; a spare goes where there is room. */
const ACTOR_THREADS = 3;
const WHOLE_MS_MAX = 30_000;
const LOOK_MS = 1;

const parameters = {
  logMib: { quick: 16, full: 256 },
  payloadBytes: { quick: 64, full: 64 },
  entries: { quick: 2_000, full: 100_000 },
  events: { quick: 2, full: 300 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'replace-unit',
  title: 'Storage units that die under a light load',
  description:
    'Time without an append, and until the chain is whole again, over some hundred deaths.',
  parameters,
  async run({ logMib, payloadBytes, entries, events }, report) {
    await using bench = await openBenchLog({
      link: 'direct',
      logBytes: logMib * MIB,
      actorThreads: ACTOR_THREADS,
    });
    const filled = fillLog(bench, payloadBytes, entries);
    const { handle } = bench.tango;
    for (const link of LINKS) {
      await using client = await FaultClient.start({ handle, link, payloadBytes, streams: [1] });
      const seen: Replaced[] = [];
      for (let i = 0; i < events; i++) seen.push(await replace(bench, client, filled));
      const labels = { link, entries: filled };
      const part = (name: string, of: (one: Replaced) => number) =>
        partResult(name, seen.map(of), labels);
      report.add({ ...part('gap in appends', ({ gapMs }) => gapMs), limit: LIMIT_NS });
      report.add(part('terminate() to notice', ({ noticedMs }) => noticedMs));
      report.add(part('notice to projection', ({ projectedMs }) => projectedMs));
      report.add(part('projection to append', ({ resumedMs }) => resumedMs));
      report.add(part('projection to whole chain', ({ wholeMs }) => wholeMs));
      const { median, min, max } = spreadOf(seen.map(({ copiedPerSecond }) => copiedPerSecond));
      const details = { min, max };
      report.add({ name: 'copied', unit: 'entries/s', value: median, details, parameters: labels });
    }
    report.note(
      'The limit is the goal: appends resume within 30 ms, as CORFU reports. What is copied is ' +
        'timed from its first entry; the housekeeper looks for it ten times a second.',
    );
  },
};

interface Replaced extends Disturbed {
  /** From the projection without the dead unit until the spare has joined its chain everywhere. */
  readonly wholeMs: number;
  readonly copiedPerSecond: number;
}

/** One death, in a log that is whole. */
async function replace(bench: BenchLog, client: FaultClient, entries: number): Promise<Replaced> {
  const { tango } = bench;
  const { memory } = bench.client;
  const lateMs = performance.now() + WHOLE_MS_MAX;
  await untilWhole(memory, () => performance.now() > lateMs);
  await keepEntries(tango.log, memory, entries);
  const { epoch, ranges } = latestProjection(memory);
  const victim = aloneOnItsThread(memory, ranges[ranges.length - 1].extents[0].chain);
  const incarnation = memory.threads.incarnation(homeOf(memory, victim));
  const rebuilt = { copying: undefined as Promise<Copied> | undefined };
  const disturbed = await client.during({ incarnation, epoch }, async () => {
    rebuilt.copying = watchCopy(memory, epoch, lateMs);
    await tango.kill(victim);
  });
  const copied = await rebuilt.copying;
  if (copied === undefined) throw new Error('a rebuild is watched');
  const { rows, beganMs, wholeMs } = copied;
  return {
    ...disturbed,
    wholeMs: wholeMs - disturbed.projectedAtMs,
    copiedPerSecond: (rows * 1000) / Math.max(LOOK_MS, wholeMs - beganMs),
  };
}

interface Copied {
  readonly rows: number;
  /** By the clock of the process. */
  readonly beganMs: number;
  readonly wholeMs: number;
}

/** What the projection after `epoch` owes to the spare. */
async function watchCopy(memory: LogMemory, epoch: number, lateMs: number): Promise<Copied> {
  const pause = async (): Promise<void> => {
    if (performance.now() > lateMs) throw new Error(`the chain is whole in time: epoch=${epoch}`);
    await setTimeout(LOOK_MS);
  };
  for (;;) {
    const next = memory.layoutStore.read(epoch + 1);
    const owed = next === undefined ? undefined : rebuildOf(next);
    if (next !== undefined && owed === undefined) {
      throw new Error(`a spare gets what the dead unit held: epoch=${next.epoch}`);
    }
    if (owed === undefined) {
      await pause();
      continue;
    }
    const { slots } = memory.unit(owed.unit);
    const from = Math.max(owed.from, memory.unit(owed.source).slots.watermark());
    while (slots.look(from) === SlotOutcome.UNWRITTEN) await pause();
    const beganMs = processMs();
    while (chainsLack(memory) !== undefined) await pause();
    return { rows: owed.to - from, beganMs, wholeMs: processMs() };
  }
}

function aloneOnItsThread(memory: LogMemory, chain: readonly UnitId[]): UnitId {
  const { sequencer } = latestProjection(memory);
  const hosts = [memory.homes.home(homeIndexOf(sequencer)), ...chain.map((u) => homeOf(memory, u))];
  const alone = chain.find((unit) => {
    const home = homeOf(memory, unit);
    return hosts.filter((host) => host === home).length === 1;
  });
  if (alone === undefined) throw new Error(`a unit is alone on its thread: ${hosts.join(', ')}`);
  return alone;
}

function homeOf(memory: LogMemory, unit: UnitId): number {
  return memory.homes.home(homeIndexOf(unitActor(unit)));
}
