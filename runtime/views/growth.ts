/** How much larger the states of objects get by changes that are not in the log yet: looked for on trial. */
import type { Player } from './playback.ts';
import {
  type ObjectId,
  type ObjectRecord,
  RecordKind,
  recordBytes,
  type Update,
} from './record.ts';
import type { Participant } from './transaction.ts';

export interface Trialled {
  readonly player: Player;
  readonly participant: Participant;
}

/**
 * Bytes by which the states of the objects that `records` change get larger, or smaller: below 0. Made in
 * the views, looked at, and taken back. What cannot be tried counts as long as it is.
 */
export function growthOf(
  records: readonly ObjectRecord[],
  find: (object: ObjectId) => Trialled | undefined,
): number {
  const byObject = new Map<ObjectId, Update[]>();
  for (const record of records) {
    const updates = record.kind === RecordKind.UPDATE ? [record] : record.updates;
    for (const update of updates) {
      const others = byObject.get(update.object);
      if (others === undefined) byObject.set(update.object, [update]);
      else others.push(update);
    }
  }
  let growth = 0;
  for (const [object, updates] of byObject) {
    const trialled = find(object);
    growth += (trialled && tryOut(trialled, updates)) ?? bytesOf(updates);
  }
  return growth;
}

/** Undefined: the object does not bear it. */
function tryOut({ player, participant }: Trialled, updates: readonly Update[]): number | undefined {
  try {
    const before = player.state().length;
    const undo = participant.begin();
    try {
      for (const update of updates) participant.make(update);
      return player.state().length - before;
    } finally {
      undo();
    }
  } catch {
    return undefined;
  }
}

function bytesOf(updates: readonly Update[]): number {
  let bytes = 0;
  for (const update of updates) bytes += recordBytes(update);
  return bytes;
}
