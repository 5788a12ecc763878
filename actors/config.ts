/** Every limit in one place: primary ones first, derived ones computed, relations asserted. */
import { assert } from '../shared-memory/assert.ts';
import { streamHeaderWords } from '../shared-memory/entry-layout.ts';
import { BACKPOINTERS_MAX } from '../shared-memory/sequencer-layout.ts';
import { EXTRA_WORDS_MAX } from './message.ts';
import { MESSAGE_HEADER_WORDS } from './message-codec.ts';

/** Streams one entry may belong to: header slots per entry (Tango 2.4). */
export const STREAMS_PER_ENTRY_MAX = 32;
/** Replicas of a chain. */
export const REPLICAS_MAX = 8;
/** Stream ids are 31 bits (Tango 2.4). */
export const STREAM_ID_MAX = 0x7fff_ffff;
/** Streams that can exist in one log: 40 bytes each at K = 4, touched when used. */
export const STREAMS_MAX = 1 << 20;

/** Words of one mailbox: 128 KiB, so that a window of some thousand requests fits. */
export const MAILBOX_WORDS = 32 * 1024;
/** Messages an actor may have waiting for room in a full mailbox before its thread gives up. */
export const SPILL_MESSAGES_MAX = 64 * 1024;

/** Positions the hole filler scans in one round. */
export const FILL_ROUND_POSITIONS_MAX = 65_536;
/** A seal or a trim looks again for flights after this long, then less and less often. */
export const DRAIN_CHECK_MS = 0.005;
export const DRAIN_CHECK_MS_MAX = 1;

assert(
  STREAMS_PER_ENTRY_MAX * streamHeaderWords(BACKPOINTERS_MAX) <= EXTRA_WORDS_MAX,
  'the headers of a full token fit one message',
);
assert(
  2 * (MESSAGE_HEADER_WORDS + EXTRA_WORDS_MAX) <= MAILBOX_WORDS / 16,
  'a mailbox holds many messages of the largest size',
);
