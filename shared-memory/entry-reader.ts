/**
 * One-sided reading of entries, straight from a storage unit's memory (seqlock reading).
 *
 *   locate ──▶ use words and bytes in place, or copy them ──▶ confirm
 *
 * The bytes may be reclaimed and written anew while they are read. The watermark is raised before
 * that can begin, so a confirm() that still sees it at or below the address proves the read.
 * Whatever lies between is garbage-proof: every field is loaded once, checked, then used.
 * One instance a thread and unit; holds the entry located last.
 */
import { assert } from './assert.ts';
import {
  ENTRY_HEADER_WORDS,
  ENTRY_KIND_SHIFT,
  type EntryKind,
  PAYLOAD_BYTES_WORD,
  POSITION_HIGH_WORD,
  POSITION_LOW_WORD,
  payloadOffset,
  STREAM_COUNT_MASK,
  STREAM_COUNT_WORD,
  TOKEN_EPOCH_WORD,
  WRITER_SEQUENCE_HIGH_WORD,
  WRITER_SEQUENCE_LOW_WORD,
  WRITER_THREAD_WORD,
} from './entry-layout.ts';
import type { Slots } from './slots.ts';
import { FIRST_REFERENCE, REFERENCE_SHIFT, SlotOutcome, TENANCY_OFFSET } from './slots-layout.ts';
import { highWord, joinWords, lowWord, WORD_BYTES } from './words.ts';

const TENANCY = TENANCY_OFFSET / WORD_BYTES;
/** Looks at one slot: it can be written anew once while we look, not again and again. */
const ATTEMPTS_MAX = 3;

export class EntryReader {
  readonly #slots: Slots;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #headerWords: number;
  #base = 0;
  #payloadOffset = 0;
  #payloadBytes = 0;
  #streamCount = 0;
  #kind = 0;
  #tenancy = 0;

  /** `headerWords`: words of one stream header. */
  constructor(slots: Slots, words: Int32Array, bytes: Uint8Array, headerWords: number) {
    this.#slots = slots;
    this.#words = words;
    this.#bytes = bytes;
    this.#headerWords = headerWords;
  }

  /**
   * What is at `address`; WRITTEN: the entry of `position` is located and the getters below tell
   * about it. `tenancy`: the one that is asked about; in any other the memory holds other things,
   * and the answer is UNWRITTEN: whoever asks must look where the entry is now. Throws
   * InvariantError when the memory holds something else there.
   */
  locate(address: number, position: number, tenancy?: number): SlotOutcome {
    // FIRST: a wipe begins by raising it, and confirm() looks at it again.
    this.#tenancy = Atomics.load(this.#words, TENANCY);
    if (tenancy !== undefined && tenancy !== this.#tenancy) return SlotOutcome.UNWRITTEN;
    // BEFORE the slot, once: the limit never falls. Beyond it the slot may serve the lap below, whose
    // bytes may already be staged anew for this very position.
    if (address >= this.#slots.addressLimit()) return SlotOutcome.UNWRITTEN;
    for (let attempt = 0; ; attempt++) {
      const reference = this.#slots.load(address);
      if (reference >= FIRST_REFERENCE && this.#parse(reference, position)) {
        return SlotOutcome.WRITTEN;
      }
      const outcome = this.#slots.look(address);
      if (outcome !== SlotOutcome.WRITTEN) return outcome;
      // Written since the load, or the reference was of the lap before: it has to be parsed anew.
      // Wiped while we looked: whoever asks must look where the entry is now.
      if (!this.#sameTenancy()) return SlotOutcome.UNWRITTEN;
      assert(attempt < ATTEMPTS_MAX, `the entry at position=${position} is intact`);
    }
  }

  /** True when what was read of the entry at `address` since locate() was valid throughout. */
  confirm(address: number): boolean {
    return this.#slots.watermark() <= address && this.#sameTenancy();
  }

  #sameTenancy(): boolean {
    return Atomics.load(this.#words, TENANCY) === this.#tenancy;
  }

  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  /** Byte offset of the entry in the unit's buffer. */
  get entryOffset(): number {
    return this.#base * WORD_BYTES;
  }

  /** Byte offset of the payload in the unit's buffer. */
  get payloadOffset(): number {
    return this.#payloadOffset;
  }

  get streamCount(): number {
    return this.#streamCount;
  }

  get kind(): EntryKind {
    return this.#kind as EntryKind;
  }

  get writerThread(): number {
    return this.#words[this.#base + WRITER_THREAD_WORD];
  }

  get writerSequence(): number {
    return joinWords(
      this.#words[this.#base + WRITER_SEQUENCE_LOW_WORD],
      this.#words[this.#base + WRITER_SEQUENCE_HIGH_WORD] & 0x1f_ffff,
    );
  }

  get tokenEpoch(): number {
    return this.#words[this.#base + TOKEN_EPOCH_WORD];
  }

  /** Index in `words` of the i-th stream header. */
  streamHeader(i: number): number {
    return this.#base + ENTRY_HEADER_WORDS + i * this.#headerWords;
  }

  get words(): Int32Array {
    return this.#words;
  }

  /** The unit's whole buffer as bytes. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** A private copy of the payload; valid only if confirm() says so afterwards. */
  copyPayload(): Uint8Array {
    return this.#bytes.slice(this.#payloadOffset, this.#payloadOffset + this.#payloadBytes);
  }

  #parse(reference: number, position: number): boolean {
    const words = this.#words;
    const base = (reference << REFERENCE_SHIFT) / WORD_BYTES;
    if (base + ENTRY_HEADER_WORDS > words.length) return false;
    if (words[base + POSITION_LOW_WORD] !== lowWord(position)) return false;
    if (words[base + POSITION_HIGH_WORD] !== highWord(position)) return false;
    const counted = words[base + STREAM_COUNT_WORD];
    const streamCount = counted & STREAM_COUNT_MASK;
    const payloadBytes = words[base + PAYLOAD_BYTES_WORD];
    if (counted < 0 || streamCount > words.length || payloadBytes < 0) return false;
    const start = base * WORD_BYTES + payloadOffset(streamCount * this.#headerWords);
    if (start + payloadBytes > this.#bytes.length) return false;
    this.#base = base;
    this.#streamCount = streamCount;
    this.#kind = counted >> ENTRY_KIND_SHIFT;
    this.#payloadBytes = payloadBytes;
    this.#payloadOffset = start;
    return true;
  }
}
