/**
 * The shared log as an application sees it (CORFU 1.1, Tango 2.4). Arguments are checked before
 * anything is appended; every call has a promise form and a blocking `Sync` twin.
 */
import { slowTailOf } from '../actors/log-memory.ts';
import type { Projection } from '../actors/projection.ts';
import { unlessAborted } from './abort.ts';
import type { AppendCompletion } from './append-operation.ts';
import {
  checkKeys,
  checkPayload,
  checkPosition,
  checkSignal,
  checkStreams,
  invalid,
} from './arguments.ts';
import { changeAsAsked, checkChange, type ProjectionChange } from './asked-change.ts';
import { trimPosition, trimPrefix } from './chain.ts';
import { type EntriesOptions, type LogAccess, readEntries } from './entries.ts';
import type { LogClient } from './log-client.ts';
import { type DataEntry, type LogEntry, type Position, type StreamId, shown } from './log-entry.ts';
import type { MailboxLink } from './mailbox-link.ts';
import type { OpenGate } from './open-gate.ts';
import type { PlayedEntry } from './played-entry.ts';
import type { Procedure } from './procedure.ts';
import { decidePosition, readComplete, readPosition, unwritten } from './read.ts';
import { Settled } from './settled.ts';
import { StreamReader } from './stream-reader.ts';

export interface AppendOptions {
  /** The streams the entry belongs to: distinct integers in [0, 2^31), at most 32. */
  readonly streams?: readonly StreamId[] | undefined;
  /** Aborted before the call: nothing is appended. Later: the promise rejects, the entry may land. */
  readonly signal?: AbortSignal | undefined;
}

export interface TailOptions {
  /** Ask the storage units for what is written instead of the sequencer for what is granted. */
  readonly slow?: boolean | undefined;
}

/** A stream as one thread plays it (Tango 2.4). */
export interface StreamCursor {
  readonly stream: StreamId;
  /**
   * Learns the stream's positions below the tail; returns the last one not read yet, -1 without
   * any. Does not block. ERR_TRIMMED when unread entries were trimmed, ERR_ACTOR_EXITED.
   */
  sync(): Promise<Position>;
  /** Blocks. */
  syncSync(): Position;
  /** The next known entry in log order, junk skipped, undefined at the end of what is known. */
  readnext(): Promise<DataEntry | undefined>;
  /** Blocks only for an entry that its writer has not finished, up to `holeFillMs`. */
  readnextSync(): DataEntry | undefined;
  /**
   * Hands every known entry to `handler` in log order, junk skipped; returns how many. The entry
   * and its payload are valid during the call only: nothing is allocated per entry. An entry at
   * which the handler throws is the next one again. Blocks only for an entry that its writer has
   * not finished. ERR_TRIMMED as readnext.
   */
  playSync(handler: (entry: PlayedEntry) => void): number;
}

export class SharedLog {
  readonly #link: MailboxLink;
  readonly #gate: OpenGate;

  /** @internal Use `open` or `attach`. */
  constructor(link: MailboxLink, gate: OpenGate) {
    this.#link = link;
    this.#gate = gate;
  }

  /**
   * Appends an entry and resolves to its position once every replica of its chain holds it
   * (CORFU 1.5). `payload`: up to `entryBytesMax` bytes, copied before the call returns.
   * Rejects with ERR_INVALID_ARGUMENT, ERR_ENTRY_TOO_LARGE, ERR_TOO_MANY_STREAMS, ERR_LOG_FULL,
   * ERR_CLOSED, ERR_ABORTED: nothing was appended. ERR_TIMEOUT, ERR_ACTOR_EXITED with a
   * `position`: not known whether the entry is in the log. Does not block.
   */
  append(payload: Uint8Array, options: AppendOptions = NO_OPTIONS): Promise<Position> {
    try {
      const bytes = this.#checkAppend(payload, options);
      const streams = checkStreams(options.streams);
      const signal = checkSignal(options.signal);
      const appended = new Promise<Position>((resolve, reject) => {
        const failed = (error: unknown): void => reject(this.#gate.translated(error));
        this.#link.client.append(bytes, streams, false, { appended: resolve, failed });
      });
      this.#link.kick();
      return this.#link.inTurns(signal === undefined ? appended : unlessAborted(appended, signal));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As append, but blocks the calling thread; its event loop does not turn meanwhile. */
  appendSync(payload: Uint8Array, options: AppendOptions = NO_OPTIONS): Position {
    const bytes = this.#checkAppend(payload, options);
    const streams = checkStreams(options.streams);
    checkSignal(options.signal);
    const outcome = this.#outcome;
    outcome.begin();
    this.#link.client.append(bytes, streams, false, outcome);
    this.#link.drive(outcome.isSettled);
    return this.#gate.runSync(() => outcome.take());
  }

  /**
   * The entry at `position`. At or beyond the tail: ERR_UNWRITTEN, and nothing is decided. Below
   * it: waits for the writer up to `holeFillMs`, then decides (CORFU 1.6, 1.7). Rejects with
   * ERR_INVALID_ARGUMENT, ERR_UNWRITTEN, ERR_CLOSED; while a hole is decided also ERR_TIMEOUT,
   * ERR_ACTOR_EXITED, ERR_LOG_FULL.
   */
  async read(position: Position): Promise<LogEntry> {
    this.#checkOpen();
    checkPosition(position);
    const { client } = this.#link;
    const entry = readComplete(client, position);
    if (entry === undefined) return shown(await this.#run(readPosition(client, position)));
    client.counters.reads++;
    return shown(entry);
  }

  /** As read; blocks only for an entry that its writer has not finished. */
  readSync(position: Position): LogEntry {
    this.#checkOpen();
    checkPosition(position);
    return shown(this.#runSync(readPosition(this.#link.client, position)));
  }

  /**
   * The next free position (CORFU 1.13): fast, from the sequencer's words: above every append that
   * has returned, holes below it possible. `slow`: one past the highest position written.
   */
  async tail(options: TailOptions = {}): Promise<Position> {
    return this.tailSync(options);
  }

  /** As tail. Never blocks: both tails are read from shared memory. */
  tailSync(options: TailOptions = {}): Position {
    this.#checkOpen();
    checkKeys('tail', options, ['slow']);
    const { client } = this.#link;
    if (options.slow !== undefined && typeof options.slow !== 'boolean') {
      throw invalid('slow', options.slow, 'a boolean');
    }
    client.refreshProjection();
    return options.slow ? slowTailOf(client.memory, client.map) : client.tail();
  }

  /**
   * Decides `position`, which must be below the tail (else ERR_UNWRITTEN): completes what a writer
   * left, or makes it junk (CORFU 1.7). Resolves to what is there from now on. Rejects with
   * ERR_INVALID_ARGUMENT, ERR_UNWRITTEN, ERR_TIMEOUT, ERR_ACTOR_EXITED, ERR_LOG_FULL, ERR_CLOSED.
   */
  async fill(position: Position): Promise<LogEntry> {
    return shown(await this.#run(this.#belowTail(position, decidePosition)));
  }

  /** As fill; blocks. */
  fillSync(position: Position): LogEntry {
    return shown(this.#runSync(this.#belowTail(position, decidePosition)));
  }

  /**
   * Forgets one position below the tail (else ERR_UNWRITTEN), on every replica; an undecided one is
   * decided first. Repeating it is fine (CORFU 1.14). Errors as fill.
   */
  async trim(position: Position): Promise<void> {
    return this.#run(this.#belowTail(position, trimPosition));
  }

  /** As trim; blocks. */
  trimSync(position: Position): void {
    this.#runSync(this.#belowTail(position, trimPosition));
  }

  /**
   * Forgets every position below `position` (exclusive); their memory is used again. `position` may
   * be the tail, but not beyond (ERR_UNWRITTEN). Repeating it, or trimming less than before,
   * changes nothing. Rejects with ERR_INVALID_ARGUMENT, ERR_TIMEOUT (it may be partly done),
   * ERR_ACTOR_EXITED, ERR_CLOSED.
   */
  async trimPrefix(position: Position): Promise<void> {
    return this.#run(this.#prefix(position));
  }

  /** As trimPrefix; blocks. */
  trimPrefixSync(position: Position): void {
    this.#runSync(this.#prefix(position));
  }

  /**
   * Entries in log order from `from` (inclusive; default: the oldest not trimmed) up to `to`
   * (exclusive, at most the tail; default: the tail when the iteration begins, with `live`: never
   * ends), junk skipped. `streams`: only entries of any of these, each once.
   * Positions trimmed one by one are skipped; when a prefix trim has passed entries not yet
   * delivered, the iteration rejects with ERR_TRIMMED: never a gap. Rejects with ERR_ABORTED,
   * ERR_CLOSED, ERR_ACTOR_EXITED, ERR_TIMEOUT; wrong options throw at once. Each iterator begins
   * anew. A live iteration that waits keeps the thread alive.
   */
  entries(options: EntriesOptions = {}): AsyncIterable<DataEntry> {
    this.#checkOpen();
    const access: LogAccess = {
      client: this.#link.client,
      run: (procedure) => this.#run(procedure),
      checkOpen: () => this.#checkOpen(),
    };
    return readEntries(access, options);
  }

  /**
   * A cursor on one stream, from `from` (inclusive; default: the oldest entry not trimmed). A
   * client need not play a stream to append to it.
   */
  stream(stream: StreamId, from?: Position): StreamCursor {
    this.#checkOpen();
    checkStreams([stream]);
    if (from !== undefined) checkPosition(from, 'from');
    const reader = new StreamReader(this.#link.client, stream, from);
    return {
      stream,
      sync: async () => this.#run(reader.sync()),
      syncSync: () => this.#runSync(reader.sync()),
      readnext: async () => this.#run(reader.next()),
      readnextSync: () => this.#runSync(reader.next()),
      playSync: (handler) => {
        if (typeof handler !== 'function') throw invalid('handler', handler, 'a function');
        return this.#runSync(reader.play(handler));
      },
    };
  }

  /** The projection this thread acts under: a copy. */
  projection(): Projection {
    this.#checkOpen();
    this.#link.client.refreshProjection();
    return structuredClone(this.#link.client.map.projection);
  }

  /**
   * Changes the projection while the log is used (CORFU 1.9 to 1.12) and resolves to the one in
   * which it holds. `remove`: a storage unit leaves its chains; a spare replaces it. `add`: storage
   * units take part from the tail on, and no unit is sealed for it. `sequencer`: 'replace' names a
   * new one, 'none' goes on without. Any number of threads may reconfigure at once. Rejects with
   * ERR_INVALID_ARGUMENT (also for the last replica of a position), ERR_LOG_FULL (no memory for
   * further units, `spareUnits`), ERR_TIMEOUT, ERR_CLOSED. Does not block.
   */
  async reconfigure(change: ProjectionChange): Promise<Projection> {
    this.#checkOpen();
    checkChange(this.#link.client, change);
    return structuredClone(await this.#run(changeAsAsked(this.#link.client, change)));
  }

  /** Reused by every appendSync: one is under way at a time on a thread. */
  readonly #outcome = new SyncOutcome();

  #checkAppend(payload: Uint8Array, options: AppendOptions): Uint8Array {
    this.#checkOpen();
    if (options !== NO_OPTIONS) checkKeys('append', options, APPEND_KEYS);
    return checkPayload(payload, this.#link.client.memory.sizes.entryBytesMax);
  }

  #belowTail<T>(
    position: Position,
    procedure: (client: LogClient, position: Position) => Procedure<T>,
  ): Procedure<T> {
    this.#checkOpen();
    checkPosition(position);
    const { client } = this.#link;
    if (position >= client.tail()) throw unwritten(position);
    return procedure(client, position);
  }

  #prefix(position: Position): Procedure<void> {
    this.#checkOpen();
    checkPosition(position);
    const { client } = this.#link;
    if (position > client.tail()) throw unwritten(position);
    return trimPrefix(client, position);
  }

  async #run<T>(procedure: Procedure<T>): Promise<T> {
    this.#checkOpen();
    return this.#gate.run(this.#link.run(procedure));
  }

  #runSync<T>(procedure: Procedure<T>): T {
    this.#checkOpen();
    return this.#gate.runSync(() => this.#link.runSync(procedure));
  }

  #checkOpen(): void {
    this.#gate.check();
  }
}

const NO_OPTIONS: AppendOptions = {};
const APPEND_KEYS = ['streams', 'signal'];

/** The outcome of an append that a blocked thread waits for. */
class SyncOutcome extends Settled<Position> implements AppendCompletion {
  appended(position: Position): void {
    this.done(position);
  }
}
