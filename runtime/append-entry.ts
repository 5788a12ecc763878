/** An append as a step of a procedure, for the log's own work. */
import type { EntryKind } from '../shared-memory/entry-layout.ts';
import type { LogClient } from './log-client.ts';
import type { Position, StreamId } from './log-entry.ts';
import { type Procedure, pause } from './procedure.ts';

const POLL_MS = 0.05;

/** Resolves to the position, on every replica; the headroom of a full log is for such entries. */
export function* appendEntry(
  client: LogClient,
  payload: Uint8Array,
  streams: readonly StreamId[],
  kind: EntryKind,
): Procedure<Position> {
  let appended: Position | undefined;
  let failure: { readonly error: unknown } | undefined;
  const completion = {
    appended: (position: Position) => {
      appended = position;
    },
    failed: (error: unknown) => {
      failure = { error };
    },
  };
  client.append(payload, streams, true, completion, kind);
  for (;;) {
    if (appended !== undefined) return appended;
    if (failure !== undefined) throw failure.error;
    yield* pause(POLL_MS);
  }
}
