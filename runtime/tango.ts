/** One thread's access to a log. */
import { homeIndexOf, unitActor } from '../actors/actor-ids.ts';
import type { ActorSystem } from '../actors/actor-system.ts';
import type { ActorThreadStats } from '../actors/actor-thread.ts';
import type { LogMemory } from '../actors/log-memory.ts';
import { NO_SEQUENCER } from '../actors/projection.ts';
import { TangoError } from '../actors/tango-error.ts';
import { THREAD_COUNTERS, type ThreadCounter } from '../actors/thread-counters.ts';
import type { Watched } from '../actors/watch.ts';
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { checkFunction, checkInteger, checkKeys, checkSignal, invalid } from './arguments.ts';
import type { LogThreadData } from './log-worker.ts';
import type { MailboxLink } from './mailbox-link.ts';
import type { TangoHandle } from './open.ts';
import { OpenGate } from './open-gate.ts';
import { SharedLog } from './shared-log.ts';
import type { Change, ChangesOptions } from './views/change-feed.ts';
import type { ObjectsAt } from './views/history.ts';
import type { ObjectType } from './views/object-type.ts';
import type { TransactOptions } from './views/transact-options.ts';
import { Views } from './views/views.ts';

/** close() waits this long for operations under way. */
const DRAIN_MS_MAX = 5000;

/** Counters of the log; those of the thread start at its attachment. */
export interface TangoStats {
  readonly log: {
    /** Next position to be granted. */
    readonly tail: number;
    /** Every position below it is decided. */
    readonly decidedMark: number;
    readonly epoch: number;
    readonly streams: number;
    /** Per storage unit: addresses written, trimmed, and chunks of entry bytes free now. */
    readonly units: readonly UnitStats[];
  };
  /** Of this thread, up to date. */
  readonly thread: Readonly<Record<ThreadCounter, number>>;
  /** Summed over all threads there have been; each publishes when it rests, so it may be late. */
  readonly all: Readonly<Record<ThreadCounter, number>>;
  /** Of this thread. */
  readonly views: {
    /** Every entry below it is in the views. */
    readonly position: number;
    /** Objects that are open. */
    readonly objects: number;
  };
  /** Operations of this thread under way. */
  readonly busy: number;
  /** Threads attached to the log now, the owner included. */
  readonly attached: number;
}

export interface UnitStats {
  readonly unit: number;
  readonly writtenLimit: number;
  readonly watermark: number;
  readonly chunks: number;
  readonly freeChunks: number;
}

/** The sequencer, the housekeeping, or a storage unit by its id. */
export type ServedBy = 'sequencer' | 'housekeeper' | number;

export interface UntilOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What a Tango is made of. */
export interface TangoParts {
  readonly handle: TangoHandle;
  readonly memory: LogMemory;
  readonly link: MailboxLink;
  /** In [0, 1). */
  readonly random: () => number;
  /** The owner's. */
  readonly system?: ActorSystem<LogThreadData>;
  /** Keeps the monitor informed of this thread. */
  readonly watched: Watched;
  readonly closeShared: () => Promise<void>;
}

export class Tango implements AsyncDisposable {
  /** Structured-cloneable: `new Worker(file, { workerData: { tango: tango.handle } })`. */
  readonly handle: TangoHandle;
  readonly log: SharedLog;
  readonly #parts: TangoParts;
  readonly #gate: OpenGate;
  readonly #views: Views;
  /** What earlier tenants of this thread's index have counted. */
  readonly #countedBefore: Readonly<Record<ThreadCounter, number>>;
  #closed: Promise<void> | undefined;
  #ownerClosed = false;

  /** @internal Use `open` or `attach`. */
  constructor(parts: TangoParts, types: readonly ObjectType<unknown>[] = []) {
    this.#parts = parts;
    this.handle = parts.handle;
    const { threads, counters } = parts.memory;
    this.#countedBefore = counters.read(parts.link.thread);
    this.#gate = new OpenGate(threads);
    this.log = new SharedLog(parts.link, this.#gate);
    this.#views = new Views({
      link: parts.link,
      gate: this.#gate,
      random: parts.random,
      compactAt: parts.handle.compactAt,
      types,
    });
  }

  /**
   * The object of that name: its view in this thread, the same one each time. Creates it where there is
   * none; a name has one type for ever. Plays the object's history first. Rejects with
   * ERR_TYPE_MISMATCH (the name, or the open object, is of another type), ERR_INVALID_ARGUMENT,
   * ERR_TRIMMED (the log does not reach back to the beginning), ERR_LOG_FULL, ERR_CLOSED. `options`
   * are the class's own, as `binding.options`; those of an object that is open are the same, or
   * ERR_INVALID_ARGUMENT. Throws ERR_UNSUPPORTED in the body of a transaction. Does not block.
   */
  object<O>(type: ObjectType<O>, name: string, options?: unknown): Promise<O> {
    return this.#views.object(type, name, options);
  }

  /**
   * Runs `body` as a transaction and resolves to what it returns: all of its changes, in any number of
   * objects, take effect at one place in the log, and only if nothing that it read has changed up to
   * there (Tango 2.3): strict serializability. The body must not await (ERR_ASYNC_TRANSACTION), sees
   * one snapshot and its own changes, and runs again after a conflict; if it throws, nothing is
   * changed. A body that changes nothing appends nothing. Within another body: a part of that.
   * Rejects with ERR_CONFLICT after `retries` (100), ERR_ENTRY_TOO_LARGE, ERR_TOO_MANY_STREAMS (more
   * than 32 objects changed), ERR_LOG_FULL, ERR_ABORTED, ERR_CLOSED, ERR_TIMEOUT.
   */
  transact<T>(body: () => T, options?: TransactOptions): Promise<T> {
    return this.#views.transact(body, options);
  }

  /** As transact; blocks. */
  transactSync<T>(body: () => T, options?: TransactOptions): T {
    return this.#views.transactSync(body, options);
  }

  /**
   * Brings every view of this thread up to what had returned before the call, in any thread; resolves
   * to the position below which all is in. Does not block.
   */
  sync(): Promise<number> {
    return this.#views.sync();
  }

  /**
   * Waits until `read`, which looks at objects of this thread, finds something, and resolves to that:
   * called at once, and again when there may be changes that it has not seen, of whatever object; it may run
   * a transaction, and must not await. Rejects with what it throws, ERR_ABORTED, ERR_CLOSED; throws
   * ERR_INVALID_ARGUMENT, and ERR_UNSUPPORTED in the body of a transaction. Keeps the thread alive meanwhile,
   * and does not block.
   */
  until<T>(read: () => T | undefined, options: UntilOptions = {}): Promise<T> {
    checkFunction('read', read);
    checkKeys('until', options, ['signal']);
    return this.#views.until(read, checkSignal(options.signal));
  }

  /**
   * The objects as they were at `position`, exclusive, at most the tail: read-only, consistent with each
   * other (Tango 2.8). Rejects with ERR_TRIMMED (neither the log nor a checkpoint reaches back that
   * far), ERR_UNWRITTEN, ERR_INVALID_ARGUMENT, ERR_CLOSED. Does not block.
   */
  at(position: number): Promise<ObjectsAt> {
    return this.#views.at(position);
  }

  /**
   * Committed changes in log order, each once, those of a transaction together; from the tail on, or
   * from `from` (inclusive): `{ position, index: index + 1 }` of the last one goes on after it. Never
   * ends without `to`; with a `from` beyond the tail it waits for that. An iteration that waits keeps the
   * thread alive; `signal` and close() end it, return() waits for the next change. Rejects with
   * ERR_TRIMMED once a trim has passed what was not delivered: never a gap; ERR_ABORTED, ERR_CLOSED,
   * ERR_TIMEOUT; wrong options throw at once.
   */
  changes(options: ChangesOptions = {}): AsyncIterable<Change> {
    return this.#views.changes(options);
  }

  /**
   * Writes a checkpoint of every object into the log and resolves to the position that it covers,
   * exclusive: everything below may be forgotten, views that are opened later start from it (Tango 2.8).
   * Done by itself unless the log was opened with `compaction: false`; trims what the checkpoint before has
   * replaced where there is little room. The thread has its turns meanwhile; what checkpoint() of an object
   * of your own makes is encoded in one go. Rejects with ERR_LOG_FULL, ERR_TIMEOUT, ERR_CLOSED.
   */
  checkpoint(): Promise<number> {
    return this.#views.checkpoint();
  }

  /**
   * Trims the log below `position`, exclusive, as far as no object needs it: at most up to what the
   * last checkpoint covers, and not beyond the snapshot of a transaction that runs in any thread
   * (Tango 2.8). Entries of `log.append` in that prefix go as well. Rejects with
   * ERR_INVALID_ARGUMENT, ERR_UNWRITTEN (beyond the tail), ERR_TIMEOUT, ERR_CLOSED.
   */
  forget(position: number): Promise<void> {
    return this.#views.forget(position);
  }

  /** Counters, read from shared memory; those of other threads may be late. Never blocks. */
  stats(): TangoStats {
    const { memory, link } = this.#parts;
    const { client } = link;
    link.publishCounters();
    const { threads, sequencer } = memory;
    let attached = 0;
    for (let thread = memory.sizes.actorThreads; thread < threads.count; thread++) {
      if (threads.state(thread) === ThreadState.ALIVE) attached++;
    }
    return {
      log: {
        tail: client.tail(),
        decidedMark: sequencer.decidedMark(),
        epoch: client.map.epoch,
        streams: sequencer.streamsKnown,
        units: client.map.units().map((unit) => unitStats(memory, unit)),
      },
      thread: difference(memory.counters.read(link.thread), this.#countedBefore),
      all: memory.counters.sum(),
      views: { position: this.#views.position, objects: this.#views.openCount },
      busy: client.busy,
      attached,
    };
  }

  /** Figures of the actor threads; only the owner has them, elsewhere empty. */
  async actorStats(): Promise<readonly ActorThreadStats[]> {
    return (await this.#parts.system?.stats()) ?? [];
  }

  /**
   * For experiments: ends the thread that serves the sequencer, the housekeeping, or a storage unit
   * (its id), wherever it stands; only the owner can. Settles after its last instruction. The log
   * brings itself back. ERR_INVALID_ARGUMENT when nobody serves it, ERR_UNSUPPORTED elsewhere.
   */
  async kill(what: ServedBy): Promise<void> {
    const { system, thread } = this.#servedBy(what);
    await system.kill(thread);
  }

  /**
   * For experiments: the thread that serves it does nothing else for `ms` milliseconds, or until the
   * monitor has it ended. Settles then. Errors as kill.
   */
  async stall(what: ServedBy, ms: number): Promise<void> {
    checkInteger('ms', ms, 1, 60_000);
    const { system, thread } = this.#servedBy(what);
    await system.stall(thread, ms);
  }

  #servedBy(what: ServedBy): { system: ActorSystem<LogThreadData>; thread: ThreadIndex } {
    const { memory, link, system } = this.#parts;
    this.#gate.check();
    if (system === undefined) {
      throw new TangoError('ERR_UNSUPPORTED', 'only the thread that opened the log can do that');
    }
    link.client.refreshProjection();
    const { map } = link.client;
    const at = (actor: number) => {
      const thread = memory.homes.home(homeIndexOf(actor));
      if (thread < 0) throw invalid('what', what, 'served by a thread just now');
      return { system, thread };
    };
    if (what === 'housekeeper') return { system, thread: memory.sizes.actorThreads - 1 };
    if (what === 'sequencer' && map.sequencer !== NO_SEQUENCER) return at(map.sequencer);
    if (typeof what === 'number' && map.has(what)) return at(unitActor(what));
    throw invalid('what', what, "'sequencer', 'housekeeper' or a storage unit of the projection");
  }

  /**
   * Refuses new operations (ERR_CLOSED), waits for those under way, and lets go of everything; for
   * the owner that ends the log for every thread. May be called twice. Blocks nothing.
   */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = this.#close();
      // AFTER what this turn has changed is on its way.
      this.#gate.close();
    }
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal The owner has gone: what is under way ends with ERR_CLOSED. */
  ownerClosed(): void {
    this.#ownerClosed = true;
    this.#gate.close();
    this.#parts.link.leave();
    this.#parts.watched.leave();
  }

  async #close(): Promise<void> {
    const { memory, link, system, watched, closeShared } = this.#parts;
    // What was changed in this turn is under way, too.
    this.#views.close();
    if (system !== undefined) memory.threads.markClosed();
    if (!this.#ownerClosed) await link.drained(DRAIN_MS_MAX);
    link.leave();
    watched.leave();
    await closeShared();
  }
}

function difference(
  now: Readonly<Record<ThreadCounter, number>>,
  before: Readonly<Record<ThreadCounter, number>>,
): Record<ThreadCounter, number> {
  const result = { ...now };
  for (const name of THREAD_COUNTERS) result[name] -= before[name];
  return result;
}

function unitStats(memory: LogMemory, unit: number): UnitStats {
  const { slots, chunks } = memory.unit(unit);
  return {
    unit,
    writtenLimit: slots.writtenLimit(),
    watermark: slots.watermark(),
    chunks: chunks.count,
    freeChunks: chunks.freeCount(),
  };
}
