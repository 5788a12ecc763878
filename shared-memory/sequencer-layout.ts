/**
 * The sequencer's memory (Tango 2.5).
 *
 *    0 +---------------------------------------------------------------+
 *      | backpointers K · stream capacity                              |  written once by initialize
 *   64 +---------------------------------------------------------------+
 *      | serving epoch (0: refuses) · streams known                    |
 *  128 +---------------------------------------------------------------+
 *      | tail (64 bit): next position to be granted                    |
 *  192 +---------------------------------------------------------------+
 *      | decided mark (64 bit): no hole below it (the hole filler)     |
 *  256 +---------------------------------------------------------------+
 *      | trim mark (64 bit): every position below it is trimmed        |
 *  320 +---------------------------------------------------------------+
 *      | stream table: per stream 1 + K doubles, open addressing       |
 *      |   stream id + 1 (0: free) · K × (position + 1, 0: none),      |
 *      |   latest first                                                |
 *      +---------------------------------------------------------------+
 */
import { assert } from './assert.ts';
import { CACHE_LINE_BYTES } from './words.ts';

export const BACKPOINTERS_OFFSET = 0;
export const STREAM_CAPACITY_OFFSET = 4;
export const SERVING_EPOCH_OFFSET = CACHE_LINE_BYTES;
export const STREAMS_KNOWN_OFFSET = SERVING_EPOCH_OFFSET + 4;
export const TAIL_OFFSET = SERVING_EPOCH_OFFSET + CACHE_LINE_BYTES;
export const DECIDED_MARK_OFFSET = TAIL_OFFSET + CACHE_LINE_BYTES;
export const TRIM_MARK_OFFSET = DECIDED_MARK_OFFSET + CACHE_LINE_BYTES;
export const STREAM_TABLE_OFFSET = TRIM_MARK_OFFSET + CACHE_LINE_BYTES;

export const BACKPOINTERS_MIN = 4;
export const BACKPOINTERS_MAX = 16;

assert(SERVING_EPOCH_OFFSET > 0, 'a zero-filled buffer is a sequencer that refuses');
assert(STREAM_TABLE_OFFSET % CACHE_LINE_BYTES === 0, 'the table starts on a cache line');
