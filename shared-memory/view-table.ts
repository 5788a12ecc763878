/**
 * What the views of all threads agree on besides the log: which entries a thread still needs, who writes
 * a checkpoint, and for whom the others make way.
 *
 *    0 +---------------------------------------------------------------+
 *      | checkpointer: incarnation of who writes a checkpoint, or 0    |
 *    4 | precedence: incarnation for whom the others make way, or 0    |
 *   64 +---------------------------------------------------------------+
 *      | per thread, a cache line: hold, position + 1; 0 holds nothing |  the thread alone
 *      +---------------------------------------------------------------+
 *
 * All of it is advice that makes progress likelier: what is safe, the log itself says.
 */
import type { ThreadIndex } from './thread-table.ts';
import { CACHE_LINE_BYTES, LONG_BYTES, loadLong, storeLong, WORD_BYTES } from './words.ts';

/** A right that one thread has at a time. */
export const Right = { CHECKPOINT: 0, PRECEDENCE: 1 } as const;
export type Right = (typeof Right)[keyof typeof Right];

export function allocateViewTable(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(CACHE_LINE_BYTES * (1 + threads));
}

export class ViewTable {
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer, 0, CACHE_LINE_BYTES / WORD_BYTES);
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

  #holdAt(thread: ThreadIndex): number {
    return (CACHE_LINE_BYTES * (1 + thread)) / LONG_BYTES;
  }
}
