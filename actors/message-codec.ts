/**
 * Message ⇄ words of a mailbox record. Allocates nothing.
 *
 *   word 0  length in words     4  position, low
 *        1  to | from << 16     5  position, high 21 bits | outcome << 24
 *        2  operation           6  value
 *        3  epoch | type << 24  7  tenant · 8… extra
 */
import { assert } from '../shared-memory/assert.ts';
import { highWord, joinWords } from '../shared-memory/words.ts';
import { EXTRA_WORDS_MAX, type Message } from './message.ts';

export const MESSAGE_HEADER_WORDS = 8;
export const MESSAGE_WORDS_MAX = MESSAGE_HEADER_WORDS + EXTRA_WORDS_MAX;
/** Epochs share a word with the type. */
export const EPOCH_MAX = 0xff_ffff;

export function messageWords(message: Message): number {
  return MESSAGE_HEADER_WORDS + message.extraCount;
}

/** Writes words 1… of a record of messageWords(message) words that starts at `at`. */
export function encodeMessage(message: Message, words: Int32Array, at: number): void {
  words[at] = MESSAGE_HEADER_WORDS + message.extraCount;
  words[at + 1] = message.to | (message.from << 16);
  words[at + 2] = message.operation;
  words[at + 3] = message.epoch | (message.type << 24);
  words[at + 4] = message.position | 0;
  words[at + 5] = highWord(message.position) | (message.outcome << 24);
  words[at + 6] = message.value;
  words[at + 7] = message.tenant;
  const extra = message.extra;
  for (let i = 0; i < message.extraCount; i++) words[at + MESSAGE_HEADER_WORDS + i] = extra[i];
}

/** Reads the record that starts at `at`; every length is checked before it is used. */
export function decodeMessage(message: Message, words: Int32Array, at: number): void {
  const extraCount = words[at] - MESSAGE_HEADER_WORDS;
  assert(extraCount >= 0 && extraCount <= EXTRA_WORDS_MAX, 'a message has a legal length');
  const route = words[at + 1];
  message.to = route & 0xffff;
  message.from = route >>> 16;
  message.operation = words[at + 2];
  const epochAndType = words[at + 3];
  message.epoch = epochAndType & EPOCH_MAX;
  message.type = epochAndType >>> 24;
  const high = words[at + 5];
  message.position = joinWords(words[at + 4], high & 0x1f_ffff);
  message.outcome = high >>> 24;
  message.value = words[at + 6];
  message.tenant = words[at + 7];
  message.extraCount = extraCount;
  const extra = message.extra;
  for (let i = 0; i < extraCount; i++) extra[i] = words[at + MESSAGE_HEADER_WORDS + i];
}
