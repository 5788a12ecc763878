/**
 * Stages an entry: the payload as soon as it is known, the header once the token is.
 * Plain stores into bytes nobody else looks at; the slot's compareExchange publishes them.
 */
import {
  ENTRY_ALIGNMENT,
  ENTRY_HEADER_WORDS,
  ENTRY_KIND_SHIFT,
  type EntryKind,
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

/** Below this, words copied one by one beat TypedArray.set with its 50 ns of preparation. */
const SMALL_BYTES_MAX = 128;

export interface EntryHeader {
  position: number;
  writerThread: number;
  writerSequence: number;
  payloadBytes: number;
  streamCount: number;
  epoch: number;
  /** Whose it is. */
  kind: EntryKind;
}

/**
 * A small payload on its way to several replicas: one copy into private words, then a word loop
 * for each replica. One instance a thread.
 */
export class PayloadScratch {
  readonly #bytes = new Uint8Array(SMALL_BYTES_MAX);
  readonly #words = new Int32Array(this.#bytes.buffer);
  #count = 0;
  #aligned = new Uint8Array(0);

  /**
   * `payload`, or a private copy of it that starts on 8 bytes: into shared memory, bytes that are
   * not aligned like their destination are copied one at a time.
   */
  align(payload: Uint8Array): Uint8Array {
    if ((payload.byteOffset & (ENTRY_ALIGNMENT - 1)) === 0) return payload;
    if (this.#aligned.length < payload.length) this.#aligned = new Uint8Array(payload.length);
    this.#aligned.set(payload);
    return this.#aligned.subarray(0, payload.length);
  }

  /** False, and nothing loaded, when the payload is too large for it to be worth it. */
  load(payload: Uint8Array): boolean {
    if (payload.length > SMALL_BYTES_MAX) return false;
    this.#bytes.set(payload);
    this.#count = (payload.length + WORD_BYTES - 1) >> 2;
    return true;
  }

  /** Stores the payload, rounded up to words, at byte `at` (a multiple of 4). */
  storeTo(words: Int32Array, at: number): void {
    const from = this.#words;
    const to = at >> 2;
    for (let i = 0; i < this.#count; i++) words[to + i] = from[i];
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
  const { streamCount } = header;
  words[base + STREAM_COUNT_WORD] = streamCount | (header.kind << ENTRY_KIND_SHIFT);
  words[base + TOKEN_EPOCH_WORD] = header.epoch;
  for (let i = 0; i < headersWords; i++) words[base + ENTRY_HEADER_WORDS + i] = headers[i];
  // The padding before the payload: replicas are alike byte for byte.
  if ((headersWords & 1) === 1) words[base + ENTRY_HEADER_WORDS + headersWords] = 0;
}
