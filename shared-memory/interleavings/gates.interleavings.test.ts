/**
 * Announce, look at epoch or watermark, change a slot, leave: against a seal that drains, and
 * against a trim that waits before slots get their next lap.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CHUNK_RECORD_BYTES } from '../entry-bytes-layout.ts';
import { Quiescence } from '../quiescence.ts';
import { SlotOutcome, SlotWord, UNIT_HEADER_BYTES } from '../slots-layout.ts';
import { allocateThreadTable, ThreadTable } from '../thread-table.ts';
import {
  OPERATIONS_OFFSET,
  THREAD_RECORD_BYTES,
  THREAD_TABLE_HEADER_BYTES,
} from '../thread-table-layout.ts';
import { UnitMemory } from '../unit-memory.ts';
import { WORD_BYTES } from '../words.ts';
import { assertFinds, explore, sample } from './explorer.ts';
import type { Program, Region } from './machine.ts';
import { allocateSmallUnit, SIZES, viewsOn } from './unit-programs.ts';
import { quietly } from './watched-memory.ts';

const EPOCH = 1;
const WRITERS = 2;
const REFERENCE = 100;
/** Looks of the unit for those who are in flight. */
const LOOKS = 2;

const gates = suite('gates interleavings');

interface Memory {
  readonly unit: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
}

type Write = (memory: Memory, thread: number, address: number) => unknown;

const tableOn = (table: SharedArrayBuffer): ThreadTable => quietly(() => new ThreadTable(table));

const announceFirst: Write = ({ unit, table }, thread, address) => {
  const [{ slots }, threads] = [viewsOn(unit), tableOn(table)];
  threads.announce(thread, EPOCH);
  const sealed = slots.sealedEpoch() >= EPOCH;
  const outcome = sealed ? SlotOutcome.SEALED : slots.tryWrite(address, REFERENCE + thread);
  threads.leave(thread);
  return outcome;
};

/** Broken on purpose: the epoch is looked at, then the operation is announced. */
const checkFirst: Write = ({ unit, table }, thread, address) => {
  const [{ slots }, threads] = [viewsOn(unit), tableOn(table)];
  if (slots.sealedEpoch() >= EPOCH) return SlotOutcome.SEALED;
  threads.announce(thread, EPOCH);
  const outcome = slots.tryWrite(address, REFERENCE + thread);
  threads.leave(thread);
  return outcome;
};

/** Broken on purpose: watermark and limit are looked at, then the operation is announced. */
const trimCheckFirst: Write = ({ unit, table }, thread, address) => {
  const [{ slots, words }, threads] = [viewsOn(unit), tableOn(table)];
  if (address < slots.watermark() || address >= slots.addressLimit()) return SlotOutcome.TRIMMED;
  threads.announce(thread, EPOCH);
  const slot = slotIndex(address);
  const before = Atomics.compareExchange(words, slot, SlotWord.UNWRITTEN, REFERENCE + thread);
  threads.leave(thread);
  return before === SlotWord.UNWRITTEN ? SlotOutcome.OK : SlotOutcome.WRITTEN;
};

function slotIndex(address: number): number {
  const first = UNIT_HEADER_BYTES + SIZES.chunkCount * CHUNK_RECORD_BYTES;
  return first / WORD_BYTES + (address % SIZES.slotCount);
}

/** Words that their thread counts up plainly, while whoever waits for it looks at them. */
function operations(table: SharedArrayBuffer): Region[] {
  return Array.from({ length: WRITERS }, (_, thread) => {
    const record = THREAD_TABLE_HEADER_BYTES + thread * THREAD_RECORD_BYTES;
    const from = record + OPERATIONS_OFFSET;
    return { buffer: table, from, to: from + WORD_BYTES };
  });
}

interface Sealed {
  readonly limit: number;
  readonly slots: readonly number[];
}

/** Two writers of the sealed epoch; a unit that seals, drains and reads what there is. */
function sealing(write: Write): Program {
  const memory: Memory = { unit: allocateSmallUnit(), table: allocateThreadTable(WRITERS) };
  const after = new UnitMemory(memory.unit);
  return {
    threads: {
      w0: () => write(memory, 0, 0),
      w1: () => write(memory, 1, 1),
      unit: (): Sealed | undefined => {
        const [{ slots }, threads] = [viewsOn(memory.unit), tableOn(memory.table)];
        slots.seal(EPOCH);
        for (let look = 0; look < LOOKS; look++) {
          if (!threads.drained(EPOCH)) continue;
          return { limit: slots.writtenLimit(), slots: [slots.load(0), slots.load(1)] };
        }
        return undefined;
      },
      // Clears what the dead left, once their exit has been awaited; then the seal can drain.
      supervisor: () => tableOn(memory.table).markExited(0),
      late: (): boolean => tableOn(memory.table).drained(EPOCH),
    },
    startsAfter: { supervisor: ['w0'], late: ['supervisor', 'w1', 'unit'] },
    killable: ['w0'],
    racyReads: operations(memory.table),
    atEnd(glance) {
      assert.is(glance.thread('late').outcome, true, 'a seal drains in the end');
      const sealed = glance.thread('unit').outcome as Sealed | undefined;
      if (sealed === undefined) return;
      const now = [after.slots.load(0), after.slots.load(1)];
      assert.equal(now, sealed.slots, 'nothing lands after drained()');
      now.forEach((word, address) => {
        if (word !== 0) assert.ok(address < sealed.limit, 'the seal tells of every write');
      });
      ['w0', 'w1'].forEach((name, address) => {
        const { outcome } = glance.thread(name);
        if (outcome === SlotOutcome.OK) assert.is(sealed.slots[address], REFERENCE + address);
      });
    },
  };
}

/** Writers at an address that is trimmed and whose slot goes to the next lap. */
function trimming(write: Write, writers: number, times: number): Program {
  const memory: Memory = { unit: allocateSmallUnit(), table: allocateThreadTable(WRITERS) };
  const after = new UnitMemory(memory.unit);
  const threads: Record<string, () => unknown> = {
    unit: (): boolean => {
      const { slots } = viewsOn(memory.unit);
      slots.raiseWatermark(1);
      const quiescence = new Quiescence(tableOn(memory.table));
      quiescence.begin();
      let passed = false;
      for (let look = 0; look < LOOKS && !passed; look++) passed = quiescence.passed();
      if (passed) slots.reclaimSlots(1);
      return passed;
    },
  };
  for (let thread = 0; thread < writers; thread++) {
    threads[`w${thread}`] = () => {
      for (let i = 0; i < times; i++) write(memory, thread, 0);
    };
  }
  return {
    threads,
    killable: ['w0'],
    racyReads: operations(memory.table),
    atEnd(glance) {
      const passed = glance.thread('unit').outcome;
      const word = after.slots.load(2);
      if (passed) assert.is(word, SlotWord.UNWRITTEN, 'nothing lands after passed()');
      assert.is(after.slots.look(2), SlotOutcome.UNWRITTEN, 'the next lap begins unwritten');
      assert.is(after.slots.look(0), SlotOutcome.TRIMMED, 'a trimmed address stays trimmed');
    },
  };
}

for (const kills of [0, 1]) {
  gates(`nothing lands after a seal has drained, kills=${kills}`, () => {
    explore(`seal kills ${kills}`, () => sealing(announceFirst), { kills });
  });

  gates(`nothing lands in a reclaimed slot, kills=${kills}`, () => {
    explore(`trim 1 writer kills ${kills}`, () => trimming(announceFirst, 1, 2), { kills });
    explore(`trim 2 writers kills ${kills}`, () => trimming(announceFirst, 2, 1), { kills });
  });
}

gates('random executions have no race by vector clocks', () => {
  sample('seal uniform', () => sealing(announceFirst), { seed: 5, executions: 500, kills: 1 });
});

gates('finds an announcement after the look at the epoch', () => {
  assertFinds(/nothing lands after drained/, () =>
    explore('mutant seal check first', () => sealing(checkFirst)),
  );
});

gates('finds an announcement after the look at the watermark', () => {
  assertFinds(/nothing lands after passed|data race/, () =>
    explore('mutant trim check first', () => trimming(trimCheckFirst, 1, 1)),
  );
  assertFinds(/nothing lands after passed/, () =>
    explore('mutant trim check first, no races', () => trimming(trimCheckFirst, 1, 1), {
      races: false,
    }),
  );
});

gates.run();
