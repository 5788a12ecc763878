/**
 * Announce, look at epoch or watermark, change a slot, leave: against those who seal and wait
 * until everybody in flight has left before they read the written limit, and against a trim that
 * waits before slots get their next lap. Writers are any threads, as on the direct link.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CHUNK_RECORD_BYTES } from '../entry-bytes-layout.ts';
import { Quiescence } from '../quiescence.ts';
import type { Slots } from '../slots.ts';
import { SlotOutcome, SlotWord, UNIT_HEADER_BYTES } from '../slots-layout.ts';
import { allocateThreadTable, ThreadTable } from '../thread-table.ts';
import { UnitMemory } from '../unit-memory.ts';
import { WORD_BYTES } from '../words.ts';
import { assertFinds, explore, sample } from './explorer.ts';
import type { Glance, Program } from './machine.ts';
import { allocateSmallUnit, SIZES, viewsOn } from './unit-programs.ts';
import { quietly } from './watched-memory.ts';

const REFERENCE = 100;
/** Looks of who waits for those that are in flight. */
const LOOKS = 2;
const ADDRESSES = [0, 1];

const gates = suite('gates interleavings');

interface Memory {
  readonly unit: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
}

const tableOn = (table: SharedArrayBuffer): ThreadTable => quietly(() => new ThreadTable(table));

/** One change of a slot by a thread that works under `epoch`. */
interface Change {
  readonly epoch: number;
  readonly address: number;
  /** What the slot holds after it: a reference, or JUNK. */
  readonly word: number;
}

const write = (address: number, epoch = 1, word = REFERENCE + address): Change => {
  return { epoch, address, word };
};
const fill = (address: number, epoch = 1): Change => ({ epoch, address, word: SlotWord.JUNK });

function apply(slots: Slots, { address, word }: Change): SlotOutcome {
  return word === SlotWord.JUNK ? slots.tryJunk(address) : slots.tryWrite(address, word);
}

type Act = (memory: Memory, thread: number, change: Change) => SlotOutcome;

const announceFirst: Act = ({ unit, table }, thread, change) => {
  const [{ slots }, threads] = [viewsOn(unit), tableOn(table)];
  threads.announce(thread);
  const sealed = slots.sealedEpoch() >= change.epoch;
  const outcome = sealed ? SlotOutcome.SEALED : apply(slots, change);
  threads.leave(thread);
  return outcome;
};

/** Broken on purpose: the epoch is looked at, then the thread announces itself. */
const checkFirst: Act = ({ unit, table }, thread, change) => {
  const [{ slots }, threads] = [viewsOn(unit), tableOn(table)];
  if (slots.sealedEpoch() >= change.epoch) return SlotOutcome.SEALED;
  threads.announce(thread);
  const outcome = apply(slots, change);
  threads.leave(thread);
  return outcome;
};

/** Broken on purpose: the thread has left when it changes the slot. */
const leaveFirst: Act = ({ unit, table }, thread, change) => {
  const [{ slots }, threads] = [viewsOn(unit), tableOn(table)];
  threads.announce(thread);
  const sealed = slots.sealedEpoch() >= change.epoch;
  threads.leave(thread);
  return sealed ? SlotOutcome.SEALED : apply(slots, change);
};

/** What a sealer is sure of: nothing of the sealed epoch is elsewhere, or comes later. */
interface Sealed {
  readonly limit: number;
  readonly slots: readonly number[];
}

type Seal = (slots: Slots, quiescence: Quiescence, epoch: number) => number | undefined;

function passes(quiescence: Quiescence): boolean {
  for (let look = 0; look < LOOKS; look++) if (quiescence.passed()) return true;
  return false;
}

const sealAndWait: Seal = (slots, quiescence, epoch) => {
  slots.seal(epoch);
  quiescence.begin();
  return passes(quiescence) ? slots.writtenLimit() : undefined;
};

/** Broken on purpose: whoever is in flight is not waited for. */
const sealOnly: Seal = (slots, _quiescence, epoch) => {
  slots.seal(epoch);
  return slots.writtenLimit();
};

/** Broken on purpose: the limit is read, then those in flight are waited for. */
const limitFirst: Seal = (slots, quiescence, epoch) => {
  slots.seal(epoch);
  const limit = slots.writtenLimit();
  quiescence.begin();
  return passes(quiescence) ? limit : undefined;
};

/** Broken on purpose: who announces itself between the wait's beginning and the seal is missed. */
const beginFirst: Seal = (slots, quiescence, epoch) => {
  quiescence.begin();
  slots.seal(epoch);
  return passes(quiescence) ? slots.writtenLimit() : undefined;
};

/** Threads by name, each with its changes, one flight a change. */
type Writers = Readonly<Record<string, readonly Change[]>>;

interface Sealing {
  readonly writers: Writers;
  /** Epochs that are sealed, each by a thread of its own. */
  readonly seals?: readonly number[];
  /** Who may die, and has its exit told afterwards. */
  readonly mortal?: string;
  readonly act?: Act;
  readonly seal?: Seal;
  /** Broken on purpose: the exit is told while the thread may still run. */
  readonly toldEarly?: boolean;
}

function sealing(options: Sealing): Program {
  const { writers, seals = [1], mortal = 'w0', act = announceFirst, seal = sealAndWait } = options;
  const names = Object.keys(writers);
  const memory: Memory = { unit: allocateSmallUnit(), table: allocateThreadTable(names.length) };
  const [after, table] = [new UnitMemory(memory.unit), new ThreadTable(memory.table)];
  const threads: Record<string, () => unknown> = {};
  names.forEach((name, thread) => {
    table.claim(thread, thread + 1);
    threads[name] = () => writers[name].map((change) => act(memory, thread, change));
  });
  for (const epoch of seals) {
    threads[`seal ${epoch}`] = (): Sealed | undefined => {
      const { slots } = viewsOn(memory.unit);
      const limit = seal(slots, new Quiescence(tableOn(memory.table)), epoch);
      if (limit === undefined) return undefined;
      return { limit, slots: ADDRESSES.map((address) => slots.load(address)) };
    };
  }
  const dying = names.indexOf(mortal);
  const incarnation = table.incarnation(dying);
  threads.supervisor = () => tableOn(memory.table).markExited(dying, incarnation);
  return {
    threads,
    startsAfter: options.toldEarly ? {} : { supervisor: [mortal] },
    killable: [mortal, ...seals.map((epoch) => `seal ${epoch}`)],
    atEnd(glance) {
      names.forEach((_, thread) => {
        assert.not(table.inFlight(thread), 'nobody is in flight for ever');
      });
      const now = ADDRESSES.map((address) => after.slots.load(address));
      checkWriters(writers, now, glance);
      for (const epoch of seals) {
        const sealed = glance.thread(`seal ${epoch}`).outcome as Sealed | undefined;
        if (sealed !== undefined) checkSeal(epoch, sealed, writers, now);
      }
    },
  };
}

/** Whoever was told OK has won its slot, and nobody else has. */
function checkWriters(writers: Writers, now: readonly number[], glance: Glance): void {
  for (const address of ADDRESSES) {
    const winners: Change[] = [];
    for (const [name, changes] of Object.entries(writers)) {
      const outcomes = (glance.thread(name).outcome ?? []) as SlotOutcome[];
      winners.push(
        ...changes.filter(({ address: at }, i) => at === address && outcomes[i] === SlotOutcome.OK),
      );
    }
    assert.ok(winners.length <= 1, 'a slot is decided once');
    for (const { word } of winners) assert.is(now[address], word, 'what was written stays');
  }
}

/** Words of the sealed epoch and older ones: where the sealer saw them, and below its limit. */
function checkSeal(epoch: number, sealed: Sealed, writers: Writers, now: readonly number[]): void {
  const changes = Object.values(writers).flat();
  for (const address of ADDRESSES) {
    const old = changes.some((one) => {
      return one.epoch <= epoch && one.address === address && one.word === now[address];
    });
    if (!old) continue;
    assert.is(sealed.slots[address], now[address], 'nothing lands after passed()');
    assert.ok(address < sealed.limit, 'the seal tells of every write');
  }
}

/** Broken on purpose: watermark and limit are looked at, then the thread announces itself. */
const trimCheckFirst: Act = ({ unit, table }, thread, { address, word }) => {
  const [{ slots, words }, threads] = [viewsOn(unit), tableOn(table)];
  if (address < slots.watermark() || address >= slots.addressLimit()) return SlotOutcome.TRIMMED;
  threads.announce(thread);
  const slot = slotIndex(address);
  const before = Atomics.compareExchange(words, slot, SlotWord.UNWRITTEN, word);
  threads.leave(thread);
  return before === SlotWord.UNWRITTEN ? SlotOutcome.OK : SlotOutcome.WRITTEN;
};

function slotIndex(address: number): number {
  const first = UNIT_HEADER_BYTES + SIZES.chunkCount * CHUNK_RECORD_BYTES;
  return first / WORD_BYTES + (address % SIZES.slotCount);
}

/** Writers at an address that is trimmed and whose slot goes to the next lap. */
function trimming(act: Act, writers: number, times: number): Program {
  const memory: Memory = { unit: allocateSmallUnit(), table: allocateThreadTable(writers) };
  const after = new UnitMemory(memory.unit);
  const threads: Record<string, () => unknown> = {
    unit: (): boolean => {
      const { slots } = viewsOn(memory.unit);
      slots.raiseWatermark(1);
      const quiescence = new Quiescence(tableOn(memory.table));
      quiescence.begin();
      const passed = passes(quiescence);
      if (passed) slots.reclaimSlots(1);
      return passed;
    },
  };
  for (let thread = 0; thread < writers; thread++) {
    const change = write(0, 1, REFERENCE + thread);
    threads[`w${thread}`] = () => {
      for (let i = 0; i < times; i++) act(memory, thread, change);
    };
  }
  return {
    threads,
    killable: ['w0'],
    atEnd(glance) {
      const passed = glance.thread('unit').outcome;
      const word = after.slots.load(2);
      if (passed) assert.is(word, SlotWord.UNWRITTEN, 'nothing lands after passed()');
      assert.is(after.slots.look(2), SlotOutcome.UNWRITTEN, 'the next lap begins unwritten');
      assert.is(after.slots.look(0), SlotOutcome.TRIMMED, 'a trimmed address stays trimmed');
    },
  };
}

const ONE_WRITER: Writers = { w0: [write(0), write(1)] };
const TWO_WRITERS: Writers = { w0: [write(0)], w1: [write(1)] };
const TWO_EPOCHS: Writers = { w0: [write(0)], w1: [write(0, 2, REFERENCE + 7)] };
/** A writer that goes on in the next epoch. */
const EPOCHS_IN_TURN: Writers = { w0: [write(0), write(1, 2)] };
const WRITER_AND_FILLER: Writers = { w0: [write(0)], filler: [fill(0)] };
const ONE_SLOT: Writers = { w0: [write(0)], w1: [write(0, 1, REFERENCE + 7)], filler: [fill(0)] };

for (const kills of [0, 1]) {
  gates(`nothing of a sealed epoch lands once those in flight have left, kills=${kills}`, () => {
    explore(`seal 1 writer kills ${kills}`, () => sealing({ writers: ONE_WRITER }), { kills });
    explore(`seal 2 writers kills ${kills}`, () => sealing({ writers: TWO_WRITERS }), { kills });
    explore(`seal 2 epochs kills ${kills}`, () => sealing({ writers: TWO_EPOCHS }), { kills });
  });

  gates(`nothing lands in a reclaimed slot, kills=${kills}`, () => {
    explore(`trim 1 writer kills ${kills}`, () => trimming(announceFirst, 1, 2), { kills });
    explore(`trim 2 writers kills ${kills}`, () => trimming(announceFirst, 2, 1), { kills });
  });
}

gates('two seals of two epochs, each by its own wait', () => {
  const setup = (): Program => sealing({ writers: EPOCHS_IN_TURN, seals: [1, 2] });
  explore('seal twice', setup);
  explore('seal twice kills 1, 2 preemptions', setup, { kills: 1, preemptionsMax: 2 });
});

gates('two writers and a filler at one slot, sealed', () => {
  const setup = (): Program => sealing({ writers: ONE_SLOT });
  explore('seal 1 slot', setup);
  explore('seal 1 slot kills 1, 1 preemption', setup, { kills: 1, preemptionsMax: 1 });
});

gates('a writer and a filler at one slot, sealed, one of them killed', () => {
  for (const mortal of ['w0', 'filler']) {
    const setup = (): Program => sealing({ writers: WRITER_AND_FILLER, mortal });
    explore(`seal writer and filler, ${mortal} killed`, setup, { kills: 1 });
  }
});

gates('random executions have no race by vector clocks', () => {
  const setup = (): Program => sealing({ writers: ONE_SLOT });
  sample('seal uniform', setup, { seed: 5, executions: 500, kills: 1 });
});

const LATE = /nothing lands after passed|the seal tells of every write/;

for (const [name, writers] of Object.entries({ one: ONE_WRITER, slot: WRITER_AND_FILLER })) {
  const finds = (what: RegExp, mutant: string, options: Omit<Sealing, 'writers'>): void => {
    const setup = (): Program => sealing({ writers, ...options });
    assertFinds(what, () => explore(`mutant ${mutant} ${name}`, setup));
  };

  gates(`finds an announcement after the look at the epoch, ${name}`, () => {
    finds(LATE, 'seal check first', { act: checkFirst });
  });

  gates(`finds a thread that leaves before its change, ${name}`, () => {
    finds(LATE, 'seal leave first', { act: leaveFirst });
  });

  gates(`finds a seal that does not wait, ${name}`, () => {
    finds(LATE, 'seal only', { seal: sealOnly });
  });

  gates(`finds a written limit that is read before the wait, ${name}`, () => {
    finds(/the seal tells of every write/, 'seal limit first', { seal: limitFirst });
  });

  gates(`finds a wait that begins before the seal, ${name}`, () => {
    finds(LATE, 'seal begin first', { seal: beginFirst });
  });

  gates(`finds an exit that is told before it, ${name}`, () => {
    const what = /data race|nothing lands after passed|only who is in flight leaves/;
    finds(what, 'seal told early', { toldEarly: true });
  });
}

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
