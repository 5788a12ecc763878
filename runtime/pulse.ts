/** Whether a thread still does something: it is rung now and then, and has to beat. */
import type { ThreadIndex, ThreadTable } from '../shared-memory/thread-table.ts';

/** Looks without a beat. Counted, not timed: a process that was stopped as a whole has no stalls. */
const MISSED_BEATS_MAX = 6;

export class Pulse {
  readonly #threads: ThreadTable;
  readonly #thread: ThreadIndex;
  #incarnation = 0;
  #heartbeat = 0;
  #missed = 0;

  constructor(threads: ThreadTable, thread: ThreadIndex) {
    this.#threads = threads;
    this.#thread = thread;
  }

  /** Looks, and rings: 'alive' since the last look, 'missed', or 'stalled', which is told once. */
  look(): 'alive' | 'missed' | 'stalled' {
    const incarnation = this.#threads.incarnation(this.#thread);
    const heartbeat = this.#threads.heartbeat(this.#thread);
    const isAlive = this.#incarnation !== incarnation || this.#heartbeat !== heartbeat;
    this.#incarnation = incarnation;
    this.#heartbeat = heartbeat;
    this.#missed = isAlive ? 0 : this.#missed + 1;
    // Whoever sleeps beats when it wakes.
    this.#threads.ring(this.#thread);
    if (isAlive) return 'alive';
    return this.#missed === MISSED_BEATS_MAX ? 'stalled' : 'missed';
  }
}
