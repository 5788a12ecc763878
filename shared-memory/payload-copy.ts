/** A private place for the payload of the entry being played, filled from shared memory. */
import type { EntryReader } from './entry-reader.ts';
import { alignUp, WORD_BYTES } from './words.ts';

/** Below this a word loop beats TypedArray.set on a subarray. */
const SMALL_BYTES_MAX = 256;

export class PayloadCopy {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  constructor(bytesMax: number) {
    const buffer = new ArrayBuffer(alignUp(bytesMax, WORD_BYTES) + WORD_BYTES);
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
  }

  /** The first `length` bytes of the place: a view, not a copy. */
  bytes(length: number): Uint8Array {
    return this.#bytes.subarray(0, length);
  }

  /**
   * Copies `length` payload bytes of the located entry; false when that many never fit an entry,
   * which only reclaimed memory can claim.
   */
  load(reader: EntryReader, length: number): boolean {
    if (length > this.#bytes.length) return false;
    const from = reader.payloadOffset;
    if (length > SMALL_BYTES_MAX) {
      this.#bytes.set(reader.bytes.subarray(from, from + length));
      return true;
    }
    const { words } = reader;
    const start = from / WORD_BYTES;
    const count = (length + WORD_BYTES - 1) >> 2;
    for (let i = 0; i < count; i++) this.#words[i] = words[start + i];
    return true;
  }
}
