/**
 * A user's thread: hosts the log client there, turns while operations are
 * under way, and lets the thread rest otherwise. Nothing runs, and nothing keeps the thread
 * alive, when no operation is open.
 */
import { ActorHost } from '../actors/actor-host.ts';
import { clientActor } from '../actors/actor-ids.ts';
import type { LogMemory } from '../actors/log-memory.ts';
import { directoryOf } from '../actors/placement.ts';
import { ThreadCounters, TURNS_PER_PUBLISH } from '../actors/thread-counters.ts';
import type { Flight } from '../shared-memory/flight.ts';
import { type Duty, Idle } from '../shared-memory/idle.ts';
import type { ThreadIndex, ThreadTable } from '../shared-memory/thread-table.ts';
import type { ClientTimes, LinkKind } from './client-options.ts';
import { LogClient } from './log-client.ts';
import { membershipOf } from './membership.ts';
import type { Procedure } from './procedure.ts';
import { repair } from './repair.ts';
import { Settled } from './settled.ts';

const FOR_EVER_MS = 0x7fff_ffff;
const DRAIN_POLL_MS = 1;
const REST_AFTER_MS = 100;
/** Promises that may settle one after the other, before the event loop has a turn in between. */
const AT_ONCE_MAX = 256;

export interface MailboxLinkOptions {
  readonly memory: LogMemory;
  readonly kind: LinkKind;
  /** Of the thread. */
  readonly flight: Flight;
  readonly thread: ThreadIndex;
  readonly incarnation: number;
  readonly times: ClientTimes;
}

export class MailboxLink {
  readonly client: LogClient;
  readonly thread: ThreadIndex;
  readonly #host: ActorHost;
  readonly #idle: Idle;
  readonly #duty: Duty;
  /** Referenced while operations are under way: a pending waitAsync keeps no thread alive. */
  readonly #keepAlive = setInterval(() => {}, FOR_EVER_MS).unref();
  readonly #counters: ThreadCounters;
  /** The index may have another tenant: nothing is done on its behalf any more. */
  #left = false;
  readonly #threads: ThreadTable;
  readonly #flight: Flight;
  readonly #settlesAtOnce: boolean;
  #settledAtOnce = 0;
  #restTimer: NodeJS.Timeout | undefined;
  #turnScheduled = false;
  #sleeps = 0;
  #turns = 0;

  constructor(options: MailboxLinkOptions) {
    const { memory, kind, flight, thread, incarnation, times } = options;
    this.thread = thread;
    this.#threads = memory.threads;
    this.#settlesAtOnce = kind === 'direct';
    this.#flight = flight;
    const membership = membershipOf(memory);
    const link = kind;
    this.client = new LogClient({ memory, incarnation, times, flight, link, membership, repair });
    this.#host = new ActorHost({
      thread,
      threads: memory.threads,
      grid: memory.grid(),
      directory: directoryOf(memory.homes),
      flight,
      onMembership: () => this.client.onMembership(),
    });
    this.#host.add(clientActor(thread), this.client);
    this.#idle = new Idle(memory.threads, thread);
    this.#duty = {
      turn: () => this.#turn(),
      wanted: () => this.#stillBusy(),
      untilTimer: () => this.#host.untilTimer(),
      yieldsAfterWork: true,
      resting: (asleep) => {
        if (!asleep) return;
        this.#sleeps++;
        this.#counters.publish();
      },
    };
    this.#counters = new ThreadCounters(memory.counters.countersOf(thread), [
      () => ({ received: this.#host.received, sleeps: this.#sleeps }),
      () => ({ ...this.client.counters }),
    ]);
  }

  /** Waits for what keeps no thread alive by itself; before the first operation. */
  async holding(what: Promise<void>): Promise<void> {
    this.#keepAlive.ref();
    await what;
    this.#keepAlive.unref();
  }

  /** Call after an operation has begun: its messages leave and its replies are taken. */
  kick(): void {
    if (!this.#idle.running) {
      this.#keepAlive.ref();
      this.#idle.run(this.#duty);
    } else if (this.#idle.asleep && !this.#turnScheduled) {
      this.#turnScheduled = true;
      setImmediate(() => {
        this.#turnScheduled = false;
        this.#turn();
        // Ends the sleep: it was measured before this operation had timers of its own.
        if (!this.#left) this.#threads.ring(this.thread);
      });
    }
  }

  /** Shows this thread's counters to the others; done by itself when the thread rests. */
  publishCounters(): void {
    if (!this.#left) this.#counters.publish();
  }

  /**
   * `result`, which now and then waits for a turn of the event loop: on the direct link it has mostly
   * settled, and who awaits one after the other would keep timers and I/O waiting.
   */
  inTurns<T>(result: Promise<T>): Promise<T> {
    if (!this.#isTurnDue()) return result;
    const turn = new Promise((resolve) => setImmediate(resolve));
    return Promise.all([result, turn]).then(([value]) => value);
  }

  /** Calls `task` at the end of this turn of the event loop, and now and then, as inTurns(), in the next. */
  atTurnEnd(task: () => void): void {
    if (this.#isTurnDue()) setImmediate(task);
    else queueMicrotask(task);
  }

  /** Runs a procedure on the event loop. */
  run<T>(procedure: Procedure<T>): Promise<T> {
    const result = new Promise<T>((done, failed) => {
      this.client.run(procedure, { done, failed });
    });
    this.kick();
    return result;
  }

  /** Runs a procedure while the calling thread blocks. */
  runSync<T>(procedure: Procedure<T>): T {
    const outcome = new Settled<T>();
    this.client.run(procedure, outcome);
    this.drive(outcome.isSettled);
    return outcome.take();
  }

  /** Blocks until `done()`; operations have deadlines of their own. */
  drive(done: () => boolean): void {
    // On the direct link as well: what is done may have left a message for a storage unit.
    this.#host.flush();
    if (done()) return;
    this.#idle.drive(this.#duty, done, Number.POSITIVE_INFINITY);
    this.#restLater();
  }

  /** Settles once no operation is under way, or after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (this.client.busy > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  /**
   * Gives staged chunks back, ends what is still under way with ERR_ACTOR_EXITED, stops turning
   * and holding the thread. BEFORE the thread's index is given back.
   */
  leave(): void {
    if (this.#left) return;
    this.#host.turn();
    this.client.leave();
    this.#counters.publish();
    this.#left = true;
    this.#flight.end();
    this.#idle.leave();
    clearInterval(this.#keepAlive);
    clearTimeout(this.#restTimer);
  }

  #isTurnDue(): boolean {
    if (!this.#settlesAtOnce || ++this.#settledAtOnce < AT_ONCE_MAX) return false;
    this.#settledAtOnce = 0;
    return true;
  }

  #turn(): boolean {
    if (this.#left) return false;
    // A thread that never rests shows its counters all the same.
    if (++this.#turns % TURNS_PER_PUBLISH === 0) this.#counters.publish();
    return this.#host.turn();
  }

  /** A thread that is idle for a while holds no chunk that another may need. */
  #restLater(): void {
    if (this.#left || this.#restTimer !== undefined) return;
    this.#restTimer = setTimeout(() => {
      this.#restTimer = undefined;
      if (this.client.busy === 0 && !this.#left) this.client.rest();
    }, REST_AFTER_MS).unref();
  }

  #stillBusy(): boolean {
    if (this.client.busy > 0 && !this.#left) return true;
    if (!this.#left) this.#host.flush();
    this.#keepAlive.unref();
    this.#restLater();
    return false;
  }
}
