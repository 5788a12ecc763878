/**
 * The thread table: who lives, and who is in the middle of an operation on shared memory.
 *
 *    0 +---------------------------------------------------------------+
 *      | threads · incarnations ever given · membership version · closed|
 *  128 +---------------------------------------------------------------+
 *      | record of thread 0 (256 bytes), record of thread 1, ...       |
 *
 *   record
 *    0 +---------------------------------------------------------------+
 *      | state · incarnation                                           |  supervisor, and the claimer
 *   64 +---------------------------------------------------------------+
 *      | in flight: epoch of the operation, 0 idle · operations begun  |  the thread alone
 *  128 +---------------------------------------------------------------+
 *      | doorbell: rings (wraps) · sleeping                            |  ringers · the thread
 *  192 +---------------------------------------------------------------+
 *      | heartbeat: turns of the thread's loop (wraps) · turning       |  the thread alone
 *  256 +---------------------------------------------------------------+
 *
 *            claim (compareExchange)      the supervisor awaited its exit
 *   FREE ──────────────────────▶ ALIVE ──────────────────────▶ EXITED (actor threads: for ever)
 *    ▲                             │
 *    └───── release / clear ───────┘  (client threads)
 */
import { assert } from './assert.ts';
import { CACHE_LINE_BYTES } from './words.ts';

export const THREAD_COUNT_OFFSET = 0;
export const INCARNATIONS_OFFSET = 4;
export const MEMBERSHIP_VERSION_OFFSET = 8;
export const CLOSED_OFFSET = 12;
export const THREAD_TABLE_HEADER_BYTES = 2 * CACHE_LINE_BYTES;

export const THREAD_STATE_OFFSET = 0;
export const INCARNATION_OFFSET = 4;
export const IN_FLIGHT_OFFSET = CACHE_LINE_BYTES;
export const OPERATIONS_OFFSET = IN_FLIGHT_OFFSET + 4;
export const DOORBELL_OFFSET = 2 * CACHE_LINE_BYTES;
export const SLEEPING_OFFSET = DOORBELL_OFFSET + 4;
export const HEARTBEAT_OFFSET = 3 * CACHE_LINE_BYTES;
export const TURNING_OFFSET = HEARTBEAT_OFFSET + 4;
export const THREAD_RECORD_BYTES = 4 * CACHE_LINE_BYTES;

export const ThreadState = { FREE: 0, ALIVE: 1, EXITED: 2 } as const;
export type ThreadState = (typeof ThreadState)[keyof typeof ThreadState];

assert(ThreadState.FREE === 0, 'a zero-filled table is a table of free records');
assert(IN_FLIGHT_OFFSET !== DOORBELL_OFFSET, 'the in-flight word has a cache line of its own');
