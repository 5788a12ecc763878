/**
 * The sequencer's memory (Tango 2.5). It survives the death of every thread.
 *
 *    0 +---------------------------------------------------------------+
 *      | backpointers K · stream capacity · index capacity             |  written once by initialize
 *   64 +---------------------------------------------------------------+
 *      | sealed epoch · required build · built epoch                   |  change with a projection
 *  128 +---------------------------------------------------------------+
 *      | lock: incarnation of the thread inside, 0: free               |
 *  192 +---------------------------------------------------------------+
 *      | tail (64 bit): next position to be granted · its low word     |
 *  256 +---------------------------------------------------------------+
 *      | decided mark (64 bit): no hole below it (the hole filler)     |
 *  320 +---------------------------------------------------------------+
 *      | trim mark (64 bit): every position below it is trimmed        |
 *  384 +---------------------------------------------------------------+
 *      | checkpoint position (64 bit): base of the last stream-state   |
 *      | checkpoint that was begun                                     |
 *  448 +---------------------------------------------------------------+
 *      | history start (64 bit) · streams known                        |  under the lock
 *  512 +---------------------------------------------------------------+
 *      | stream index: a word a bucket, open addressing;               |  under the lock
 *      |   1 + record, believed only if the record names the bucket    |
 *      +---------------------------------------------------------------+
 *      | stream records, in the order of their first use:              |  under the lock
 *      |   2 + K doubles, padded to a power of two: stream · bucket ·  |
 *      |   K positions, latest first (-1: none)                        |
 *      +---------------------------------------------------------------+
 *
 * A bucket is taken iff 0 < its value <= streams known and record value - 1 names this bucket.
 * What an earlier build of the stream state has left behind therefore means nothing: the state is
 * emptied by one store to `streams known`.
 */
import { assert } from './assert.ts';
import { CACHE_LINE_BYTES, LONG_BYTES } from './words.ts';

export const BACKPOINTERS_OFFSET = 0;
export const STREAM_CAPACITY_OFFSET = 4;
export const INDEX_CAPACITY_OFFSET = 8;
export const SEALED_EPOCH_OFFSET = CACHE_LINE_BYTES;
export const REQUIRED_BUILD_OFFSET = SEALED_EPOCH_OFFSET + 4;
export const BUILT_EPOCH_OFFSET = SEALED_EPOCH_OFFSET + 8;
export const LOCK_OFFSET = SEALED_EPOCH_OFFSET + CACHE_LINE_BYTES;
export const TAIL_OFFSET = LOCK_OFFSET + CACHE_LINE_BYTES;
/** A word of its own: a look at 64 bits costs several times as much. */
export const TAIL_LOW_OFFSET = TAIL_OFFSET + LONG_BYTES;
export const DECIDED_MARK_OFFSET = TAIL_OFFSET + CACHE_LINE_BYTES;
export const TRIM_MARK_OFFSET = DECIDED_MARK_OFFSET + CACHE_LINE_BYTES;
export const CHECKPOINT_POSITION_OFFSET = TRIM_MARK_OFFSET + CACHE_LINE_BYTES;
export const HISTORY_START_OFFSET = CHECKPOINT_POSITION_OFFSET + CACHE_LINE_BYTES;
export const STREAMS_KNOWN_OFFSET = HISTORY_START_OFFSET + LONG_BYTES;
export const STREAM_INDEX_OFFSET = HISTORY_START_OFFSET + CACHE_LINE_BYTES;

/** Doubles of a stream record before its positions. */
export const RECORD_STREAM = 0;
export const RECORD_BUCKET = 1;
export const RECORD_POSITIONS = 2;

export const BACKPOINTERS_MIN = 4;
export const BACKPOINTERS_MAX = 16;

assert(BUILT_EPOCH_OFFSET > 0, 'a zero-filled buffer is a sequencer that refuses');
assert(STREAM_INDEX_OFFSET % CACHE_LINE_BYTES === 0, 'the index starts on a cache line');
