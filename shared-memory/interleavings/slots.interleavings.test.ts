import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CHUNK_RECORD_BYTES } from '../entry-bytes-layout.ts';
import { EntryReader } from '../entry-reader.ts';
import { Quiescence } from '../quiescence.ts';
import { Slots } from '../slots.ts';
import { CLAIM_LIMIT_OFFSET, SlotOutcome, SlotWord, UNIT_HEADER_BYTES } from '../slots-layout.ts';
import { allocateThreadTable, ThreadTable } from '../thread-table.ts';
import { UnitMemory } from '../unit-memory.ts';
import { LONG_BYTES, raiseLong } from '../words.ts';
import { assertFinds, explore, sample } from './explorer.ts';
import type { Program, Region } from './machine.ts';
import {
  allocateSmallUnit,
  entryOffset,
  NOT_CONFIRMED,
  payloadOf,
  readEntry,
  referenceTo,
  SIZES,
  stageEntry,
  viewsOn,
} from './unit-programs.ts';
import { quietly } from './watched-memory.ts';

const { OK, WRITTEN, JUNK, TRIMMED, UNWRITTEN, FULL } = SlotOutcome;
const GRANTED = 100;
const FIRST_SLOT_BYTE = UNIT_HEADER_BYTES + SIZES.chunkCount * CHUNK_RECORD_BYTES;

const slots = suite('slots interleavings');

/** Stages an entry in the chunk and publishes it at the address. */
function write(unit: SharedArrayBuffer, chunk: number, address: number, content: number): unknown {
  const memory = viewsOn(unit);
  const offset = entryOffset(memory, chunk);
  stageEntry(memory, offset, address, content);
  return memory.slots.tryWrite(address, referenceTo(offset));
}

/** One lap below is reclaimed and cleared plainly; a slot word is checked after it was loaded. */
function clearedSlots(unit: SharedArrayBuffer): Region {
  return { buffer: unit, from: FIRST_SLOT_BYTE, to: unit.byteLength };
}

function twoWriters(): Program {
  const unit = allocateSmallUnit();
  const memory = new UnitMemory(unit);
  const writers = ['first', 'second'];
  return {
    threads: {
      first: () => write(unit, 0, 0, 7),
      second: () => write(unit, 1, 0, 8),
      reader: () => readEntry(viewsOn(unit), 0, 0),
    },
    killable: writers,
    atEnd(glance) {
      const outcomes = writers.map((name) => glance.thread(name).outcome);
      const winner = outcomes.indexOf(OK);
      assert.ok(outcomes.filter((outcome) => outcome === OK).length <= 1, 'one writer wins');
      const kept = readEntry(memory, 0, 0);
      if (winner >= 0) assert.equal(kept, payloadOf(7 + winner), 'the value of the winner is kept');
      else if (glance.kills === 0) assert.unreachable('a writer that was not killed has won');
      for (const outcome of outcomes)
        assert.ok([OK, WRITTEN, undefined].includes(outcome as never));
      const read = glance.thread('reader').outcome;
      if (read !== UNWRITTEN) assert.equal(read, kept, 'what was read is there for good');
    },
  };
}

function writerAndFiller(): Program {
  const unit = allocateSmallUnit();
  const memory = new UnitMemory(unit);
  return {
    threads: {
      writer: () => write(unit, 0, 0, 7),
      filler: () => viewsOn(unit).slots.tryJunk(0),
      reader: () => readEntry(viewsOn(unit), 0, 0),
    },
    killable: ['writer', 'filler'],
    atEnd(glance) {
      const [wrote, filled] = ['writer', 'filler'].map((name) => glance.thread(name).outcome);
      const kept = readEntry(memory, 0, 0);
      if (wrote === OK) assert.equal(kept, payloadOf(7), 'a value that was written stays');
      if (filled === OK) assert.is(kept, JUNK, 'junk stays');
      assert.not(wrote === OK && filled === OK, 'the slot is decided once');
      if (wrote === JUNK) assert.is(kept, JUNK);
      if (filled === WRITTEN) assert.equal(kept, payloadOf(7));
      if (memory.slots.load(0) !== SlotWord.UNWRITTEN) assert.ok(memory.slots.writtenLimit() >= 1);
      const read = glance.thread('reader').outcome;
      if (read !== UNWRITTEN) assert.equal(read, kept, 'what was read is there for good');
    },
  };
}

type Read = (unit: SharedArrayBuffer, address: number) => unknown;

const readWell: Read = (unit, address) => readEntry(viewsOn(unit), address, address);

/**
 * Address 0 is written. The unit trims and reclaims it; address 2, of the next lap, gets the same
 * slot and its entry the same bytes. Readers stand anywhere.
 */
function nextLap(read: Read, readers: readonly number[]): Program {
  const unit = allocateSmallUnit();
  const before = new UnitMemory(unit);
  const offset = entryOffset(before, before.chunks.lease(1, 64, false));
  stageEntry(before, offset, 0, 7);
  before.slots.tryWrite(0, referenceTo(offset));
  before.chunks.setUsed(0, SIZES.chunkBytes);
  before.chunks.setUsedLimit(0, 1);
  before.chunks.retire(0);
  const threads: Record<string, () => unknown> = {
    unit: () => {
      const { slots, chunks } = viewsOn(unit);
      slots.raiseWatermark(1);
      slots.reclaimSlots(1);
      chunks.reclaim(1);
    },
    writer: () => {
      const { chunks } = viewsOn(unit);
      const chunk = chunks.lease(2, 64, false);
      return write(unit, chunk, 2, 8);
    },
  };
  for (const address of readers) threads[`reader${address}`] = () => read(unit, address);
  return {
    threads,
    startsAfter: { writer: ['unit'] },
    killable: ['unit', 'writer'],
    racyReads: [clearedSlots(unit)],
    atEnd(glance) {
      for (const address of readers) {
        const seen = glance.thread(`reader${address}`).outcome;
        const may = address === 0 ? [TRIMMED, NOT_CONFIRMED] : [UNWRITTEN];
        if (Array.isArray(seen)) {
          assert.equal(seen, payloadOf(address === 0 ? 7 : 8), 'bytes of this entry');
        } else assert.ok(may.includes(seen as never), `outcome ${seen} of address ${address}`);
      }
    },
  };
}

/** Broken on purpose: the address limit is looked at when the slot has been loaded. */
class SlotFirst extends Slots {
  override look(address: number): SlotOutcome {
    const word = this.load(address);
    if (address >= this.addressLimit()) return UNWRITTEN;
    if (address < this.watermark()) return TRIMMED;
    if (word === SlotWord.UNWRITTEN) return UNWRITTEN;
    return word === SlotWord.JUNK ? JUNK : word === SlotWord.TRIMMED ? TRIMMED : WRITTEN;
  }
}

/** Broken on purpose: every address fits, so that locate() takes the slot of the lap below. */
class NoLimit extends Slots {
  override addressLimit(): number {
    return Number.MAX_SAFE_INTEGER;
  }
}

const readUnlimited: Read = (unit, address) => {
  const { words, bytes } = viewsOn(unit);
  const slots = quietly(() => new NoLimit(unit, FIRST_SLOT_BYTE));
  const reader = new EntryReader(slots, words, bytes, SIZES.streamHeaderWords);
  return readEntry({ reader, words }, address, address);
};

/** Broken on purpose: the watermark is looked at before the slot. */
class WatermarkFirst extends Slots {
  override look(address: number): SlotOutcome {
    if (address < this.watermark()) return TRIMMED;
    if (address >= this.addressLimit()) return UNWRITTEN;
    const word = this.load(address);
    if (word === SlotWord.UNWRITTEN) return UNWRITTEN;
    return word === SlotWord.JUNK ? JUNK : word === SlotWord.TRIMMED ? TRIMMED : WRITTEN;
  }
}

/** Address 2 is never written by this program: what a looker takes for it is not its entry. */
function lookAt(View: typeof Slots): Read {
  return (unit, address) => {
    const view = quietly(() => new View(unit, FIRST_SLOT_BYTE));
    const outcome = view.look(address);
    return outcome === WRITTEN ? payloadOf(address === 0 ? 7 : 0) : outcome;
  };
}

function lookers(View: typeof Slots): Program {
  const program = nextLap(lookAt(View), [0, 2]);
  // Nobody writes address 2: it is never there.
  const { writer, ...threads } = program.threads;
  assert.type(writer, 'function');
  return { ...program, threads, startsAfter: {} };
}

/**
 * Whoever reads the written limit counts every claim that ended before: its own, and, once trimmed
 * and reclaimed, those whose slot serves the next lap.
 */
function limitReader(): Program {
  const unit = allocateSmallUnit();
  const memory = new UnitMemory(unit);
  const claim = (address: number) => () => viewsOn(unit).slots.tryJunk(address);
  return {
    threads: {
      first: claim(0),
      unit: () => {
        const { slots } = viewsOn(unit);
        slots.raiseWatermark(1);
        slots.reclaimSlots(1);
      },
      second: claim(2),
      reader: () => {
        const { slots } = viewsOn(unit);
        return [slots.tryJunk(1), slots.writtenLimit()];
      },
    },
    startsAfter: { unit: ['first'], second: ['unit'] },
    killable: ['first', 'unit', 'second'],
    racyReads: [clearedSlots(unit)],
    atEnd(glance) {
      const [claimed, limit] = glance.thread('reader').outcome as [SlotOutcome, number];
      assert.is(claimed, OK);
      assert.ok(limit === 2 || limit === 3, `the reader's own claim counts: limit=${limit}`);
      const last = glance.thread('second').outcome === OK;
      if (last) assert.is(memory.slots.writtenLimit(), 3, 'the highest claim counts');
      if (glance.kills === 0) assert.ok(last, 'a slot that was reclaimed serves again');
    },
  };
}

/** A trim far above all slots, and a claim in between: no slot there serves it. */
function trimBeyond(raise: (unit: SharedArrayBuffer, address: number) => void): Program {
  const unit = allocateSmallUnit();
  const memory = new UnitMemory(unit);
  return {
    threads: {
      trimmer: () => raise(unit, 5),
      claimer: () => viewsOn(unit).slots.tryJunk(3),
    },
    killable: ['trimmer'],
    atEnd(glance) {
      const claimed = glance.thread('claimer').outcome;
      assert.ok(claimed === TRIMMED || claimed === FULL, `a claim above all slots: ${claimed}`);
      assert.is(memory.slots.load(3), SlotWord.UNWRITTEN, 'the slot of address 1 is not taken');
      if (glance.kills === 0) assert.is(memory.slots.writtenLimit(), 5, 'what is trimmed counts');
    },
  };
}

/**
 * A write in the flight in which its position was granted looks at no watermark. A trim passes it, waits,
 * and gives the slot to the next lap.
 */
function grantedWrite(flies: boolean): Program {
  const unit = allocateSmallUnit();
  const memory = new UnitMemory(unit);
  const table = allocateThreadTable(1);
  new ThreadTable(table).claim(0, 1);
  const tail = new SharedArrayBuffer(4);
  const tableOn = (): ThreadTable => quietly(() => new ThreadTable(table));
  return {
    threads: {
      writer: () => {
        const threads = tableOn();
        if (flies) threads.announce(0);
        Atomics.store(new Int32Array(tail), 0, 1);
        const outcome = viewsOn(unit).slots.tryWriteGranted(0, GRANTED);
        if (flies) threads.leave(0);
        return outcome;
      },
      unit: () => {
        const { slots } = viewsOn(unit);
        // Nobody trims what was not granted.
        if (Atomics.load(new Int32Array(tail), 0) === 0) return undefined;
        slots.raiseWatermark(1);
        const quiescence = new Quiescence(tableOn());
        quiescence.begin();
        if (!quiescence.passed() && !quiescence.passed()) return undefined;
        slots.reclaimSlots(1);
        return slots.tryJunk(2);
      },
    },
    killable: ['writer'],
    racyReads: [clearedSlots(unit)],
    atEnd(glance) {
      if (glance.thread('unit').outcome === undefined) return;
      assert.is(memory.slots.load(2), SlotWord.JUNK, 'the slot is of the next lap');
    },
  };
}

for (const kills of [0, 1]) {
  slots(`a granted write stays in its lap, kills=${kills}`, () => {
    explore(`granted write kills ${kills}`, () => grantedWrite(true), { kills });
  });

  slots(`the written limit counts every claim, kills=${kills}`, () => {
    explore(`written limit kills ${kills}`, limitReader, { kills });
  });

  slots(`a trim beyond all slots makes none of them claimable, kills=${kills}`, () => {
    const raise = (unit: SharedArrayBuffer, address: number): void =>
      viewsOn(unit).slots.raiseWatermark(address);
    explore(`trim beyond kills ${kills}`, () => trimBeyond(raise), { kills });
  });

  slots(`two writers: one wins, the other is told, kills=${kills}`, () => {
    explore(`two writers kills ${kills}`, twoWriters, { kills });
  });

  slots(`a writer and a filler: decided once, kills=${kills}`, () => {
    explore(`writer and filler kills ${kills}`, writerAndFiller, { kills });
  });

  slots(`a reader never takes bytes of another entry, kills=${kills}`, () => {
    for (const readers of [[0], [2], [0, 2]]) {
      const name = `next lap readers ${readers} kills ${kills}`;
      explore(name, () => nextLap(readWell, readers), { kills });
    }
    explore(`next lap lookers kills ${kills}`, () => lookers(Slots), { kills });
  });
}

slots('random executions have no race by vector clocks', () => {
  const setup = (): Program => nextLap(readWell, [0, 2]);
  sample('next lap uniform', setup, { seed: 3, executions: 500, kills: 1 });
  sample('two writers priorities', twoWriters, { seed: 4, executions: 500, priorityChanges: 3 });
});

slots('finds a reader that does not confirm', () => {
  const careless: Read = (unit, address) => readEntry(viewsOn(unit), address, address, false);
  assertFinds(/bytes of this entry/, () =>
    explore('mutant unconfirmed', () => nextLap(careless, [0])),
  );
});

slots('finds a reader that takes the slot of the lap below', () => {
  assertFinds(/bytes of this entry/, () =>
    explore('mutant no limit', () => nextLap(readUnlimited, [2])),
  );
});

slots('finds a look that loads the slot before the limit', () => {
  assertFinds(/bytes of this entry/, () => explore('mutant slot first', () => lookers(SlotFirst)));
});

slots('finds a look that loads the watermark before the slot', () => {
  assertFinds(/outcome 4 of address 0/, () =>
    explore('mutant watermark first', () => lookers(WatermarkFirst)),
  );
});

slots('finds a granted write that is in no flight', () => {
  assertFinds(/of the next lap/, () =>
    explore('mutant no flight', () => grantedWrite(false), { races: false }),
  );
});

slots('finds a trim that raises the claim limit before the watermark', () => {
  const careless = (unit: SharedArrayBuffer, address: number): void => {
    raiseLong(new BigInt64Array(unit), CLAIM_LIMIT_OFFSET / LONG_BYTES, address);
    viewsOn(unit).slots.raiseWatermark(address);
  };
  assertFinds(/a claim above all slots/, () =>
    explore('mutant limit first', () => trimBeyond(careless)),
  );
});

slots('finds an entry that is published before it is staged', () => {
  const setup = (): Program => {
    const unit = allocateSmallUnit();
    return {
      threads: {
        writer: () => {
          const memory = viewsOn(unit);
          const offset = entryOffset(memory, 0);
          stageEntry(memory, offset, 0, 0);
          memory.slots.tryWrite(0, referenceTo(offset));
          stageEntry(memory, offset, 0, 7);
        },
        reader: () => readEntry(viewsOn(unit), 0, 0),
      },
      atEnd(glance) {
        const read = glance.thread('reader').outcome;
        if (read !== UNWRITTEN) assert.equal(read, payloadOf(7), 'the entry is complete');
      },
    };
  };
  assertFinds(/data race/, () => explore('mutant staged late', setup));
  assertFinds(/the entry is complete/, () =>
    explore('mutant staged late, torn', setup, { races: false }),
  );
});

slots.run();
