/**
 * Puts what views refer to in the beginning of the log into it again, at its end, so that a trim may pass the
 * beginning (Tango 2.8: "rewrite live values first"): ordinary updates of the objects, made by who compacts.
 *
 *   ──┬────────────────┬──────────────┬──────┬─────────▶
 *     │ a · b · · c ·  │  a' b' c'    │ mark │ states, record, trim up to the lowest reference
 *       in use: a b c    relocated
 *
 * An object replaces its reference only if it still is the one that was read: a change that comes between, or
 * another relocation, wins. So it is safe whoever else relocates, and wherever this thread dies.
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { Position } from '../log-entry.ts';
import { type Procedure, pause } from '../procedure.ts';
import { type EntryLoader, isTrimmedError } from './entry-loader.ts';
import { type LogReference, ReferenceReader } from './log-reference.ts';
import type { Player } from './playback.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_RECORDS_MAX,
  type ObjectId,
  recordBytes,
  type Update,
} from './record.ts';
import type { RecordAppender } from './record-appender.ts';
import type { Room } from './room.ts';

type Players = readonly (readonly [ObjectId, Player])[];

/** The references in use are taken in so many steps, the lowest first. */
const STEPS = 16;
/** Of the room that a checkpoint leaves, for one pass: others append meanwhile. */
const PART_OF_ROOM = 0.75;
/** Left for the next checkpoint: of what the last one took, and what others take part of chunks for. */
const STATE_GROWTH = 1.25;
const MARGIN_PARTS = 2;

export class Relocation {
  readonly #room: Room;
  readonly #reader: ReferenceReader;
  readonly #appender: RecordAppender;
  /** Bytes that a checkpoint takes, and that may still be appended. */
  #reserve = 0;
  #budget = 0;

  constructor(loader: EntryLoader, room: Room, appender: RecordAppender) {
    this.#room = room;
    this.#reader = new ReferenceReader(loader);
    this.#appender = appender;
  }

  /**
   * Relocates what is below `limit`, as far as there is room beside a checkpoint that takes `stateBytes`;
   * returns whether that was all. `play` brings the views of `players` to the tail.
   */
  *run(
    players: Players,
    limit: Position,
    stateBytes: number,
    play: () => Procedure<void>,
  ): Procedure<boolean> {
    const positions = positionsBelow(limit, players);
    this.#reserve =
      STATE_GROWTH * stateBytes + this.#room.ofParts(MARGIN_PARTS * this.#room.partBytes);
    this.#budget = PART_OF_ROOM * (this.#room.free() - this.#reserve);
    for (let step = 1; step <= STEPS && positions.length > 0; step++) {
      const last = positions[Math.ceil((positions.length * step) / STEPS) - 1];
      let isAll = true;
      for (const [object, player] of players) {
        isAll = isAll && (yield* this.#tryRelocate(object, player, last));
      }
      yield* play();
      if (!isAll) return false;
    }
    return true;
  }

  /** What the view refers to at `last` and below; false: there is no room for all of it. */
  *#tryRelocate(object: ObjectId, player: Player, last: Position): Procedure<boolean> {
    try {
      return yield* this.#relocate(object, player, last);
    } catch (error) {
      // Others have taken it meanwhile.
      if (error instanceof TangoError && error.code === 'ERR_LOG_FULL') return false;
      throw error;
    }
  }

  *#relocate(object: ObjectId, player: Player, last: Position): Procedure<boolean> {
    const references: LogReference[] = [];
    for (const at of player.references?.() ?? []) if (at.from <= last) references.push(at);
    // Those of one entry together.
    references.sort((one, other) => one.position - other.position);
    let batch: Update[] = [];
    let bytes = BATCH_HEADER_BYTES;
    for (const at of references) {
      const update = yield* this.#updateFor(player, at);
      if (update === undefined) continue;
      const more = recordBytes(update);
      const isFull = bytes + more > this.#appender.bytesMax || batch.length >= BATCH_RECORDS_MAX;
      if (isFull && batch.length > 0) {
        if (!(yield* this.#tryAppend(object, batch, bytes))) return false;
        batch = [];
        bytes = BATCH_HEADER_BYTES;
      }
      batch.push(update);
      bytes += more;
    }
    return batch.length === 0 || (yield* this.#tryAppend(object, batch, bytes));
  }

  /** Undefined: nobody knows how, or another thread has done it, and trimmed. */
  *#updateFor(player: Player, at: LogReference): Procedure<Update | undefined> {
    try {
      return player.relocated?.(yield* this.#reader.read(at), at);
    } catch (error) {
      if (isTrimmedError(error)) return undefined;
      throw error;
    }
  }

  *#tryAppend(object: ObjectId, batch: readonly Update[], bytes: number): Procedure<boolean> {
    const { partBytes } = this.#room;
    const needed = bytes > partBytes ? this.#room.ofParts(bytes) : this.#room.ofEntry(bytes, 1);
    // Looked at each time: others append meanwhile.
    if (this.#budget <= 0 || needed > this.#room.free() - this.#reserve) return false;
    this.#budget -= needed;
    if (batch.length === 1) yield* this.#appender.record(batch[0], [object]);
    else yield* this.#appender.append(batch, [object]);
    yield* pause(0);
    return true;
  }
}

/** Of all references below `limit`, ascending. */
function positionsBelow(limit: Position, players: Players): Float64Array {
  const positions: number[] = [];
  for (const [, player] of players) {
    for (const { from } of player.references?.() ?? []) if (from < limit) positions.push(from);
  }
  return Float64Array.from(positions).sort();
}
