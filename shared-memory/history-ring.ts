/**
 * A history that survives the death of the thread that records it. The thread says what it is about
 * to do BEFORE it does it, and what came of it afterwards; another thread collects. Whatever a
 * killed thread had begun is there as INVOKED: nobody knows how it went.
 *
 *     const recorder = new HistoryRecorder(buffer, now);      // in the thread
 *     const record = recorder.begin(KIND, key, value);
 *     const position = await operation();
 *     recorder.end(record, RecordState.OK, { position });
 *
 *     new HistoryCollector(buffer).collect();                 // anywhere else, by one thread
 *
 * One thread records at a time; its successor starts AFTER its exit was awaited and the ring
 * collected with collectDead().
 */
import { assert } from './assert.ts';
import {
  CALL_OFFSET,
  CAPACITY_OFFSET,
  FIRST_OFFSET,
  FOUND_OFFSET,
  historyBytesFor,
  KEY_OFFSET,
  KIND_OFFSET,
  OUTCOME_OFFSET,
  POSITION_OFFSET,
  RECORD_BYTES,
  RECORDS_OFFSET,
  RETURN_OFFSET,
  RecordState,
  STATE_OFFSET,
  VALUE_OFFSET,
} from './history-ring-layout.ts';
import { LONG_BYTES, WORD_BYTES } from './words.ts';

/** The ring is full of what was not collected yet. */
export const NO_ROOM = -1;

/** What an operation is about to do, and when it began. */
export interface BegunRecord {
  readonly kind: number;
  readonly key: number;
  readonly value: number;
  /** By the recorder's clock, read BEFORE the operation. */
  readonly call: number;
}

export interface HistoryRecord extends BegunRecord {
  /** INVOKED: the thread died before the operation had ended. */
  readonly state: RecordState;
  /** Infinity for an operation that has not ended. */
  readonly return: number;
  readonly position: number;
  readonly found: number;
  readonly outcome: number;
}

/** What came of an operation: safe integers; 0 where nothing is said. */
export interface RecordedEnd {
  readonly position?: number;
  readonly found?: number;
  readonly outcome?: number;
}

export function allocateHistoryRing(capacity: number): SharedArrayBuffer {
  assert(Number.isSafeInteger(capacity) && capacity > 0, 'a ring holds at least one record');
  const buffer = new SharedArrayBuffer(historyBytesFor(capacity));
  new Int32Array(buffer)[CAPACITY_OFFSET / WORD_BYTES] = capacity;
  return buffer;
}

const wordOf = (record: number, offset: number): number =>
  (RECORDS_OFFSET + record * RECORD_BYTES + offset) / WORD_BYTES;
const longOf = (record: number, offset: number): number =>
  (RECORDS_OFFSET + record * RECORD_BYTES + offset) / LONG_BYTES;

/** The side of the thread whose history it is. */
export class HistoryRecorder {
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  readonly #now: () => number;
  #next: number;

  /** `now`: a clock that is the same for all threads, in safe integers, not negative. */
  constructor(buffer: SharedArrayBuffer, now: () => number) {
    this.#words = new Int32Array(buffer);
    this.#longs = new BigInt64Array(buffer);
    this.#now = now;
    this.capacity = this.#words[CAPACITY_OFFSET / WORD_BYTES];
    // Pairs with the store in collect(): where the predecessor's records ended.
    this.#next = Atomics.load(this.#words, FIRST_OFFSET / WORD_BYTES);
  }

  /**
   * Says what is about to be done; call it BEFORE the operation. NO_ROOM: nothing was said, the
   * operation must wait until somebody has collected. Does not block.
   */
  begin(kind: number, key: number, value: number): number {
    const record = this.#next;
    const state = wordOf(record, STATE_OFFSET);
    // Pairs with the store of FREE in collect(): the fields have been read.
    if (Atomics.load(this.#words, state) !== RecordState.FREE) return NO_ROOM;
    this.#next = record + 1 === this.capacity ? 0 : record + 1;
    this.#words[wordOf(record, KIND_OFFSET)] = kind;
    this.#longs[longOf(record, KEY_OFFSET)] = BigInt(key);
    this.#longs[longOf(record, VALUE_OFFSET)] = BigInt(value);
    this.#longs[longOf(record, CALL_OFFSET)] = BigInt(this.#now());
    // Linearisation point. Publishes the four fields; pairs with the load in stateOf(). A thread
    // that dies before it has done nothing.
    Atomics.store(this.#words, state, RecordState.INVOKED);
    return record;
  }

  /** Says what came of it; call it AFTER the operation. */
  end(record: number, state: RecordState, end: RecordedEnd = NOTHING): void {
    this.#longs[longOf(record, RETURN_OFFSET)] = BigInt(this.#now());
    this.#longs[longOf(record, POSITION_OFFSET)] = BigInt(end.position ?? 0);
    this.#longs[longOf(record, FOUND_OFFSET)] = BigInt(end.found ?? 0);
    this.#words[wordOf(record, OUTCOME_OFFSET)] = end.outcome ?? 0;
    // Publishes the four fields; pairs with the load in stateOf(). A thread that dies before it
    // leaves an operation of unknown outcome.
    Atomics.store(this.#words, wordOf(record, STATE_OFFSET), state);
  }
}

const NOTHING: RecordedEnd = {};

/** The other side; one thread at a time. */
export class HistoryCollector {
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#longs = new BigInt64Array(buffer);
    this.capacity = this.#words[CAPACITY_OFFSET / WORD_BYTES];
  }

  /**
   * Takes the records of operations that have ended, in the order they began, up to the first one
   * that is still open; their room is free again. Does not block.
   */
  collect(): HistoryRecord[] {
    return this.#take((state) => state !== RecordState.INVOKED);
  }

  /**
   * Takes all records of a thread whose exit was awaited; those of operations it had under way are
   * INVOKED and return at Infinity. The ring is empty afterwards, ready for a successor.
   */
  collectDead(): HistoryRecord[] {
    return this.#take(() => true);
  }

  /** What a thread has under way now, oldest first: open operations stay as they are. */
  open(): BegunRecord[] {
    const open: BegunRecord[] = [];
    let record = this.#first();
    for (let seen = 0; seen < this.capacity; seen++) {
      const state = this.#stateOf(record);
      if (state === RecordState.FREE) break;
      // Its first four fields are not written again before it is collected.
      if (state === RecordState.INVOKED) open.push(this.#begunAt(record));
      record = this.#after(record);
    }
    return open;
  }

  #take(mayTake: (state: RecordState) => boolean): HistoryRecord[] {
    const taken: HistoryRecord[] = [];
    let record = this.#first();
    // Bounded: a thread that goes on recording would be followed round and round.
    while (taken.length < this.capacity) {
      const state = this.#stateOf(record);
      if (state === RecordState.FREE || !mayTake(state)) break;
      taken.push(this.#recordAt(record, state));
      // Gives the record back AFTER its fields were read; pairs with the load in begin().
      Atomics.store(this.#words, wordOf(record, STATE_OFFSET), RecordState.FREE);
      record = this.#after(record);
    }
    // Pairs with the load of a successor, which starts here.
    Atomics.store(this.#words, FIRST_OFFSET / WORD_BYTES, record);
    return taken;
  }

  #first(): number {
    return Atomics.load(this.#words, FIRST_OFFSET / WORD_BYTES);
  }

  #after(record: number): number {
    return record + 1 === this.capacity ? 0 : record + 1;
  }

  #stateOf(record: number): RecordState {
    // Pairs with the stores in begin() and end().
    const state = Atomics.load(this.#words, wordOf(record, STATE_OFFSET));
    assert(state >= RecordState.FREE && state <= RecordState.UNKNOWN, 'a record has a state');
    return state as RecordState;
  }

  #begunAt(record: number): BegunRecord {
    return {
      kind: this.#words[wordOf(record, KIND_OFFSET)],
      key: this.#longAt(record, KEY_OFFSET),
      value: this.#longAt(record, VALUE_OFFSET),
      call: this.#longAt(record, CALL_OFFSET),
    };
  }

  #recordAt(record: number, state: RecordState): HistoryRecord {
    const begun = this.#begunAt(record);
    if (state === RecordState.INVOKED) {
      // What stands in the other fields is of an earlier record, or half of this one.
      const unknown = { position: 0, found: 0, outcome: 0 };
      return { ...begun, state, return: Number.POSITIVE_INFINITY, ...unknown };
    }
    return {
      ...begun,
      state,
      return: this.#longAt(record, RETURN_OFFSET),
      position: this.#longAt(record, POSITION_OFFSET),
      found: this.#longAt(record, FOUND_OFFSET),
      outcome: this.#words[wordOf(record, OUTCOME_OFFSET)],
    };
  }

  #longAt(record: number, offset: number): number {
    return Number(this.#longs[longOf(record, offset)]);
  }
}
