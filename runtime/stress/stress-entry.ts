/**
 * The entries of the kill stress: a value that is unique to each append, and bytes that follow from
 * it, so that an entry mixed of two is told from either.
 */
import { assert } from '../../shared-memory/assert.ts';
import { highWord, joinWords, lowWord } from '../../shared-memory/words.ts';

export const STREAMS = [1, 2, 3, 4] as const;

/** The two words of the value. */
const HEAD_BYTES = 8;
export const ENTRY_BYTES_MIN = HEAD_BYTES;
export const ENTRY_BYTES_MAX = 400;

/** Appends of one incarnation of a client. */
const VALUES_A_CLIENT = 2 ** 24;

/** First value of an incarnation; those of all others are different. */
export function firstValue(incarnation: number): number {
  return incarnation * VALUES_A_CLIENT;
}

/** The value after `value` of the same incarnation. */
export function nextValue(value: number): number {
  assert((value + 1) % VALUES_A_CLIENT !== 0, 'an incarnation has values left');
  return value + 1;
}

export function payloadOf(value: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes);
  const view = new DataView(payload.buffer);
  view.setInt32(0, lowWord(value));
  view.setInt32(4, highWord(value));
  for (let i = HEAD_BYTES; i < bytes; i++) payload[i] = byteAt(value, bytes, i);
  return payload;
}

/** The value of an entry; throws unless every byte is as payloadOf made it. */
export function valueIn(payload: Uint8Array): number {
  assert(payload.length >= HEAD_BYTES, 'an entry holds its value');
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const value = joinWords(view.getInt32(0), view.getInt32(4));
  for (let i = HEAD_BYTES; i < payload.length; i++) {
    if (payload[i] === byteAt(value, payload.length, i)) continue;
    throw new Error(`an entry is mixed of two: value=${value}, byte=${i} of ${payload.length}`);
  }
  return value;
}

function byteAt(value: number, bytes: number, index: number): number {
  return (lowWord(value) * 31 + bytes + index * 7) & 0xff;
}
