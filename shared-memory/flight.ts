/**
 * One thread's flight: everything it does to memory that a seal or a wipe may take away happens
 * between enter() and leave(). Enters may nest; the thread table hears of the outermost only.
 */
import { assert } from './assert.ts';
import type { ThreadIndex, ThreadTable } from './thread-table.ts';

export class Flight {
  readonly #threads: ThreadTable;
  readonly #thread: ThreadIndex;
  /** What the table says: odd while in flight. Nobody else writes it while the thread lives. */
  #count: number;
  #depth = 0;
  #ended = false;

  constructor(threads: ThreadTable, thread: ThreadIndex) {
    this.#threads = threads;
    this.#thread = thread;
    this.#count = threads.flight(thread);
    assert((this.#count & 1) === 0, 'a thread begins on the ground');
  }

  /** Whether the thread is in flight now. */
  get active(): boolean {
    return this.#depth > 0;
  }

  /** Announces the thread, FIRST: what is loaded from here on may be acted on until leave(). */
  enter(): void {
    if (this.#depth++ === 0) this.#turn();
  }

  leave(): void {
    assert(this.#depth > 0, 'only who has entered leaves');
    if (--this.#depth === 0) this.#turn();
  }

  /**
   * Runs foreign code, which may take any time, out of flight, however deep the thread is in it.
   * Everything loaded before has to be loaded anew after it.
   */
  outside<T>(body: () => T): T {
    const depth = this.#depth;
    if (depth > 0) this.#turn();
    this.#depth = 0;
    try {
      return body();
    } finally {
      this.#depth = depth;
      if (depth > 0) this.#turn();
    }
  }

  /** The index may get another tenant: its words are not touched any more. */
  end(): void {
    if (this.active && !this.#ended) this.#turn();
    this.#ended = true;
  }

  /** From the ground into flight, or back. */
  #turn(): void {
    if (this.#ended) return;
    this.#count = (this.#count + 1) | 0;
    this.#threads.setFlight(this.#thread, this.#count);
  }
}
