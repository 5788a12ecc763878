/**
 * Where two threads meet before each round, so that both start it within a few nanoseconds.
 *
 * Each side raises its own word and waits for the other's. It spins, since a wake-up takes longer
 * than a round; a partner that has lost its core is waited for asleep, so as to give it ours.
 */
import { assert } from '../assert.ts';
import { CACHE_LINE_BYTES, WORD_BYTES } from '../words.ts';

/** A side's word and, two lines on, that of the other. */
const SIDE_BYTES = 2 * CACHE_LINE_BYTES;
export const GATE_BYTES = 2 * SIDE_BYTES;
/** Beside the word of side 0: the number of the last meeting; 0: it is not known yet. */
const CLOSED = 1;

const SPINS = 10_000;
const SLEEP_MS = 0.1;
const LATEST_MS = 10_000;

/** One side of the gate; `side` is 0 or 1. */
export class Gate {
  readonly #words: Int32Array;
  readonly #mine: number;
  readonly #theirs: number;

  constructor(buffer: SharedArrayBuffer, side: number) {
    this.#words = new Int32Array(buffer);
    this.#mine = (side * SIDE_BYTES) / WORD_BYTES;
    this.#theirs = ((1 - side) * SIDE_BYTES) / WORD_BYTES;
  }

  /**
   * Makes `meeting`, where this side is not yet, the last one; only one side ever calls it. The
   * number matters: the other side may just be leaving the meeting before.
   */
  close(meeting: number): void {
    Atomics.store(this.#words, CLOSED, meeting);
  }

  /** True when `meeting` was the last one; both sides answer the same after meet(meeting). */
  isLast(meeting: number): boolean {
    return Atomics.load(this.#words, CLOSED) === meeting;
  }

  /**
   * Returns once the other side is at meeting number `meeting` (1, 2, …) as well. Blocks, for
   * some ten seconds at most; then it throws.
   */
  meet(meeting: number): void {
    // Each side stores its own word and loads the other's: neither can miss that both are here.
    Atomics.store(this.#words, this.#mine, meeting);
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(this.#words, this.#theirs) >= meeting) return;
    }
    this.#meetAsleep(meeting);
  }

  #meetAsleep(meeting: number): void {
    // Sleeps are counted, not timed; each lasts at least SLEEP_MS, so this is late, never early.
    for (let sleeps = 0; sleeps < LATEST_MS / SLEEP_MS; sleeps++) {
      const theirs = Atomics.load(this.#words, this.#theirs);
      if (theirs >= meeting) return;
      // Nobody notifies: that would cost every meeting more than it saves in the rare one.
      Atomics.wait(this.#words, this.#theirs, theirs, SLEEP_MS);
    }
    assert(false, `the other side comes to meeting ${meeting} within ${LATEST_MS} ms`);
  }
}
