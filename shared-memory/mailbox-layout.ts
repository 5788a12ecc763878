/**
 * A mailbox: a ring of records from one thread to one other thread.
 *
 *    0 +---------------------------------------------------------------+
 *      | published: words ever published (wraps at 2^32)               |  the sender writes
 *  128 +---------------------------------------------------------------+
 *      | consumed: words ever consumed (wraps at 2^32)                 |  the receiver writes
 *  256 +---------------------------------------------------------------+
 *      | record: length in words (this one included) · content ...     |
 *      | record ...                                                    |
 *      | PADDING: the rest up to the end of the ring is skipped        |
 *      +---------------------------------------------------------------+
 *
 * A record lies in one piece. It exists for the receiver only once `published` covers it: a sender
 * that dies before has sent nothing.
 */
import { assert } from './assert.ts';
import { CACHE_LINE_BYTES, WORD_BYTES } from './words.ts';

export const PUBLISHED_OFFSET = 0;
/** Two lines apart: the hardware fetches lines in pairs. */
export const CONSUMED_OFFSET = 2 * CACHE_LINE_BYTES;
export const MAILBOX_HEADER_BYTES = 4 * CACHE_LINE_BYTES;
export const PADDING = -1;

export function mailboxBytesFor(ringWords: number): number {
  return MAILBOX_HEADER_BYTES + ringWords * WORD_BYTES;
}

assert(PUBLISHED_OFFSET === 0 && PADDING < 0, 'a zero-filled buffer is an empty mailbox');
