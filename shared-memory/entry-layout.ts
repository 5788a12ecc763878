/**
 * One log entry in a chunk of entry bytes. Entries start on 8 bytes; all fields are 32-bit words,
 * little-endian on every machine Node runs on.
 *
 *    0 +---------------------------------------------------------------+
 *      | position, low word                                            |
 *    4 | position, high 21 bits                                        |
 *    8 | writer: incarnation of the thread                             |
 *   12 | writer: sequence number, low word                             |
 *   16 | writer: sequence number, high 21 bits                         |
 *   20 | payload bytes                                                 |
 *   24 | stream count · entry kind (bits 29, 30)                       |
 *   28 | epoch of the token                                            |
 *   32 +---------------------------------------------------------------+
 *      | stream headers: (1 + K/2) words each (Tango 2.4)              |
 *      | padding to 8 bytes: a copy of unaligned shared bytes is slow  |
 *      +---------------------------------------------------------------+
 *      | payload, then padding to 8 bytes                              |
 *      +---------------------------------------------------------------+
 */
import { assert } from './assert.ts';
import { alignUp, WORD_BYTES } from './words.ts';

export const POSITION_LOW_WORD = 0;
export const POSITION_HIGH_WORD = 1;
export const WRITER_THREAD_WORD = 2;
export const WRITER_SEQUENCE_LOW_WORD = 3;
export const WRITER_SEQUENCE_HIGH_WORD = 4;
export const PAYLOAD_BYTES_WORD = 5;
export const STREAM_COUNT_WORD = 6;
export const TOKEN_EPOCH_WORD = 7;
/** Whose an entry is: bits of the stream count's word. */
export const EntryKind = {
  APPLICATION: 0,
  /** Records of replicated objects. */
  OBJECTS: 1,
  /** The log's own: no application sees it. */
  SYSTEM: 2,
} as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];
export const ENTRY_KIND_SHIFT = 29;
export const STREAM_COUNT_MASK = (1 << ENTRY_KIND_SHIFT) - 1;
export const ENTRY_HEADER_WORDS = 8;
export const ENTRY_HEADER_BYTES = ENTRY_HEADER_WORDS * WORD_BYTES;
export const ENTRY_ALIGNMENT = 8;

/** Words of one stream header: the id word and K 16-bit distances, or K/4 64-bit positions. */
export function streamHeaderWords(backpointers: number): number {
  return 1 + backpointers / 2;
}

/** Byte offset of the payload in an entry with `headersWords` words of stream headers. */
export function payloadOffset(headersWords: number): number {
  return (ENTRY_HEADER_BYTES + headersWords * WORD_BYTES + ENTRY_ALIGNMENT - 1) & -ENTRY_ALIGNMENT;
}

/** Bytes an entry takes in a chunk, padding included. */
export function entryFootprint(
  payloadBytes: number,
  streams: number,
  backpointers: number,
): number {
  const payloadAt = payloadOffset(streams * streamHeaderWords(backpointers));
  return alignUp(payloadAt + payloadBytes, ENTRY_ALIGNMENT);
}

assert(ENTRY_HEADER_BYTES % ENTRY_ALIGNMENT === 0, 'a stream-less payload starts aligned');
