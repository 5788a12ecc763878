/**
 * What the views of all threads agree on besides the log: which entries a thread still needs, who writes
 * a checkpoint or a large change, for whom the others make way, who waits for a change, and whose session
 * goes on.
 *
 *    0 +---------------------------------------------------------------+
 *      | checkpointer: incarnation of who writes a checkpoint, or 0    |
 *    4 | precedence: incarnation for whom the others make way, or 0    |
 *    8 | waiting: 1 while somebody waits for a change                  |  who waits, who rings
 *   12 | rings of the bell that wakes them (wraps)                     |  who rings
 *   16 | large: incarnation of who writes a change in parts, or 0      |
 *   64 +---------------------------------------------------------------+
 *      | per thread, a cache line: hold, position + 1; 0 holds nothing |  the thread alone
 *      |                           beats of its session (wraps)        |  the thread alone
 *      +---------------------------------------------------------------+
 *
 * All of it is advice that makes progress likelier: what is safe, the log itself says.
 */
import type { ThreadIndex } from './thread-table.ts';
import { CACHE_LINE_BYTES, LONG_BYTES, loadLong, storeLong, WORD_BYTES } from './words.ts';

/** A right that one thread has at a time. */
export const Right = { CHECKPOINT: 0, PRECEDENCE: 1, LARGE: 4 } as const;
export type Right = (typeof Right)[keyof typeof Right];

const WAITING = 2;
const BELL = 3;
const BEATS_OFFSET = LONG_BYTES;

export function allocateViewTable(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(CACHE_LINE_BYTES * (1 + threads));
}

export class ViewTable {
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#longs = new BigInt64Array(buffer);
  }

  /** Nobody should trim `position` or anything above it: `thread` needs it. By the thread itself. */
  hold(thread: ThreadIndex, position: number): void {
    storeLong(this.#longs, this.#holdAt(thread), position + 1);
  }

  /** What the thread before had held at this index ends as well. */
  release(thread: ThreadIndex): void {
    storeLong(this.#longs, this.#holdAt(thread), 0);
  }

  /** The lowest position that any of the threads for which `lives` needs; Infinity: none. */
  lowestHold(threads: number, lives: (thread: ThreadIndex) => boolean): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (let thread = 0; thread < threads; thread++) {
      const held = loadLong(this.#longs, this.#holdAt(thread)) - 1;
      if (held >= 0 && held < lowest && lives(thread)) lowest = held;
    }
    return lowest;
  }

  /** Takes the right for `incarnation` if nobody has it, or whoever had it has died. */
  tryTake(right: Right, incarnation: number, lives: (incarnation: number) => boolean): boolean {
    const owner = this.owner(right);
    if (owner === incarnation) return true;
    if (owner !== 0 && lives(owner)) return false;
    return Atomics.compareExchange(this.#words, right, owner, incarnation) === owner;
  }

  /** Gives it back, if it has it. */
  give(right: Right, incarnation: number): void {
    Atomics.compareExchange(this.#words, right, incarnation, 0);
  }

  /** Incarnation of who has the right; 0: nobody. It may have died. */
  owner(right: Right): number {
    return Atomics.load(this.#words, right);
  }

  /** Wakes who waits for a change. Call AFTER the change is in the log. */
  ring(): void {
    // Pairs with the store in prepareToWait(): one of the two sees the other.
    if (Atomics.load(this.#words, WAITING) === 0) return;
    // Cleared BEFORE the bell: who waits from here on has heard this ring, or says so again.
    Atomics.store(this.#words, WAITING, 0);
    Atomics.add(this.#words, BELL, 1);
    Atomics.notify(this.#words, BELL);
  }

  /** Returns the rings heard so far. Look for a change AFTER it, then wait for a ring beyond. */
  prepareToWait(): number {
    const heard = Atomics.load(this.#words, BELL);
    Atomics.store(this.#words, WAITING, 1);
    return heard;
  }

  /**
   * Settles after a ring beyond `heard`, or after `timeoutMs`: who has changed something may have died
   * before it rang. Undefined: it has rung already.
   */
  waitAsync(heard: number, timeoutMs: number): Promise<unknown> | undefined {
    const result = Atomics.waitAsync(this.#words, BELL, heard, timeoutMs);
    return result.async ? result.value : undefined;
  }

  /** The thread's session goes on. By the thread itself. */
  beat(thread: ThreadIndex): void {
    Atomics.add(this.#words, this.#beatsAt(thread), 1);
  }

  beats(thread: ThreadIndex): number {
    return Atomics.load(this.#words, this.#beatsAt(thread));
  }

  #beatsAt(thread: ThreadIndex): number {
    return (CACHE_LINE_BYTES * (1 + thread) + BEATS_OFFSET) / WORD_BYTES;
  }

  #holdAt(thread: ThreadIndex): number {
    return (CACHE_LINE_BYTES * (1 + thread)) / LONG_BYTES;
  }
}
