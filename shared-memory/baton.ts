/**
 * A word that says whose turn it is, for two threads that take turns and sleep in between: the
 * hand-off that mailboxes are measured against.
 */
import { assert } from './assert.ts';

export const BATON_BYTES = 4;

/** Any thread builds one on the same word. */
export class Baton {
  readonly #words: Int32Array;
  readonly #index: number;

  /** `index` is that of the word in `words`; zero-filled, it is the turn of 0. */
  constructor(words: Int32Array, index: number) {
    this.#words = words;
    this.#index = index;
  }

  /** Makes it the turn of `turn`, and wakes whoever waits for it. Never blocks. */
  pass(turn: number): void {
    // Publishes what this thread did in its turn; pairs with the load in take().
    Atomics.store(this.#words, this.#index, turn);
    Atomics.notify(this.#words, this.#index);
  }

  /** Returns when it is the turn of `turn`. Blocks asleep; throws after `latestMs`. */
  take(turn: number, latestMs: number): void {
    for (;;) {
      // Pairs with the store in pass().
      const now = Atomics.load(this.#words, this.#index);
      if (now === turn) return;
      const woken = Atomics.wait(this.#words, this.#index, now, latestMs);
      assert(woken !== 'timed-out', `it is the turn of ${turn} within ${latestMs} ms`);
    }
  }
}
