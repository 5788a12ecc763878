/**
 * Tail, stream tails and decided mark in shared memory: written by the sequencer's thread (the
 * decided mark by the hole filler's), read by everybody without asking.
 */
import { assert } from './assert.ts';
import {
  BACKPOINTERS_MAX,
  BACKPOINTERS_MIN,
  BACKPOINTERS_OFFSET,
  DECIDED_MARK_OFFSET,
  SERVING_EPOCH_OFFSET,
  STREAM_CAPACITY_OFFSET,
  STREAM_TABLE_OFFSET,
  STREAMS_KNOWN_OFFSET,
  TAIL_OFFSET,
  TRIM_MARK_OFFSET,
} from './sequencer-layout.ts';
import { ceilPowerOfTwo, LONG_BYTES, loadLong, raiseLong, storeLong, WORD_BYTES } from './words.ts';

const TAIL = TAIL_OFFSET / LONG_BYTES;
const DECIDED_MARK = DECIDED_MARK_OFFSET / LONG_BYTES;
const TRIM_MARK = TRIM_MARK_OFFSET / LONG_BYTES;
const SERVING_EPOCH = SERVING_EPOCH_OFFSET / WORD_BYTES;
const STREAMS_KNOWN = STREAMS_KNOWN_OFFSET / WORD_BYTES;
/** Open addressing stays short below three quarters. */
const LOAD_FACTOR = 0.75;
const MULTIPLIER = 0x9e37_79b1;

export interface SequencerSizes {
  /** K of Tango 2.4: a multiple of 4. */
  readonly backpointers: number;
  /** Streams that can exist at once. */
  readonly streamsMax: number;
}

export function allocateSequencer(sizes: SequencerSizes): SharedArrayBuffer {
  const k = sizes.backpointers;
  assert(k >= BACKPOINTERS_MIN && k <= BACKPOINTERS_MAX && k % 4 === 0, 'K is a multiple of 4');
  const capacity = ceilPowerOfTwo(Math.ceil(sizes.streamsMax / LOAD_FACTOR));
  const buffer = new SharedArrayBuffer(STREAM_TABLE_OFFSET + capacity * (1 + k) * LONG_BYTES);
  const words = new Int32Array(buffer, 0, STREAM_TABLE_OFFSET / WORD_BYTES);
  words[BACKPOINTERS_OFFSET / WORD_BYTES] = k;
  words[STREAM_CAPACITY_OFFSET / WORD_BYTES] = capacity;
  return buffer;
}

export class SequencerMemory {
  /** K. */
  readonly backpointers: number;
  readonly #capacity: number;
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  readonly #table: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer, 0, STREAM_TABLE_OFFSET / WORD_BYTES);
    this.#longs = new BigInt64Array(buffer, 0, STREAM_TABLE_OFFSET / LONG_BYTES);
    this.#table = new Float64Array(buffer, STREAM_TABLE_OFFSET);
    this.backpointers = this.#words[BACKPOINTERS_OFFSET / WORD_BYTES];
    this.#capacity = this.#words[STREAM_CAPACITY_OFFSET / WORD_BYTES];
  }

  /** Next position to be granted: the fast tail (CORFU 1.13). Never decreases. */
  tail(): number {
    return loadLong(this.#longs, TAIL);
  }

  /** Only the sequencer calls it. Linearisation point of a grant, BEFORE the token leaves. */
  setTail(position: number): void {
    storeLong(this.#longs, TAIL, position);
  }

  /** The epoch whose requests are served; 0: none. */
  servingEpoch(): number {
    return Atomics.load(this.#words, SERVING_EPOCH);
  }

  setServingEpoch(epoch: number): void {
    Atomics.store(this.#words, SERVING_EPOCH, epoch);
  }

  /** Every position below it is decided on the whole chain. Never decreases; may be late. */
  decidedMark(): number {
    return loadLong(this.#longs, DECIDED_MARK);
  }

  raiseDecidedMark(position: number): void {
    raiseLong(this.#longs, DECIDED_MARK, position);
  }

  /** Every position below it is trimmed. Never decreases. */
  trimMark(): number {
    return loadLong(this.#longs, TRIM_MARK);
  }

  /** Linearisation point of a prefix trim, BEFORE the first storage unit is told of it. */
  raiseTrimMark(position: number): void {
    raiseLong(this.#longs, TRIM_MARK, position);
  }

  /**
   * Index of the stream's record, for the two functions below; -1 when it is unknown, or when it
   * is to be added (`add`) and the table is full. Only the sequencer's thread may use the table.
   */
  findStream(stream: number, add: boolean): number {
    const table = this.#table;
    const stride = 1 + this.backpointers;
    let bucket = (Math.imul(stream, MULTIPLIER) >>> 0) & (this.#capacity - 1);
    for (;;) {
      const at = bucket * stride;
      if (table[at] === stream + 1) return at;
      if (table[at] === 0) return add && this.#mayAdd() ? this.#addStream(at, stream) : -1;
      bucket = (bucket + 1) & (this.#capacity - 1);
    }
  }

  /** The i-th latest position of the stream, or -1 when it has fewer. */
  streamPosition(record: number, i: number): number {
    return this.#table[record + 1 + i] - 1;
  }

  pushStreamPosition(record: number, position: number): void {
    const table = this.#table;
    for (let i = this.backpointers; i > 1; i--) table[record + i] = table[record + i - 1];
    table[record + 1] = position + 1;
  }

  get streamsKnown(): number {
    return Atomics.load(this.#words, STREAMS_KNOWN);
  }

  /** True when `count` more streams fit. */
  hasRoomFor(count: number): boolean {
    return this.streamsKnown + count <= this.#capacity * LOAD_FACTOR;
  }

  #mayAdd(): boolean {
    return this.hasRoomFor(1);
  }

  #addStream(at: number, stream: number): number {
    this.#table[at] = stream + 1;
    Atomics.store(this.#words, STREAMS_KNOWN, this.streamsKnown + 1);
    return at;
  }
}
