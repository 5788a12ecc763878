/**
 * Stream headers: backpointers in a log entry (Tango 2.4), (1 + K/2) words each.
 *
 *   word 0       stream id (31 bits) · format (1 bit): 0 relative, 1 absolute
 *   relative     K × 16 bits: distance back to each of the last K entries, latest first
 *   absolute     K/4 × 64 bits: position + 1, used when every earlier entry is too far for 16 bits
 *
 * Distances of one header strictly increase, so slot i is at least i + 1. That leaves two words
 * free for what the paper does not separate:
 *   0 (NONE)      there is no earlier entry
 *   1 (UNKNOWN)   in slots after the first: there is one, further back than 65,535
 */
import { highWord, joinWords } from '../shared-memory/words.ts';

const DISTANCE_MAX = 0xffff;
const NONE = 0;
const UNKNOWN = 1;
const ABSOLUTE_BIT = 1 << 31;
const STREAM_MASK = 0x7fff_ffff;

/**
 * Writes the header of `stream` for an entry at `position` to `words` at `at`.
 * `earlier[i]` is the i-th latest earlier position or -1; latest first, K of them.
 */
export function encodeStreamHeader(
  words: Int32Array,
  at: number,
  stream: number,
  position: number,
  earlier: Float64Array,
): void {
  const k = earlier.length;
  if (earlier[0] >= 0 && position - earlier[0] > DISTANCE_MAX) {
    words[at] = stream | ABSOLUTE_BIT;
    for (let i = 0; i < k / 4; i++) {
      words[at + 1 + 2 * i] = (earlier[i] + 1) | 0;
      words[at + 2 + 2 * i] = highWord(earlier[i] + 1);
    }
    return;
  }
  words[at] = stream;
  for (let i = 0; i < k; i += 2) {
    const low = distanceWord(position, earlier[i]);
    words[at + 1 + i / 2] = low | (distanceWord(position, earlier[i + 1]) << 16);
  }
}

function distanceWord(position: number, earlier: number): number {
  if (earlier < 0) return NONE;
  const distance = position - earlier;
  return distance > DISTANCE_MAX ? UNKNOWN : distance;
}

export function streamOfHeader(words: Int32Array, at: number): number {
  return words[at] & STREAM_MASK;
}

/** What one header says. Reused by its owner. */
export class Backpointers {
  /** Earlier positions of the stream, latest first; the first `count` are valid. */
  readonly positions: Float64Array;
  count = 0;
  /** True when the stream has no entry below the last of `positions`. */
  complete = false;

  constructor(k: number) {
    this.positions = new Float64Array(k);
  }

  /**
   * Reads the header at `at` of an entry at `position`. Survives garbage: a pointer that does not
   * lead strictly down ends the list, marked incomplete, so no walk can loop.
   */
  decode(words: Int32Array, at: number, position: number): void {
    this.count = 0;
    this.complete = false;
    if (words[at] < 0) this.#decodeAbsolute(words, at + 1, position);
    else this.#decodeRelative(words, at + 1, position);
  }

  #decodeRelative(words: Int32Array, at: number, position: number): void {
    let below = 0;
    for (let i = 0; i < this.positions.length; i++) {
      const distance = (words[at + (i >> 1)] >>> ((i & 1) * 16)) & DISTANCE_MAX;
      if (distance === NONE) {
        this.complete = true;
        return;
      }
      // UNKNOWN is 1, which no slot but the first can hold as a distance.
      if (distance <= below || distance > position) return;
      below = distance;
      this.positions[this.count++] = position - distance;
    }
  }

  #decodeAbsolute(words: Int32Array, at: number, position: number): void {
    let above = position;
    for (let i = 0; i < this.positions.length / 4; i++) {
      const earlier = joinWords(words[at + 2 * i], words[at + 1 + 2 * i] & 0x1f_ffff) - 1;
      if (earlier < 0) {
        this.complete = true;
        return;
      }
      if (earlier >= above) return;
      above = earlier;
      this.positions[this.count++] = earlier;
    }
  }
}
