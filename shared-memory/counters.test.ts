import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CounterTable, countersBytesFor, initializeCounters } from './counters.ts';
import { COUNTERS_HEADER_BYTES, counterRecordBytes } from './counters-layout.ts';
import { CACHE_LINE_BYTES } from './words.ts';

const NAMES = ['appends', 'fills', 'queueLength'] as const;
const THREADS = 3;
const OFFSET = 128;

const counters = suite('counters');

function freshBuffer(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(OFFSET + countersBytesFor(NAMES, THREADS));
  initializeCounters(buffer, OFFSET, NAMES, THREADS);
  return buffer;
}

function tableOn(buffer: SharedArrayBuffer): CounterTable<typeof NAMES> {
  return new CounterTable(NAMES, buffer, OFFSET);
}

counters('shows nothing to others before publish, and everything after', () => {
  const buffer = freshBuffer();
  const mine = tableOn(buffer).countersOf(1);
  const APPENDS = mine.index('appends');
  mine.add(APPENDS, 1);
  mine.add(APPENDS, 2);
  assert.is(mine.get(APPENDS), 3);
  assert.equal(tableOn(buffer).read(1), { appends: 0, fills: 0, queueLength: 0 });
  mine.publish();
  assert.equal(tableOn(buffer).read(1), { appends: 3, fills: 0, queueLength: 0 });
});

counters('sums over threads and keeps their records apart', () => {
  const table = tableOn(freshBuffer());
  for (let thread = 0; thread < THREADS; thread++) {
    const own = table.countersOf(thread);
    own.add(own.index('appends'), 10 ** thread);
    own.add(own.index('fills'), 1);
    own.publish();
  }
  assert.equal(table.sum(), { appends: 111, fills: 3, queueLength: 0 });
  assert.equal(table.read(2), { appends: 100, fills: 1, queueLength: 0 });
});

counters('holds values far above 32 bits', () => {
  const table = tableOn(freshBuffer());
  const own = table.countersOf(0);
  own.add(own.index('appends'), Number.MAX_SAFE_INTEGER - 1);
  own.add(own.index('appends'), 1);
  own.publish();
  assert.is(table.read(0).appends, Number.MAX_SAFE_INTEGER);
});

counters('lets a state go down again', () => {
  const table = tableOn(freshBuffer());
  const own = table.countersOf(0);
  const LENGTH = own.index('queueLength');
  own.set(LENGTH, 12);
  own.publish();
  own.set(LENGTH, 0);
  own.publish();
  assert.is(table.read(0).queueLength, 0);
});

counters('continues at the published values after its thread has died', () => {
  const table = tableOn(freshBuffer());
  const first = table.countersOf(0);
  first.add(first.index('fills'), 5);
  first.publish();
  first.add(first.index('fills'), 100);
  const successor = table.countersOf(0);
  successor.add(successor.index('fills'), 1);
  successor.publish();
  assert.is(table.sum().fills, 6);
});

counters('keeps records of different threads on different pairs of cache lines', () => {
  const stride = counterRecordBytes(NAMES.length);
  assert.is(stride % (2 * CACHE_LINE_BYTES), 0);
  assert.is(countersBytesFor(NAMES, THREADS), COUNTERS_HEADER_BYTES + THREADS * stride);
  assert.is(counterRecordBytes(17), 2 * stride);
});

counters('refuses other names, memory that was not initialized, and strange threads', () => {
  const buffer = freshBuffer();
  assert.throws(() => new CounterTable(['appends'], buffer, OFFSET), /same counters/);
  const swapped = ['fills', 'appends', 'queueLength'] as const;
  assert.throws(() => new CounterTable(swapped, buffer, OFFSET), /same counters/);
  const zeros = new SharedArrayBuffer(4096);
  assert.throws(() => new CounterTable(NAMES, zeros, 0), /initialized/);
  assert.throws(() => tableOn(buffer).countersOf(THREADS), /has a record/);
  assert.throws(() => tableOn(buffer).read(-1), /has a record/);
  assert.throws(() => initializeCounters(zeros, 0, NAMES, 1000), /holds a record per thread/);
});

counters.run();
