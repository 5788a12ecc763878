/**
 * The sequencer's step under its lock: against another one, a death inside, a seal that reads the
 * tail, and a new build of the stream state.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Quiescence } from '../quiescence.ts';
import { LOCK_OFFSET } from '../sequencer-layout.ts';
import { allocateSequencer, SequencerMemory } from '../sequencer-memory.ts';
import { allocateThreadTable, ThreadTable } from '../thread-table.ts';
import { WORD_BYTES } from '../words.ts';
import { assertFinds, explore, sample } from './explorer.ts';
import type { Glance, Program } from './machine.ts';
import { note } from './thread-history.ts';
import { quietly } from './watched-memory.ts';

const OWNERS = { a: 11, b: 12 } as const;
const NOBODY = 99;
const SEALER = 20;
const EPOCH = 1;
const STREAM = 5;
const OTHER_STREAM = 6;
/** Looks at the lock or at those in flight. */
const LOOKS = 2;
const LOCK = LOCK_OFFSET / WORD_BYTES;

const locks = suite('sequencer lock interleavings');

type Name = keyof typeof OWNERS;
type Grant = (buffer: SharedArrayBuffer, owner: number, epoch: number) => number;

const viewOn = (buffer: SharedArrayBuffer): SequencerMemory =>
  quietly(() => new SequencerMemory(buffer));

function allocate(): SharedArrayBuffer {
  const buffer = allocateSequencer({ backpointers: 4, streamsMax: 2 });
  new SequencerMemory(buffer).setBuilt(EPOCH);
  return buffer;
}

/** One position, linked into the stream as well. */
function step(memory: SequencerMemory): number {
  const position = memory.tail();
  memory.pushStreamPosition(memory.findStream(STREAM, true), position);
  memory.setTail(position + 1);
  return position;
}

/** A step for whoever has entered by `enter`; -1: somebody is inside. */
function lockedStep(enter: (memory: SequencerMemory, owner: number) => boolean): Grant {
  return (buffer, owner) => {
    const memory = viewOn(buffer);
    if (!enter(memory, owner)) return -1;
    note('inside');
    const position = step(memory);
    memory.unlock();
    note('left');
    return position;
  };
}

const entering = lockedStep((memory, owner) => memory.tryLock(owner));

type Break = (buffer: SharedArrayBuffer, incarnation: number) => boolean;
const breaking: Break = (buffer, incarnation) => viewOn(buffer).breakLock(incarnation);

interface LockOptions {
  readonly grant?: Grant;
  readonly take?: Break;
  /** Whether the supervisor awaits the exit of `a`. */
  readonly awaits?: boolean;
}

/** Two that grant, `a` twice; the supervisor of `a`, who dies, and of somebody who never was. */
function locking({ grant = entering, take = breaking, awaits = true }: LockOptions = {}): Program {
  const buffer = allocate();
  const after = new SequencerMemory(buffer);
  const isInside = (glance: Glance, name: Name): boolean =>
    glance.thread(name).notes.at(-1) === 'inside';
  return {
    threads: {
      a: () => [grant(buffer, OWNERS.a, EPOCH), grant(buffer, OWNERS.a, EPOCH)],
      b: () => [grant(buffer, OWNERS.b, EPOCH)],
      supervisor: () => {
        const wrong = take(buffer, NOBODY);
        if (take(buffer, OWNERS.a)) note('broken');
        return wrong;
      },
    },
    startsAfter: { supervisor: awaits ? ['a'] : [] },
    killable: ['a'],
    always(glance) {
      const isBroken = glance.thread('supervisor').notes.includes('broken');
      for (const name of ['a', 'b'] as const) {
        const isDead = glance.thread(name).state === 'killed';
        if (!isInside(glance, name) || (isDead && isBroken)) continue;
        assert.is(after.lockOwner(), OWNERS[name], 'whoever is inside has the lock');
      }
    },
    atEnd(glance) {
      assert.is(after.lockOwner(), 0, 'the lock is free in the end');
      assert.is(glance.thread('supervisor').outcome, false, 'nobody loses no lock');
      const isBroken = glance.thread('supervisor').notes.includes('broken');
      assert.is(isBroken, isInside(glance, 'a'), 'the lock is taken from a dead owner only');
      const granted = (['a', 'b'] as const)
        .flatMap((name) => (glance.thread(name).outcome ?? []) as number[])
        .filter((position) => position >= 0);
      assert.is(new Set(granted).size, granted.length, 'a position is granted once');
      for (const position of granted) assert.ok(position < after.tail(), 'the tail is above');
      if (glance.kills > 0) return;
      const record = after.findStream(STREAM, false);
      const latest = granted.sort((x, y) => y - x);
      const linked = latest.map((_, i) => after.streamPosition(record, i));
      assert.equal(linked, latest, 'the stream has every position');
    },
  };
}

const grantLocked: Grant = (buffer, owner, epoch) => {
  const memory = viewOn(buffer);
  if (!memory.tryLock(owner)) return -1;
  const position = memory.serves(epoch) ? step(memory) : -1;
  memory.unlock();
  return position;
};

/** Broken on purpose: the epoch is looked at, then the lock is taken. */
const looksFirst: Grant = (buffer, owner, epoch) => {
  const memory = viewOn(buffer);
  if (!memory.serves(epoch) || !memory.tryLock(owner)) return -1;
  const position = step(memory);
  memory.unlock();
  return position;
};

/** Broken on purpose: the tail follows after the lock was given back. */
const advancesLate: Grant = (buffer, owner, epoch) => {
  const memory = viewOn(buffer);
  if (!memory.tryLock(owner)) return -1;
  const position = memory.serves(epoch) ? memory.tail() : -1;
  memory.unlock();
  if (position >= 0) memory.setTail(position + 1);
  return position;
};

type Seal = (memory: SequencerMemory) => number | undefined;

/** The tail, once the lock was seen free; undefined: not yet. */
const sealThenLook: Seal = (memory) => {
  memory.seal(EPOCH);
  for (let look = 0; look < LOOKS; look++) if (memory.lockOwner() === 0) return memory.tail();
  return undefined;
};

/** Broken on purpose: the lock is seen free, then the epoch is sealed. */
const looksThenSeals: Seal = (memory) => {
  if (memory.lockOwner() !== 0) return undefined;
  memory.seal(EPOCH);
  return memory.tail();
};

/** Broken on purpose: whoever is inside is not waited for. */
const sealsOnly: Seal = (memory) => {
  memory.seal(EPOCH);
  return memory.tail();
};

/** Broken on purpose: the tail is read, then the lock is looked at. */
const readsEarly: Seal = (memory) => {
  memory.seal(EPOCH);
  const tail = memory.tail();
  return memory.lockOwner() === 0 ? tail : undefined;
};

function assertCovered(glance: Glance, tail: number, now: number): void {
  assert.is(now, tail, 'nothing is granted after the seal has told');
  const granted = ['a', 'b']
    .map((name) => glance.thread(name).outcome as number | undefined)
    .filter((position) => position !== undefined && position >= 0);
  for (const position of granted) {
    assert.ok((position as number) < tail, 'the sealed tail covers every grant');
  }
  assert.is(new Set(granted).size, granted.length, 'a position is granted once');
}

/** Two that grant in the epoch that is sealed; who died inside is cleared, then sealed again. */
function sealing(grant: Grant, seal: Seal = sealThenLook): Program {
  const buffer = allocate();
  const after = new SequencerMemory(buffer);
  return {
    threads: {
      a: () => grant(buffer, OWNERS.a, EPOCH),
      b: () => grant(buffer, OWNERS.b, EPOCH),
      sealer: () => seal(viewOn(buffer)),
      supervisor: () => breaking(buffer, OWNERS.a),
      again: () => sealThenLook(viewOn(buffer)),
    },
    startsAfter: { supervisor: ['a', 'sealer'], again: ['supervisor', 'b'] },
    killable: ['a'],
    atEnd(glance) {
      const sealed = glance.thread('sealer').outcome as number | undefined;
      if (sealed !== undefined) assertCovered(glance, sealed, after.tail());
      const again = glance.thread('again').outcome as number | undefined;
      assert.is.not(again, undefined, 'the seal comes to an end once the dead are cleared');
      assertCovered(glance, again as number, after.tail());
    },
  };
}

/** As sealing(), with grants in flight that the sealer waits for instead of the lock. */
function sealingInFlight(announces: boolean): Program {
  const buffer = allocate();
  const flights = allocateThreadTable(2);
  const after = new SequencerMemory(buffer);
  const tableOn = (): ThreadTable => quietly(() => new ThreadTable(flights));
  const inFlight = (owner: number, thread: number) => () => {
    const table = tableOn();
    if (announces) table.announce(thread);
    const position = grantLocked(buffer, owner, EPOCH);
    if (announces) table.leave(thread);
    return position;
  };
  return {
    threads: {
      a: inFlight(OWNERS.a, 0),
      b: inFlight(OWNERS.b, 1),
      sealer: () => {
        const memory = viewOn(buffer);
        memory.seal(EPOCH);
        const quiescence = new Quiescence(tableOn());
        quiescence.begin();
        for (let look = 0; look < LOOKS; look++) if (quiescence.passed()) return memory.tail();
        return undefined;
      },
    },
    killable: ['a'],
    atEnd(glance) {
      const sealed = glance.thread('sealer').outcome as number | undefined;
      if (sealed !== undefined) assertCovered(glance, sealed, after.tail());
    },
  };
}

const BUILT = [7, 5, -1, -1];
const HISTORY_START = 3;
const PROJECTION = 0;

/** In their order: demand, publication of the new epoch, build. */
interface BuildSteps {
  readonly before: (memory: SequencerMemory, publish: () => void) => void;
  readonly build: (memory: SequencerMemory) => void;
}

const buildSteps: BuildSteps = {
  before(memory, publish) {
    memory.requireBuild(EPOCH + 1);
    publish();
  },
  build(memory) {
    memory.resetStreams(HISTORY_START);
    memory.setStreamPositions(memory.findStream(STREAM, true), BUILT);
    memory.setTail(BUILT[0] + 1);
    memory.setBuilt(EPOCH + 1);
  },
};

/** Broken on purpose: the new epoch is known before a build is asked for. */
const publishesFirst: BuildSteps = {
  ...buildSteps,
  before(memory, publish) {
    publish();
    memory.requireBuild(EPOCH + 1);
  },
};

/** Broken on purpose: built is said when nobody has entered yet. */
const saysBuiltFirst: BuildSteps = {
  ...buildSteps,
  before(memory, publish) {
    buildSteps.before(memory, publish);
    memory.setBuilt(EPOCH + 1);
  },
};

/** One dies in the old epoch; the state is built again while another asks in the new one. */
function rebuilding(steps: BuildSteps): Program {
  const buffer = allocate();
  const layout = new SharedArrayBuffer(WORD_BYTES);
  const after = new SequencerMemory(buffer);
  const publish = (): void => {
    Atomics.store(new Int32Array(layout), PROJECTION, EPOCH + 1);
  };
  return {
    threads: {
      a: () => grantLocked(buffer, OWNERS.a, EPOCH),
      builder: () => {
        const memory = viewOn(buffer);
        memory.seal(EPOCH);
        memory.breakLock(OWNERS.a);
        steps.before(memory, publish);
        for (let look = 0; look < LOOKS; look++) {
          if (!memory.tryLock(SEALER)) continue;
          steps.build(memory);
          memory.unlock();
          return true;
        }
        return false;
      },
      b: () => {
        if (Atomics.load(new Int32Array(layout), PROJECTION) === 0) return undefined;
        const memory = viewOn(buffer);
        if (!memory.tryLock(OWNERS.b)) return undefined;
        let told: unknown;
        if (memory.serves(EPOCH + 1)) {
          const record = memory.findStream(STREAM, true);
          const earlier = BUILT.map((_, i) => memory.streamPosition(record, i));
          const unknown = memory.findStream(OTHER_STREAM, false);
          told = { earlier, unknown, first: memory.firstEarlier(), position: memory.tail() };
          memory.setTail(memory.tail() + 1);
        }
        memory.unlock();
        return told;
      },
    },
    startsAfter: { builder: ['a'] },
    killable: ['a'],
    atEnd(glance) {
      const told = glance.thread('b').outcome;
      const first = HISTORY_START - 1;
      const expected = { earlier: BUILT, unknown: -1, first, position: BUILT[0] + 1 };
      if (told !== undefined) assert.equal(told, expected, 'the new epoch sees what was built');
      if (glance.thread('builder').outcome !== true) return;
      for (let record = 0; record < after.streamsKnown; record++) {
        assert.is(after.findStream(after.streamOf(record), false), record, 'nothing is left over');
      }
      assert.is(after.streamsKnown, 1);
    },
  };
}

for (const kills of [0, 1]) {
  locks(`one is inside, and a dead owner until its lock is broken, kills=${kills}`, () => {
    explore(`lock kills ${kills}`, locking, { kills });
  });

  locks(`a sealed tail covers every grant, kills=${kills}`, () => {
    explore(`seal and grant kills ${kills}`, () => sealing(grantLocked), { kills });
    explore(`seal and flight kills ${kills}`, () => sealingInFlight(true), { kills });
  });

  locks(`a new epoch sees what was built for it, kills=${kills}`, () => {
    explore(`rebuild kills ${kills}`, () => rebuilding(buildSteps), { kills });
  });
}

locks('random executions have no race by vector clocks', () => {
  const options = { seed: 7, executions: 300, kills: 1 };
  sample('lock uniform', locking, options);
  sample('seal and grant uniform', () => sealing(grantLocked), options);
  sample('rebuild uniform', () => rebuilding(buildSteps), options);
});

locks('finds a lock that is looked at, then stored', () => {
  const looking: Grant = (buffer, owner, epoch) =>
    lockedStep((memory) => {
      if (memory.lockOwner() !== 0) return false;
      Atomics.store(new Int32Array(buffer), LOCK, owner);
      return true;
    })(buffer, owner, epoch);
  assertFinds(/whoever is inside has the lock/, () =>
    explore('mutant look then store', () => locking({ grant: looking })),
  );
});

locks('finds a lock that is broken whoever has it', () => {
  const take: Break = (buffer) => {
    viewOn(buffer).unlock();
    return false;
  };
  assertFinds(/whoever is inside has the lock/, () =>
    explore('mutant break any', () => locking({ take }), { kills: 1 }),
  );
});

locks('finds a lock that is broken before the exit was awaited', () => {
  assertFinds(/whoever is inside has the lock/, () =>
    explore('mutant break early', () => locking({ awaits: false })),
  );
});

const sealMutants: readonly (readonly [string, () => Program])[] = [
  ['a look at the epoch before the lock', () => sealing(looksFirst)],
  ['a tail that follows after the lock', () => sealing(advancesLate)],
  ['a seal after the look at the lock', () => sealing(grantLocked, looksThenSeals)],
  ['a seal that waits for nobody', () => sealing(grantLocked, sealsOnly)],
  ['a tail that is read before the lock is free', () => sealing(grantLocked, readsEarly)],
  ['a grant that is not announced', () => sealingInFlight(false)],
];

for (const [what, program] of sealMutants) {
  locks(`finds ${what}`, () => {
    assertFinds(/nothing is granted after|covers every grant|granted once/, () =>
      explore(`mutant ${what}`, program),
    );
  });
}

locks('finds an epoch that is known before its build is asked for', () => {
  assertFinds(/sees what was built/, () =>
    explore('mutant publish first', () => rebuilding(publishesFirst)),
  );
});

locks('finds a build that is told before it is there', () => {
  assertFinds(/sees what was built/, () =>
    explore('mutant built first', () => rebuilding(saysBuiltFirst)),
  );
});

locks.run();
