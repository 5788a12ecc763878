import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateHistoryRing, HistoryCollector, HistoryRecorder, NO_ROOM } from './history-ring.ts';
import { historyBytesFor, RECORD_BYTES, RecordState } from './history-ring-layout.ts';
import { within } from './within.ts';

const LATEST_MS = 10_000;
const APPEND = 1;
const READ = 2;

const ring = suite('history ring');

/** A clock that no two moments are equal on. */
function counting(): () => number {
  let moment = 0;
  return () => ++moment;
}

function fresh(capacity: number): {
  buffer: SharedArrayBuffer;
  recorder: HistoryRecorder;
  collector: HistoryCollector;
} {
  const buffer = allocateHistoryRing(capacity);
  const recorder = new HistoryRecorder(buffer, counting());
  return { buffer, recorder, collector: new HistoryCollector(buffer) };
}

ring('has a line for each record', () => {
  assert.is(RECORD_BYTES, 64);
  assert.is(historyBytesFor(10), 64 + 640);
  assert.throws(() => allocateHistoryRing(0), /at least one record/);
});

ring('gives back what was recorded, once', () => {
  const { recorder, collector } = fresh(4);
  const big = Number.MAX_SAFE_INTEGER;
  const append = recorder.begin(APPEND, 7, big);
  recorder.end(append, RecordState.OK, { position: big - 1 });
  const read = recorder.begin(READ, big - 2, 0);
  recorder.end(read, RecordState.FAIL, { found: 5, outcome: -3 });
  assert.equal(collector.collect(), [
    {
      kind: APPEND,
      key: 7,
      value: big,
      call: 1,
      state: RecordState.OK,
      return: 2,
      position: big - 1,
      found: 0,
      outcome: 0,
    },
    {
      kind: READ,
      key: big - 2,
      value: 0,
      call: 3,
      state: RecordState.FAIL,
      return: 4,
      position: 0,
      found: 5,
      outcome: -3,
    },
  ]);
  assert.equal(collector.collect(), []);
});

ring('keeps what is open, and what began after it, until it has ended', () => {
  const { recorder, collector } = fresh(4);
  const first = recorder.begin(APPEND, 1, 10);
  const second = recorder.begin(READ, 2, 0);
  recorder.end(second, RecordState.OK);
  assert.equal(collector.collect(), []);
  assert.equal(collector.open(), [{ kind: APPEND, key: 1, value: 10, call: 1 }]);
  recorder.end(first, RecordState.UNKNOWN);
  assert.equal(collector.open(), []);
  const keys = collector.collect().map(({ key, state }) => [key, state]);
  assert.equal(keys, [
    [1, RecordState.UNKNOWN],
    [2, RecordState.OK],
  ]);
});

ring('has no room until somebody collects, and loses nothing', () => {
  const { recorder, collector } = fresh(3);
  const keys: number[] = [];
  let key = 0;
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 3; i++) recorder.end(recorder.begin(READ, ++key, 0), RecordState.OK);
    assert.is(recorder.begin(READ, 99, 0), NO_ROOM, 'a refused record takes no place');
    keys.push(...collector.collect().map((one) => one.key));
    // The next round begins at another record.
    recorder.end(recorder.begin(READ, ++key, 0), RecordState.OK);
    keys.push(...collector.collect().map((one) => one.key));
  }
  assert.equal(
    keys,
    Array.from({ length: key }, (_, i) => i + 1),
  );
});

ring('shows what a dead thread had under way as INVOKED, without end', () => {
  const { recorder, collector } = fresh(3);
  // The fields of an earlier record are not taken for the end of this one.
  for (let i = 0; i < 3; i++) {
    recorder.end(recorder.begin(READ, i, 0), RecordState.OK, { position: 77, found: 7 });
  }
  collector.collect();
  recorder.begin(APPEND, 1, 10);
  recorder.end(recorder.begin(READ, 2, 0), RecordState.OK, { position: 5 });
  recorder.begin(APPEND, 3, 30);
  const [first, second, third] = collector.collectDead();
  assert.is(first.state, RecordState.INVOKED);
  assert.is(first.return, Number.POSITIVE_INFINITY);
  assert.equal([first.position, first.found, first.outcome], [0, 0, 0]);
  assert.equal([second.state, second.position], [RecordState.OK, 5]);
  assert.equal([third.state, third.value], [RecordState.INVOKED, 30]);
  assert.equal(collector.open(), []);
});

ring('is empty for a successor, which goes on where the dead one ended', () => {
  const { buffer, recorder, collector } = fresh(3);
  recorder.end(recorder.begin(READ, 1, 0), RecordState.OK);
  recorder.begin(APPEND, 2, 20);
  assert.is(collector.collectDead().length, 2);
  const successor = new HistoryRecorder(buffer, counting());
  for (let key = 10; key < 13; key++) {
    successor.end(successor.begin(READ, key, 0), RecordState.OK);
  }
  assert.is(successor.begin(READ, 13, 0), NO_ROOM);
  assert.equal(
    collector.collect().map(({ key }) => key),
    [10, 11, 12],
  );
});

/** Records one operation after the other: writes `value` to a word, between begin and end. */
const RECORDING = `
const { workerData } = require('node:worker_threads');
import(workerData.module).then(({ HistoryRecorder, NO_ROOM }) => {
  const done = new Int32Array(workerData.done);
  const now = () => Number(process.hrtime.bigint());
  const recorder = new HistoryRecorder(workerData.buffer, now);
  for (let value = 1; ; ) {
    const record = recorder.begin(1, value * 3, value);
    if (record === NO_ROOM) continue;
    Atomics.store(done, 0, value);
    recorder.end(record, 2, { position: value * 5 });
    value++;
  }
});
`;

ring('holds every operation of a thread that is terminated anywhere', async () => {
  const extension = extname(fileURLToPath(import.meta.url));
  const module = new URL(`./history-ring${extension}`, import.meta.url).href;
  for (let round = 0; round < 8; round++) {
    const buffer = allocateHistoryRing(64);
    const done = new SharedArrayBuffer(4);
    const collector = new HistoryCollector(buffer);
    const workerData = { module, buffer, done };
    const worker = new Worker(RECORDING, { eval: true, workerData });
    await once(worker, 'online');
    const records = [];
    while (records.length < 2000 + 37 * round) {
      records.push(...collector.collect());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await within(LATEST_MS, 'the exit', worker.terminate());
    records.push(...collector.collectDead());
    const effect = Atomics.load(new Int32Array(done), 0);
    assert.ok(records.length >= effect, `${records.length} records, ${effect} operations`);
    assert.ok(records.length <= effect + 1, 'one operation may have been said and not done');
    for (const [i, { key, value, state, position, call, return: end }] of records.entries()) {
      assert.equal([value, key], [i + 1, 3 * (i + 1)]);
      if (i < records.length - 1) assert.is(state, RecordState.OK);
      if (state === RecordState.OK) assert.is(position, 5 * value);
      assert.ok(call <= end && (i === 0 || records[i - 1].return <= call), 'moments are in order');
    }
  }
});

ring.run();
