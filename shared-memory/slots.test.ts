import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Slots } from './slots.ts';
import { FIRST_REFERENCE, SlotOutcome, SlotWord } from './slots-layout.ts';
import { allocateUnit, UnitMemory, unitSizes } from './unit-memory.ts';

const slots = suite('slots');

const REFERENCE = 4096;

function freshSlots(): Slots {
  return new UnitMemory(allocateUnit(unitSizes(256 * 1024, 4096))).slots;
}

/** Slots whose watermark and reclaimed limit stand at `address`. */
function slotsAt(address: number): Slots {
  const unit = freshSlots();
  unit.raiseWatermark(address);
  unit.reclaimSlots(address);
  return unit;
}

/** Runs `work`, and `other` in the midst of it: after the atomic load number `moment` (from 0). */
function withAfterLoad<T>(moment: number, other: () => void, work: () => T): T {
  const load = Atomics.load;
  let loads = 0;
  const restore = () => {
    Atomics.load = load;
  };
  Atomics.load = ((cells: Int32Array, index: number): number => {
    const value = load(cells, index);
    if (loads++ === moment) {
      restore();
      other();
    }
    return value;
  }) as typeof Atomics.load;
  try {
    return work();
  } finally {
    restore();
  }
}

slots('are unwritten in fresh memory', () => {
  const unit = freshSlots();
  assert.is(unit.load(0), SlotWord.UNWRITTEN);
  assert.is(unit.look(0), SlotOutcome.UNWRITTEN);
  assert.is(unit.watermark(), 0);
  assert.is(unit.writtenLimit(), 0);
  assert.is(unit.addressLimit(), unit.count);
  assert.is(unit.sealedEpoch(), 0);
});

slots('do not overwrite a written slot', () => {
  const unit = freshSlots();
  assert.is(unit.tryWrite(3, REFERENCE), SlotOutcome.OK);
  assert.is(unit.tryWrite(3, REFERENCE + 1), SlotOutcome.WRITTEN);
  assert.is(unit.tryJunk(3), SlotOutcome.WRITTEN);
  assert.is(unit.load(3), REFERENCE);
  assert.is(unit.look(3), SlotOutcome.WRITTEN);
});

slots('do not write over junk, which takes no second junk either', () => {
  const unit = freshSlots();
  assert.is(unit.tryJunk(3), SlotOutcome.OK);
  assert.is(unit.tryWrite(3, REFERENCE), SlotOutcome.JUNK);
  assert.is(unit.tryJunk(3), SlotOutcome.JUNK);
  assert.is(unit.look(3), SlotOutcome.JUNK);
});

slots('forget a value or junk for ever', () => {
  const unit = freshSlots();
  unit.tryWrite(1, REFERENCE);
  unit.tryJunk(2);
  for (const address of [1, 2]) {
    assert.is(unit.tryTrim(address), SlotOutcome.OK);
    assert.is(unit.tryTrim(address), SlotOutcome.OK);
    assert.is(unit.look(address), SlotOutcome.TRIMMED);
    assert.is(unit.tryWrite(address, REFERENCE), SlotOutcome.TRIMMED);
    assert.is(unit.tryJunk(address), SlotOutcome.TRIMMED);
  }
});

slots('have nothing to forget where nothing was decided', () => {
  const unit = freshSlots();
  assert.is(unit.tryTrim(5), SlotOutcome.UNWRITTEN);
  assert.is(unit.tryTrim(unit.count), SlotOutcome.UNWRITTEN);
  assert.is(unit.tryWrite(5, REFERENCE), SlotOutcome.OK);
});

slots('refuse a reference that looks like a state', () => {
  const unit = freshSlots();
  assert.throws(() => unit.tryWrite(0, SlotWord.TRIMMED), /no state word/);
  assert.is(unit.tryWrite(0, FIRST_REFERENCE), SlotOutcome.OK);
});

slots('refuse every address below the watermark', () => {
  const unit = freshSlots();
  unit.tryWrite(1, REFERENCE);
  unit.raiseWatermark(4);
  for (const address of [0, 1, 3]) {
    assert.is(unit.look(address), SlotOutcome.TRIMMED);
    assert.is(unit.tryWrite(address, REFERENCE), SlotOutcome.TRIMMED);
    assert.is(unit.tryJunk(address), SlotOutcome.TRIMMED);
    assert.is(unit.tryTrim(address), SlotOutcome.OK);
  }
  assert.is(unit.tryWrite(4, REFERENCE), SlotOutcome.OK);
});

slots('never lower the watermark', () => {
  const unit = freshSlots();
  unit.raiseWatermark(9);
  unit.raiseWatermark(4);
  assert.is(unit.watermark(), 9);
});

slots('are full one lap above the reclaimed limit', () => {
  const unit = freshSlots();
  assert.is(unit.tryWrite(unit.count - 1, REFERENCE), SlotOutcome.OK);
  assert.is(unit.tryWrite(unit.count, REFERENCE), SlotOutcome.FULL);
  assert.is(unit.tryJunk(unit.count), SlotOutcome.FULL);
  assert.is(unit.look(unit.count), SlotOutcome.UNWRITTEN);
  assert.is(unit.writtenLimit(), unit.count, 'a refused address was not claimed');
  // The watermark alone frees nothing: someone may still be reading below it.
  unit.raiseWatermark(1);
  assert.is(unit.tryWrite(unit.count, REFERENCE), SlotOutcome.FULL);
});

slots('serve the next lap after they were reclaimed', () => {
  const unit = freshSlots();
  for (let address = 0; address < unit.count; address++) unit.tryWrite(address, REFERENCE);
  unit.raiseWatermark(3);
  unit.reclaimSlots(3);
  assert.is(unit.addressLimit(), unit.count + 3);
  for (let address = unit.count; address < unit.count + 3; address++) {
    assert.is(unit.look(address), SlotOutcome.UNWRITTEN);
    assert.is(unit.tryWrite(address, REFERENCE + 1), SlotOutcome.OK);
    assert.is(unit.look(address - unit.count), SlotOutcome.TRIMMED, 'the old lap stays trimmed');
  }
  assert.is(unit.tryWrite(unit.count + 3, REFERENCE), SlotOutcome.FULL);
  assert.is(unit.load(3), REFERENCE, 'an address at the limit keeps its slot');
});

slots('never show a new address the word of the old lap', () => {
  // Another thread reclaims right after any one of the loads that look() makes.
  for (let moment = 0; moment < 3; moment++) {
    const unit = freshSlots();
    for (let address = 0; address < unit.count; address++) unit.tryWrite(address, REFERENCE);
    unit.raiseWatermark(1);
    const outcome = withAfterLoad(
      moment,
      () => unit.reclaimSlots(1),
      () => unit.look(unit.count),
    );
    assert.is(outcome, SlotOutcome.UNWRITTEN);
  }
});

slots('are reclaimed across the end of the array, and only up to the watermark', () => {
  const unit = slotsAt(0);
  const start = unit.count - 2;
  unit.raiseWatermark(start);
  unit.reclaimSlots(start);
  for (let address = start; address < start + 5; address++) unit.tryWrite(address, REFERENCE);
  unit.raiseWatermark(start + 4);
  assert.throws(() => unit.reclaimSlots(start + 5), /only trimmed addresses/);
  unit.reclaimSlots(start + 4);
  unit.reclaimSlots(start + 1);
  assert.is(unit.addressLimit(), start + 4 + unit.count, 'a lower limit changes nothing');
  for (let address = start; address < start + 4; address++) assert.is(unit.load(address), 0);
  assert.is(unit.look(start + 4), SlotOutcome.WRITTEN);
});

slots('let the trimmed run end behind its last trimmed address', () => {
  const unit = freshSlots();
  assert.is(unit.trimmedRunEnd(), 0);
  unit.tryWrite(0, REFERENCE);
  unit.tryJunk(1);
  unit.tryWrite(2, REFERENCE);
  unit.tryTrim(0);
  assert.is(unit.trimmedRunEnd(), 1, 'junk alone does not carry the run on');
  unit.tryTrim(2);
  assert.is(unit.trimmedRunEnd(), 3, 'junk between trimmed addresses does');
  unit.raiseWatermark(3);
  assert.is(unit.trimmedRunEnd(), 3);
});

slots('let leading junk start no trimmed run', () => {
  const unit = freshSlots();
  unit.tryJunk(0);
  unit.tryJunk(1);
  assert.is(unit.trimmedRunEnd(), 0);
  // Address 2 is a hole: what is trimmed behind it waits.
  unit.tryJunk(3);
  unit.tryTrim(3);
  assert.is(unit.trimmedRunEnd(), 0);
});

slots('end the trimmed run at the address limit when all is trimmed', () => {
  const unit = slotsAt(7);
  for (let address = 7; address < 7 + unit.count; address++) {
    unit.tryJunk(address);
    unit.tryTrim(address);
  }
  assert.is(unit.trimmedRunEnd(), 7 + unit.count);
});

slots('tell a trimmed address from one that does not fit, also above all slots', () => {
  const unit = freshSlots();
  const beyond = 3 * unit.count;
  assert.is(unit.tryWrite(beyond, REFERENCE), SlotOutcome.FULL);
  unit.raiseWatermark(beyond + 1);
  for (const address of [unit.count, beyond]) {
    assert.is(unit.tryWrite(address, REFERENCE), SlotOutcome.TRIMMED);
    assert.is(unit.tryWriteGranted(address, REFERENCE), SlotOutcome.TRIMMED);
    assert.is(unit.tryJunk(address), SlotOutcome.TRIMMED);
  }
  assert.is(unit.tryJunk(beyond + 1), SlotOutcome.FULL);
});

slots('know the highest address claimed, in whatever order', () => {
  const unit = freshSlots();
  for (const [address, limit] of [
    [0, 1],
    [3, 4],
    [1, 4],
    [15, 16],
    [14, 16],
    [16, 17],
    [40, 41],
  ] as const) {
    unit.tryJunk(address);
    assert.is(unit.writtenLimit(), limit, `after ${address}`);
  }
  unit.raiseWatermark(30);
  assert.is(unit.writtenLimit(), 41);
  unit.reclaimSlots(30);
  assert.is(unit.tryWrite(29 + unit.count, REFERENCE), SlotOutcome.OK);
  assert.is(unit.tryWrite(30 + unit.count, REFERENCE), SlotOutcome.FULL);
  assert.is(unit.writtenLimit(), 30 + unit.count);
});

slots('remember the highest address claimed, whatever is trimmed', () => {
  const unit = freshSlots();
  unit.tryWrite(7, REFERENCE);
  unit.tryJunk(9);
  assert.is(unit.writtenLimit(), 10);
  unit.tryWrite(2, REFERENCE);
  unit.tryTrim(9);
  unit.raiseWatermark(10);
  unit.reclaimSlots(10);
  assert.is(unit.writtenLimit(), 10);
  unit.raiseWatermark(12);
  assert.is(unit.writtenLimit(), 12, 'a prefix trim beyond everything written counts, too');
});

for (const start of [2 ** 31 - 3, 2 ** 32 - 3, 2 ** 40 - 3, 2 ** 52]) {
  slots(`hold addresses around ${start}`, () => {
    const unit = slotsAt(start);
    for (let address = start; address < start + 6; address++) {
      assert.is(unit.tryWrite(address, REFERENCE + (address - start)), SlotOutcome.OK);
    }
    for (let address = start; address < start + 6; address++) {
      assert.is(unit.load(address), REFERENCE + (address - start));
      assert.is(unit.tryTrim(address), SlotOutcome.OK);
    }
    assert.is(unit.trimmedRunEnd(), start + 6);
    assert.is(unit.writtenLimit(), start + 6);
    assert.is(unit.look(start - 1), SlotOutcome.TRIMMED);
    assert.is(unit.tryWrite(start + unit.count - 1, REFERENCE), SlotOutcome.OK);
    assert.is(unit.tryWrite(start + unit.count, REFERENCE), SlotOutcome.FULL);
  });
}

slots('keep the sealed epoch, and never lower it', () => {
  const unit = freshSlots();
  unit.seal(4);
  unit.seal(4);
  assert.is(unit.sealedEpoch(), 4);
  unit.seal(3);
  assert.is(unit.sealedEpoch(), 4);
});

slots('forget an address for ever, whatever is there, or nothing yet', () => {
  const unit = freshSlots();
  unit.tryWrite(1, REFERENCE);
  unit.tryJunk(2);
  for (const address of [0, 1, 2]) {
    assert.is(unit.forget(address), SlotOutcome.OK);
    assert.is(unit.forget(address), SlotOutcome.OK);
    assert.is(unit.look(address), SlotOutcome.TRIMMED);
    assert.is(unit.tryWrite(address, REFERENCE), SlotOutcome.TRIMMED, 'a copy that comes late');
    assert.is(unit.tryJunk(address), SlotOutcome.TRIMMED);
  }
  assert.is(unit.writtenLimit(), 3);
  assert.is(unit.trimmedRunEnd(), 3);
});

slots('forget nothing beyond the window, and below the watermark it is done already', () => {
  const unit = slotsAt(8);
  assert.is(unit.forget(8 + unit.count), SlotOutcome.FULL);
  assert.is(unit.writtenLimit(), 8);
  assert.is(unit.forget(7), SlotOutcome.OK);
  assert.is(unit.look(7), SlotOutcome.TRIMMED);
});

slots('forget a value that comes in between', () => {
  const unit = freshSlots();
  const { compareExchange } = Atomics;
  Atomics.compareExchange = ((cells: Int32Array, ...words: [number, number, number]): number => {
    Atomics.compareExchange = compareExchange;
    assert.is(unit.tryWrite(4, REFERENCE), SlotOutcome.OK);
    return compareExchange(cells, ...words);
  }) as typeof Atomics.compareExchange;
  try {
    assert.is(unit.forget(4), SlotOutcome.OK);
  } finally {
    Atomics.compareExchange = compareExchange;
  }
  assert.is(unit.look(4), SlotOutcome.TRIMMED);
});

slots('keep the highest of seals that race, whoever comes last', () => {
  const unit = freshSlots();
  const { compareExchange } = Atomics;
  Atomics.compareExchange = ((cells: Int32Array, ...words: [number, number, number]): number => {
    Atomics.compareExchange = compareExchange;
    unit.seal(6);
    return compareExchange(cells, ...words);
  }) as typeof Atomics.compareExchange;
  try {
    unit.seal(4);
  } finally {
    Atomics.compareExchange = compareExchange;
  }
  assert.is(unit.sealedEpoch(), 6);
  Atomics.compareExchange = ((cells: Int32Array, ...words: [number, number, number]): number => {
    Atomics.compareExchange = compareExchange;
    unit.seal(7);
    return compareExchange(cells, ...words);
  }) as typeof Atomics.compareExchange;
  try {
    unit.seal(9);
  } finally {
    Atomics.compareExchange = compareExchange;
  }
  assert.is(unit.sealedEpoch(), 9, 'a lower seal in between does not lose a higher one');
});

slots('owe a reclaim from the trim until it is done', () => {
  const unit = freshSlots();
  assert.not(unit.owesReclaim);
  unit.raiseWatermark(3);
  assert.ok(unit.owesReclaim);
  unit.reclaimSlots(2);
  assert.ok(unit.owesReclaim);
  unit.reclaimSlots(3);
  assert.not(unit.owesReclaim);
});

/** Wipes of units in every state: where they stood before, and where they begin anew. */
for (const [before, after] of [
  [0, 0],
  [0, 1000],
  [1000, 0],
  [37, 37],
  [2 ** 40 - 3, 5],
  [5, 2 ** 40 - 3],
]) {
  slots(`are unwritten after a wipe from ${before} to ${after}, all of them`, () => {
    const unit = slotsAt(before);
    for (let i = 0; i < unit.count; i++) {
      if (i % 3 === 0) unit.tryWrite(before + i, REFERENCE);
      if (i % 3 === 1) unit.tryJunk(before + i);
      if (i % 5 === 0) unit.tryTrim(before + i);
    }
    unit.raiseWatermark(before + 9);
    unit.reclaimSlots(before + 4);
    unit.wipe(after);
    assert.equal([unit.watermark(), unit.writtenLimit()], [after, after]);
    assert.is(unit.addressLimit(), after + unit.count);
    assert.not(unit.owesReclaim);
    for (let i = 0; i < unit.count; i++) {
      assert.is(unit.look(after + i), SlotOutcome.UNWRITTEN, `address ${i} above the watermark`);
    }
    if (after > 0) assert.is(unit.look(after - 1), SlotOutcome.TRIMMED);
    assert.is(unit.tryWrite(after + unit.count - 1, REFERENCE), SlotOutcome.OK);
  });
}

slots('are unwritten after a wipe that died anywhere and is done again', () => {
  const { store } = Atomics;
  for (let survives = 0; survives < 3; survives++) {
    const unit = slotsAt(100);
    for (let i = 0; i < unit.count; i++) unit.tryWrite(100 + i, REFERENCE);
    let stores = 0;
    Atomics.store = ((...args: [BigInt64Array, number, bigint]): bigint => {
      if (stores++ === survives) throw new Error('died');
      return store(...args);
    }) as typeof Atomics.store;
    try {
      assert.throws(() => unit.wipe(30), /died/);
    } finally {
      Atomics.store = store;
    }
    unit.wipe(500);
    assert.equal([unit.watermark(), unit.writtenLimit()], [500, 500]);
    assert.is(unit.addressLimit(), 500 + unit.count);
    for (let i = 0; i < unit.count; i++) {
      assert.is(unit.look(500 + i), SlotOutcome.UNWRITTEN, `died at store ${survives}: ${i}`);
    }
  }
});

slots('are the same through every view on the buffer', () => {
  const buffer = allocateUnit(unitSizes(256 * 1024, 4096));
  new UnitMemory(buffer).slots.tryWrite(5, REFERENCE);
  assert.is(new UnitMemory(buffer).slots.look(5), SlotOutcome.WRITTEN);
});

slots.run();
