/** Words that are claimed once: write-once registers, and indexes of the thread table. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateThreadTable, NO_THREAD, ThreadTable } from '../thread-table.ts';
import {
  FLIGHTS_OFFSET,
  SLEEPS_OFFSET,
  TENANT_OFFSET,
  THREAD_TABLE_HEADER_BYTES,
  ThreadState,
} from '../thread-table-layout.ts';
import { WORD_BYTES } from '../words.ts';
import { allocateRegisters, WriteOnceRegisters } from '../write-once-registers.ts';
import { assertFinds, explore } from './explorer.ts';
import type { Program } from './machine.ts';
import { quietly } from './watched-memory.ts';

const claims = suite('claims interleavings');

const TEXTS = ['a', 'b'];

function registers(): Program {
  const buffer = allocateRegisters(2, 32);
  const view = (): WriteOnceRegisters => quietly(() => new WriteOnceRegisters(buffer));
  const after = new WriteOnceRegisters(buffer);
  const propose = (text: string) => () => {
    const mine = view();
    const outcome = mine.write(1, text);
    return { outcome, read: mine.read(1) };
  };
  return {
    threads: {
      a: propose(TEXTS[0]),
      b: propose(TEXTS[1]),
      reader: () => [view().read(1), view().read(1)],
    },
    killable: ['a', 'b'],
    atEnd(glance) {
      const kept = after.read(1);
      let winners = 0;
      for (const name of TEXTS) {
        const done = glance.thread(name).outcome as { outcome: string; read: string } | undefined;
        if (done === undefined) continue;
        assert.is(done.read, kept, 'all proposers read the text of the winner');
        assert.is(done.outcome, kept === name ? 'written' : 'present');
        if (done.outcome === 'written') winners++;
        if (done.outcome === 'written') assert.is(after.highestHint(), 1);
      }
      assert.ok(winners === 1 || glance.kills > 0, 'one proposer wins');
      const [first, second] = glance.thread('reader').outcome as (string | undefined)[];
      assert.ok(first === undefined || first === kept, 'what was read stays');
      assert.ok(second === undefined ? first === undefined : second === kept);
    },
  };
}

interface Claimed {
  readonly index: number;
  readonly incarnation: number;
}

/** Two threads claim; one gives its index back and claims again; a host watches. */
function threadTable(indexes: number, again: boolean): Program {
  const buffer = allocateThreadTable(indexes);
  const view = (): ThreadTable => quietly(() => new ThreadTable(buffer));
  const after = new ThreadTable(buffer);
  const claim = (times: number) => () => {
    const table = view();
    const claimed: Claimed[] = [];
    for (let i = 0; i < times; i++) {
      const index = table.claim(0, indexes);
      if (index === NO_THREAD) break;
      claimed.push({ index, incarnation: table.incarnation(index) });
      if (i + 1 < times) table.release(index);
    }
    return claimed;
  };
  return {
    threads: {
      a: claim(again ? 2 : 1),
      b: claim(1),
      host: () => {
        const table = view();
        const version = table.membershipVersion();
        return { version, state: table.state(0), incarnation: table.incarnation(0) };
      },
    },
    killable: ['a'],
    atEnd(glance) {
      const a = (glance.thread('a').outcome ?? []) as Claimed[];
      const b = (glance.thread('b').outcome ?? []) as Claimed[];
      const numbers = [...a, ...b].map(({ incarnation }) => incarnation);
      assert.is(new Set(numbers).size, numbers.length, 'an incarnation is given once');
      const held = [...a.slice(-1), ...b].map(({ index }) => index);
      if (!again || a.length === 2) assert.is(new Set(held).size, held.length, 'one tenant each');
      if (indexes === 2 && glance.kills === 0) assert.ok(b.length === 1, 'there is room for both');
      if (glance.kills > 0) return;
      const host = glance.thread('host').outcome as { version: number; state: number };
      if (host.version !== after.membershipVersion()) return;
      const now = { state: after.state(0), incarnation: after.incarnation(0) };
      assert.equal(host, { version: host.version, ...now }, 'nothing changes without the version');
    },
  };
}

/** Broken on purpose: the version changes before state and incarnation are there. */
function versionFirst(): Program {
  const buffer = allocateThreadTable(1);
  const view = (): ThreadTable => quietly(() => new ThreadTable(buffer));
  const after = new ThreadTable(buffer);
  const [VERSION, RECORD] = [2, 32];
  return {
    threads: {
      a: () => {
        const words = new Int32Array(buffer);
        Atomics.add(words, VERSION, 1);
        Atomics.compareExchange(words, RECORD, ThreadState.FREE, ThreadState.ALIVE);
      },
      host: () => {
        const table = view();
        return [table.membershipVersion(), table.state(0)];
      },
    },
    atEnd(glance) {
      const [version, state] = glance.thread('host').outcome as number[];
      if (version === after.membershipVersion()) assert.is(state, after.state(0), 'the version');
    },
  };
}

type Tell = (table: ThreadTable, buffer: SharedArrayBuffer, incarnation: number) => boolean;

const tellWell: Tell = (table, _buffer, incarnation) => table.markExited(0, incarnation);

const wordAt = (offset: number): number => (THREAD_TABLE_HEADER_BYTES + offset) / WORD_BYTES;

/** Broken on purpose: the flight is ended when the state has changed, whoever is there by then. */
const tellFirst: Tell = (_table, buffer, incarnation) => {
  const words = new Int32Array(buffer);
  const tenant = wordAt(TENANT_OFFSET);
  const before = Atomics.compareExchange(words, tenant, incarnation, -incarnation);
  if (before !== incarnation) return false;
  for (const offset of [FLIGHTS_OFFSET, SLEEPS_OFFSET]) {
    const count = Atomics.load(words, wordAt(offset));
    if ((count & 1) === 1) Atomics.compareExchange(words, wordAt(offset), count, count + 1);
  }
  return true;
};

/** Broken on purpose: the tenant is looked at, then its state is stored. */
const tellInTwoSteps: Tell = (table, buffer, incarnation) => {
  if (table.incarnation(0) !== incarnation) return false;
  Atomics.store(new Int32Array(buffer), wordAt(TENANT_OFFSET), -incarnation);
  return true;
};

/**
 * A thread died in flight and asleep. Its owner tells, gives the index on, and its next tenant is
 * in flight and asleep too; a monitor tells of the same death at any time. Or nobody is next.
 */
function exits(tell: Tell, isNext: boolean): Program {
  const buffer = allocateThreadTable(1);
  const after = new ThreadTable(buffer);
  after.claim(0, 1);
  after.announce(0);
  after.prepareToSleep(0);
  const [dead, version] = [after.incarnation(0), after.membershipVersion()];
  const view = (): ThreadTable => quietly(() => new ThreadTable(buffer));
  return {
    threads: {
      owner: () => {
        const table = view();
        const told = tell(table, buffer, dead);
        if (!isNext) return told;
        table.release(0);
        assert.is(table.claim(0, 1), 0, 'the index is free');
        table.announce(0);
        table.prepareToSleep(0);
        return told;
      },
      monitor: () => tell(view(), buffer, dead),
    },
    atEnd(glance) {
      const [owner, monitor] = [glance.thread('owner'), glance.thread('monitor')];
      const told = [owner, monitor].filter(({ outcome }) => outcome === true).length;
      assert.ok(told === 1 || (glance.kills > 0 && told === 0), 'a death is told once');
      if (isNext && owner.state === 'ended') {
        assert.is(after.state(0), ThreadState.ALIVE, 'the next tenant lives');
        assert.ok(after.inFlight(0), 'the next tenant is in flight');
        const sleeps = new Int32Array(buffer)[wordAt(SLEEPS_OFFSET)];
        assert.is(sleeps & 1, 1, 'the next tenant can be rung');
      } else if (!isNext) {
        assert.is(after.state(0), ThreadState.EXITED, 'the dead are seen as dead');
        assert.not(after.inFlight(0), 'the dead are not in flight');
        assert.ok(after.membershipVersion() > version, 'hosts learn of it');
      }
    },
  };
}

for (const kills of [0, 1]) {
  claims(`a death is told once and harms nobody who comes next, kills=${kills}`, () => {
    explore(`exits kills ${kills}`, () => exits(tellWell, false), { kills });
    explore(`exits, next tenant kills ${kills}`, () => exits(tellWell, true), { kills });
  });

  claims(`a register has one winner and all agree, kills=${kills}`, () => {
    explore(`registers kills ${kills}`, registers, { kills });
  });

  claims(`an index has one tenant and the version tells, kills=${kills}`, () => {
    explore(`thread table 1 kills ${kills}`, () => threadTable(1, false), { kills });
    explore(`thread table 2 kills ${kills}`, () => threadTable(2, false), { kills });
    explore(`thread table again kills ${kills}`, () => threadTable(1, true), { kills });
  });
}

claims('finds a version that changes too early', () => {
  assertFinds(/the version/, () => explore('mutant version first', versionFirst));
});

claims('finds an exit that is cleared after it was told', () => {
  assertFinds(/the next tenant is in flight|leaves|data race/, () =>
    explore('mutant told first', () => exits(tellFirst, true)),
  );
});

claims('finds an exit that looks and stores', () => {
  assertFinds(/a death is told once/, () =>
    explore('mutant told in two steps', () => exits(tellInTwoSteps, false)),
  );
  assertFinds(/the next tenant lives|the index is free|a death is told once/, () =>
    explore('mutant told in two steps, next tenant', () => exits(tellInTwoSteps, true)),
  );
});

claims.run();
