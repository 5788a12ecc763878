/**
 * Sizes and the 64-bit words. Positions are safe integers (below 2^53) in JavaScript and signed
 * 64-bit words in shared memory; a BigInt never leaves this folder.
 */

export const WORD_BYTES = 4;
export const LONG_BYTES = 8;
/** Words that different threads write are this far apart. */
export const CACHE_LINE_BYTES = 64;

const TWO_TO_32 = 0x1_0000_0000;

/** Loads a monotonic 64-bit word (sequentially consistent). */
export function loadLong(longs: BigInt64Array, index: number): number {
  return Number(Atomics.load(longs, index));
}

/** Stores a 64-bit word (sequentially consistent). */
export function storeLong(longs: BigInt64Array, index: number, value: number): void {
  Atomics.store(longs, index, BigInt(value));
}

/** Raises a word that many threads may raise; never lowers it. True when this call raised it. */
export function raiseLong(longs: BigInt64Array, index: number, value: number): boolean {
  const wanted = BigInt(value);
  let seen = Atomics.load(longs, index);
  while (seen < wanted) {
    const before = Atomics.compareExchange(longs, index, seen, wanted);
    if (before === seen) return true;
    seen = before;
  }
  return false;
}

/** Low 32 bits of a safe integer, as a signed word. */
export function lowWord(value: number): number {
  return value | 0;
}

/** High 21 bits of a non-negative safe integer. */
export function highWord(value: number): number {
  return value < TWO_TO_32 ? 0 : Math.floor(value / TWO_TO_32) | 0;
}

/** The safe integer of two words written by lowWord and highWord. */
export function joinWords(low: number, high: number): number {
  return high === 0 ? low >>> 0 : high * TWO_TO_32 + (low >>> 0);
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

export function ceilPowerOfTwo(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}
