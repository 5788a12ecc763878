/**
 * Writes checkpoints of all objects and trims what they replace (Tango 2.8).
 *
 *   mark ──▶ every view frozen at the mark, encoded ──▶ parts ──▶ record ──▶ trim
 *
 * All states are of one position, so that a view that starts from them is consistent over all objects.
 * Views that this thread hosts are taken as they are; a companion playback brings the others to the
 * mark: by their class where it is known here, else their changes are copied. Dying anywhere leaves
 * parts that nobody names, or a checkpoint and no trim.
 */
import { TangoError } from '../../actors/tango-error.ts';
import { Right } from '../../shared-memory/view-table.ts';
import { trimPrefix } from '../chain.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import { type Procedure, pause } from '../procedure.ts';
import {
  CHECKPOINTS_ID,
  type CheckpointIndex,
  checkpointsInLog,
  encodeIndex,
  furthestOf,
  lowestIn,
  type Section,
} from './checkpoint-index.ts';
import { isTrimmedError } from './entry-loader.ts';
import { dependsOn, lowestOf } from './large-record.ts';
import { Playback, type Player } from './playback.ts';
import { type BatchRecord, type Mark, type ObjectId, RecordKind } from './record.ts';
import { RecordAppender } from './record-appender.ts';
import { Relocation } from './relocation.ts';
import { Room } from './room.ts';
import { StateEncoder } from './state-encoder.ts';
import { Turns } from './turns.ts';

/** What a checkpointer needs of its thread. */
export interface CheckpointWorld {
  readonly client: LogClient;
  readonly playback: Playback;
  /** All objects there are, as far as #playback has played. */
  objects(): Iterable<ObjectId>;
  /** The view that this thread hosts, unless it has failed. */
  hosted(object: ObjectId): Player | undefined;
  /** A view of an object that this thread does not host, at its beginning. */
  detached(object: ObjectId): Player;
  /** As detached, for one whose class cannot be asked. */
  recorded(object: ObjectId): Player;
  /** Positions that some living thread needs. */
  lowestHold(): Position;
  /** The log is trimmed by itself. */
  readonly trims: boolean;
}

/** How often who waits for its turn looks. */
const TURN_MS = 1;
/** Each makes room for the next one. */
const PASSES_MAX = 32;
/** Of the memory: when so much is free, there is no need for another pass. */
const ENOUGH_PARTS = 4;
/** An object that is created just before the mark is caught by the next attempt. */
const ATTEMPTS_MAX = 10;
/** A checkpoint that another thread's has overtaken is taken once more. */
const OVERTAKEN_MAX = 10;
/** What others hold counts from this part of the memory on. */
const HELD_PARTS = 16;
/** Storage units reclaim what was trimmed on their own time: how long somebody waits for that. */
const RECLAIM_MS_MAX = 1000;
/** Entries between two looks at the clock. */
const LOOKED_AT_ONCE = 8;

export class Checkpointer {
  readonly room: Room;
  readonly #world: CheckpointWorld;
  #needed: number | undefined;
  /** Of the mark that is waited for: a number that this thread used once. */
  #number = 0;
  /** All objects that there are at the mark. */
  #atMark: readonly ObjectId[] | undefined;
  /** States are encoded, or about to be: one position at a time. */
  #isEncoding = false;
  /** That the last checkpoint took. */
  #stateBytes = 0;
  /** What views refer to below is put above it; there was room for all of that. */
  #relocatesBelow: Position = Number.POSITIVE_INFINITY;
  #isRelocated = true;
  readonly #encoder: StateEncoder;
  readonly #appender: RecordAppender;
  readonly #relocation: Relocation;

  constructor(world: CheckpointWorld) {
    this.#world = world;
    this.room = new Room(world.client);
    this.#encoder = new StateEncoder(world.client);
    this.#appender = new RecordAppender(world.client);
    this.#relocation = new Relocation(
      world.client,
      world.playback.loader,
      this.room,
      this.#appender,
    );
  }

  /** What a checkpoint takes, if it was found out since the last call. */
  takeNeeded(): number | undefined {
    const needed = this.#needed;
    this.#needed = undefined;
    return needed;
  }

  /** A checkpoint was played. */
  checkpointed({ sections }: CheckpointIndex): void {
    this.#stateBytes = this.room.ofCheckpoint(sections.map(({ bytes }) => bytes));
  }

  /** This thread's playback is at a mark. */
  marked({ number }: Mark, writer: number): void {
    if (writer !== this.#world.client.incarnation || number !== this.#number) return;
    this.#atMark = [...this.#world.objects()];
    for (const object of this.#atMark) {
      const player = this.#hosted(object);
      if (player !== undefined) this.#encoder.freeze(object, player);
    }
  }

  /**
   * Writes a checkpoint; returns the position that it covers, exclusive. Waits while another thread
   * writes one. ERR_LOG_FULL, ERR_INVALID_ARGUMENT (a state that cannot be encoded), ERR_TIMEOUT.
   */
  *checkpoint(): Procedure<Position> {
    for (let attempt = 1; ; attempt++) {
      while (!this.#tryTake()) yield* pause(TURN_MS);
      try {
        return yield* this.#writeWithRoom();
      } catch (error) {
        // The right was taken from this thread, and what it was about to replace is trimmed.
        if (!isTrimmedError(error) || attempt === OVERTAKEN_MAX) throw error;
      } finally {
        this.#give();
      }
    }
  }

  /**
   * As checkpoint, and trims what it replaces; false: another thread is at it, or somebody holds so much
   * that it would leave no room for the next one. `takesOver`: from that thread as well; two at a time are
   * two checkpoints. ERR_LOG_FULL: nothing was written.
   */
  *compact(takesOver = false): Procedure<boolean> {
    if (!this.#canRaiseLimit() || !this.#tryTake(takesOver)) return false;
    try {
      if (!(yield* this.#isSpacious())) return false;
      // What is relocated now is not once more, however many passes it takes.
      this.#relocatesBelow = this.#world.client.tail();
      for (let pass = 1; pass <= PASSES_MAX; pass++) {
        try {
          yield* this.#write(true);
        } catch (error) {
          if (pass > 1 && error instanceof TangoError && error.code === 'ERR_LOG_FULL') break;
          throw error;
        }
        yield* this.forget(Number.POSITIVE_INFINITY);
        if (this.#isRelocated) break;
        yield* this.reclaimed();
        // What is younger is better moved later: more of it will have been replaced.
        if (this.room.free() * ENOUGH_PARTS > this.room.bytes) break;
      }
      return true;
    } catch (error) {
      if (isTrimmedError(error)) return false;
      throw error;
    } finally {
      this.#relocatesBelow = Number.POSITIVE_INFINITY;
      this.#give();
    }
  }

  /** Trims below `position` as far as no object, and no transaction under way, needs it. */
  *forget(position: Position): Procedure<void> {
    const { client, lowestHold } = this.#world;
    const replaced = yield* this.#replacedTo();
    const limit = Math.min(position, replaced, lowestHold());
    if (limit > client.memory.sequencer.trimMark()) yield* trimPrefix(client, limit);
  }

  /** What somebody holds would keep the log as it is, and a checkpoint for nothing takes room. */
  #canRaiseLimit(): boolean {
    const { playback, lowestHold } = this.#world;
    return lowestHold() > playback.judge.limitAt(Number.MAX_SAFE_INTEGER);
  }

  /** Ends when the memory of what was trimmed is free. */
  *reclaimed(): Procedure<void> {
    const { context, memory } = this.#world.client;
    const end = context.now() + RECLAIM_MS_MAX;
    const mark = memory.sequencer.trimMark();
    while (this.room.free(mark) > this.room.free() && context.now() < end) yield* pause(TURN_MS);
  }

  /** A log that is trimmed by itself keeps room for the checkpoint after this one. */
  *#writeWithRoom(): Procedure<Position> {
    const { room } = this;
    const { trims } = this.#world;
    const isCramped = (): boolean => trims && 2 * room.free() < room.bytes;
    if (isCramped()) yield* this.forget(Number.POSITIVE_INFINITY);
    if (isCramped()) yield* this.reclaimed();
    const covered = yield* this.#write();
    if (isCramped()) yield* this.forget(Number.POSITIVE_INFINITY);
    return covered;
  }

  /** Room for a checkpoint, and once its trim is done for the next one. ERR_LOG_FULL: not for one. */
  *#isSpacious(): Procedure<boolean> {
    const { room } = this;
    const { client, lowestHold } = this.#world;
    const tail = client.tail();
    const held = Math.min(tail, lowestHold());
    const [free, after, most] = [room.free(), room.free(held), room.free(tail)];
    const isHeld = most - after > room.bytes / HELD_PARTS;
    // States are not larger than the log that made them.
    if (!isHeld && room.bytes - free <= free) return true;
    const needed = yield* this.#sizeOfStates();
    if (needed > free) {
      // What a checkpoint had replaced may have been held then.
      yield* this.forget(Number.POSITIVE_INFINITY);
      yield* this.reclaimed();
    }
    this.#checkRoom(needed);
    return !isHeld || after >= 2 * needed;
  }

  /** What a checkpoint would take of the states as they are now. Not while this thread writes one. */
  *lookAtStates(): Procedure<number> {
    while (this.#isEncoding) yield* pause(TURN_MS);
    this.#isEncoding = true;
    try {
      return yield* this.#sizeOfStates();
    } finally {
      this.#end();
    }
  }

  *#sizeOfStates(): Procedure<number> {
    const { client, playback, objects } = this.#world;
    yield* playback.playTo(client.tail());
    const companion = yield* this.#companion();
    this.#encoder.begin();
    for (const object of objects()) {
      const player = companion.players.get(object) ?? this.#hosted(object);
      if (player !== undefined) this.#encoder.freeze(object, player);
    }
    yield* this.#encoder.encode();
    return this.#ofStates();
  }

  #ofStates(): number {
    const sizes = Array.from(this.#encoder.states.values(), ({ length }) => length);
    this.#needed = this.room.ofCheckpoint(sizes);
    return this.#needed;
  }

  #tryTake(takesOver = false): boolean {
    const { client } = this.#world;
    if (this.#isEncoding) return false;
    const lives = (incarnation: number): boolean =>
      !takesOver && client.membership.lives(incarnation);
    this.#isEncoding = client.memory.views.tryTake(Right.CHECKPOINT, client.incarnation, lives);
    return this.#isEncoding;
  }

  #give(): void {
    const { client } = this.#world;
    this.#end();
    client.memory.views.give(Right.CHECKPOINT, client.incarnation);
  }

  /** However it has ended: no view stands still any more, and a mark that comes late is nobody's. */
  #end(): void {
    this.#number++;
    this.#encoder.begin();
    this.#isEncoding = false;
  }

  *#write(isForTrim = false): Procedure<Position> {
    const covered = yield* this.#collect();
    if (isForTrim) this.#checkWorth();
    const { client, playback, lowestHold } = this.#world;
    const limitBefore = playback.judge.limitAt(covered);
    // AFTER the mark: a transaction that begins later has its snapshot above it.
    const held = Math.max(limitBefore, Math.min(covered, lowestHold()));
    const { limit, aborted } = yield* this.#abortedFrom(held, covered, limitBefore);
    this.#checkRoom(this.#ofStates());
    const sections: Section[] = [];
    for (const [object, state] of this.#encoder.states) {
      const { length: bytes, digest, lowest } = state;
      const parts = yield* this.#appender.parts(state.pieces);
      const refers = lowest < Number.POSITIVE_INFINITY && { lowest };
      sections.push({ object, bytes, digest, ...refers, parts });
    }
    this.#encoder.end();
    const index = encodeIndex({ covered, limit, limitBefore, aborted, sections });
    const record: BatchRecord = { kind: RecordKind.CHECKPOINT, index };
    const position = yield* this.#appender.record(record, [CHECKPOINTS_ID]);
    yield* playback.playTo(position + 1);
    client.counters.checkpoints++;
    return covered;
  }

  /** Parts of a checkpoint that does not fit would be in the way of the next one. ERR_LOG_FULL. */
  #checkRoom(needed: number): void {
    const free = this.room.free();
    if (needed <= free) return;
    const text = `the log has no room for a checkpoint: needed=${needed}, free=${free}`;
    throw new TangoError('ERR_LOG_FULL', text);
  }

  /** ERR_LOG_FULL: what views refer to stays where it is, and a trim frees less than the checkpoint takes. */
  #checkWorth(): void {
    const { client } = this.#world;
    const tail = client.tail();
    let lowest = tail;
    for (const state of this.#encoder.states.values()) lowest = Math.min(lowest, state.lowest);
    if (lowest === tail) return;
    const { room } = this;
    const freed = room.free(lowest) - room.free(client.memory.sequencer.trimMark());
    if (freed > this.#ofStates()) return;
    throw new TangoError('ERR_LOG_FULL', `what views refer to fills the log: position=${lowest}`);
  }

  /** The states of all objects at one mark are encoded; returns the position that they cover. */
  *#collect(): Procedure<Position> {
    const { client, playback } = this.#world;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      yield* playback.playTo(client.tail());
      this.#encoder.begin();
      const number = ++this.#number;
      this.#atMark = undefined;
      const companion = yield* this.#companion();
      if (attempt === 0) yield* this.#relocate(companion);
      const record: Mark = { kind: RecordKind.MARK, number };
      const mark = yield* this.#appender.append([record], [CHECKPOINTS_ID]);
      yield* playback.playTo(mark + 1);
      if (companion.players.size > 0) yield* companion.playTo(mark + 1);
      for (const [object, player] of companion.players) this.#encoder.freeze(object, player);
      yield* this.#encoder.encode();
      if (this.#isWhole()) return mark + 1;
    }
    throw new TangoError('ERR_TIMEOUT', 'objects were created faster than a checkpoint is taken');
  }

  #isWhole(): boolean {
    const { states } = this.#encoder;
    return this.#atMark?.every((object) => states.has(object)) ?? false;
  }

  /** Where the others are: views that this thread does not have, at its own playback's position. */
  *#companion(): Procedure<Playback> {
    const { client, playback, detached, recorded, objects } = this.#world;
    const companion = new Playback(client);
    for (const object of objects()) {
      if (this.#hosted(object) !== undefined) continue;
      const player = this.#encoder.isMute(object) ? recorded(object) : detached(object);
      companion.host(object, player);
    }
    if (companion.players.size === 0) return companion;
    yield* companion.begin(playback.position);
    yield* companion.playTo(playback.position);
    return companion;
  }

  /** What views keep in the log goes on at its end, so that the checkpoint replaces what is below. */
  *#relocate(companion: Playback): Procedure<void> {
    const { client, playback, objects } = this.#world;
    const players: [ObjectId, Player][] = [];
    for (const object of objects()) {
      const player = companion.players.get(object) ?? this.#hosted(object);
      if (player !== undefined) players.push([object, player]);
    }
    const play = function* (): Procedure<void> {
      yield* playback.playTo(client.tail());
      if (companion.players.size > 0) yield* companion.playTo(playback.position);
    };
    const below = Math.min(this.#relocatesBelow, client.tail());
    this.#isRelocated = yield* this.#relocation.run(players, below, this.#stateBytes, play);
  }

  #hosted(object: ObjectId): Player | undefined {
    return this.#encoder.isMute(object) ? undefined : this.#world.hosted(object);
  }

  /** What a view that begins at `covered` cannot find out about the entries from `from` on. */
  *#abortedFrom(
    from: Position,
    covered: Position,
    limitBefore: Position,
  ): Procedure<{ limit: Position; aborted: [Position, number][] }> {
    const { loader, judge } = this.#world.playback;
    const aborted: [Position, number][] = [];
    const turns = new Turns(this.#world.client.context, LOOKED_AT_ONCE);
    let limit = from;
    // What is below the limit in force is looked at by nobody, and other limits were in force there.
    for (let position = Math.max(from, limitBefore); position < covered; position++) {
      if (turns.isOver()) yield* turns.next();
      const batch = yield* loader.load(position);
      if (typeof batch === 'string') continue;
      const records = yield* judge.whole(position, batch.records);
      const without = yield* judge.decide(position, records);
      for (const index of without) aborted.push([position, index]);
      // Who judges by it later needs its parts.
      for (const [index, record] of batch.records.entries()) {
        if (record.kind !== RecordKind.LARGE || without.has(index)) continue;
        limit = Math.min(limit, lowestOf(record));
      }
    }
    if (limit < from) return yield* this.#abortedFrom(limit, covered, limitBefore);
    return { limit, aborted };
  }

  /** Up to where the newest checkpoint replaces the log, if no commit above it depends on less. */
  *#replacedTo(): Procedure<Position> {
    for (;;) {
      try {
        return yield* this.#replacedByNewest();
      } catch (error) {
        // A newer one has come meanwhile, and who wrote it has trimmed.
        if (!isTrimmedError(error)) throw error;
      }
    }
  }

  *#replacedByNewest(): Procedure<Position> {
    const { client, playback } = this.#world;
    const { loader } = playback;
    const all = yield* checkpointsInLog(client, loader);
    const found = furthestOf(all, Number.POSITIVE_INFINITY);
    if (found === undefined) return 0;
    const { covered, limit } = found.index;
    const turns = new Turns(client.context, LOOKED_AT_ONCE);
    for (let position = covered; position < found.position; position++) {
      if (turns.isOver()) yield* turns.next();
      const batch = yield* loader.load(position);
      if (typeof batch === 'string') continue;
      // Of a thread that had died, or had not announced its snapshot: the next checkpoint is above it.
      if (batch.records.some((record) => dependsOn(record) < limit)) return 0;
    }
    // What views refer to was put above it before; what nobody could put there stays.
    return Math.min(limit, lowestIn(found.index));
  }
}
