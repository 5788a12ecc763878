/** Whether a log has back what a death took: replicas, sequencer, threads. Read from its memory. */
import { setTimeout } from 'node:timers/promises';
import type { LogMemory } from '../actors/log-memory.ts';
import { NO_SEQUENCER, type Projection, type Range } from '../actors/projection.ts';
import type { SharedLog } from '../runtime/shared-log.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';

const LOOK_MS = 2;
/** A log may grow by this part of what it is to keep. */
const GROWTH = 1 / 4;

/** The latest projection, whoever acts under it. */
export function latestProjection({ layoutStore }: LogMemory): Projection {
  const projection = layoutStore.latest();
  if (projection === undefined) throw new Error('a log that is open has a projection');
  return projection;
}

/** What the log lacks, as the end of a sentence; undefined: it is whole. */
export function lackOf(memory: LogMemory): string | undefined {
  const { sequencer, sequencerSince } = latestProjection(memory);
  const short = chainsLack(memory);
  if (short !== undefined) return short;
  if (sequencer !== NO_SEQUENCER && memory.sequencer.builtEpoch() < sequencerSince) {
    return `the sequencer of epoch ${sequencerSince} is not built`;
  }
  const { threads, sizes } = memory;
  for (let thread = 0; thread < sizes.actorThreads; thread++) {
    const serves = threads.state(thread) === ThreadState.ALIVE && threads.attends(thread);
    if (!serves) return `actor thread ${thread} has no successor that serves`;
  }
  return undefined;
}

/** The first chain that lacks replicas, as the end of a sentence; undefined: none. */
export function chainsLack(memory: LogMemory): string | undefined {
  for (const range of latestProjection(memory).ranges) {
    const lack = replicasLacking(memory, range);
    if (lack !== undefined) return lack;
  }
  return undefined;
}

function replicasLacking(memory: LogMemory, { from, to, extents }: Range): string | undefined {
  const { sizes, sequencer } = memory;
  // Nobody rebuilds, or looks at, what is trimmed.
  if (to !== undefined && to <= sequencer.trimMark()) return undefined;
  const short = extents.find(({ chain }) => chain.length < sizes.replicas);
  if (short === undefined) return undefined;
  const where = `positions [${from}, ${to ?? 'the tail'})`;
  return `${where} have ${short.chain.length} replicas of ${sizes.replicas}`;
}

/** Resolves once the log is whole; rejects, and says what it lacks, when `isLate` says so. */
export async function untilWhole(memory: LogMemory, isLate: () => boolean): Promise<void> {
  for (;;) {
    const lack = lackOf(memory);
    if (lack === undefined) return;
    if (isLate()) throw new Error(`the log is not whole again in time: ${lack}`);
    await setTimeout(LOOK_MS);
  }
}

/** Trims all but the latest `entries`, once there are a good many more. */
export async function keepEntries(
  log: SharedLog,
  { sequencer }: LogMemory,
  entries: number,
): Promise<void> {
  const oldest = log.tailSync() - entries;
  if (oldest - sequencer.trimMark() > entries * GROWTH) await log.trimPrefix(oldest);
}
