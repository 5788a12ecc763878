/**
 * Building the state of a new sequencer (CORFU 1.12, Tango 2.5), once its projection is installed:
 *
 *   1. the tail: one past the highest position written anywhere in the active range, heads included
 *   2. every position below it is decided, so that nothing can appear under the scan
 *   3. a scan from the tail down to the last checkpoint of the stream state in the log collects each
 *      stream's last K positions
 *   4. lock, install, serve
 *
 * Anybody may build, several at once: steps 1 to 3 change nothing but holes, the first to lock in
 * step 4 installs, and the others find it built. Dying before that leaves work for the next.
 */

import { slowTailOf } from '../actors/log-memory.ts';
import { NO_SEQUENCER } from '../actors/projection.ts';
import { TangoError } from '../actors/tango-error.ts';
import { fillPosition } from './chain.ts';
import { type Deadline, lateError } from './deadline.ts';
import type { LogClient } from './log-client.ts';
import type { Position } from './log-entry.ts';
import { type Procedure, pause } from './procedure.ts';
import { decidedRunEnd } from './read.ts';
import { type StreamState, scanStreams } from './stream-scan.ts';

const LOCKED_PAUSE_MS = 0.05;

/** Builds the sequencer of the current projection unless that is done; returns once it is. */
export function* buildSequencer(client: LogClient, deadline: Deadline): Procedure<void> {
  const { sequencer } = client.memory;
  while (isOwed(client)) {
    if (deadline.passed) throw lateError('the sequencer', 'its state is not built yet');
    const since = client.map.projection.sequencerSince;
    const tail = Math.max(sequencer.tail(), slowTailOf(client.memory, client.map));
    yield* decideBelow(client, tail);
    const state = yield* scanStreams(client, tail);
    if (client.map.projection.sequencerSince !== since) continue;
    if (!install(client, tail, state)) yield* pause(LOCKED_PAUSE_MS);
  }
}

function isOwed({ map, memory }: LogClient): boolean {
  const { sequencer, sequencerSince } = map.projection;
  return sequencer !== NO_SEQUENCER && memory.sequencer.builtEpoch() < sequencerSince;
}

/** Old-epoch writers are refused by now; what they left is completed, or becomes junk. */
function* decideBelow(client: LogClient, tail: Position): Procedure<void> {
  const { sequencer } = client.memory;
  for (let position = sequencer.decidedMark(); position < tail; position++) {
    position = decidedRunEnd(client, position, tail);
    if (position < tail) yield* decide(client, position);
  }
  sequencer.raiseDecidedMark(tail);
}

/** What is lost is decided as well: nobody will ever write it. */
function* decide(client: LogClient, position: Position): Procedure<void> {
  try {
    yield* fillPosition(client, position);
  } catch (error) {
    if (!(error instanceof TangoError) || error.code !== 'ERR_CORRUPT') throw error;
  }
}

/** In one flight: whoever seals this epoch from now on waits for it. False: try again. */
function install(client: LogClient, tail: Position, state: StreamState): boolean {
  const { sequencer } = client.memory;
  const { sequencerSince } = client.map.projection;
  // Somebody has sealed this one to name the next; a seal for growth leaves it in its place.
  if (sequencer.requiredBuild() > sequencerSince) return false;
  if (!sequencer.tryLock(client.incarnation)) return false;
  if (sequencer.builtEpoch() < sequencerSince) {
    sequencer.resetStreams(state.historyStart);
    for (const [stream, positions] of state.streams) {
      const record = sequencer.findStream(stream, true);
      if (record < 0) break;
      sequencer.setStreamPositions(record, positions);
    }
    if (tail > sequencer.tail()) sequencer.setTail(tail);
    sequencer.setBuilt(sequencerSince);
  }
  sequencer.unlock();
  return true;
}
