/**
 * Sessions: what a thread holds for as long as it lives, in locks and as ephemeral nodes. A session ends
 * with its thread (closed, dead), or when the thread's event loop has stood for too long. Objects keep in
 * their view which session holds what; whoever of the other threads notices that a session has ended
 * appends that to the log, so that it ends at one place for everybody.
 *
 *   thread A ──beats──▶ view table ◀──looks── thread B ──"A's session has ended"──▶ log
 *
 * Safe whoever is mistaken: a session that was ended in the log stays so, whatever its thread believes.
 */
import type { ThreadIndex, ThreadTable } from '../../shared-memory/thread-table.ts';
import { ThreadState } from '../../shared-memory/thread-table-layout.ts';
import type { ViewTable } from '../../shared-memory/view-table.ts';
import type { LogClient } from '../log-client.ts';
import { isCorrupt } from './change-errors.ts';

/** Of one thread, which may have had others before. */
export type SessionId = number;

/** An object in which sessions hold something. */
export interface SessionHolder {
  /** Those that do. */
  sessions(): Iterable<SessionId>;
  /** Those that have ended while their thread lived: remembered as long as it does. */
  endedSessions(): Iterable<SessionId>;
  /** Appends that the session has ended, and plays it; `isDead`: nothing comes from its thread any more. */
  endSession(session: SessionId, isDead: boolean): Promise<void>;
  /** Now and then: gives back what this thread holds, and nobody in it knows of. */
  giveBack?(): void;
}

/** Sessions of a thread, one after the other. */
const SESSIONS_MAX = 2 ** 20;
const LOOK_MS_MAX = 50;
const LOOKS_PER_TIMEOUT = 20;

type ThreadLife = 'alive' | 'stalled' | 'dead';

/** What was seen of a thread's beats. */
interface Seen {
  readonly incarnation: number;
  beats: number;
  /** Looks without a beat. Counted, not timed: a process that was stopped as a whole has no stalls. */
  missed: number;
}

export class Sessions {
  readonly #table: ViewTable;
  readonly #threads: ThreadTable;
  readonly #thread: ThreadIndex;
  readonly #incarnation: number;
  readonly #sync: () => Promise<unknown>;
  readonly #holders = new Set<SessionHolder>();
  readonly #seen = new Map<ThreadIndex, Seen>();
  /** Ends that are on their way to the log. */
  readonly #ending = new Map<SessionHolder, Set<SessionId>>();
  readonly #missedMax: number;
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;
  #count = 0;
  #hasOwn = false;
  #isClosed = false;

  /** `sync`: brings the views up to date. */
  constructor(
    { memory, incarnation, times }: LogClient,
    thread: ThreadIndex,
    sync: () => Promise<unknown>,
  ) {
    this.#sync = sync;
    this.#table = memory.views;
    this.#threads = memory.threads;
    this.#thread = thread;
    this.#incarnation = incarnation;
    this.#lookMs = Math.min(LOOK_MS_MAX, times.sessionTimeoutMs / LOOKS_PER_TIMEOUT);
    this.#missedMax = Math.ceil(times.sessionTimeoutMs / this.#lookMs);
  }

  /** This thread's, from the first call on; after lost() another one. */
  own(): SessionId {
    this.#hasOwn = true;
    this.#begin();
    return this.#id;
  }

  /** Whether it is one of this thread's, the present one or one before. */
  isOwn(session: SessionId): boolean {
    return incarnationOf(session) === this.#incarnation;
  }

  /** The log says that it has ended: if it is this thread's, its next one is another. */
  lost(session: SessionId): void {
    if (session === this.#id) this.#count++;
  }

  /** The object has got something that sessions hold: from now on it ends with their threads. */
  watch(holder: SessionHolder): void {
    if (this.#isClosed) return;
    this.#holders.add(holder);
    this.#begin();
  }

  /** Nobody reads the object in this thread any more. */
  unwatch(holder: unknown): void {
    this.#holders.delete(holder as SessionHolder);
  }

  /** Nothing comes any more from the thread whose session it is: it has exited, or closed the log. */
  isDead(session: SessionId): boolean {
    return this.#threadOf(incarnationOf(session)) === undefined;
  }

  /** BEFORE the thread leaves the log: what it holds need not wait for others to notice. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const holder of this.#holders) {
      for (const session of new Set(holder.sessions())) {
        if (this.isOwn(session)) void holder.endSession(session, true).catch(() => {});
      }
    }
    this.#holders.clear();
  }

  get #id(): SessionId {
    return this.#incarnation * SESSIONS_MAX + this.#count;
  }

  #begin(): void {
    // What is still played has holders, too; and the place in the table is somebody else's soon.
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#table.beat(this.#thread);
    this.#timer = setInterval(() => this.#look(), this.#lookMs).unref();
  }

  #look(): void {
    this.#table.beat(this.#thread);
    this.#endAll();
    if (this.#hasOwn || this.#holders.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #endAll(): void {
    const states = new Map<number, ThreadLife>();
    for (const holder of this.#holders) {
      let isEmpty = true;
      holder.giveBack?.();
      for (const session of holder.sessions()) {
        isEmpty = false;
        const life = this.#lifeOfSession(session, states);
        if (life !== 'alive') this.#end(holder, session, life === 'dead');
      }
      for (const session of holder.endedSessions()) {
        isEmpty = false;
        if (this.#lifeOf(incarnationOf(session), states) === 'dead')
          this.#end(holder, session, true);
      }
      if (isEmpty) this.#holders.delete(holder);
    }
  }

  #end(holder: SessionHolder, session: SessionId, isDead: boolean): void {
    const ending = this.#ending.get(holder) ?? new Set();
    if (ending.has(session)) return;
    this.#ending.set(holder, ending.add(session));
    // It may have ended already, and this thread has not read that.
    void this.#sync()
      .then(() => holder.endSession(session, isDead))
      .catch((error: unknown) => {
        // Of a view that is not to be trusted; what else fails is tried again at the next look.
        if (isCorrupt(error)) this.unwatch(holder);
      })
      .finally(() => {
        ending.delete(session);
        if (ending.size === 0) this.#ending.delete(holder);
      });
  }

  /** Of this thread's own, one that was lost in one object ends in all. */
  #lifeOfSession(session: SessionId, known: Map<number, ThreadLife>): ThreadLife {
    if (this.isOwn(session) && session !== this.#id) return 'stalled';
    return this.#lifeOf(incarnationOf(session), known);
  }

  /** Looked at once for all objects: looks are counted. */
  #lifeOf(incarnation: number, known: Map<number, ThreadLife>): ThreadLife {
    if (incarnation === this.#incarnation) return 'alive';
    const life = known.get(incarnation) ?? this.#stateOf(incarnation);
    known.set(incarnation, life);
    return life;
  }

  #stateOf(incarnation: number): ThreadLife {
    const thread = this.#threadOf(incarnation);
    if (thread === undefined) return 'dead';
    const beats = this.#table.beats(thread);
    const seen = this.#seen.get(thread);
    if (seen?.incarnation !== incarnation) {
      this.#seen.set(thread, { incarnation, beats, missed: 0 });
      return 'alive';
    }
    seen.missed = seen.beats === beats ? seen.missed + 1 : 0;
    seen.beats = beats;
    return seen.missed < this.#missedMax ? 'alive' : 'stalled';
  }

  #threadOf(incarnation: number): ThreadIndex | undefined {
    const threads = this.#threads;
    for (let thread = 0; thread < threads.count; thread++) {
      if (threads.incarnation(thread) !== incarnation) continue;
      return threads.state(thread) === ThreadState.ALIVE ? thread : undefined;
    }
    return undefined;
  }
}

/** Of the thread whose session it is. */
export function incarnationOf(session: SessionId): number {
  return Math.floor(session / SESSIONS_MAX);
}
