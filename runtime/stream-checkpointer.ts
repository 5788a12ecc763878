/**
 * Writes checkpoints of the stream state into the log now and then, so that a new sequencer scans
 * some thousand positions instead of all of them. Part of the housekeeping; dying in the middle
 * leaves parts that nobody uses.
 */
import { encodeCheckpoint, type StreamRecord } from '../actors/stream-checkpoint.ts';
import { EntryKind } from '../shared-memory/entry-layout.ts';
import { appendEntry } from './append-entry.ts';
import type { LogClient } from './log-client.ts';
import { type Procedure, pause } from './procedure.ts';

/** Positions between two checkpoints, and per stream known: their cost stays a few percent. */
const EVERY_POSITIONS = 16_384;
const POSITIONS_PER_STREAM = 4;
/** Records taken under the sequencer's lock at once: some microseconds. */
const RECORDS_PER_LOCK = 64;
const LOCKED_PAUSE_MS = 0.05;

/** Appends a checkpoint if enough was appended since the last one; `least`: for tests. */
export function* checkpointStreams(
  client: LogClient,
  least: number = EVERY_POSITIONS,
): Procedure<void> {
  const { sequencer } = client.memory;
  const every = Math.max(least, POSITIONS_PER_STREAM * sequencer.streamsKnown);
  const base = sequencer.tail();
  if (base - sequencer.checkpointPosition() < every) return;
  const records = yield* takeRecords(client);
  if (records === undefined) return;
  sequencer.raiseCheckpointPosition(base);
  const { backpointers, entryBytesMax } = client.memory.sizes;
  for (const payload of encodeCheckpoint(base, records, backpointers, entryBytesMax)) {
    yield* appendEntry(client, payload, [], EntryKind.SYSTEM);
  }
}

/** Undefined when the state was built anew meanwhile. */
function* takeRecords(client: LogClient): Procedure<StreamRecord[] | undefined> {
  const { sequencer } = client.memory;
  const built = sequencer.builtEpoch();
  const records: StreamRecord[] = [];
  for (;;) {
    if (!sequencer.tryLock(client.incarnation)) {
      const owner = sequencer.lockOwner();
      // Then the sequencer has failed: its successor's state is not this one.
      if (owner !== 0 && !client.membership.lives(owner)) return undefined;
      yield* pause(LOCKED_PAUSE_MS);
      continue;
    }
    const isSame = sequencer.builtEpoch() === built && sequencer.requiredBuild() <= built;
    const end = isSame ? Math.min(records.length + RECORDS_PER_LOCK, sequencer.streamsKnown) : 0;
    for (let record = records.length; record < end; record++) {
      const positions = Array.from({ length: sequencer.backpointers }, (_, i) =>
        sequencer.streamPosition(record, i),
      );
      records.push({ stream: sequencer.streamOf(record), positions });
    }
    const isAll = records.length >= sequencer.streamsKnown;
    sequencer.unlock();
    if (!isSame) return undefined;
    if (isAll) return records;
    yield* pause(0);
  }
}
