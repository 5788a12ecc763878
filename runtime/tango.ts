/** One thread's access to a log. */
import { homeIndexOf, unitActor } from '../actors/actor-ids.ts';
import type { ActorSystem } from '../actors/actor-system.ts';
import type { ActorThreadStats } from '../actors/actor-thread.ts';
import type { LogMemory } from '../actors/log-memory.ts';
import { NO_SEQUENCER } from '../actors/projection.ts';
import { TangoError } from '../actors/tango-error.ts';
import { THREAD_COUNTERS, type ThreadCounter } from '../actors/thread-counters.ts';
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { checkInteger, invalid } from './arguments.ts';
import type { LogThreadData } from './log-worker.ts';
import type { MailboxLink } from './mailbox-link.ts';
import type { TangoHandle } from './open.ts';
import { SharedLog } from './shared-log.ts';

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

interface TangoParts {
  readonly handle: TangoHandle;
  readonly memory: LogMemory;
  readonly link: MailboxLink;
  /** The owner's. */
  readonly system?: ActorSystem<LogThreadData>;
  readonly closeShared: () => Promise<void>;
}

export class Tango implements AsyncDisposable {
  /** Structured-cloneable: `new Worker(file, { workerData: { tango: tango.handle } })`. */
  readonly handle: TangoHandle;
  readonly log: SharedLog;
  readonly #parts: TangoParts;
  /** What earlier tenants of this thread's index have counted. */
  readonly #countedBefore: Readonly<Record<ThreadCounter, number>>;
  #closed: Promise<void> | undefined;
  #ownerClosed = false;

  /** @internal Use `open` or `attach`. */
  constructor(parts: TangoParts) {
    this.#parts = parts;
    this.handle = parts.handle;
    const { threads, counters } = parts.memory;
    this.#countedBefore = counters.read(parts.link.thread);
    this.log = new SharedLog(
      parts.link,
      () => this.#closed !== undefined || this.#ownerClosed || threads.closed(),
    );
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
    if (system === undefined) {
      throw new TangoError('ERR_UNSUPPORTED', 'only the thread that opened the log can do that');
    }
    link.client.refreshProjection();
    const { map } = link.client;
    const at = (actor: number) => ({ system, thread: memory.homes.home(homeIndexOf(actor)) });
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
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal The owner has gone: what is under way ends with ERR_CLOSED. */
  ownerClosed(): void {
    this.#ownerClosed = true;
    this.#parts.link.leave();
  }

  async #close(): Promise<void> {
    const { memory, link, system, closeShared } = this.#parts;
    if (system !== undefined) memory.threads.markClosed();
    if (!this.#ownerClosed) await link.drained(DRAIN_MS_MAX);
    link.leave();
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
