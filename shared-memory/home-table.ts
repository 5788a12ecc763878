/**
 * Which thread serves which actor: a word per actor, so that an actor can move while everybody
 * looks it up. Moving one is for whoever changes the projection; serving is safe from two threads
 * at once, so a look that comes late costs a message, not an entry.
 */
import { assert } from './assert.ts';
import { NO_THREAD, type ThreadIndex } from './thread-table.ts';
import { WORD_BYTES } from './words.ts';

/** Words are thread + 1: a zero-filled table is a table of homeless actors. */
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
    return Atomics.load(this.#words, index) - 1;
  }

  move(index: number, thread: ThreadIndex): void {
    assert(thread >= NO_THREAD, 'a home is a thread, or none');
    Atomics.store(this.#words, index, thread + 1);
  }
}
