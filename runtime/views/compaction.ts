/**
 * Keeps the log from filling up: takes a checkpoint and trims when enough of its memory is in use, so
 * that a store of bounded state runs for ever in a bounded log.
 *
 *   ├── the last checkpoint ──┼── changes since ──┼── a change ──┼── the next checkpoint ──┤
 *
 * All of that is in the log before the first half can be trimmed. So where it is close, a change waits until
 * there is room for itself and for the checkpoint after it, or is refused before anything of it is appended.
 * A state is not larger than the log that made it, so nobody has to look while half of the memory is free;
 * then the states of the last checkpoint count, and at last what the change makes of them, on trial. What
 * makes them smaller by more than it takes always goes through: that is how a full log gets usable again.
 */
import { TangoError } from '../../actors/tango-error.ts';
import { Right } from '../../shared-memory/view-table.ts';
import type { LogClient } from '../log-client.ts';
import { type Procedure, pause } from '../procedure.ts';
import type { CheckpointIndex } from './checkpoint-index.ts';
import type { Checkpointer } from './checkpointer.ts';
import type { Room } from './room.ts';

/** Part of the memory in use at which a checkpoint is taken. */
export const COMPACT_AT = 0.5;
/** This thread looks at the memory when it has appended this part of it. */
const LOOK_PART = 1 / 256;
/** Parts of the memory: left for what other threads append between two looks; between two checkpoints. */
const MARGIN_PART = 1 / 32;
const SPACING_PART = 1 / 64;
/** From here on it is watched whether a checkpoint still fits; one is due this much earlier. */
const WATCHED_PART = (1 - 2 * MARGIN_PART) / 2;
const AHEAD_PART = 1 / 16;
/** Positions are watched from here on: there are always enough for a checkpoint. */
const SLOTS_PART = 0.9;
/** Who waits for room looks again after this long. */
const FULL_MS = 1;
export const FULL_MS_MAX = 5000;
/** So long after the log was full, who writes a checkpoint is taken to be busy with something else. */
const STALLED_MS = 200;
const STALLED_BYTES_PER_MS = 20_000;
/** Checkpoints that are taken for one change. */
const RUNS_MAX = 2;

/** A change, or several that go together. */
export interface Demand {
  /** Of memory that it takes. */
  readonly bytes: number;
  /** It does not fit an entry. */
  readonly isLarge: boolean;
  /** Bytes by which it makes the states larger; below 0: smaller. Looked for on trial. */
  growth(): number;
}

/** 'freeing': it makes the states not larger, and may use the headroom of the log. */
export type Admission = 'usual' | 'freeing';

type Attempt = 'done' | 'elsewhere' | 'full';

export class Compaction {
  readonly #client: LogClient;
  readonly #checkpointer: Checkpointer;
  readonly #room: Room;
  readonly #trigger: number;
  readonly #bytes: number;
  readonly #slots: number;
  /** What this thread had appended at its last look. */
  #bytesSeen = 0;
  #entriesSeen = 0;
  /** Memory in use at the last look, and the part of its positions. */
  #used = 0;
  #partOfSlots = 0;
  /** Bytes by which memory in use has grown, each time it was looked at: trims take nothing from it. */
  #grown = 0;
  /** What a checkpoint would have taken when the states were last known, and #grown then. */
  #states: number | undefined;
  #grownThen = 0;
  /** When the last mark was played: a checkpoint tells of no change after it. */
  #grownAtMark = 0;
  /** Memory in use after this thread's last checkpoint and its trim, and what that took of it. */
  #floor = 0;
  #statesOfFloor = 0;
  /** The tail when the states were known last. */
  #tail = -1;
  #isRunning = false;

  /** `trigger`: 0: never. */
  constructor(client: LogClient, checkpointer: Checkpointer, trigger: number) {
    this.#client = client;
    this.#checkpointer = checkpointer;
    this.#room = checkpointer.room;
    this.#trigger = trigger;
    const { memory, map } = client;
    this.#bytes = memory.sizes.logBytes * LOOK_PART;
    this.#slots = memory.unit(map.units()[0]).slots.count * LOOK_PART;
  }

  /** Under way in this thread. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Call after a change: whether run() should be called. Looks at the memory now and then. */
  isDue(): boolean {
    if (this.#trigger === 0 || this.#isRunning || !this.#tryLook()) return false;
    if (this.#partOfSlots >= Math.min(this.#trigger, SLOTS_PART)) return true;
    const { bytes } = this.#room;
    const states = this.#states ?? 0;
    // Where states fill much of the log: not one checkpoint after the other.
    const spacing = Math.max(bytes * SPACING_PART, (bytes - 2 * states) / 4);
    const at = Math.min(this.#trigger, WATCHED_PART - AHEAD_PART) * bytes;
    return this.#used >= at && this.#used - states >= spacing;
  }

  /** A checkpoint may not fit for much longer: admit() before more is appended. */
  get isTight(): boolean {
    if (this.#trigger === 0) return false;
    this.#tryLook();
    return this.#used > this.#room.bytes * WATCHED_PART || this.#partOfSlots >= SLOTS_PART;
  }

  /** The mark of a checkpoint was played. */
  marked(): void {
    this.#look();
    this.#grownAtMark = this.#grown;
  }

  /** A checkpoint was played. */
  checkpointed({ sections }: CheckpointIndex): void {
    const states = this.#room.ofCheckpoint(sections.map(({ bytes }) => bytes));
    this.#look();
    // It is in the log itself by now, and is no change.
    this.#learn(states, Math.min(this.#grown, this.#grownAtMark + states));
  }

  /** Takes a checkpoint and trims what it replaces, unless another thread is at it, or there is no room. */
  *run(takesOver = false): Procedure<void> {
    yield* this.#tryRun(takesOver);
  }

  /**
   * Ends when there is room for the change and for a checkpoint after it: then it is to be appended, and
   * release() to be called. ERR_LOG_FULL, with the sizes: nothing that can be trimmed makes that room.
   */
  *admit(demand: Demand): Procedure<Admission> {
    const since = this.#client.context.now();
    if (demand.isLarge) yield* this.#awaitTurn(since);
    try {
      return yield* this.#admit(demand, since);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** A change that was admitted is in the log, or will not be. */
  release(): void {
    const { memory, incarnation } = this.#client;
    memory.views.give(Right.LARGE, incarnation);
  }

  /** The log has refused an entry: ends when it may have room. ERR_LOG_FULL when that does not help. */
  *makeRoom(): Procedure<void> {
    if (this.#trigger === 0) throw this.#full(0);
    const { context, memory } = this.#client;
    const since = context.now();
    const mark = memory.sequencer.trimMark();
    const free = this.#room.free();
    for (;;) {
      const waitedMs = context.now() - since;
      const attempt = yield* this.#tryRun(waitedMs > this.#stalledMs);
      yield* pause(FULL_MS);
      if (memory.sequencer.trimMark() !== mark || this.#room.free() > free) return;
      if (attempt === 'full' || waitedMs > FULL_MS_MAX) throw this.#full(0);
    }
  }

  *#admit(demand: Demand, since: number): Procedure<Admission> {
    let isKnown = this.#trigger === 0;
    for (let runs = 0; ; ) {
      if (this.#fits(demand)) return 'usual';
      const waitedMs = this.#client.context.now() - since;
      let attempt: Attempt = 'full';
      if (this.#trigger > 0 && runs < RUNS_MAX && this.#isWorthTrimming()) {
        attempt = yield* this.#tryRun(waitedMs > this.#stalledMs);
      }
      if (attempt === 'done') runs++;
      else if (attempt === 'elsewhere' && waitedMs <= FULL_MS_MAX) {
        yield* pause(FULL_MS);
      } else if (!isKnown && this.#tail !== this.#client.tail()) {
        // Another thread may have made them smaller.
        isKnown = true;
        const grown = this.#grown;
        this.#learn(yield* this.#checkpointer.lookAtStates(), grown);
      } else {
        if (this.#fitsOnTrial(demand)) return 'freeing';
        throw this.#full(demand.bytes);
      }
    }
  }

  /** One large change at a time: two would each take the room of the other. */
  *#awaitTurn(since: number): Procedure<void> {
    const { memory, membership, incarnation, context } = this.#client;
    const lives = (one: number): boolean => membership.lives(one);
    while (!memory.views.tryTake(Right.LARGE, incarnation, lives)) {
      // Who has it may be blocked by something else: it is advice.
      if (context.now() - since > FULL_MS_MAX) return;
      yield* pause(FULL_MS);
    }
  }

  #fits({ bytes }: Demand): boolean {
    this.#look();
    const free = this.#room.free();
    if (this.#trigger === 0) return bytes + this.#room.headroom <= free;
    if (this.#partOfSlots >= SLOTS_PART) return false;
    const states = this.#statesNow() + bytes;
    const reserve = Math.max(this.#room.headroom, states) + this.#room.bytes * MARGIN_PART;
    return bytes + reserve <= free;
  }

  #fitsOnTrial(demand: Demand): boolean {
    if (this.#trigger === 0) return false;
    const growth = demand.growth();
    const free = this.#room.free();
    const states = this.#statesNow() + growth;
    const margin = growth > 0 ? this.#room.bytes * MARGIN_PART : 0;
    const isFitting = demand.bytes + states + margin <= free;
    // Where no checkpoint fits any more: whatever brings that closer.
    const isFreeing = growth + demand.bytes < 0 && demand.bytes <= free;
    if (!isFitting && !isFreeing) return false;
    // Looked at: what it takes of the log is no growth.
    this.#states = states;
    this.#grownThen = this.#grown + demand.bytes;
    return true;
  }

  /** What a checkpoint would take now, at most. */
  #statesNow(): number {
    if (this.#states === undefined) return this.#used;
    return Math.min(this.#used, this.#states + Math.max(0, this.#grown - this.#grownThen));
  }

  #isWorthTrimming(): boolean {
    if (this.#partOfSlots >= SLOTS_PART) return true;
    const less = Math.max(0, this.#statesOfFloor - this.#statesNow());
    return this.#used - this.#floor + less >= this.#room.bytes * SPACING_PART;
  }

  /** Without room for a checkpoint it may still be that another thread's ends. */
  *#tryRun(takesOver: boolean): Procedure<Attempt> {
    if (this.#isRunning) return 'elsewhere';
    this.#isRunning = true;
    this.#look();
    const grown = this.#grown;
    let hasEnded = false;
    try {
      if (!(yield* this.#checkpointer.compact(takesOver))) return 'elsewhere';
      yield* this.#checkpointer.reclaimed();
      this.#look();
      this.#floor = this.#used;
      this.#statesOfFloor = this.#states ?? 0;
      hasEnded = true;
      return 'done';
    } catch (error) {
      if (!(error instanceof TangoError) || error.code !== 'ERR_LOG_FULL') throw error;
      return 'full';
    } finally {
      this.#isRunning = false;
      const needed = this.#checkpointer.takeNeeded();
      // One that has ended was played.
      if (needed !== undefined && !hasEnded) this.#learn(needed, grown);
    }
  }

  get #stalledMs(): number {
    return STALLED_MS + (this.#states ?? 0) / STALLED_BYTES_PER_MS;
  }

  /** `grown`: #grown when these were the states, or before. */
  #learn(states: number, grown: number): void {
    this.#states = states;
    this.#tail = this.#client.tail();
    this.#grownThen = grown;
  }

  #tryLook(): boolean {
    const { appendedBytes, appends } = this.#client.counters;
    const isSoon =
      appendedBytes - this.#bytesSeen < this.#bytes && appends - this.#entriesSeen < this.#slots;
    if (!isSoon) this.#look();
    return !isSoon;
  }

  #look(): void {
    const { appendedBytes, appends } = this.#client.counters;
    this.#bytesSeen = appendedBytes;
    this.#entriesSeen = appends;
    const used = this.#room.bytes - this.#room.free();
    this.#grown += Math.max(0, used - this.#used);
    this.#used = used;
    this.#floor = Math.min(this.#floor, this.#used);
    this.#partOfSlots = this.#room.partOfSlots();
  }

  #full(bytes: number): TangoError {
    const states = this.#trigger === 0 ? 0 : this.#statesNow();
    const needed = bytes + states;
    const text = `the log has no room for the change and a checkpoint after it: needed=${needed}`;
    return new TangoError('ERR_LOG_FULL', `${text}, free=${this.#room.free()}, states=${states}`);
  }
}
