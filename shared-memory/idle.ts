/**
 * The only place where a thread rests. While work is recent it spins; then it sleeps on its
 * doorbell, always with a deadline (a ring can die with its ringer), and looks again after waking.
 *
 *   run(duty)     on the event loop, for as long as the duty wants it: timers, control messages
 *                 and file I/O of the thread go on
 *   drive(duty)   blocks the calling thread until something is done
 */
import { availableParallelism } from 'node:os';
import type { ThreadIndex, ThreadTable } from './thread-table.ts';

/** What a thread does when it is not resting. */
export interface Duty {
  /** Does what there is to do without blocking; true when there was something. */
  turn(): boolean;
  /** True while run() should go on. */
  wanted(): boolean;
  /** Milliseconds until a timer is due; Infinity without one. */
  untilTimer(): number;
  /** True where other code of the thread waits for what a turn has done: it goes first. */
  readonly yieldsAfterWork: boolean;
  /** Told before sleeping (true) and after waking (false). */
  resting?(asleep: boolean): void;
}

/** The longest sleep: a lost ring costs no more than this. */
const SLEEP_MS_MAX = 500;
/** Event loop turns are given away this often while spinning. */
const YIELD_MS = 0.5;
/** Turns without work between two looks at the clock. */
const TURNS_PER_CLOCK = 32;
const CORES = availableParallelism();
/** How long to spin for more work while every turning thread has a core. */
const SPIN_MS = CORES > 2 ? 0.2 : 0.1;
/** With more turning threads than cores, spinning keeps the one waiting that has work to do. */
const SPIN_CROWDED_MS = 0.01;

export class Idle {
  readonly #threads: ThreadTable;
  readonly #thread: ThreadIndex;
  #running = false;
  /** run() sleeps: rings must keep coming even while drive() turns in between. */
  #asleep = false;
  #left = false;
  #worked = 0;

  constructor(threads: ThreadTable, thread: ThreadIndex) {
    this.#threads = threads;
    this.#thread = thread;
  }

  get running(): boolean {
    return this.#running;
  }

  /** True while run() sleeps: what is sent now is not seen by its next turn before it is rung. */
  get asleep(): boolean {
    return this.#asleep;
  }

  /** The thread's index may get another tenant: its words are not touched any more. */
  leave(): void {
    this.#left = true;
  }

  /** Starts turning on the event loop unless it already does. Does not block. */
  run(duty: Duty): void {
    if (this.#running) return;
    this.#running = true;
    this.#worked = performance.now();
    this.#threads.setTurning(this.#thread, true);
    setImmediate(() => this.#spin(duty));
  }

  /**
   * Blocks until `done()` or `deadline` (of performance.now()); true when done. Messages for
   * anything else of this thread are handled meanwhile, timers of the event loop are not.
   */
  drive(duty: Duty, done: () => boolean, deadline: number): boolean {
    this.#threads.setTurning(this.#thread, true);
    const finished = this.#driveTo(duty, done, deadline);
    if (!this.#running || this.#asleep) this.#threads.setTurning(this.#thread, false);
    return finished;
  }

  #driveTo(duty: Duty, done: () => boolean, deadline: number): boolean {
    let workedMs = performance.now();
    let working = false;
    for (let turns = 1; !done(); turns++) {
      if (duty.turn()) working = true;
      if (turns % TURNS_PER_CLOCK !== 0) continue;
      const now = performance.now();
      if (now >= deadline) return false;
      if (working) workedMs = now;
      working = false;
      if (this.#maySpin(now - workedMs)) continue;
      this.#block(duty, done, deadline);
    }
    return true;
  }

  #block(duty: Duty, done: () => boolean, deadline: number): void {
    const heard = this.#threads.prepareToSleep(this.#thread);
    // Announced as sleeping BEFORE the last look: a sender either sees that or is seen here.
    const worked = duty.turn();
    const untilMs = Math.min(duty.untilTimer(), deadline - performance.now());
    if (!worked && !done() && untilMs > 0) {
      const timeoutMs = Math.min(untilMs, SLEEP_MS_MAX);
      this.#rest(duty, true);
      this.#threads.sleep(this.#thread, heard, timeoutMs);
      this.#rest(duty, false);
    }
    if (!this.#asleep) this.#threads.awake(this.#thread);
  }

  #spin(duty: Duty): void {
    const start = performance.now();
    let now = start;
    for (let turns = 0; duty.wanted(); ) {
      const worked = duty.turn();
      if (!worked && ++turns % TURNS_PER_CLOCK !== 0) continue;
      now = performance.now();
      if (worked) this.#worked = now;
      if (worked && duty.yieldsAfterWork) break;
      else if (!this.#maySpin(now - this.#worked)) return this.#sleep(duty);
      if (now - start >= YIELD_MS) break;
    }
    if (duty.wanted()) setImmediate(() => this.#spin(duty));
    else this.#stop();
  }

  #stop(): void {
    this.#running = false;
    if (!this.#left) this.#threads.setTurning(this.#thread, false);
  }

  #maySpin(idleMs: number): boolean {
    if (idleMs < SPIN_CROWDED_MS) return true;
    return idleMs < SPIN_MS && this.#threads.turningCount() <= CORES;
  }

  #rest(duty: Duty, asleep: boolean): void {
    this.#threads.setTurning(this.#thread, !asleep);
    duty.resting?.(asleep);
  }

  #sleep(duty: Duty): void {
    const heard = this.#threads.prepareToSleep(this.#thread);
    // As in #block: announce, then look once more; the turn may have set a timer.
    const worked = duty.turn();
    const timeoutMs = Math.min(duty.untilTimer(), SLEEP_MS_MAX);
    if (worked || timeoutMs <= 0) return this.#wake(duty);
    const rung = this.#threads.sleepAsync(this.#thread, heard, timeoutMs);
    if (rung === undefined) return this.#wake(duty);
    this.#asleep = true;
    this.#rest(duty, true);
    rung.then(() => {
      this.#asleep = false;
      if (this.#left) return;
      this.#rest(duty, false);
      this.#wake(duty);
    });
  }

  #wake(duty: Duty): void {
    this.#threads.awake(this.#thread);
    this.#worked = performance.now();
    this.#spin(duty);
  }
}
