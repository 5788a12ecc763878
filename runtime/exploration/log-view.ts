/** What a memory holds, decoded: as much as the invariants are about. */
import { LatestProjection } from '../../actors/layout-store.ts';
import { type LogMemory, tailOf } from '../../actors/log-memory.ts';
import type { ProjectionMap } from '../../actors/projection.ts';
import { streamOfHeader } from '../../actors/stream-header.ts';
import { SlotOutcome } from '../../shared-memory/slots-layout.ts';
import { copyEntry } from '../log-entry.ts';
import { SLOTS } from './log-parts.ts';

export const UNWRITTEN = '';
export const JUNK = 'junk';

/** A position as the latest projection says. */
export interface PositionView {
  /** What each replica of the chain holds: a writer's entry, JUNK, 'trimmed' or UNWRITTEN. */
  readonly replicas: readonly string[];
  readonly streams: readonly number[];
}

export interface LogView {
  readonly epoch: number;
  readonly tail: number;
  readonly sealed: readonly number[];
  readonly positions: readonly PositionView[];
  readonly lockOwner: number;
  /** Whether the sequencer serves the latest epoch. */
  readonly serves: boolean;
  /** Latest positions of stream 1, as the sequencer has them. */
  readonly stream: readonly number[];
}

export function identityOf(thread: number, sequence: number): string {
  return `${thread}.${sequence}`;
}

export function viewOf(memory: LogMemory): LogView {
  const map = new LatestProjection(memory.layoutStore).map();
  const { sequencer } = memory;
  const sealed = Array.from({ length: memory.unitCount }, (_, i) =>
    memory.unit(i).slots.sealedEpoch(),
  );
  return {
    epoch: map.epoch,
    tail: tailOf(memory, map),
    sealed: [...sealed, sequencer.sealedEpoch()],
    positions: Array.from({ length: SLOTS }, (_, position) => positionOf(memory, map, position)),
    lockOwner: sequencer.lockOwner(),
    serves: sequencer.serves(map.epoch),
    stream: streamOf(memory),
  };
}

function positionOf(memory: LogMemory, map: ProjectionMap, position: number): PositionView {
  const address = map.addressOf(position);
  let streams: readonly number[] = [];
  const replicas = map.chainOf(position).map((unit) => {
    const { reader } = memory.unit(unit);
    const outcome = reader.locate(address, position);
    if (outcome === SlotOutcome.JUNK) return JUNK;
    if (outcome === SlotOutcome.TRIMMED) return 'trimmed';
    if (outcome !== SlotOutcome.WRITTEN) return UNWRITTEN;
    streams = [];
    for (let i = 0; i < reader.streamCount; i++) {
      streams = [...streams, streamOfHeader(reader.words, reader.streamHeader(i))];
    }
    const entry = copyEntry(reader, address, position);
    return entry === undefined ? 'torn' : identityOf(entry.writer.thread, entry.writer.sequence);
  });
  return { replicas, streams };
}

function streamOf({ sequencer }: LogMemory): readonly number[] {
  const record = sequencer.findStream(1, false);
  if (record < 0) return [];
  const positions = Array.from({ length: sequencer.backpointers }, (_, i) =>
    sequencer.streamPosition(record, i),
  );
  return positions.filter((position) => position >= 0);
}

/** What every reader gets at a position now; UNWRITTEN while that is not decided. */
export function completeAt(view: LogView, position: number): string {
  const { replicas } = view.positions[position];
  return replicas.length === 0 ? 'lost' : replicas[replicas.length - 1];
}
