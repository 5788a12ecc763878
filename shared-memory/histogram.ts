/**
 * A latency histogram in shared memory (HdrHistogram's idea): recording is an index computation and
 * three plain stores, and a percentile is within 1/64 of the true one. Zero-filled memory is an
 * empty histogram.
 *
 *     const latency = new Histogram(new SharedArrayBuffer(histogramBytesFor()), 0);
 *     latency.record(1_700);
 *     latency.percentile(99);
 *
 * One thread records; any thread may ask, or merge several into one of its own. Answers to another
 * thread may be late, and miss what is being recorded now.
 */
import { assert } from './assert.ts';
import {
  BUCKET_COUNT,
  BUCKETS_OFFSET,
  bucketOf,
  HIGHEST_VALUE,
  highestOf,
  histogramBytesFor,
  LOWEST_VALUE,
  MAX_OFFSET,
  SUM_OFFSET,
} from './histogram-layout.ts';
import { LONG_BYTES } from './words.ts';

export { histogramBytesFor } from './histogram-layout.ts';

const SUM = SUM_OFFSET / LONG_BYTES;
const MAX = MAX_OFFSET / LONG_BYTES;
const FIRST_BUCKET = BUCKETS_OFFSET / LONG_BYTES;

export class Histogram {
  readonly #cells: Float64Array;

  /** `offset` in bytes, a multiple of 8; histogramBytesFor() bytes from there belong to it. */
  constructor(buffer: SharedArrayBuffer | ArrayBuffer, offset = 0) {
    assert(offset % LONG_BYTES === 0, 'a histogram starts on 8 bytes');
    this.#cells = new Float64Array(buffer, offset, histogramBytesFor() / LONG_BYTES);
  }

  /** One value in nanoseconds; values out of range count as the nearest in it. The writer only. */
  record(nanoseconds: number): void {
    const cells = this.#cells;
    // Written so that NaN, too, ends as the lowest value.
    const above = nanoseconds > LOWEST_VALUE ? nanoseconds : LOWEST_VALUE;
    const value = above < HIGHEST_VALUE ? above : HIGHEST_VALUE;
    cells[SUM] += value;
    if (value > cells[MAX]) cells[MAX] = value;
    cells[FIRST_BUCKET + bucketOf(value)]++;
  }

  /** Values recorded. */
  get count(): number {
    let count = 0;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      count += this.#cells[FIRST_BUCKET + bucket];
    }
    return count;
  }

  /** The highest value recorded, in nanoseconds, exact within the range; 0 when there is none. */
  get max(): number {
    return this.#cells[MAX];
  }

  /** The mean in nanoseconds, exact within the range; 0 when there is none. */
  get mean(): number {
    const count = this.count;
    return count === 0 ? 0 : this.#cells[SUM] / count;
  }

  /**
   * The value in nanoseconds that `percent` (0 to 100, inclusive) of the recorded values do not
   * exceed: never below the true one, at most 1/64 above it. 0 when nothing was recorded.
   */
  percentile(percent: number): number {
    assert(percent >= 0 && percent <= 100, 'a percentile is between 0 and 100');
    const rank = Math.max(1, Math.ceil((percent / 100) * this.count - ROUNDING));
    // Counts only grow, so the second pass over the buckets finds at least what the first one did.
    for (let bucket = 0, seen = 0; bucket < BUCKET_COUNT; bucket++) {
      seen += this.#cells[FIRST_BUCKET + bucket];
      if (seen >= rank) return Math.min(highestOf(bucket), this.max);
    }
    return this.max;
  }

  /** Adds what `other` holds, which may be in use by its own writer. The writer only. */
  mergeFrom(other: Histogram): void {
    const cells = this.#cells;
    const others = other.#cells;
    cells[SUM] += others[SUM];
    cells[MAX] = Math.max(cells[MAX], others[MAX]);
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      cells[FIRST_BUCKET + bucket] += others[FIRST_BUCKET + bucket];
    }
  }

  /** Forgets everything, as after a warm-up. The writer only. */
  clear(): void {
    this.#cells.fill(0);
  }
}

/** 99.9 / 100 * 1000 is a hair above 999; without this its rank would be 1000. */
const ROUNDING = 1e-9;
