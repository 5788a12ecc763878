/**
 * The two ends of a mailbox. Single producer, single consumer: the thread that built a
 * MailboxSender is the only one that ever sends through it, likewise for the receiver.
 */
import { assert } from './assert.ts';
import {
  CONSUMED_OFFSET,
  MAILBOX_HEADER_BYTES,
  PADDING,
  PUBLISHED_OFFSET,
} from './mailbox-layout.ts';
import { WORD_BYTES } from './words.ts';

/** Returned by claim and next when there is nothing to be had. */
export const NO_RECORD = -1;

abstract class MailboxEnd {
  /** The whole buffer; record indexes are into this view. */
  readonly words: Int32Array;
  readonly ringWords: number;
  protected readonly published: number;
  protected readonly consumed: number;
  protected readonly first: number;
  protected readonly mask: number;

  constructor(words: Int32Array, offset: number, ringWords: number) {
    const power = ringWords > 1 && (ringWords & (ringWords - 1)) === 0;
    assert(power, 'the ring size is a power of two');
    this.words = words;
    this.ringWords = ringWords;
    this.published = (offset + PUBLISHED_OFFSET) / WORD_BYTES;
    this.consumed = (offset + CONSUMED_OFFSET) / WORD_BYTES;
    this.first = (offset + MAILBOX_HEADER_BYTES) / WORD_BYTES;
    this.mask = ringWords - 1;
  }
}

/** The sending end. */
export class MailboxSender extends MailboxEnd {
  #next: number;
  #publishedNow: number;
  #consumedSeen: number;

  constructor(words: Int32Array, offset: number, ringWords: number) {
    super(words, offset, ringWords);
    this.#next = this.#publishedNow = Atomics.load(words, this.published);
    this.#consumedSeen = Atomics.load(words, this.consumed);
  }

  /**
   * Index in `words` of a record of `length` words, its first word already set; a record is at most
   * half a ring, so that it finds room wherever the ring stands. The caller fills the others with
   * plain stores. NO_RECORD when the ring is full (back-pressure): nothing was claimed, try again
   * after the receiver has consumed. Never blocks.
   */
  claim(length: number): number {
    assert(length > 0 && length <= this.ringWords >> 1, 'a record fits half the ring');
    const start = this.#next & this.mask;
    const untilEnd = this.ringWords - start;
    const skipped = length <= untilEnd ? 0 : untilEnd;
    if (!this.#fits(skipped + length)) return NO_RECORD;
    if (skipped > 0) this.words[this.first + start] = PADDING;
    this.#next = (this.#next + skipped + length) | 0;
    const index = this.first + (skipped > 0 ? 0 : start);
    this.words[index] = length;
    return index;
  }

  /** True when something was claimed since the last publish. */
  get unpublished(): boolean {
    return this.#next !== this.#publishedNow;
  }

  /** Shows every claimed record to the receiver with one store. */
  publish(): void {
    this.#publishedNow = this.#next;
    // Publishes the records; pairs with the load in MailboxReceiver.next().
    Atomics.store(this.words, this.published, this.#next);
  }

  #fits(length: number): boolean {
    if (((this.#next - this.#consumedSeen) | 0) + length <= this.ringWords) return true;
    this.#consumedSeen = Atomics.load(this.words, this.consumed);
    return ((this.#next - this.#consumedSeen) | 0) + length <= this.ringWords;
  }
}

/** The receiving end. */
export class MailboxReceiver extends MailboxEnd {
  #next: number;
  #consumedNow: number;
  #publishedSeen: number;

  constructor(words: Int32Array, offset: number, ringWords: number) {
    super(words, offset, ringWords);
    this.#next = this.#consumedNow = Atomics.load(words, this.consumed);
    this.#publishedSeen = this.#next;
  }

  /**
   * Index in `words` of the next record (its first word is its length), or NO_RECORD. The record
   * is valid until release(). Never blocks.
   */
  next(): number {
    if (this.#next === this.#publishedSeen) {
      // Pairs with the store in MailboxSender.publish().
      this.#publishedSeen = Atomics.load(this.words, this.published);
      if (this.#next === this.#publishedSeen) return NO_RECORD;
    }
    let start = this.#next & this.mask;
    let length = this.words[this.first + start];
    if (length === PADDING) {
      this.#next = (this.#next + this.ringWords - start) | 0;
      start = 0;
      length = this.words[this.first];
    }
    assert(length > 0 && start + length <= this.ringWords, 'a record lies inside the ring');
    this.#next = (this.#next + length) | 0;
    return this.first + start;
  }

  /** Gives the room of every record returned so far back to the sender; true when there was any. */
  release(): boolean {
    if (this.#consumedNow === this.#next) return false;
    this.#consumedNow = this.#next;
    // Pairs with the load in MailboxSender.claim(): the records have been read.
    Atomics.store(this.words, this.consumed, this.#next);
    return true;
  }

  /** True when a record waits. May be late on the receiver's side. */
  get waiting(): boolean {
    return this.#next !== Atomics.load(this.words, this.published);
  }
}
