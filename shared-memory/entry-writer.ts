/**
 * Stages the bytes of an entry: the payload as soon as it is known, the header once the token is.
 * Plain stores into bytes nobody else looks at; the slot's compareExchange publishes them.
 */
import {
  ENTRY_HEADER_WORDS,
  PAYLOAD_BYTES_WORD,
  POSITION_HIGH_WORD,
  POSITION_LOW_WORD,
  STREAM_COUNT_WORD,
  TOKEN_EPOCH_WORD,
  WRITER_SEQUENCE_HIGH_WORD,
  WRITER_SEQUENCE_LOW_WORD,
  WRITER_THREAD_WORD,
} from './entry-layout.ts';
import { highWord, lowWord, WORD_BYTES } from './words.ts';

/** Below this a byte loop is faster than TypedArray.set. */
const SMALL_BYTES = 32;

export interface EntryHeader {
  position: number;
  writerThread: number;
  writerSequence: number;
  payloadBytes: number;
  streamCount: number;
  epoch: number;
}

/** Copies `payload` to where it belongs in an entry that starts at byte `offset`. */
export function stagePayload(
  bytes: Uint8Array,
  offset: number,
  headersWords: number,
  payload: Uint8Array,
): void {
  const at = offset + (ENTRY_HEADER_WORDS + headersWords) * WORD_BYTES;
  if (payload.length > SMALL_BYTES) {
    bytes.set(payload, at);
  } else {
    for (let i = 0; i < payload.length; i++) bytes[at + i] = payload[i];
  }
}

/** Writes the header; `headers` holds `headersWords` words of stream headers. */
export function stageHeader(
  words: Int32Array,
  offset: number,
  header: EntryHeader,
  headers: Int32Array,
  headersWords: number,
): void {
  const base = offset / WORD_BYTES;
  words[base + POSITION_LOW_WORD] = lowWord(header.position);
  words[base + POSITION_HIGH_WORD] = highWord(header.position);
  words[base + WRITER_THREAD_WORD] = header.writerThread;
  words[base + WRITER_SEQUENCE_LOW_WORD] = lowWord(header.writerSequence);
  words[base + WRITER_SEQUENCE_HIGH_WORD] = highWord(header.writerSequence);
  words[base + PAYLOAD_BYTES_WORD] = header.payloadBytes;
  words[base + STREAM_COUNT_WORD] = header.streamCount;
  words[base + TOKEN_EPOCH_WORD] = header.epoch;
  for (let i = 0; i < headersWords; i++) words[base + ENTRY_HEADER_WORDS + i] = headers[i];
}
