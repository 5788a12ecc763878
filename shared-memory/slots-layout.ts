/**
 * A storage unit's memory: one fixed buffer.
 *
 *   byte
 *      0 +--------------------------------------------------------------+
 *        | slot count · chunk bytes · chunk count · headroom chunks ·   |
 *        | words of a stream header                                     |  written once by initialize
 *     64 +--------------------------------------------------------------+
 *        | sealed epoch · tenancy: wipes so far · claimant · lost       |
 *    128 +--------------------------------------------------------------+
 *        | watermark (64 bit): every address below it is trimmed        |
 *    192 +--------------------------------------------------------------+
 *        | claim limit (64 bit): no address at or above it is claimed   |
 *    256 +--------------------------------------------------------------+
 *        | reclaimed limit (64 bit): slots of addresses below it reused |
 *        | reclaims that freed chunks (wraps)                           |
 *    320 +--------------------------------------------------------------+
 *        | chunk table: one cache line a chunk (entry-bytes-layout)     |
 *        +--------------------------------------------------------------+
 *        | slots: one word each; address a lives in slot a mod count    |
 *        +--------------------------------------------------------------+
 *        | chunks of entry bytes                                        |
 *        +--------------------------------------------------------------+
 *
 * A slot is one word and moves only along these arrows; the compareExchange that leaves UNWRITTEN
 * is the linearisation point of a write or a fill at this replica.
 *
 *            tryWrite                tryTrim
 *   UNWRITTEN ───────▶ reference ───────────▶ TRIMMED ──┐
 *      ▲  │ tryJunk                tryTrim       ▲      │ reclaim: the watermark has passed and
 *      │  └──────────▶ JUNK ──────────────────────┘      │ nobody is in flight below it
 *      └────────────────────────────────────────────────┘
 */
import { assert } from './assert.ts';
import { CACHE_LINE_BYTES } from './words.ts';

export const SLOT_COUNT_OFFSET = 0;
export const CHUNK_BYTES_OFFSET = 4;
export const CHUNK_COUNT_OFFSET = 8;
export const HEADROOM_CHUNKS_OFFSET = 12;
export const STREAM_HEADER_WORDS_OFFSET = 16;
export const SEALED_EPOCH_OFFSET = CACHE_LINE_BYTES;
export const TENANCY_OFFSET = SEALED_EPOCH_OFFSET + 4;
export const CLAIMANT_OFFSET = SEALED_EPOCH_OFFSET + 8;
export const LOST_OFFSET = SEALED_EPOCH_OFFSET + 12;
export const WATERMARK_OFFSET = SEALED_EPOCH_OFFSET + CACHE_LINE_BYTES;
export const CLAIM_LIMIT_OFFSET = WATERMARK_OFFSET + CACHE_LINE_BYTES;
export const RECLAIMED_LIMIT_OFFSET = CLAIM_LIMIT_OFFSET + CACHE_LINE_BYTES;
export const RECLAIMS_OFFSET = RECLAIMED_LIMIT_OFFSET + 8;
export const UNIT_HEADER_BYTES = RECLAIMED_LIMIT_OFFSET + CACHE_LINE_BYTES;

/** Words of a slot below FIRST_REFERENCE are states; all others are `byte offset >> REFERENCE_SHIFT`. */
export const SlotWord = { UNWRITTEN: 0, JUNK: 1, TRIMMED: 2 } as const;
export const FIRST_REFERENCE = 8;
/** Entries start on 8 bytes, so that 2 GiB of bytes fit a positive word with bits to spare. */
export const REFERENCE_SHIFT = 3;

/** What a unit answers to a write, fill, trim or look at one address (CORFU 1.2). */
export const SlotOutcome = {
  OK: 0,
  /** A value is there. CORFU's err_written. */
  WRITTEN: 1,
  /** Junk is there. CORFU's err_deleted for a filled address. */
  JUNK: 2,
  /** Trimmed. CORFU's err_deleted for a deleted address. */
  TRIMMED: 3,
  /** Nothing is there yet. CORFU's err_unwritten. */
  UNWRITTEN: 4,
  /** The request's epoch is not above the sealed epoch. CORFU's err_sealed. */
  SEALED: 5,
  /** The address is further above the watermark than there are slots. */
  FULL: 6,
} as const;
export type SlotOutcome = (typeof SlotOutcome)[keyof typeof SlotOutcome];

assert(SlotWord.UNWRITTEN === 0, 'a zero-filled buffer is a unit of unwritten slots');
assert(UNIT_HEADER_BYTES % CACHE_LINE_BYTES === 0, 'the chunk table starts on a cache line');
assert(
  UNIT_HEADER_BYTES >> REFERENCE_SHIFT >= FIRST_REFERENCE,
  'no entry byte offset can be mistaken for a state word',
);
