/**
 * Named counters of many threads. A thread counts in plain private numbers, at an addition each,
 * and now and then publishes them; any thread reads what was published.
 *
 *     const NAMES = ['appends', 'fills'] as const;
 *     const table = new CounterTable(NAMES, buffer, offset);
 *     const counters = table.countersOf(thread);
 *     const APPENDS = counters.index('appends');
 *     counters.add(APPENDS, 1);
 *     counters.publish();
 *     table.sum().appends;
 */
import { assert } from './assert.ts';
import {
  COUNTER_COUNT_OFFSET,
  COUNTERS_HEADER_BYTES,
  checksumOfNames,
  counterRecordBytes,
  NAMES_CHECKSUM_OFFSET,
  THREAD_COUNT_OFFSET,
} from './counters-layout.ts';
import { LONG_BYTES, loadLong, storeLong, WORD_BYTES } from './words.ts';

export { countersBytesFor, initializeCounters } from './counters-layout.ts';

/** A value by counter name. */
export type CounterValues<Name extends string> = Record<Name, number>;

/** The records of all threads; any thread builds one on the same memory, with the same names. */
export class CounterTable<const Names extends readonly string[]> {
  readonly names: Names;
  readonly threadCount: number;
  readonly #longs: BigInt64Array;
  readonly #first: number;
  readonly #recordLongs: number;

  /** Throws InvariantError unless initializeCounters was called with the same names. */
  constructor(names: Names, buffer: SharedArrayBuffer, offset: number) {
    const header = new Int32Array(buffer, offset, COUNTERS_HEADER_BYTES / WORD_BYTES);
    this.names = names;
    this.threadCount = header[THREAD_COUNT_OFFSET / WORD_BYTES];
    assert(this.threadCount > 0, 'the counters have been initialized');
    assert(
      header[COUNTER_COUNT_OFFSET / WORD_BYTES] === names.length &&
        header[NAMES_CHECKSUM_OFFSET / WORD_BYTES] === checksumOfNames(names),
      'every thread names the same counters in the same order',
    );
    this.#longs = new BigInt64Array(buffer, 0, Math.floor(buffer.byteLength / LONG_BYTES));
    this.#first = (offset + COUNTERS_HEADER_BYTES) / LONG_BYTES;
    this.#recordLongs = counterRecordBytes(names.length) / LONG_BYTES;
  }

  /**
   * The counters that thread number `thread` (from 0) adds to. A successor of that thread continues
   * where the published values stand, so that sums never decrease.
   */
  countersOf(thread: number): Counters<Names[number]> {
    return new Counters(this.names, this.#longs, this.#recordOf(thread));
  }

  /** What one thread published last. May be late, and mix two of its publications. */
  read(thread: number): CounterValues<Names[number]> {
    const record = this.#recordOf(thread);
    return this.#collect((index) => loadLong(this.#longs, record + index));
  }

  /** The sum over all threads of what they published last. May be late. */
  sum(): CounterValues<Names[number]> {
    return this.#collect((index) => {
      let total = 0;
      for (let thread = 0; thread < this.threadCount; thread++) {
        total += loadLong(this.#longs, this.#recordOf(thread) + index);
      }
      return total;
    });
  }

  #recordOf(thread: number): number {
    assert(thread >= 0 && thread < this.threadCount, 'a thread has a record of counters');
    return this.#first + thread * this.#recordLongs;
  }

  #collect(read: (index: number) => number): CounterValues<Names[number]> {
    const entries = this.names.map((name, index) => [name, read(index)]);
    return Object.fromEntries(entries) as CounterValues<Names[number]>;
  }
}

/** One thread's counters; only that thread touches them. */
export class Counters<Name extends string> {
  readonly #names: readonly Name[];
  readonly #longs: BigInt64Array;
  readonly #record: number;
  readonly #values: Float64Array;
  readonly #published: Float64Array;

  /** `record` is the index in `longs` of the thread's first counter. */
  constructor(names: readonly Name[], longs: BigInt64Array, record: number) {
    this.#names = names;
    this.#longs = longs;
    this.#record = record;
    this.#values = Float64Array.from(names, (_name, index) => loadLong(longs, record + index));
    this.#published = this.#values.slice();
  }

  /** The handle that add, set and get take. */
  index(name: Name): number {
    const index = this.#names.indexOf(name);
    assert(index >= 0, 'a counter is asked for by one of the names');
    return index;
  }

  /** Others see it after publish(). */
  add(index: number, amount: number): void {
    this.#values[index] += amount;
  }

  /** For a counter that shows a state, as a length. Others see it after publish(). */
  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  /** What this thread has counted, published or not. */
  get(index: number): number {
    return this.#values[index];
  }

  /** Shows the counters to other threads; a store for each that changed. Never blocks. */
  publish(): void {
    for (let index = 0; index < this.#values.length; index++) {
      const value = this.#values[index];
      if (value === this.#published[index]) continue;
      this.#published[index] = value;
      // Pairs with the loads of CounterTable.read and sum.
      storeLong(this.#longs, this.#record + index, value);
    }
  }
}
