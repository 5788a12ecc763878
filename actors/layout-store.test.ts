import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HIGHEST_OFFSET } from '../shared-memory/register-layout.ts';
import { WORD_BYTES } from '../shared-memory/words.ts';
import { allocateRegisters, WriteOnceRegisters } from '../shared-memory/write-once-registers.ts';
import { allocateLayoutStore, LayoutStore } from './layout-store.ts';
import { firstProjection, type Projection } from './projection.ts';

const REGISTERS = 16;
const SEQUENCER = 1;

const layoutStore = suite('layout store');

function freshBuffer(): SharedArrayBuffer {
  return allocateRegisters(REGISTERS, 4096);
}

function storeOn(buffer: SharedArrayBuffer): LayoutStore {
  return new LayoutStore(new WriteOnceRegisters(buffer));
}

/** A projection of `epoch` that `units` tells apart from others of that epoch. */
function projectionOf(epoch: number, units = 1): Projection {
  return { ...firstProjection(units, 1, SEQUENCER), epoch };
}

layoutStore('holds nothing at first', () => {
  const store = storeOn(freshBuffer());
  assert.is(store.latest(), undefined);
  for (const epoch of [0, 1, REGISTERS, -1]) assert.is(store.read(epoch), undefined);
});

layoutStore('gives every thread the projection that was proposed', () => {
  const buffer = freshBuffer();
  const proposed: Projection = {
    epoch: 3,
    sequencer: 2,
    sequencerSince: 2,
    ranges: [
      { from: 0, to: 2 ** 40, extents: [{ chain: [0, 1], start: 0 }] },
      { from: 2 ** 40, extents: [{ chain: [2], start: Number.MAX_SAFE_INTEGER }] },
    ],
  };
  assert.is(storeOn(buffer).propose(proposed), 'written');
  assert.equal(storeOn(buffer).read(3), proposed);
});

layoutStore('keeps the first projection of an epoch', () => {
  const store = storeOn(freshBuffer());
  assert.is(store.propose(projectionOf(1, 1)), 'written');
  assert.is(store.propose(projectionOf(1, 2)), 'present');
  assert.equal(store.read(1), projectionOf(1, 1));
  assert.equal(store.latest(), projectionOf(1, 1));
});

layoutStore('tells the projection of the highest epoch', () => {
  const buffer = freshBuffer();
  for (let epoch = 1; epoch < REGISTERS; epoch++) {
    storeOn(buffer).propose(projectionOf(epoch));
    assert.is(storeOn(buffer).latest()?.epoch, epoch);
  }
});

layoutStore('finds the latest even if its proposer died before it raised the hint', () => {
  const buffer = freshBuffer();
  const store = storeOn(buffer);
  for (const epoch of [1, 2, 3]) store.propose(projectionOf(epoch));
  new Int32Array(buffer)[HIGHEST_OFFSET / WORD_BYTES] = 1;
  assert.is(store.latest()?.epoch, 3);
});

layoutStore('has a last epoch', () => {
  const store = storeOn(freshBuffer());
  assert.is(store.propose(projectionOf(REGISTERS - 1)), 'written');
  assert.is(store.propose(projectionOf(REGISTERS)), 'full');
  assert.is(store.latest()?.epoch, REGISTERS - 1);
});

layoutStore('writes no projection that is not well formed', () => {
  const store = storeOn(freshBuffer());
  assert.throws(() => store.propose(projectionOf(0)), /positive integer/);
  assert.throws(() => store.propose({ ...projectionOf(1), ranges: [] }), /start at position 0/);
  assert.is(store.latest(), undefined);
});

layoutStore('notices a projection that was scribbled over', () => {
  const registers = new WriteOnceRegisters(freshBuffer());
  registers.write(1, JSON.stringify({ ...projectionOf(1), ranges: [] }));
  assert.throws(() => new LayoutStore(registers).read(1), /start at position 0/);
});

layoutStore('has room for thousands of epochs in the memory of a log', () => {
  const store = storeOn(allocateLayoutStore());
  for (let epoch = 1; epoch <= 3000; epoch++) {
    assert.is(store.propose(projectionOf(epoch, 4)), 'written');
  }
  assert.is(store.latest()?.epoch, 3000);
});

layoutStore('says when few epochs, or little room, are left', () => {
  const epochs = storeOn(allocateRegisters(128, 1 << 20));
  for (let epoch = 1; epoch <= 127; epoch++) {
    assert.is(epochs.isNearlyFull(), epoch > 127, `before epoch ${epoch}`);
    epochs.propose(projectionOf(epoch));
  }
  assert.ok(epochs.isNearlyFull());
  const bytes = storeOn(allocateRegisters(2 ** 16, 2 ** 20));
  let epoch = 1;
  while (!bytes.isNearlyFull()) assert.is(bytes.propose(projectionOf(epoch++)), 'written');
  assert.ok(epoch > 1000 && epoch < 2 ** 15);
});

layoutStore.run();
