import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertFinds, explore, sample, Violation } from './explorer.ts';
import type { Program } from './machine.ts';
import { formatSchedule, parseSchedule } from './schedule.ts';
import { quietly } from './watched-memory.ts';

const explorer = suite('explorer');

const freshWords = (): Int32Array => new Int32Array(new SharedArrayBuffer(64));

/** Each thread stores to words of its own. */
function stores(threads: number, each: number): Program {
  const words = freshWords();
  const run = (thread: number) => () => {
    for (let i = 0; i < each; i++) Atomics.store(words, thread, i + 1);
  };
  const names = Array.from({ length: threads }, (_, thread) => [`t${thread}`, run(thread)]);
  return { threads: Object.fromEntries(names) as Program['threads'] };
}

/** Two threads count a word up in two steps. */
function lostUpdate(): Program {
  const words = freshWords();
  const count = (): void => {
    Atomics.store(words, 0, Atomics.load(words, 0) + 1);
  };
  return {
    threads: { a: count, b: count },
    atEnd: () => assert.is(words[0], 2, 'no update is lost'),
  };
}

function plainCounter(ordered: boolean): Program {
  const words = freshWords();
  return {
    threads: {
      a() {
        words[0] = 1;
        Atomics.store(words, 1, 1);
      },
      b: () => (ordered && Atomics.load(words, 1) === 0 ? 0 : words[0]),
    },
  };
}

explorer('counts every interleaving', () => {
  assert.is(explore('stores 2x2', () => stores(2, 2)).executions, 6);
  assert.is(explore('stores 2x5', () => stores(2, 5)).executions, 252);
  assert.is(explore('stores 3x2', () => stores(3, 2)).executions, 90);
  assert.is(explore('stores 3x2', () => stores(3, 2)).states, 27);
});

explorer('kills a thread at every point, once', () => {
  // Done, or stopped before its first, second or third store.
  assert.is(explore('stores 1x3 kills', () => stores(1, 3), { kills: 1 }).executions, 4);
});

explorer('bounds preemptions', () => {
  const bounded = (preemptionsMax: number): number =>
    explore('stores 2x3 bounded', () => stores(2, 3), { preemptionsMax }).executions;
  assert.equal([bounded(0), bounded(1)], [2, 6]);
  assert.is(bounded(9), 20);
});

explorer('finds a lost update, and its schedule repeats it', () => {
  let schedule = '';
  try {
    explore('lost update', lostUpdate);
  } catch (error) {
    assert.instance(error, Violation);
    schedule = (error as Violation).schedule;
  }
  assert.is(schedule, 'a b a b');
  process.env.PROGRAM = 'lost update';
  process.env.SCHEDULE = schedule;
  try {
    assertFinds(/no update is lost/, () => explore('lost update', lostUpdate));
  } finally {
    Reflect.deleteProperty(process.env, 'PROGRAM');
    Reflect.deleteProperty(process.env, 'SCHEDULE');
  }
});

explorer('finds a lost update with one preemption and at random', () => {
  assertFinds(/lost/, () => explore('lost update 1', lostUpdate, { preemptionsMax: 1 }));
  explore('lost update 0', lostUpdate, { preemptionsMax: 0 });
  const options = { seed: 1, executions: 50 };
  assertFinds(/lost/, () => sample('lost update uniform', lostUpdate, options));
  assertFinds(/lost/, () =>
    sample('lost update pct', lostUpdate, { ...options, priorityChanges: 1 }),
  );
});

explorer('tells a race from an order, by both detectors', () => {
  const options = { seed: 1, executions: 50 };
  assertFinds(/data race/, () => explore('race', () => plainCounter(false)));
  assertFinds(/data race/, () => sample('race clocks', () => plainCounter(false), options));
  explore('no race', () => plainCounter(true));
  sample('no race clocks', () => plainCounter(true), options);
});

explorer('finds a sleep that nobody ends', () => {
  const setup = (): Program => {
    const words = freshWords();
    return {
      threads: { sleeper: () => Atomics.wait(words, 0, 0), other: () => Atomics.notify(words, 0) },
      atEnd: (glance) => assert.is(glance.deadlines, 0, 'no deadline passes'),
    };
  };
  assertFinds(/no deadline passes/, () => explore('unrung', setup));
});

explorer('refuses a constant that changes', () => {
  const setup = (): Program => {
    const words = freshWords();
    return {
      threads: {
        reader: () => quietly(() => words[0]),
        writer: () => Atomics.store(words, 0, 1),
      },
    };
  };
  assert.throws(() => explore('constant', setup), /was read as a constant/);
});

explorer('stops at too many states', () => {
  const run = (): unknown => explore('too many', () => stores(2, 5), { statesMax: 10 });
  assert.throws(run, /more than 10 states/);
});

explorer('leaves the globals as they were', () => {
  const before = [Atomics.load, globalThis.Int32Array];
  explore('globals', () => stores(1, 1));
  assert.equal([Atomics.load, globalThis.Int32Array], before);
});

explorer('reads the schedules that it writes', () => {
  const names = ['a', 'bee'];
  const text = 'a*3 !bee a ~a';
  assert.is(formatSchedule(parseSchedule(text, names), names), text);
  assert.throws(() => parseSchedule('c', names), /names a thread/);
});

explorer.run();
