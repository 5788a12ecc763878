/**
 * The objects of one simulated client: the production parts of runtime/views, wired as views.ts does it,
 * without promises. Watched: what they find is told to all, and rare events are marked.
 */
import type { AppendCompletion } from '../../runtime/append-operation.ts';
import type { LogClient } from '../../runtime/log-client.ts';
import type { Position } from '../../runtime/log-entry.ts';
import type { Procedure } from '../../runtime/procedure.ts';
import { replace } from '../../runtime/simulation/simulated-memory.ts';
import { CHECKPOINTS_ID, FIRST_OBJECT_ID } from '../../runtime/views/checkpoint-index.ts';
import { Checkpointer } from '../../runtime/views/checkpointer.ts';
import { Compaction } from '../../runtime/views/compaction.ts';
import { isTrimmedError } from '../../runtime/views/entry-loader.ts';
import { growthOf } from '../../runtime/views/growth.ts';
import { Holds } from '../../runtime/views/holds.ts';
import { RecordedHistory } from '../../runtime/views/object-state.ts';
import { Outbox } from '../../runtime/views/outbox.ts';
import {
  Playback,
  type PlaybackListener,
  type RecordOutcome,
} from '../../runtime/views/playback.ts';
import { Precedence } from '../../runtime/views/precedence.ts';
import { decodeBatch, type ObjectId, RecordKind } from '../../runtime/views/record.ts';
import type { ThreadIndex } from '../../shared-memory/thread-table.ts';
import { ThreadState } from '../../shared-memory/thread-table-layout.ts';
import type { CommonFindings } from './common-findings.ts';
import { ListView, type ListWatcher } from './list-view.ts';

export const OBJECTS: readonly ObjectId[] = [0, 1, 2].map((i) => FIRST_OBJECT_ID + i);

export interface ObjectHostOptions {
  readonly client: LogClient;
  readonly thread: ThreadIndex;
  readonly findings: CommonFindings;
  readonly hosted: readonly ObjectId[];
  /** Part of the memory in use at which it compacts; 0: never. */
  readonly compactAt: number;
  /** Whether it can make views of objects that it does not host. */
  readonly knowsAll: boolean;
  /** Nobody tells it a verdict. */
  readonly isDeaf: boolean;
  readonly mark: (name: string) => void;
  /** An append has come back. */
  readonly acknowledged: (position: Position, text: string) => void;
}

const decoder = new TextDecoder();

export class ObjectHost {
  readonly client: LogClient;
  readonly playback: Playback;
  readonly outbox: Outbox;
  readonly checkpointer: Checkpointer;
  readonly compaction: Compaction;
  readonly holds: Holds;
  readonly precedence: Precedence;
  readonly views = new Map<ObjectId, ListView>();
  /** It has written the mark of a checkpoint, and not its record. */
  isBetweenMarkAndRecord = false;
  /** An append ended without telling whether it is in the log. */
  isUnsure = false;
  readonly #options: ObjectHostOptions;

  constructor(options: ObjectHostOptions) {
    const { client, thread, knowsAll } = options;
    this.client = client;
    this.#options = options;
    this.#watch();
    this.holds = new Holds(client.memory.views, thread);
    this.precedence = new Precedence(client);
    this.playback = new Playback(client, this.#listener());
    this.checkpointer = new Checkpointer({
      client,
      playback: this.playback,
      objects: () => OBJECTS,
      hosted: (object) => this.views.get(object),
      detached: (object) =>
        knowsAll ? new ListView(object, this.#watcher('')) : new RecordedHistory(),
      recorded: () => new RecordedHistory(),
      lowestHold: () => this.#lowestHold(),
      trims: options.compactAt > 0,
    });
    this.compaction = new Compaction(client, this.checkpointer, options.compactAt);
    this.outbox = new Outbox({
      client,
      holds: this.holds,
      precedence: this.precedence,
      playback: () => this.playback,
      room: this.checkpointer.room,
      compaction: this.compaction,
      growthOf: (records) => growthOf(records, () => undefined),
      arrived: () => {},
    });
    this.#watchPlayback();
    for (const object of options.hosted) {
      const view = new ListView(object, this.#watcher('checkpoint jumped over'));
      this.views.set(object, view);
      this.playback.host(object, view);
    }
  }

  /** Brings every view up to what had returned before. */
  *catchUp(): Procedure<void> {
    const tail = this.client.tail();
    if (this.playback.isOccupied) this.#options.mark('read in the midst of a pass');
    if (!this.playback.tryPlayTo(tail)) yield* this.playback.playTo(tail);
  }

  /** Every view as it is now, which all that are at this position have to be alike. */
  look(): void {
    const { position } = this.playback;
    for (const { object, digest } of this.views.values()) {
      this.#options.findings.looked(object, position, digest);
    }
  }

  /** A view of an object that was not hosted before; see Views.#replayed. */
  *open(object: ObjectId): Procedure<void> {
    while (!this.views.has(object)) {
      const { position } = this.playback;
      try {
        const view = new ListView(object, this.#watcher('view opened from a checkpoint'));
        const past = new Playback(this.client);
        past.host(object, view);
        yield* past.begin(position);
        while (past.position < this.playback.position) yield* past.playTo(this.playback.position);
        if (this.views.has(object)) return;
        this.views.set(object, view);
        this.playback.host(object, view);
      } catch (error) {
        if (!isTrimmedError(error)) throw error;
        yield* this.catchUp();
        if (this.playback.position === position) throw error;
      }
    }
  }

  /** Objects as they were; `fromCheckpoint`: begins at one if there is one. */
  *at(position: Position, fromCheckpoint: boolean): Procedure<ListView[]> {
    const past = new Playback(this.client, {
      played: (_batch, outcomes) => this.#options.findings.decided(past.position - 1, outcomes),
      marked: () => {},
      checkpointed: () => {},
      mayJump: () => true,
    });
    const views = OBJECTS.map((object) => new ListView(object, this.#watcher('history restored')));
    for (const view of views) past.host(view.object, view);
    if (fromCheckpoint) yield* past.begin(position);
    yield* past.playTo(position);
    for (const { object, digest } of views) {
      this.#options.findings.looked(object, past.position, digest);
    }
    return views;
  }

  #listener(): PlaybackListener {
    const { findings, client } = this.#options;
    return {
      played: (batch, outcomes) => {
        findings.decided(this.playback.position - 1, outcomes);
        this.look();
        if (batch.writer === client.incarnation) this.outbox.played(batch, outcomes);
      },
      marked: (mark, writer) => this.checkpointer.marked(mark, writer),
      checkpointed: (index) => {
        findings.told(index);
        this.compaction.checkpointed(index);
      },
      mayJump: () => this.holds.isEmpty,
    };
  }

  #watcher(restored: string): ListWatcher {
    const { findings, mark } = this.#options;
    return {
      applied: ({ object, digest }, { position, index }) =>
        findings.changed(object, position, index, digest),
      restored: () => restored !== '' && mark(restored),
    };
  }

  #lowestHold(): Position {
    const { views, threads } = this.client.memory;
    return views.lowestHold(threads.count, (thread) => threads.state(thread) === ThreadState.ALIVE);
  }

  #watch(): void {
    const { client, isDeaf, mark } = this.#options;
    const { views, verdicts } = client.memory;
    if (isDeaf) replace(verdicts, 'get', () => () => undefined);
    replace(views, 'tryTake', (tryTake) => (right, ...rest) => {
      const before = views.owner(right as 0 | 1);
      const isTaken = tryTake(right, ...rest);
      const isOthers = before !== 0 && before !== client.incarnation;
      if (isTaken && isOthers && !client.membership.lives(before)) {
        mark('right taken over from the dead');
      }
      return isTaken;
    });
    replace(client, 'append', (append) => (payload, streams, urgent, completion, kind) => {
      const bytes = Uint8Array.from(payload as Uint8Array);
      const watched = this.#watched(bytes, streams as number[], completion as AppendCompletion);
      append(payload, streams, urgent, watched, kind);
    });
  }

  #watched(
    bytes: Uint8Array,
    streams: readonly number[],
    completion: AppendCompletion,
  ): AppendCompletion {
    return {
      appended: (position) => {
        this.#options.acknowledged(position, decoder.decode(bytes));
        const [{ kind }] = decodeBatch(bytes, position).records;
        if (streams.includes(CHECKPOINTS_ID))
          this.isBetweenMarkAndRecord = kind === RecordKind.MARK;
        completion.appended(position);
      },
      failed: (error) => {
        this.isUnsure =
          error instanceof Error && 'position' in error && error.position !== undefined;
        completion.failed(error);
      },
    };
  }

  #watchPlayback(): void {
    const { judge } = this.playback;
    const { findings, mark } = this.#options;
    replace(this.playback, 'tryPlayOwn', (tryPlayOwn) => (batch, position) => {
      const outcomes = tryPlayOwn(batch, position) as readonly RecordOutcome[] | undefined;
      if (outcomes !== undefined) findings.decided(Number(position), outcomes);
      return outcomes;
    });
    replace(judge, 'decide', (decide) => (...values) => {
      mark('decided in the slow path');
      return decide(...values);
    });
  }
}
