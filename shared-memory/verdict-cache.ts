/**
 * What became of commit records, for all threads: whoever decides one first tells the others. A verdict
 * follows from the log alone, so it is the same whoever tells it, and a lost one is found again.
 *
 *   slot of an entry (position mod SLOTS):  position + 1 (43 bits) · committed: a bit a record (10 bits)
 *
 * One word, so a reader has both or neither; a slot that holds another position tells nothing.
 */
import { assert } from './assert.ts';
import { LONG_BYTES, loadLong, storeLong } from './words.ts';

/** Entries whose verdicts are kept: of the last so many positions. */
export const VERDICT_SLOTS = 2 ** 16;
/** Records of an entry whose verdicts are kept: the first ones. */
export const VERDICT_RECORDS = 10;

const RECORDS_FACTOR = 2 ** VERDICT_RECORDS;
const POSITIONS_MAX = 2 ** 43;

export function allocateVerdicts(): SharedArrayBuffer {
  return new SharedArrayBuffer(VERDICT_SLOTS * LONG_BYTES);
}

/** An empty buffer keeps nothing. */
export class VerdictCache {
  readonly #longs: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#longs = new BigInt64Array(buffer);
  }

  /** Whether the record `index` of the entry at `position` has committed; undefined: nobody has told. */
  get(position: number, index: number): boolean | undefined {
    if (index >= VERDICT_RECORDS || this.#longs.length === 0) return undefined;
    const slot = loadLong(this.#longs, position % this.#longs.length);
    if (Math.floor(slot / RECORDS_FACTOR) !== position + 1) return undefined;
    return ((slot % RECORDS_FACTOR) & (1 << index)) !== 0;
  }

  /** What became of all records of an entry. An older entry loses its slot, a newer one keeps it. */
  put(position: number, committed: readonly boolean[]): void {
    if (position >= POSITIONS_MAX || this.#longs.length === 0) return;
    const at = position % this.#longs.length;
    // Two threads that tell of two entries at once: one of them is lost, and found again.
    if (Math.floor(loadLong(this.#longs, at) / RECORDS_FACTOR) >= position + 1) return;
    let bits = 0;
    for (let i = 0; i < committed.length && i < VERDICT_RECORDS; i++) {
      if (committed[i]) bits |= 1 << i;
    }
    storeLong(this.#longs, at, (position + 1) * RECORDS_FACTOR + bits);
  }
}

assert(POSITIONS_MAX * RECORDS_FACTOR <= Number.MAX_SAFE_INTEGER + 1, 'a slot is a safe integer');
