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
import type { LogClient } from '../log-client.ts';
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

type Players = readonly (readonly [ObjectId, Player])[];

/** The references in use are taken in so many steps, the lowest first. */
const STEPS = 16;
/** Of the room that a checkpoint leaves, for one relocation: others append meanwhile. */
const PART_OF_ROOM = 0.5;
/** Of what the last checkpoint took. */
const STATE_GROWTH = 1.25;

export class Relocation {
  readonly #client: LogClient;
  readonly #reader: ReferenceReader;
  readonly #appender: RecordAppender;
  /** Bytes that may still be appended. */
  #budget = 0;

  constructor(client: LogClient, loader: EntryLoader, appender: RecordAppender) {
    this.#client = client;
    this.#reader = new ReferenceReader(loader);
    this.#appender = appender;
  }

  /**
   * Relocates as many as there is room for beside a checkpoint of `stateBytes`. `play` brings the views of
   * `players` to the tail. ERR_LOG_FULL when others have taken the room meanwhile.
   */
  *run(players: Players, stateBytes: number, play: () => Procedure<void>): Procedure<void> {
    const positions = lowestPositions(players);
    this.#budget = PART_OF_ROOM * (roomOf(this.#client) - STATE_GROWTH * stateBytes);
    for (let step = 1; step <= STEPS && positions.length > 0 && this.#budget > 0; step++) {
      const last = positions[Math.ceil((positions.length * step) / STEPS) - 1];
      let count = 0;
      for (const [object, player] of players) {
        count += yield* this.#relocate(object, player, last);
      }
      if (count > 0) yield* play();
    }
  }

  /** What the view refers to at `last` and below; returns how many there were. */
  *#relocate(object: ObjectId, player: Player, last: Position): Procedure<number> {
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
        yield* this.#append(object, batch, bytes);
        batch = [];
        bytes = BATCH_HEADER_BYTES;
        if (this.#budget <= 0) return references.length;
      }
      batch.push(update);
      bytes += more;
    }
    if (batch.length > 0) yield* this.#append(object, batch, bytes);
    return references.length;
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

  *#append(object: ObjectId, batch: readonly Update[], bytes: number): Procedure<void> {
    this.#budget -= bytes;
    if (batch.length === 1) yield* this.#appender.record(batch[0], [object]);
    else yield* this.#appender.append(batch, [object]);
    yield* pause(0);
  }
}

/** Of all references, ascending. */
function lowestPositions(players: Players): Float64Array {
  const positions: number[] = [];
  for (const [, player] of players) {
    for (const { from } of player.references?.() ?? []) positions.push(from);
  }
  return Float64Array.from(positions).sort();
}

/** Bytes of entries that the log has room for, by the fullest storage unit. */
function roomOf({ map, memory }: LogClient): number {
  let least = Number.POSITIVE_INFINITY;
  for (const unit of map.units()) {
    const { chunks } = memory.unit(unit);
    least = Math.min(least, chunks.freeCount() * chunks.chunkBytes);
  }
  return least * map.active.extents.length;
}
