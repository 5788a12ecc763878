/**
 * Which thread serves which actor: a word per actor, so that an actor can move while everybody
 * looks it up. Moving one is for whoever changes the projection; serving is safe from two threads
 * at once, so a look that comes late costs a message, not an entry.
 */
import { assert } from './assert.ts';
import { NO_THREAD, type ThreadIndex } from './thread-table.ts';
import { WORD_BYTES } from './words.ts';

/** Words are moves so far and thread + 1: a zero-filled table is a table of homeless actors. */
const THREAD_BITS = 12;
const THREAD_MASK = (1 << THREAD_BITS) - 1;

export function allocateHomeTable(actors: number): SharedArrayBuffer {
  return new SharedArrayBuffer(actors * WORD_BYTES);
}

export class HomeTable {
  readonly count: number;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.count = this.#words.length;
  }

  /** The thread that serves `index`, or NO_THREAD. */
  home(index: number): ThreadIndex {
    return (Atomics.load(this.#words, index) & THREAD_MASK) - 1;
  }

  /**
   * A number of the stay on `thread` that began with the last move; 0 when `index` is served elsewhere.
   * An actor that leaves and comes back begins another stay: what it meant to do before is void.
   */
  stay(index: number, thread: ThreadIndex): number {
    const word = Atomics.load(this.#words, index);
    return (word & THREAD_MASK) - 1 === thread ? word : 0;
  }

  move(index: number, thread: ThreadIndex): void {
    assert(thread >= NO_THREAD && thread < THREAD_MASK, 'a home is a thread, or none');
    // The count wraps: nobody sleeps through a million moves between two looks.
    for (;;) {
      const seen = Atomics.load(this.#words, index);
      const moved = (((seen >>> THREAD_BITS) + 1) << THREAD_BITS) | (thread + 1) | 0;
      if (Atomics.compareExchange(this.#words, index, seen, moved) === seen) return;
    }
  }
}
