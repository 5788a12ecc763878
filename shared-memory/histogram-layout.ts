/**
 * A latency histogram: one 64-bit float per bucket, log-linear.
 *
 *    0 +---------------------------------------------------------------+
 *      | sum of the recorded values                                    |
 *    8 | highest recorded value                                        |
 *   16 | padding                                                       |
 *   64 +---------------------------------------------------------------+
 *      | count of bucket 0 · count of bucket 1 · ...                   |
 *      +---------------------------------------------------------------+
 *
 * Every power of two is cut into 64 buckets of equal width, so a bucket is never wider than 1/64 of
 * the values in it:
 *
 *   values      0 … 127     128 … 255    256 … 511    512 … 1023   ...   up to 100 s
 *   width          1            2            4            8
 *   buckets     0 … 127     128 … 191    192 … 255    256 … 319
 *
 * One thread writes with plain stores. A plain 64-bit access is one access on every 64-bit machine;
 * where it is not, a reader may see half of an update: figures only, nothing is decided by them.
 */
import { assert } from './assert.ts';
import { alignUp, CACHE_LINE_BYTES, LONG_BYTES } from './words.ts';

const SUB_BUCKET_BITS = 6;
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS;
/** Values that do not fit a positive 32-bit word are cut down by this many bits first. */
const CUT_BITS = 16;
const CUT = 2 ** CUT_BITS;

/** Nanoseconds; inclusive. Smaller values count as this one: a clock may not tell them from 0. */
export const LOWEST_VALUE = 1;
/** Nanoseconds; inclusive: 100 s. Larger values count as this one. */
export const HIGHEST_VALUE = 100_000_000_000;
/** A reported value exceeds the recorded one by at most this fraction of it. */
export const RELATIVE_ERROR = 1 / SUB_BUCKETS;

export const SUM_OFFSET = 0;
export const MAX_OFFSET = 8;
export const BUCKETS_OFFSET = CACHE_LINE_BYTES;

/** The bucket of a value between LOWEST_VALUE and HIGHEST_VALUE; fractions are dropped. */
export function bucketOf(value: number): number {
  return value < 0x8000_0000
    ? bucketOfWord(value | 0, 0)
    : bucketOfWord((value / CUT) | 0, CUT_BITS);
}

function bucketOfWord(word: number, cutBits: number): number {
  const width = Math.max(31 - SUB_BUCKET_BITS - Math.clz32(word), 0);
  return ((width + cutBits) << SUB_BUCKET_BITS) + (word >>> width);
}

/** The lowest value of a bucket; inclusive. */
export function lowestOf(bucket: number): number {
  const width = Math.max((bucket >> SUB_BUCKET_BITS) - 1, 0);
  return (bucket - (width << SUB_BUCKET_BITS)) * 2 ** width;
}

/** The highest whole value of a bucket; inclusive. */
export function highestOf(bucket: number): number {
  return lowestOf(bucket + 1) - 1;
}

export const BUCKET_COUNT = bucketOf(HIGHEST_VALUE) + 1;

/** A multiple of the cache line, so that histograms of different threads can lie side by side. */
export function histogramBytesFor(): number {
  return alignUp(BUCKETS_OFFSET + BUCKET_COUNT * LONG_BYTES, CACHE_LINE_BYTES);
}

assert(highestOf(bucketOf(HIGHEST_VALUE)) >= HIGHEST_VALUE, 'the last bucket covers the range');
assert(bucketOf(127) === 127 && bucketOf(128) === 128, 'the first buckets join without a gap');
assert(lowestOf(bucketOf(2 ** 31)) === 2 ** 31, 'cut values land in the same row of buckets');
assert(HIGHEST_VALUE / CUT < 0x8000_0000, 'a cut value fits a positive word');
