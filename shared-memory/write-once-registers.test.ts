import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BYTES_TAKEN_OFFSET, HIGHEST_OFFSET } from './register-layout.ts';
import { within } from './within.ts';
import { WORD_BYTES } from './words.ts';
import { allocateRegisters, WriteOnceRegisters } from './write-once-registers.ts';

const LATEST_MS = 10_000;

const registers = suite('write-once registers');

function fresh(count = 8, areaBytes = 1024): WriteOnceRegisters {
  return new WriteOnceRegisters(allocateRegisters(count, areaBytes));
}

registers('are absent in fresh memory', () => {
  const store = fresh();
  assert.is(store.count, 8);
  assert.is(store.highestHint(), 0);
  for (let index = 0; index < store.count; index++) assert.is(store.read(index), undefined);
});

registers('give every thread the text that was written', () => {
  const buffer = allocateRegisters(4, 1024);
  const texts = ['', 'a', 'four', '{"epoch":1}', 'Größe ≤ 65 535 → ✓', '🎛'.repeat(20)];
  for (const [index, text] of texts.slice(0, 4).entries()) {
    assert.is(new WriteOnceRegisters(buffer).write(index, text), 'written');
  }
  for (const [index, text] of texts.slice(0, 4).entries()) {
    assert.is(new WriteOnceRegisters(buffer).read(index), text);
  }
  for (const text of texts) {
    const store = fresh();
    store.write(3, text);
    assert.is(store.read(3), text);
  }
});

registers('keep the first text', () => {
  const store = fresh();
  assert.is(store.write(2, 'first'), 'written');
  assert.is(store.write(2, 'second'), 'present');
  assert.is(store.write(2, 'first'), 'present', 'even the same text has been written before');
  assert.is(store.read(2), 'first');
});

registers('keep an empty text as a text', () => {
  const store = fresh();
  assert.is(store.write(0, ''), 'written');
  assert.is(store.write(0, 'late'), 'present');
  assert.is(store.read(0), '');
});

registers('are written in any order', () => {
  const store = fresh();
  for (const index of [5, 0, 7, 3]) assert.is(store.write(index, `text ${index}`), 'written');
  for (const index of [5, 0, 7, 3]) assert.is(store.read(index), `text ${index}`);
  assert.is(store.read(4), undefined);
  assert.is(store.highestHint(), 7);
});

registers('have an end on both sides', () => {
  const store = fresh();
  for (const index of [-1, 8, 1000]) {
    assert.is(store.write(index, 'text'), 'full');
    assert.is(store.read(index), undefined);
  }
});

registers('are full when the bytes are used up, and still hold what they held', () => {
  // A text takes a word for its length, and its bytes rounded up to words: 12 bytes each.
  const store = fresh(8, 36);
  for (const index of [0, 1, 2]) assert.is(store.write(index, 'eight by'), 'written');
  assert.is(store.write(3, ''), 'full');
  assert.is(store.read(3), undefined);
  assert.equal(
    [0, 1, 2].map((index) => store.read(index)),
    ['eight by', 'eight by', 'eight by'],
  );
});

registers('take a short text after a long one did not fit', () => {
  const store = fresh(8, 32);
  assert.is(store.write(0, 'x'.repeat(29)), 'full');
  assert.is(store.write(0, 'x'.repeat(28)), 'written');
  assert.is(store.read(0), 'x'.repeat(28));
});

registers('pass over the bytes of a proposer that died before it published', () => {
  const buffer = allocateRegisters(4, 64);
  const store = new WriteOnceRegisters(buffer);
  store.write(0, 'before');
  new Int32Array(buffer)[BYTES_TAKEN_OFFSET / WORD_BYTES] += 16;
  assert.is(store.read(1), undefined);
  assert.is(store.write(1, 'after'), 'written');
  assert.equal([store.read(0), store.read(1)], ['before', 'after']);
});

registers('never lower the hint', () => {
  const store = fresh();
  store.write(6, 'high');
  store.write(1, 'low');
  assert.is(store.highestHint(), 6);
});

registers('tell cheaply which of them are written', () => {
  const store = fresh();
  store.write(2, '');
  store.write(5, 'text');
  const written = [-1, 0, 1, 2, 3, 5, 7, 8, 1000].filter((index) => store.has(index));
  assert.equal(written, [2, 5]);
});

registers('know the highest of a sequence although the hint lags, and raise the hint', () => {
  const buffer = allocateRegisters(16, 1024);
  const [one, other] = [new WriteOnceRegisters(buffer), new WriteOnceRegisters(buffer)];
  assert.is(one.highest(), 0, 'none, or register 0');
  for (let index = 1; index <= 6; index++) one.write(index, `${index}`);
  // As if whoever wrote the last three had died before it raised the hint.
  new Int32Array(buffer)[HIGHEST_OFFSET / WORD_BYTES] = 3;
  assert.is(other.highestHint(), 3);
  assert.is(other.highest(), 6);
  assert.is(one.highestHint(), 6, 'nobody acts on what a load of the hint does not show');
  one.write(8, 'after a gap');
  new Int32Array(buffer)[HIGHEST_OFFSET / WORD_BYTES] = 6;
  assert.is(other.highest(), 6, 'the sequence ends at its first gap');
});

registers('have a highest at the very end', () => {
  const store = fresh(3);
  for (const index of [0, 1, 2]) store.write(index, 'x');
  assert.is(store.highest(), 2);
});

registers('keep the text of a proposer that was faster by an instant', () => {
  const buffer = allocateRegisters(4, 1024);
  const [slow, fast] = [new WriteOnceRegisters(buffer), new WriteOnceRegisters(buffer)];
  // The fast one comes when the slow one has found the register absent and takes its bytes.
  const { compareExchange } = Atomics;
  Atomics.compareExchange = ((cells: Int32Array, ...words: [number, number, number]): number => {
    Atomics.compareExchange = compareExchange;
    assert.is(fast.write(1, 'fast'), 'written');
    return compareExchange(cells, ...words);
  }) as typeof Atomics.compareExchange;
  try {
    assert.is(slow.write(1, 'slow'), 'present');
  } finally {
    Atomics.compareExchange = compareExchange;
  }
  assert.is(slow.read(1), 'fast');
});

/** Waits at a gate, then proposes a text for every register and posts the indexes it won. */
const PROPOSER = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.module).then(({ WriteOnceRegisters }) => {
  const store = new WriteOnceRegisters(workerData.buffer);
  const gate = new Int32Array(workerData.gate);
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < 2) Atomics.wait(gate, 1, 0, 1);
  const won = [];
  for (let i = 0; i < store.count; i++) {
    // From both ends, so that they meet.
    const index = workerData.proposer === 'anne' ? i : store.count - 1 - i;
    const outcome = store.write(index, workerData.proposer + ' ' + index);
    if (outcome === 'written') won.push(index);
    else if (outcome !== 'present') throw new Error(outcome);
  }
  parentPort.postMessage(won);
});
`;

registers('have one winner each when two threads propose at once', async () => {
  const count = 4000;
  const buffer = allocateRegisters(count, 2 * count * 20);
  const gate = new SharedArrayBuffer(2 * WORD_BYTES);
  const extension = extname(fileURLToPath(import.meta.url));
  const module = new URL(`./write-once-registers${extension}`, import.meta.url).href;
  const proposers = ['anne', 'berta'];
  const workers = proposers.map(
    (proposer) =>
      new Worker(PROPOSER, { eval: true, workerData: { buffer, gate, module, proposer } }),
  );
  try {
    const wins = await within(
      LATEST_MS,
      'both have proposed for every register',
      Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as number[])),
    );
    const store = new WriteOnceRegisters(buffer);
    assert.is(wins[0].length + wins[1].length, count);
    for (const [i, proposer] of proposers.entries()) {
      assert.ok(wins[i].length > 0, `${proposer} won at least once`);
      for (const index of wins[i]) assert.is(store.read(index), `${proposer} ${index}`);
    }
    assert.is(store.highestHint(), count - 1);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
});

registers.run();
