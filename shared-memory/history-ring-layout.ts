/**
 * What one thread has done, as a ring of records that survives the thread.
 *
 *    0 +---------------------------------------------------------------+
 *      | capacity (records)                                            |  written by initialize
 *      | first: record that is collected next, in [0, capacity)        |  the collector writes
 *   64 +---------------------------------------------------------------+
 *      | record 0, 1, ...: 64 each                                     |
 *      +---------------------------------------------------------------+
 *
 * record
 *    0 state · kind        8 key       16 value      24 call      written BEFORE the operation
 *   32 return · 40 position · 48 found · 56 outcome               written AFTER it
 *
 *            begin()              end()
 *   FREE ─────────────▶ INVOKED ─────────▶ OK | FAIL | UNKNOWN
 *     ▲                    │ (thread is dead)       │
 *     └────────────────────┴────────────────────────┘  collector
 */
import { assert } from './assert.ts';
import { CACHE_LINE_BYTES, LONG_BYTES, WORD_BYTES } from './words.ts';

export const RecordState = { FREE: 0, INVOKED: 1, OK: 2, FAIL: 3, UNKNOWN: 4 } as const;
export type RecordState = (typeof RecordState)[keyof typeof RecordState];

export const CAPACITY_OFFSET = 0;
export const FIRST_OFFSET = CAPACITY_OFFSET + WORD_BYTES;
export const RECORDS_OFFSET = CACHE_LINE_BYTES;

/** A record is a cache line: the thread and the collector meet on none that both write. */
export const RECORD_BYTES = CACHE_LINE_BYTES;
export const STATE_OFFSET = 0;
export const KIND_OFFSET = STATE_OFFSET + WORD_BYTES;
export const KEY_OFFSET = KIND_OFFSET + WORD_BYTES;
export const VALUE_OFFSET = KEY_OFFSET + LONG_BYTES;
export const CALL_OFFSET = VALUE_OFFSET + LONG_BYTES;
export const RETURN_OFFSET = CALL_OFFSET + LONG_BYTES;
export const POSITION_OFFSET = RETURN_OFFSET + LONG_BYTES;
export const FOUND_OFFSET = POSITION_OFFSET + LONG_BYTES;
export const OUTCOME_OFFSET = FOUND_OFFSET + LONG_BYTES;

export function historyBytesFor(capacity: number): number {
  return RECORDS_OFFSET + capacity * RECORD_BYTES;
}

assert(FIRST_OFFSET + WORD_BYTES <= RECORDS_OFFSET, 'the header fits its line');
assert(OUTCOME_OFFSET + WORD_BYTES <= RECORD_BYTES, 'the fields fit a record');
assert(KEY_OFFSET % LONG_BYTES === 0, '64-bit fields are aligned');
assert(RECORDS_OFFSET % CACHE_LINE_BYTES === 0, 'records start on a line');
assert(RecordState.FREE === 0, 'zero-filled memory is a ring without records');
