/**
 * The thread table: who lives, and who is in the middle of changing shared memory.
 *
 *    0 +---------------------------------------------------------------+
 *      | threads · incarnations ever given · membership version · closed|
 *  128 +---------------------------------------------------------------+
 *      | record of thread 0 (256 bytes), record of thread 1, ...       |
 *
 *   record
 *    0 +---------------------------------------------------------------+
 *      | tenant: 0 free, n alive, -n exited; n is its incarnation      |  claimer, supervisors
 *   64 +---------------------------------------------------------------+
 *      | flights: odd = in flight                                      |  the thread alone
 *  128 +---------------------------------------------------------------+
 *      | doorbell: rings (wraps) · sleeps: odd = sleeping              |  ringers · the thread
 *  192 +---------------------------------------------------------------+
 *      | heartbeat: turns of the loop (wraps) · spells: odd = turning  |  the thread alone
 *  256 +---------------------------------------------------------------+
 *
 *           claim (0 → n)             markExited (n → -n), after its exit
 *   FREE ──────────────────▶ ALIVE ────────────────────────────▶ EXITED
 *    ▲                         │                                    │
 *    └──────── release ────────┴──────────────── release ───────────┘
 *          (a client leaves)          (nothing is expected of the dead any more: a client's chunks
 *                                      are retired, an actor thread's actors live elsewhere)
 *
 * State and incarnation are one word, so that one compareExchange says which life has ended: a
 * supervisor that comes late cannot end the life of the next tenant. For the same reason the words
 * that a thread switches on and off count on: nobody who clears what a dead thread left on can
 * mistake the next tenant's switch for it.
 */
import { assert } from './assert.ts';
import { CACHE_LINE_BYTES } from './words.ts';

export const THREAD_COUNT_OFFSET = 0;
export const INCARNATIONS_OFFSET = 4;
export const MEMBERSHIP_VERSION_OFFSET = 8;
export const CLOSED_OFFSET = 12;
export const THREAD_TABLE_HEADER_BYTES = 2 * CACHE_LINE_BYTES;

export const TENANT_OFFSET = 0;
export const FLIGHTS_OFFSET = CACHE_LINE_BYTES;
export const DOORBELL_OFFSET = 2 * CACHE_LINE_BYTES;
export const SLEEPS_OFFSET = DOORBELL_OFFSET + 4;
export const HEARTBEAT_OFFSET = 3 * CACHE_LINE_BYTES;
export const SPELLS_OFFSET = HEARTBEAT_OFFSET + 4;
export const THREAD_RECORD_BYTES = 4 * CACHE_LINE_BYTES;

export const ThreadState = { FREE: 0, ALIVE: 1, EXITED: 2 } as const;
export type ThreadState = (typeof ThreadState)[keyof typeof ThreadState];

/** Words that count on; their thread alone moves them on while it lives. */
export const SWITCHES = [FLIGHTS_OFFSET, SLEEPS_OFFSET, SPELLS_OFFSET] as const;
export const isOn = (count: number): boolean => (count & 1) === 1;
export const switchedOn = (count: number): number => count | 1;
export const switchedOff = (count: number): number => (count + 1) & ~1;

assert(!isOn(0), 'a zero-filled table is a table of idle records');
assert(FLIGHTS_OFFSET !== DOORBELL_OFFSET, 'the flights have a cache line of their own');
