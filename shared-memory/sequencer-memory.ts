/**
 * Tail, stream state and the words that say whom the sequencer serves, in shared memory: whoever
 * holds the lock runs the sequencer's step; tail and marks are read by everybody without asking.
 */
import { assert } from './assert.ts';
import {
  BACKPOINTERS_MAX,
  BACKPOINTERS_MIN,
  BACKPOINTERS_OFFSET,
  BUILT_EPOCH_OFFSET,
  CHECKPOINT_POSITION_OFFSET,
  DECIDED_MARK_OFFSET,
  HISTORY_START_OFFSET,
  INDEX_CAPACITY_OFFSET,
  LOCK_OFFSET,
  RECORD_BUCKET,
  RECORD_POSITIONS,
  RECORD_STREAM,
  REQUIRED_BUILD_OFFSET,
  SEALED_EPOCH_OFFSET,
  STREAM_CAPACITY_OFFSET,
  STREAM_INDEX_OFFSET,
  STREAMS_KNOWN_OFFSET,
  TAIL_LOW_OFFSET,
  TAIL_OFFSET,
  TRIM_MARK_OFFSET,
} from './sequencer-layout.ts';
import {
  alignUp,
  CACHE_LINE_BYTES,
  ceilPowerOfTwo,
  LONG_BYTES,
  loadLong,
  lowWord,
  raiseLong,
  storeLong,
  WORD_BYTES,
} from './words.ts';

const TAIL = TAIL_OFFSET / LONG_BYTES;
const TAIL_LOW = TAIL_LOW_OFFSET / WORD_BYTES;
const DECIDED_MARK = DECIDED_MARK_OFFSET / LONG_BYTES;
const TRIM_MARK = TRIM_MARK_OFFSET / LONG_BYTES;
const CHECKPOINT_POSITION = CHECKPOINT_POSITION_OFFSET / LONG_BYTES;
const HISTORY_START = HISTORY_START_OFFSET / LONG_BYTES;
const SEALED_EPOCH = SEALED_EPOCH_OFFSET / WORD_BYTES;
const REQUIRED_BUILD = REQUIRED_BUILD_OFFSET / WORD_BYTES;
const BUILT_EPOCH = BUILT_EPOCH_OFFSET / WORD_BYTES;
const LOCK = LOCK_OFFSET / WORD_BYTES;
const STREAMS_KNOWN = STREAMS_KNOWN_OFFSET / WORD_BYTES;
/** Nobody is inside. Incarnations start at 1. */
const FREE = 0;
/** Open addressing stays short below three quarters. */
const LOAD_FACTOR = 0.75;
/** 2^32 over the golden ratio: the high bits of the product spread neighbours. */
const MULTIPLIER = 0x9e37_79b1;

export interface SequencerSizes {
  /** K of Tango 2.4: a multiple of 4. */
  readonly backpointers: number;
  /** Streams that can exist at once. */
  readonly streamsMax: number;
}

export function allocateSequencer(sizes: SequencerSizes): SharedArrayBuffer {
  const { backpointers: k, streamsMax } = sizes;
  assert(k >= BACKPOINTERS_MIN && k <= BACKPOINTERS_MAX && k % 4 === 0, 'K is a multiple of 4');
  const capacity = ceilPowerOfTwo(Math.max(2, Math.ceil(streamsMax / LOAD_FACTOR)));
  const recordBytes = LONG_BYTES << recordShift(k);
  const buffer = new SharedArrayBuffer(recordsOffset(capacity) + streamsMax * recordBytes);
  const words = new Int32Array(buffer, 0, STREAM_INDEX_OFFSET / WORD_BYTES);
  words[BACKPOINTERS_OFFSET / WORD_BYTES] = k;
  words[STREAM_CAPACITY_OFFSET / WORD_BYTES] = streamsMax;
  words[INDEX_CAPACITY_OFFSET / WORD_BYTES] = capacity;
  return buffer;
}

function recordsOffset(indexCapacity: number): number {
  return alignUp(STREAM_INDEX_OFFSET + indexCapacity * WORD_BYTES, CACHE_LINE_BYTES);
}

/** Log2 of a record's doubles: with K = 4 a record is a cache line. */
function recordShift(backpointers: number): number {
  return Math.log2(ceilPowerOfTwo(RECORD_POSITIONS + backpointers));
}

export class SequencerMemory {
  /** K. */
  readonly backpointers: number;
  readonly #streamCapacity: number;
  readonly #recordShift: number;
  readonly #bucketMask: number;
  readonly #hashShift: number;
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  readonly #index: Int32Array;
  readonly #records: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer, 0, STREAM_INDEX_OFFSET / WORD_BYTES);
    this.#longs = new BigInt64Array(buffer, 0, STREAM_INDEX_OFFSET / LONG_BYTES);
    this.backpointers = this.#words[BACKPOINTERS_OFFSET / WORD_BYTES];
    this.#streamCapacity = this.#words[STREAM_CAPACITY_OFFSET / WORD_BYTES];
    const indexCapacity = this.#words[INDEX_CAPACITY_OFFSET / WORD_BYTES];
    this.#recordShift = recordShift(this.backpointers);
    this.#bucketMask = indexCapacity - 1;
    this.#hashShift = Math.clz32(this.#bucketMask);
    this.#index = new Int32Array(buffer, STREAM_INDEX_OFFSET, indexCapacity);
    this.#records = new Float64Array(buffer, recordsOffset(indexCapacity));
  }

  /** Next position to be granted: the fast tail (CORFU 1.13). Never decreases. */
  tail(): number {
    return loadLong(this.#longs, TAIL);
  }

  /** Under the lock. Linearisation point of a grant, BEFORE the token leaves. */
  setTail(position: number): void {
    storeLong(this.#longs, TAIL, position);
    // A thread that dies here has told nobody of the position.
    Atomics.store(this.#words, TAIL_LOW, lowWord(position));
  }

  /**
   * Whether no token at or above `position`, which is at most the tail, has left: one load. True too
   * often only for a thread that is 2^32 positions behind.
   */
  isTail(position: number): boolean {
    return Atomics.load(this.#words, TAIL_LOW) === lowWord(position);
  }

  /** Requests of this epoch and of older ones are refused for ever (CORFU 1.9). */
  sealedEpoch(): number {
    return Atomics.load(this.#words, SEALED_EPOCH);
  }

  /**
   * Any thread. AFTER it, whoever looks at serves() refuses; who looked before may still be inside.
   * So wait until everyone in flight has left (Quiescence), or the lock was seen free once: then
   * the tail covers every grant of `epoch`.
   */
  seal(epoch: number): void {
    this.#raise(SEALED_EPOCH, epoch);
  }

  /** The sequencer serves nobody until it was built for this epoch or a later one. */
  requiredBuild(): number {
    return Atomics.load(this.#words, REQUIRED_BUILD);
  }

  /** The reconfigurer, AFTER the seal and BEFORE anybody can learn of the new epoch. */
  requireBuild(epoch: number): void {
    this.#raise(REQUIRED_BUILD, epoch);
  }

  /** The epoch that tail and stream state were last built for; 0: never. */
  builtEpoch(): number {
    return Atomics.load(this.#words, BUILT_EPOCH);
  }

  /** The builder, under the lock. Publishes tail and stream state; pairs with serves(). */
  setBuilt(epoch: number): void {
    this.#raise(BUILT_EPOCH, epoch);
  }

  /** A grant looks at it under the lock: what it says holds for grants only as long as it is held. */
  serves(epoch: number): boolean {
    const built = this.builtEpoch();
    return built !== 0 && built >= this.requiredBuild() && epoch > this.sealedEpoch();
  }

  /**
   * Enters the critical section, or fails at once: somebody is inside, for a handful of stores if
   * it lives. The section protects the tail's advance and the stream state, so that positions
   * linked into streams and positions granted have one order. The compareExchange pairs with
   * unlock(): what the owner before has stored plainly is seen. An announced thread, under its own
   * incarnation (> 0), never twice.
   */
  tryLock(incarnation: number): boolean {
    return Atomics.compareExchange(this.#words, LOCK, FREE, incarnation) === FREE;
  }

  /** Only the owner, once. */
  unlock(): void {
    Atomics.store(this.#words, LOCK, FREE);
  }

  /**
   * Incarnation of the thread inside, or 0. An owner that has died inside means that the sequencer
   * has failed: streams may name a position that was not granted, or lack one that was.
   */
  lockOwner(): number {
    return Atomics.load(this.#words, LOCK);
  }

  /**
   * Takes the lock from a dead thread; false when it did not own it. Only AFTER the thread's exit
   * was awaited (it stores nothing more), every epoch so far was sealed and a new build required:
   * whoever enters next refuses, or builds.
   */
  breakLock(incarnation: number): boolean {
    return Atomics.compareExchange(this.#words, LOCK, incarnation, FREE) === incarnation;
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

  /** Base of the last stream-state checkpoint that was begun; 0: none. Never decreases. */
  checkpointPosition(): number {
    return loadLong(this.#longs, CHECKPOINT_POSITION);
  }

  /** Whoever begins a checkpoint. It may not come to an end: a hint for the housekeeper. */
  raiseCheckpointPosition(position: number): void {
    raiseLong(this.#longs, CHECKPOINT_POSITION, position);
  }

  // The stream state. Everything from here on needs the lock: the accesses are plain.

  /** Entries below it may have existed without being in the stream state. */
  historyStart(): number {
    return loadLong(this.#longs, HISTORY_START);
  }

  /**
   * The latest position of a stream nothing is known of: -1, or the last one that the stream state
   * does not cover. Whoever walks there meets the trim, instead of believing in an empty stream.
   */
  firstEarlier(): number {
    return this.historyStart() - 1;
  }

  /** Forgets every stream, in one store: index and records need no clearing. */
  resetStreams(historyStart: number): void {
    Atomics.store(this.#words, STREAMS_KNOWN, 0);
    storeLong(this.#longs, HISTORY_START, historyStart);
  }

  /** The only one that may be read without the lock as well: a figure then, or a hint. */
  get streamsKnown(): number {
    return Atomics.load(this.#words, STREAMS_KNOWN);
  }

  /** True when `count` more streams fit. */
  hasRoomFor(count: number): boolean {
    return this.streamsKnown + count <= this.#streamCapacity;
  }

  /**
   * Record of the stream, below streamsKnown; -1 when it is unknown, or when it is to be added
   * (`add`) and there is no room. Records keep their number until resetStreams().
   */
  findStream(stream: number, add: boolean): number {
    // Plainly: only owners of the lock change it, and an atomic load is a quarter of the search.
    const known = this.#words[STREAMS_KNOWN];
    const records = this.#records;
    let bucket = Math.imul(stream, MULTIPLIER) >>> this.#hashShift;
    for (;;) {
      const record = this.#index[bucket] - 1;
      if (record < 0 || record >= known) break;
      const at = record << this.#recordShift;
      if (records[at + RECORD_BUCKET] !== bucket) break;
      if (records[at + RECORD_STREAM] === stream) return record;
      bucket = (bucket + 1) & this.#bucketMask;
    }
    return add && known < this.#streamCapacity ? this.#addStream(known, stream, bucket) : -1;
  }

  streamOf(record: number): number {
    return this.#records[(record << this.#recordShift) + RECORD_STREAM];
  }

  /** The i-th latest position of the stream, or -1 when it has fewer. */
  streamPosition(record: number, i: number): number {
    return this.#records[(record << this.#recordShift) + RECORD_POSITIONS + i];
  }

  pushStreamPosition(record: number, position: number): void {
    const records = this.#records;
    const latest = (record << this.#recordShift) + RECORD_POSITIONS;
    for (let at = latest + this.backpointers - 1; at > latest; at--) records[at] = records[at - 1];
    records[latest] = position;
  }

  /** Latest first; -1, or too few of them: none. */
  setStreamPositions(record: number, positions: ArrayLike<number>): void {
    const latest = (record << this.#recordShift) + RECORD_POSITIONS;
    for (let i = 0; i < this.backpointers; i++) {
      this.#records[latest + i] = i < positions.length ? positions[i] : -1;
    }
  }

  /** Bucket, record, count, in this order: a death in between leaves the stream unknown. */
  #addStream(record: number, stream: number, bucket: number): number {
    const at = record << this.#recordShift;
    this.#records[at + RECORD_STREAM] = stream;
    this.#records[at + RECORD_BUCKET] = bucket;
    this.#records[at + RECORD_POSITIONS] = this.firstEarlier();
    this.#records.fill(-1, at + RECORD_POSITIONS + 1, at + RECORD_POSITIONS + this.backpointers);
    this.#index[bucket] = record + 1;
    Atomics.store(this.#words, STREAMS_KNOWN, record + 1);
    return record;
  }

  #raise(word: number, epoch: number): void {
    let seen = Atomics.load(this.#words, word);
    while (seen < epoch) {
      const before = Atomics.compareExchange(this.#words, word, seen, epoch);
      if (before === seen) return;
      seen = before;
    }
  }
}
