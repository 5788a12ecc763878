/**
 * A unit's memory that is wiped for its next tenant: a projection without the unit is written,
 * everybody in flight has left, then it is wiped. Writers announce themselves, load the projection
 * hint, and change a slot only if they know of no newer projection.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Quiescence } from '../quiescence.ts';
import { SlotWord } from '../slots-layout.ts';
import { allocateThreadTable, ThreadTable } from '../thread-table.ts';
import { UnitMemory } from '../unit-memory.ts';
import { allocateRegisters, WriteOnceRegisters } from '../write-once-registers.ts';
import { assertFinds, explore, sample } from './explorer.ts';
import type { Program } from './machine.ts';
import { allocateSmallUnit, SIZES, viewsOn } from './unit-programs.ts';
import { quietly } from './watched-memory.ts';

/** The projection that names the unit, and the one that does not. */
const [OLD, NEW] = [1, 2];
const REFERENCE = 100;
const LOOKS = 2;
/** Wiped memory is sealed up to here; the writers of these programs ask the hint alone. */
const SEALED = 1;

const wipes = suite('wipes interleavings');

interface Memory {
  readonly unit: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
  readonly registers: SharedArrayBuffer;
}

const tableOn = ({ table }: Memory): ThreadTable => quietly(() => new ThreadTable(table));
const registersOn = ({ registers }: Memory): WriteOnceRegisters =>
  quietly(() => new WriteOnceRegisters(registers));

type Write = (memory: Memory, thread: number) => void;

const announceFirst: Write = (memory, thread) => {
  const [threads, registers] = [tableOn(memory), registersOn(memory)];
  threads.announce(thread);
  if (registers.highestHint() === OLD) change(memory, thread);
  threads.leave(thread);
};

/** Broken on purpose: the hint is loaded, then the thread announces itself. */
const checkFirst: Write = (memory, thread) => {
  const [threads, registers] = [tableOn(memory), registersOn(memory)];
  const old = registers.highestHint() === OLD;
  threads.announce(thread);
  if (old) change(memory, thread);
  threads.leave(thread);
};

function change({ unit }: Memory, thread: number): void {
  viewsOn(unit).slots.tryWrite(thread, REFERENCE + thread);
}

type Wipe = (memory: Memory) => boolean;

/** True once the memory is wiped. */
function wipeOnceQuiet(memory: Memory): boolean {
  const quiescence = new Quiescence(tableOn(memory));
  quiescence.begin();
  for (let look = 0; look < LOOKS; look++) if (quiescence.passed()) return wipe(memory);
  return false;
}

function wipe({ unit }: Memory): boolean {
  viewsOn(unit).wipe(0, SEALED);
  return true;
}

/** Whoever has written the projection has raised the hint. */
const proposeAndWipe: Wipe = (memory) =>
  registersOn(memory).write(NEW, '') === 'written' && wipeOnceQuiet(memory);

/** The projection is somebody else's, who may be dead: looking for it raises the hint. */
const findAndWipe: Wipe = (memory) =>
  registersOn(memory).highest() === NEW && wipeOnceQuiet(memory);

/** Broken on purpose: acts on a projection that the hint may not show. */
const seeAndWipe: Wipe = (memory) => registersOn(memory).has(NEW) && wipeOnceQuiet(memory);

/** Broken on purpose: does not wait for those in flight. */
const wipeAtOnce: Wipe = (memory) =>
  registersOn(memory).write(NEW, '') === 'written' && wipe(memory);

/** Broken on purpose: those are waited for who were in flight before the projection. */
const waitFirst: Wipe = (memory) => {
  const quiescence = new Quiescence(tableOn(memory));
  quiescence.begin();
  if (registersOn(memory).write(NEW, '') !== 'written') return false;
  for (let look = 0; look < LOOKS; look++) if (quiescence.passed()) return wipe(memory);
  return false;
};

interface Wiping {
  readonly writers: number;
  /** Flights of each writer. */
  readonly times?: number;
  readonly write?: Write;
  readonly wipe?: Wipe;
  /** Somebody else writes the projection. */
  readonly proposer?: boolean;
}

function wiping(options: Wiping): Program {
  const { writers, times = 1, write = announceFirst, wipe = proposeAndWipe } = options;
  const memory: Memory = {
    unit: allocateSmallUnit({ chunkCount: 1 }),
    table: allocateThreadTable(writers),
    registers: allocateRegisters(3, 8),
  };
  new WriteOnceRegisters(memory.registers).write(OLD, '');
  const [after, table] = [new UnitMemory(memory.unit), new ThreadTable(memory.table)];
  const threads: Record<string, () => unknown> = { wiper: () => wipe(memory) };
  const killable = ['wiper', 'w0'];
  if (options.proposer) {
    threads.proposer = () => registersOn(memory).write(NEW, '');
    killable.push('proposer');
  }
  for (let thread = 0; thread < writers; thread++) {
    table.claim(thread, thread + 1);
    threads[`w${thread}`] = () => {
      for (let i = 0; i < times; i++) write(memory, thread);
    };
  }
  const incarnation = table.incarnation(0);
  threads.supervisor = () => tableOn(memory).markExited(0, incarnation);
  return {
    threads,
    startsAfter: { supervisor: ['w0'] },
    killable,
    atEnd(glance) {
      for (let thread = 0; thread < writers; thread++) {
        assert.not(table.inFlight(thread), 'nobody is in flight for ever');
      }
      if (glance.thread('wiper').outcome !== true) return;
      for (let address = 0; address < SIZES.slotCount; address++) {
        assert.is(after.slots.load(address), SlotWord.UNWRITTEN, 'nothing lands after the wipe');
      }
      assert.is(after.slots.writtenLimit(), 0, 'nothing is claimed after the wipe');
    },
  };
}

for (const kills of [0, 1]) {
  wipes(`no write lands in wiped memory, kills=${kills}`, () => {
    explore(`wipe 1 writer kills ${kills}`, () => wiping({ writers: 1, times: 2 }), { kills });
    explore(`wipe 2 writers kills ${kills}`, () => wiping({ writers: 2 }), { kills });
  });

  wipes(`nor if the projection is that of another thread, kills=${kills}`, () => {
    const setup = (): Program => wiping({ writers: 1, wipe: findAndWipe, proposer: true });
    explore(`wipe after another kills ${kills}`, setup, { kills });
  });
}

wipes('random executions have no race by vector clocks', () => {
  const setup = (): Program => wiping({ writers: 2 });
  sample('wipe uniform', setup, { seed: 6, executions: 500, kills: 1 });
});

// With races looked for, the plain clearing of a slot meets the late write: found as well.
const LATE = /data race|after the wipe/;

for (const races of [true, false]) {
  const finds = (name: string, options: Partial<Wiping>): void => {
    const setup = (): Program => wiping({ writers: 1, ...options });
    const what = races ? LATE : /after the wipe/;
    assertFinds(what, () => explore(`mutant ${name} races ${races}`, setup, { races }));
  };

  wipes(`finds an announcement after the look at the hint, races=${races}`, () => {
    finds('wipe check first', { write: checkFirst });
  });

  wipes(`finds a wipe that does not wait, races=${races}`, () => {
    finds('wipe at once', { wipe: wipeAtOnce });
  });

  wipes(`finds a wait that begins before the projection, races=${races}`, () => {
    finds('wipe wait first', { wipe: waitFirst });
  });

  wipes(`finds a wiper that acts on what the hint does not show, races=${races}`, () => {
    finds('wipe unseen', { wipe: seeAndWipe, proposer: true });
  });
}

wipes.run();
