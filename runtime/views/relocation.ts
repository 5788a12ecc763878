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
import type { Room } from './room.ts';
import { Turns } from './turns.ts';

type Players = readonly (readonly [ObjectId, Player])[];

/** What each view refers to in one part of the log, or in some. */
type Step = Map<ObjectId, { readonly player: Player; readonly references: LogReference[] }>;

/** The references in use are taken in at least so many steps, the lowest first, */
const STEPS = 16;
/** and not more of them in one, which is sorted in one go, unless they are in so small a part of the log. */
const STEP_REFERENCES_MAX = 8192;
const PARTS = 4096;
/** References between two looks at the clock. */
const LOOKED_AT_ONCE = 64;
/** Of the room that a checkpoint leaves, for one pass: others append meanwhile. */
const PART_OF_ROOM = 0.75;
/** Left for the next checkpoint: of what the last one took, and what others take part of chunks for. */
const STATE_GROWTH = 1.25;
const MARGIN_PARTS = 2;

export class Relocation {
  readonly #client: LogClient;
  readonly #room: Room;
  readonly #reader: ReferenceReader;
  readonly #appender: RecordAppender;
  /** Bytes that a checkpoint takes, and that may still be appended. */
  #reserve = 0;
  #budget = 0;

  constructor(client: LogClient, loader: EntryLoader, room: Room, appender: RecordAppender) {
    this.#client = client;
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
    const steps = yield* this.#stepsBelow(limit, players);
    this.#reserve =
      STATE_GROWTH * stateBytes + this.#room.ofParts(MARGIN_PARTS * this.#room.partBytes);
    this.#budget = PART_OF_ROOM * (this.#room.free() - this.#reserve);
    for (const step of steps) {
      let isAll = true;
      for (const [object, { player, references }] of step) {
        isAll = isAll && (yield* this.#tryRelocate(object, player, references));
      }
      yield* play();
      if (!isAll) return false;
    }
    return true;
  }

  /** False: there is no room for all of it. */
  *#tryRelocate(object: ObjectId, player: Player, references: LogReference[]): Procedure<boolean> {
    try {
      return yield* this.#relocate(object, player, references);
    } catch (error) {
      // Others have taken it meanwhile.
      if (error instanceof TangoError && error.code === 'ERR_LOG_FULL') return false;
      throw error;
    }
  }

  *#relocate(object: ObjectId, player: Player, references: LogReference[]): Procedure<boolean> {
    // Those of one entry together.
    references.sort((one, other) => one.position - other.position);
    const turns = new Turns(this.#client.context);
    let batch: Update[] = [];
    let bytes = BATCH_HEADER_BYTES;
    for (const at of references) {
      if (turns.isOver()) yield* turns.next();
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

  /** What views refer to below `limit`, the lowest first. */
  *#stepsBelow(limit: Position, players: Players): Procedure<Step[]> {
    const first = this.#client.memory.sequencer.trimMark();
    const perPart = Math.max(1, (limit - first) / PARTS);
    const parts: Step[] = Array.from({ length: PARTS }, () => new Map());
    let count = 0;
    const turns = new Turns(this.#client.context, LOOKED_AT_ONCE);
    for (const [object, player] of players) {
      const frozen = player.frozenReferences?.();
      if (frozen === undefined) continue;
      const thawing = frozen.thaw()[Symbol.iterator]();
      try {
        for (const at of frozen.references) {
          if (turns.isOver()) yield* turns.next();
          if (at === undefined || at.from >= limit) continue;
          const part = parts[Math.max(0, Math.floor((at.from - first) / perPart))];
          add(part, object, player, at);
          count++;
        }
        while (!thawing.next().done) if (turns.isOver()) yield* turns.next();
      } finally {
        // Where this procedure is given up.
        while (!thawing.next().done);
      }
    }
    return yield* joined(turns, parts, Math.min(STEP_REFERENCES_MAX, Math.ceil(count / STEPS)));
  }
}

/** Parts that follow each other, so that each step but the last has `enough` references. */
function* joined(turns: Turns, parts: readonly Step[], enough: number): Procedure<Step[]> {
  const steps: Step[] = [];
  let taken = enough;
  for (const part of parts) {
    for (const [object, { player, references }] of part) {
      if (taken >= enough) {
        steps.push(new Map());
        taken = 0;
      }
      for (const at of references) {
        add(steps[steps.length - 1], object, player, at);
        if (turns.isOver()) yield* turns.next();
      }
      taken += references.length;
    }
  }
  return steps;
}

function add(step: Step, object: ObjectId, player: Player, at: LogReference): void {
  const there = step.get(object);
  if (there === undefined) step.set(object, { player, references: [at] });
  else there.references.push(at);
}
