import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SlotOutcome } from './slots-layout.ts';
import { Staging } from './staging.ts';
import {
  allocateUnit,
  UnitMemory,
  type UnitSizes,
  unitBytesFor,
  unitSizes,
} from './unit-memory.ts';

const { OK, WRITTEN, TRIMMED, UNWRITTEN } = SlotOutcome;
const SIZES: UnitSizes = {
  streamHeaderWords: 3,
  slotCount: 64,
  chunkBytes: 1024,
  chunkCount: 4,
  headroomChunks: 1,
};
const REFERENCE = 4096;
const [ANNE, BERTA] = [11, 12];

const unitMemory = suite('unit memory');

function fresh(): UnitMemory {
  return new UnitMemory(allocateUnit(SIZES));
}

unitMemory('divides what it is given, with room for two chunks of the largest entry', () => {
  for (const bytes of [64 * 1024, 1024 * 1024, 256 * 1024 * 1024]) {
    for (const footprint of [64, 4096, 16_000]) {
      const sizes = unitSizes(bytes, footprint);
      assert.ok(unitBytesFor(sizes) <= bytes, 'it fits');
      assert.ok(sizes.chunkBytes >= footprint && sizes.chunkCount >= 2);
      assert.ok(sizes.headroomChunks >= 1 && sizes.headroomChunks < sizes.chunkCount);
    }
  }
  assert.throws(() => unitSizes(64 * 1024, 40_000), /two chunks fit a unit/);
});

unitMemory('is unclaimed, trusted and of the first tenancy in fresh memory', () => {
  const unit = fresh();
  assert.equal([unit.tenancy(), unit.claimant(), unit.lost()], [0, 0, false]);
});

unitMemory('is claimed by one thread, until it lets go', () => {
  const unit = fresh();
  assert.ok(unit.claim(0, ANNE));
  assert.not(unit.claim(0, BERTA));
  assert.not(unit.claim(0, ANNE), 'not twice either');
  assert.is(unit.claimant(), ANNE);
  unit.unclaim(BERTA);
  assert.is(unit.claimant(), ANNE, 'nobody ends the claim of another');
  unit.unclaim(ANNE);
  assert.is(unit.claimant(), 0);
  assert.ok(unit.claim(0, BERTA));
});

unitMemory('is taken over from a claimant that has died, by one successor', () => {
  const unit = fresh();
  const [CARLA, ANY] = [13, 14];
  unit.claim(0, ANNE);
  assert.ok(unit.claim(ANNE, BERTA));
  assert.not(unit.claim(ANNE, CARLA), 'it is not the claim that was seen');
  unit.unclaim(ANNE);
  assert.is(unit.claimant(), BERTA);
  unit.unclaim(BERTA);
  assert.not(unit.claim(BERTA, ANY));
});

unitMemory('shows its words to every view', () => {
  const buffer = allocateUnit(SIZES);
  const [one, other] = [new UnitMemory(buffer), new UnitMemory(buffer)];
  one.claim(0, ANNE);
  one.markLost();
  assert.equal([other.claimant(), other.lost()], [ANNE, true]);
  one.wipe(3, 2);
  assert.equal([other.tenancy(), other.lost(), other.claimant()], [1, false, ANNE]);
});

unitMemory('is an empty unit after a wipe, from a watermark on, for epochs above one', () => {
  const unit = fresh();
  const { slots, chunks } = unit;
  const staging = new Staging(chunks, ANNE);
  for (let address = 0; address < 30; address++) {
    assert.is(slots.tryWrite(address, REFERENCE), OK);
  }
  staging.willPublish(staging.take(64, false), 29);
  slots.raiseWatermark(5);
  slots.reclaimSlots(5);
  slots.seal(2);
  unit.markLost();
  unit.claim(0, BERTA);
  assert.is(unit.wipe(20, 7), 1);
  assert.is(unit.tenancy(), 1);
  assert.not(unit.lost(), 'what is here is to be trusted again');
  assert.is(unit.claimant(), BERTA, 'a wipe does not end the claim');
  assert.is(slots.sealedEpoch(), 7);
  assert.equal([slots.watermark(), slots.writtenLimit(), slots.addressLimit()], [20, 20, 84]);
  assert.is(chunks.freeCount(), SIZES.chunkCount, 'whoever leased one');
  assert.is(slots.look(19), TRIMMED);
  for (let address = 20; address < 84; address++) assert.is(slots.look(address), UNWRITTEN);
  assert.is(slots.tryWrite(83, REFERENCE), OK);
});

unitMemory('never takes a seal back when it is wiped', () => {
  const unit = fresh();
  unit.slots.seal(9);
  unit.wipe(0, 4);
  assert.is(unit.slots.sealedEpoch(), 9);
});

unitMemory('counts its tenants, also those of a claimant that was taken over', () => {
  const unit = fresh();
  for (let tenancy = 1; tenancy <= 5; tenancy++) {
    unit.slots.tryWrite(unit.slots.watermark(), REFERENCE);
    assert.is(unit.wipe(10 * tenancy, tenancy), tenancy);
    assert.is(unit.slots.look(10 * tenancy), UNWRITTEN);
  }
});

unitMemory('shows whoever reads the old tenant that it is gone, BEFORE anything is wiped', () => {
  const unit = fresh();
  const { slots } = unit;
  slots.tryWrite(3, REFERENCE);
  const { store, add } = Atomics;
  const events: string[] = [];
  const noted = (what: string) => {
    if (events.at(-1) !== what) events.push(what);
  };
  Atomics.add = ((...args: [Int32Array, number, number]): number => {
    if (unit.tenancy() === 0) noted('tenancy');
    return add(...args);
  }) as typeof Atomics.add;
  Atomics.store = ((...args: [Int32Array, number, number]): number => {
    noted('wiped');
    assert.is(unit.tenancy(), 1);
    return store(...args);
  }) as typeof Atomics.store;
  try {
    assert.is(slots.look(3), WRITTEN);
    unit.wipe(0, 1);
  } finally {
    Atomics.store = store;
    Atomics.add = add;
  }
  assert.equal(events, ['tenancy', 'wiped']);
});

unitMemory.run();
