/**
 * Entry bytes are handed out in chunks. A thread leases a chunk and bumps its own offset in it, so
 * staging needs no atomic operation and nobody else looks at the bytes until a slot refers to them.
 *
 *   chunk record, one cache line
 *    0 +---------------------------------------------------------------+
 *      | state                                                         |
 *    4 | used bytes (stored BEFORE bytes below it are staged)          |
 *    8 | used limit (64 bit): 1 + highest address whose entry is here  |
 *   16 | padding                                                       |
 *   64 +---------------------------------------------------------------+
 *
 *          lease (compareExchange)             retire (the owner, or the
 *   FREE ────────────────────────▶ owner > 0   supervisor once it is dead)
 *    ▲                                │  ▲──────────────┐
 *    │ reclaim                        ▼  │ lease        │
 *    └────────── RECLAIMING ◀───── PARTIAL ─────────────┘
 *
 * Only the unit's actor reclaims, once the watermark is at or above `used limit`.
 */
import { assert } from './assert.ts';
import { CACHE_LINE_BYTES } from './words.ts';

export const CHUNK_STATE_OFFSET = 0;
export const CHUNK_USED_OFFSET = 4;
export const CHUNK_USED_LIMIT_OFFSET = 8;
export const CHUNK_RECORD_BYTES = CACHE_LINE_BYTES;

/** Any word above FREE is the incarnation of the thread that leases the chunk. */
export const ChunkState = { FREE: 0, PARTIAL: -1, RECLAIMING: -2 } as const;

assert(ChunkState.FREE === 0, 'a zero-filled table is a table of free chunks');
assert(CHUNK_USED_LIMIT_OFFSET % 8 === 0, 'the 64-bit word is aligned');
