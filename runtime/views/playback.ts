/**
 * One pass over the log, in order: decides commits and makes changes in the views that are hosted
 * (Tango 2.3, 2.7: one merged cursor). Where much is new and little of it concerns these views, it
 * goes from entry to entry along the backpointers of their streams, or begins at a checkpoint.
 *
 *   position ─▶ near the tail: every position, one look at what is not hosted
 *            ─▶ far from it:   the hosted streams' positions alone
 *            ─▶ trimmed, or a checkpoint is ahead: its states, then on from what it covers
 */
import { NO_SEQUENCER } from '../../actors/projection.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import { type Procedure, pause } from '../procedure.ts';
import { StreamReader } from '../stream-reader.ts';
import {
  CHECKPOINTS_ID,
  type CheckpointIndex,
  checkpointsInLog,
  decodeIndex,
  furthestOf,
} from './checkpoint-index.ts';
import { EntryLoader, isTrimmedError, type LoadedBatch } from './entry-loader.ts';
import { Judge } from './judge.ts';
import type { LogReference } from './log-reference.ts';
import type { FrozenBytes, FrozenReferences } from './object-state.ts';
import type { Aborted } from './recent-entries.ts';
import {
  type BatchRecord,
  type Mark,
  type ObjectId,
  type RecordBatch,
  RecordKind,
  type Update,
} from './record.ts';
import { StateRestorer } from './state-restorer.ts';
import { Turns } from './turns.ts';

/** Where a change takes effect. It may be kept, and what is there be read later. */
export interface ApplyContext extends LogReference {}

/** What playback brings up to date: a view. Throws nothing: what goes wrong in an object stays there. */
export interface Player {
  apply(update: Update, at: ApplyContext): unknown;
  /** The view as it is, encoded. */
  state(): Uint8Array;
  /** Makes the view what state() told. */
  restore(state: Uint8Array): void;
  /** As state(), not in one go; without: that is short. */
  freeze?(): FrozenBytes;
  /** As restore(), of a state in slices: encoded, one after the other. Nothing is changed before end(). */
  restoring?(): { take(slice: Uint8Array): void; end(): void };
  /** Places in the log that the view keeps; without: none. */
  references?(): Iterable<LogReference>;
  /** As references(), of the view as it is now, up to thaw(); undefined: none. */
  frozenReferences?(): FrozenReferences | undefined;
  /** The update that puts the one at `at` into the log again; undefined: nobody knows here. */
  relocated?(update: Update, at: LogReference): Update | undefined;
}

/** What became of a record: of a commit one result an update. */
export type RecordOutcome =
  | { readonly committed: true; readonly results: readonly unknown[] }
  | { readonly committed: false };

/** Of a change by itself: what apply() returned. */
export function resultOf(outcome: RecordOutcome | undefined): unknown {
  return outcome?.committed ? outcome.results[0] : undefined;
}

/** Who is told what the pass meets. */
export interface PlaybackListener {
  /** An entry was played that was read from the log. */
  played(batch: RecordBatch, outcomes: readonly RecordOutcome[]): void;
  /** Everything up to the mark at `position` is played, and nothing above it. */
  marked(mark: Mark, writer: number, position: Position): void;
  checkpointed(index: CheckpointIndex): void;
  /** False: an entry below the tail is needed, and a checkpoint would pass it by. */
  mayJump(): boolean;
}

const NOBODY: PlaybackListener = {
  played: () => {},
  marked: () => {},
  checkpointed: () => {},
  mayJump: () => true,
};

/** How long a playback waits before it looks again whether the one before has ended. */
const TURN_PAUSE_MS = 0.05;
/** Records between two looks at the clock; a position without any counts as one. */
const PLAYED_AT_ONCE = 16;
/** So many new positions, and so many a stream, are far. */
const FAR = 4096;
const FAR_PER_STREAM = 64;

/** What a thread that has not asked for anything looks at on its way to its own entry. */
const PASSED_MAX = 256;
/** Entries of hosted streams a position from which on a look at each one is faster. */
const DENSE = 0.3;

const COMMITTED: RecordOutcome = { committed: true, results: [] };
const ABORTED: RecordOutcome = { committed: false };

export class Playback {
  readonly #client: LogClient;
  readonly #loader: EntryLoader;
  readonly #judge: Judge;
  readonly #restorer: StateRestorer;
  readonly #players = new Map<ObjectId, Player>();
  readonly #streams = new Set<ObjectId>([CHECKPOINTS_ID]);
  readonly #listener: PlaybackListener;
  #position: Position = 0;
  /** An entry that has to be played, and that nobody has asked for. */
  #stopped: Position = -1;
  /** A checkpoint that covers more is not for this pass. */
  #most: Position = Number.POSITIVE_INFINITY;
  #occupied = false;
  #frozen = false;
  #isApplying = false;

  constructor(client: LogClient, listener: PlaybackListener = NOBODY) {
    this.#client = client;
    this.#listener = listener;
    this.#loader = new EntryLoader(client);
    this.#judge = new Judge(client, this.#loader);
    this.#restorer = new StateRestorer(client, this.#loader, (body) => this.#foreign(body));
  }

  /** A pass is under way: it knows of the streams that were hosted when it began. */
  get isOccupied(): boolean {
    return this.#occupied;
  }

  /** Objects are being changed or restored right now: reads within see the view as it is. */
  get isApplying(): boolean {
    return this.#isApplying;
  }

  /** Until thaw() nothing is played: somebody looks at the views, and changes them on trial. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
  }

  /** Every entry below it is played, and none from it on. */
  get position(): Position {
    return this.#position;
  }

  get loader(): EntryLoader {
    return this.#loader;
  }

  get judge(): Judge {
    return this.#judge;
  }

  get players(): ReadonlyMap<ObjectId, Player> {
    return this.#players;
  }

  /** From now on `player` is told of the object's changes. */
  host(object: ObjectId, player: Player): void {
    this.#players.set(object, player);
    this.#streams.add(object);
  }

  /**
   * Plays every entry below `limit`, which is at most the tail. Waits for writers that have a token,
   * up to `holeFillMs`, then decides. ERR_TRIMMED where a part of the log is missing that no
   * checkpoint replaces, ERR_CORRUPT; what was played stays played.
   */
  *playTo(limit: Position): Procedure<void> {
    while (this.#occupied || this.#frozen) yield* pause(TURN_PAUSE_MS);
    this.#occupied = true;
    try {
      while (this.#position < limit) {
        try {
          yield* this.#play(limit);
        } catch (error) {
          if (!isTrimmedError(error) || !(yield* this.#jump(this.#most))) throw error;
        }
      }
    } finally {
      this.#occupied = false;
    }
  }

  /** As playTo, as far as there is nothing to wait for and nothing to read twice; true: all the way. */
  tryPlayTo(limit: Position): boolean {
    if (this.#occupied || this.#frozen || limit - this.#position >= FAR) return false;
    this.#occupied = true;
    this.#client.enter();
    let turns: Turns | undefined;
    try {
      while (this.#position < limit) {
        const batch = this.#loader.tryLoad(this.#position, this.#streams);
        if (batch === undefined || !this.#tryTake(batch)) return false;
        // Nor does a seal wait for this flight any longer.
        turns ??= this.#newTurns();
        if (turns.isOver(recordsOf(batch))) return this.#position === limit;
      }
      return true;
    } catch (error) {
      if (isTrimmedError(error)) return false;
      throw error;
    } finally {
      this.#client.exit();
      this.#occupied = false;
    }
  }

  /** Passes over a few entries that change nothing here; false: there is another one, or there are many. */
  tryPassTo(limit: Position): boolean {
    if (this.#position === limit) return !this.#frozen;
    if (this.#occupied || this.#frozen || this.#position === this.#stopped) return false;
    if (limit - this.#position > PASSED_MAX) return false;
    this.#client.enter();
    try {
      while (this.#position < limit) {
        const batch = this.#loader.tryLoad(this.#position, this.#streams);
        if (typeof batch !== 'string') {
          this.#stopped = this.#position;
          return false;
        }
        this.#tryTake(batch);
      }
      return true;
    } catch (error) {
      if (isTrimmedError(error)) return false;
      throw error;
    } finally {
      this.#client.exit();
    }
  }

  /**
   * Plays the entry at `position`, next in turn, that this thread has appended: its records need not be
   * read back. Returns what became of them; undefined: something has to be read first.
   */
  tryPlayOwn(batch: RecordBatch, position: Position): readonly RecordOutcome[] | undefined {
    if (this.#occupied || this.#frozen || this.#position !== position) return undefined;
    this.#occupied = true;
    this.#client.enter();
    try {
      const aborted = this.#judge.tryDecide(position, batch.records);
      return aborted === undefined ? undefined : this.#take(batch, aborted);
    } finally {
      this.#client.exit();
      this.#occupied = false;
    }
  }

  /**
   * For a new pass that is to go to `most` and no further: begins at the newest checkpoint that covers
   * at most that, if there is one above `from`, or there: nothing below changes what is hosted.
   */
  *begin(most: Position, from: Position = 0): Procedure<void> {
    this.#most = most;
    this.#position = from;
    yield* this.#jump(most);
  }

  *#play(limit: Position): Procedure<void> {
    const far = Math.max(FAR, FAR_PER_STREAM * this.#streams.size);
    const isFar = limit - this.#position >= far && this.#client.map.sequencer !== NO_SEQUENCER;
    if (!isFar) return yield* this.#scan(limit);
    if (this.#listener.mayJump() && (yield* this.#jump(Math.min(limit, this.#most)))) return;
    const positions = yield* this.#hostedPositions(limit);
    if (positions === undefined) return yield* this.#scan(limit);
    const turns = this.#newTurns();
    for (const position of positions) {
      this.#position = position;
      if (turns.isOver(yield* this.#playNext())) yield* turns.next();
    }
    this.#position = limit;
  }

  *#scan(limit: Position): Procedure<void> {
    const turns = this.#newTurns();
    while (this.#position < limit) {
      const batch = this.#loader.tryLoad(this.#position, this.#streams);
      const isTaken = batch !== undefined && this.#tryTake(batch);
      const records = isTaken ? recordsOf(batch) : yield* this.#playNext();
      if (turns.isOver(records)) yield* turns.next();
    }
  }

  #newTurns(): Turns {
    return new Turns(this.#client.context, PLAYED_AT_ONCE);
  }

  /** The entry at #position, whatever that takes; returns how many records it has, at least 1. */
  *#playNext(): Procedure<number> {
    const position = this.#position;
    const batch = yield* this.#loader.load(position, this.#streams);
    if (this.#tryTake(batch) || typeof batch === 'string') return recordsOf(batch);
    const records = yield* this.#judge.whole(position, batch.records);
    const aborted = yield* this.#judge.decide(position, records);
    this.#listener.played(batch, this.#take({ ...batch, records }, aborted));
    return recordsOf(batch);
  }

  /** False when something has to be read first. */
  #tryTake(batch: LoadedBatch): boolean {
    const position = this.#position;
    if (batch === 'nothing' || batch === 'foreign') {
      if (batch === 'nothing') this.#judge.passed(position);
      this.#position = position + 1;
      return true;
    }
    const aborted = this.#judge.tryDecide(position, batch.records);
    if (aborted === undefined) return false;
    this.#listener.played(batch, this.#take(batch, aborted));
    return true;
  }

  #take(batch: RecordBatch, aborted: Aborted): readonly RecordOutcome[] {
    const position = this.#position;
    const { records, bytes } = batch;
    this.#judge.played(position, { records, aborted, bytes });
    // Out of flight: what objects do may take any time, and nobody's seal should wait for it.
    const outcomes = this.#foreign(() => this.#effects(batch, aborted));
    this.#position = position + 1;
    return outcomes;
  }

  /** Runs code of objects. */
  #foreign<T>(body: () => T): T {
    this.#isApplying = true;
    try {
      return this.#client.outside(body);
    } finally {
      this.#isApplying = false;
    }
  }

  #effects({ records, writer }: RecordBatch, aborted: Aborted): RecordOutcome[] {
    const position = this.#position;
    // Not pushed: the first of an empty array takes room for seventeen.
    return records.map((record, index) => {
      const isWithout = aborted.size > 0 && aborted.has(index);
      return isWithout ? ABORTED : this.#effect(record, writer, position, index);
    });
  }

  #effect(record: BatchRecord, writer: number, position: Position, index: number): RecordOutcome {
    switch (record.kind) {
      case RecordKind.UPDATE: {
        const { from = position } = record;
        const at = { position, index, update: 0, from };
        return { committed: true, results: [this.#apply(record, at)] };
      }
      case RecordKind.COMMIT: {
        const { from = position, updates } = record;
        const apply = (one: Update, update: number): unknown =>
          this.#apply(one, { position, index, update, from });
        return { committed: true, results: updates.map(apply) };
      }
      case RecordKind.MARK:
        this.#listener.marked(record, writer, position);
        return COMMITTED;
      case RecordKind.CHECKPOINT:
        this.#learn(record.index, position);
        return COMMITTED;
      default:
        return COMMITTED;
    }
  }

  #apply(update: Update, at: ApplyContext): unknown {
    return this.#players.get(update.object)?.apply(update, at);
  }

  #learn(encoded: Uint8Array, position: Position): void {
    const index = decodeIndex(encoded, position);
    this.#judge.passCheckpoint(position, index);
    this.#listener.checkpointed(index);
  }

  /**
   * Where the hosted streams have entries from #position on and below `limit`, ascending; undefined:
   * in so many places that a look at each position is faster.
   */
  *#hostedPositions(limit: Position): Procedure<Position[] | undefined> {
    const readers = Array.from(
      this.#streams,
      (stream) => new StreamReader(this.#client, stream, this.#position),
    );
    let density = 0;
    for (const reader of readers) density += yield* reader.density();
    if (density > DENSE) return undefined;
    const positions = new Set<Position>();
    for (const reader of readers) {
      yield* reader.sync();
      for (const position of reader.takeKnown(limit)) positions.add(position);
    }
    return [...positions].sort((a, b) => a - b);
  }

  /**
   * Goes on from the newest checkpoint that covers more than was played, and at most `most`; false:
   * there is none.
   */
  *#jump(most: Position): Procedure<boolean> {
    for (let before: Position = -1; ; ) {
      const all = yield* checkpointsInLog(this.#client, this.#loader);
      this.#judge.learnAll(all);
      const found = furthestOf(all, most);
      if (found === undefined || found.index.covered <= this.#position) return false;
      try {
        yield* this.#restore(found.index);
        return true;
      } catch (error) {
        // A newer one has come meanwhile, and this one was trimmed.
        if (!isTrimmedError(error) || found.position === before) throw error;
        before = found.position;
      }
    }
  }

  *#restore(index: CheckpointIndex): Procedure<void> {
    const ends: (() => void)[] = [];
    for (const section of index.sections) {
      const player = this.#players.get(section.object);
      if (player !== undefined) ends.push(yield* this.#restorer.read(player, section));
    }
    // All of them or none: what is read here may be trimmed before the last one is.
    this.#foreign(() => {
      for (const end of ends) end();
    });
    this.#position = index.covered;
  }
}

/** At least 1. */
function recordsOf(batch: LoadedBatch): number {
  return typeof batch === 'object' ? Math.max(1, batch.records.length) : 1;
}
