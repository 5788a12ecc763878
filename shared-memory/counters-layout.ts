/**
 * Named 64-bit counters, one record per thread.
 *
 *    0 +---------------------------------------------------------------+
 *      | thread count · counter count · checksum of the names          |  written by initialize
 *   64 +---------------------------------------------------------------+
 *      | record of thread 0: counter 0 (64 bit) · counter 1 · ...      |  thread 0 writes
 *      |                     padding up to two cache lines             |
 *      +---------------------------------------------------------------+
 *      | record of thread 1 ...                                        |  thread 1 writes
 *      +---------------------------------------------------------------+
 *
 * A record has one writer, so that counting never contends; any thread reads.
 */
import { assert } from './assert.ts';
import { alignUp, CACHE_LINE_BYTES, LONG_BYTES, WORD_BYTES } from './words.ts';

export const THREAD_COUNT_OFFSET = 0;
export const COUNTER_COUNT_OFFSET = THREAD_COUNT_OFFSET + WORD_BYTES;
export const NAMES_CHECKSUM_OFFSET = COUNTER_COUNT_OFFSET + WORD_BYTES;
export const COUNTERS_HEADER_BYTES = CACHE_LINE_BYTES;

/** Two lines apart: the hardware fetches lines in pairs. */
export function counterRecordBytes(counterCount: number): number {
  return alignUp(counterCount * LONG_BYTES, 2 * CACHE_LINE_BYTES);
}

/** Bytes of the records of `threadCount` threads, header included; a multiple of the cache line. */
export function countersBytesFor(names: readonly string[], threadCount: number): number {
  return COUNTERS_HEADER_BYTES + threadCount * counterRecordBytes(names.length);
}

/** Depends on the names and their order. */
export function checksumOfNames(names: readonly string[]): number {
  let sum = 0;
  for (const character of names.join('\n')) {
    sum = (Math.imul(sum, 31) + (character.codePointAt(0) ?? 0)) | 0;
  }
  return sum;
}

/** Writes the header into zero-filled memory; once, before any view exists. */
export function initializeCounters(
  buffer: SharedArrayBuffer,
  offset: number,
  names: readonly string[],
  threadCount: number,
): void {
  assert(offset % LONG_BYTES === 0, 'the records start on 8 bytes');
  assert(
    buffer.byteLength >= offset + countersBytesFor(names, threadCount),
    'the buffer holds a record per thread',
  );
  const header = new Int32Array(buffer, offset, COUNTERS_HEADER_BYTES / WORD_BYTES);
  header[THREAD_COUNT_OFFSET / WORD_BYTES] = threadCount;
  header[COUNTER_COUNT_OFFSET / WORD_BYTES] = names.length;
  header[NAMES_CHECKSUM_OFFSET / WORD_BYTES] = checksumOfNames(names);
}

assert(NAMES_CHECKSUM_OFFSET + WORD_BYTES <= COUNTERS_HEADER_BYTES, 'the header fits its line');
