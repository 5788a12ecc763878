/**
 * What a checkpoint record says (Tango 2.8): up to where it covers the log, where the states are, and
 * what commits above it need to know of the entries below that it does not replace.
 *
 *                 limit             covered = mark + 1                     record
 *   ───────────────┬──────────────────┬───────────────────────────────────┬─────▶
 *    may be trimmed│ kept: snapshots  │ parts of the states, and whatever │ a view starts from the states,
 *                  │ of transactions  │ is appended meanwhile             │ and plays from `covered` on
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';
import { StreamReader } from '../stream-reader.ts';
import { type EntryLoader, isTrimmedError } from './entry-loader.ts';
import type { KnownVerdicts } from './judge.ts';
import { wholeRecords } from './large-record.ts';
import { type BatchRecord, type ObjectId, RecordKind } from './record.ts';
import { decodeValue, encodeValue } from './value-codec.ts';

/** Streams from here on are objects; an application's own are better below. */
export const DIRECTORY_ID: ObjectId = 2 ** 30;
/** The stream of marks and checkpoint records. */
export const CHECKPOINTS_ID: ObjectId = DIRECTORY_ID + 1;
export const FIRST_OBJECT_ID: ObjectId = DIRECTORY_ID + 16;

/** The state of one object. */
export interface Section {
  readonly object: ObjectId;
  readonly bytes: number;
  /** Of the encoded state: equal in every thread that has the object. */
  readonly digest: number;
  /** Lowest position of the log that the state refers to; undefined: none. */
  readonly lowest?: Position;
  readonly parts: readonly Position[];
}

export interface CheckpointIndex extends KnownVerdicts {
  /** Of all objects that have been changed below `covered`. */
  readonly sections: readonly Section[];
}

export function encodeIndex(index: CheckpointIndex): Uint8Array {
  return encodeValue(index, 'the index of a checkpoint');
}

/** ERR_CORRUPT for what is no index. */
export function decodeIndex(bytes: Uint8Array, position: Position): CheckpointIndex {
  const index = decodeValue(bytes) as CheckpointIndex | undefined;
  const isWhole =
    Number.isSafeInteger(index?.covered) &&
    Number.isSafeInteger(index?.limit) &&
    Number.isSafeInteger(index?.limitBefore) &&
    Array.isArray(index?.aborted) &&
    Array.isArray(index?.sections);
  if (isWhole && index !== undefined) return index;
  const text = `a checkpoint record is not intact: position=${position}`;
  throw new TangoError('ERR_CORRUPT', text, { position });
}

/** The lowest position that a state of the checkpoint refers to; Infinity: none. */
export function lowestIn({ sections }: CheckpointIndex): Position {
  let lowest = Number.POSITIVE_INFINITY;
  for (const section of sections) lowest = Math.min(lowest, section.lowest ?? lowest);
  return lowest;
}

export interface FoundCheckpoint {
  /** Of its record. */
  readonly position: Position;
  readonly index: CheckpointIndex;
}

/** The checkpoints in the log that are not trimmed, newest first. */
export function* checkpointsInLog(
  client: LogClient,
  loader: EntryLoader,
): Procedure<FoundCheckpoint[]> {
  const { sequencer } = client.memory;
  for (;;) {
    const trimmed = sequencer.trimMark();
    const all = yield* knownCheckpoints(client, loader);
    // All that were known then may have been replaced, and trimmed, before they were looked at.
    if (all.length > 0 || sequencer.trimMark() === trimmed) return all;
  }
}

function* knownCheckpoints(client: LogClient, loader: EntryLoader): Procedure<FoundCheckpoint[]> {
  const all: FoundCheckpoint[] = [];
  const reader = new StreamReader(client, CHECKPOINTS_ID);
  yield* reader.sync();
  for (const position of reader.takeKnown(Number.POSITIVE_INFINITY).reverse()) {
    // What is below it was trimmed with it.
    if (position < client.memory.sequencer.trimMark()) break;
    for (const record of yield* recordsOrNone(loader, position)) {
      if (record.kind !== RecordKind.CHECKPOINT) continue;
      all.push({ position, index: decodeIndex(record.index, position) });
    }
  }
  return all;
}

/** None once it, or a part of it, is trimmed: another one has replaced it. */
function* recordsOrNone(
  loader: EntryLoader,
  position: Position,
): Procedure<readonly BatchRecord[]> {
  try {
    const batch = yield* loader.load(position);
    return typeof batch === 'string' ? [] : yield* wholeRecords(loader, batch.records, 0);
  } catch (error) {
    if (isTrimmedError(error)) return [];
    throw error;
  }
}

/**
 * The one that covers most of the log, and at most `most` of it. Not always the newest: who was slow may
 * have written its record after another thread's.
 */
export function furthestOf(
  checkpoints: readonly FoundCheckpoint[],
  most: Position,
): FoundCheckpoint | undefined {
  let furthest: FoundCheckpoint | undefined;
  for (const one of checkpoints) {
    const { covered } = one.index;
    if (covered <= most && covered > (furthest?.index.covered ?? -1)) furthest = one;
  }
  return furthest;
}
