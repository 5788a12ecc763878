/** The recorder is killed at every point, while another thread collects. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  allocateHistoryRing,
  HistoryCollector,
  type HistoryRecord,
  HistoryRecorder,
  NO_ROOM,
} from '../history-ring.ts';
import {
  POSITION_OFFSET,
  RECORDS_OFFSET,
  RETURN_OFFSET,
  RecordState,
  STATE_OFFSET,
} from '../history-ring-layout.ts';
import { LONG_BYTES, WORD_BYTES } from '../words.ts';
import { assertFinds, explore, sample } from './explorer.ts';
import type { Glance, Program } from './machine.ts';
import { note } from './thread-history.ts';

const history = suite('history ring interleavings');

const KIND = 4;
const CAPACITY = 2;
const positionOf = (key: number): number => 100 * key;

/** One word for each operation: set by the operation itself, which is what must not be missed. */
type Effects = Int32Array;

interface Memory {
  readonly ring: SharedArrayBuffer;
  readonly effects: Effects;
}

type Work = (recorder: HistoryRecorder, memory: Memory) => void;

/** Notes the key of each operation whose end was recorded. */
function perform(recorder: HistoryRecorder, { effects }: Memory, key: number): void {
  let record = recorder.begin(KIND, key, 10 + key);
  // One more try is enough to see the ring full and not full in all combinations.
  if (record === NO_ROOM) record = recorder.begin(KIND, key, 10 + key);
  if (record === NO_ROOM) return;
  Atomics.store(effects, key, 1);
  recorder.end(record, RecordState.OK, { position: positionOf(key) });
  note(key);
}

const oneByOne: Work = (recorder, memory) => {
  for (const key of [1, 2, 3]) perform(recorder, memory, key);
};

/** The second operation ends before the first. */
const overlapping: Work = (recorder, { effects }) => {
  const records = [1, 2].map((key) => recorder.begin(KIND, key, 10 + key));
  for (const key of [2, 1]) {
    Atomics.store(effects, key, 1);
    recorder.end(records[key - 1], RecordState.OK, { position: positionOf(key) });
    note(key);
  }
};

/** Broken on purpose: does it before it says so. */
const actsFirst: Work = (recorder, { effects }) => {
  Atomics.store(effects, 1, 1);
  const record = recorder.begin(KIND, 1, 11);
  recorder.end(record, RecordState.OK, { position: positionOf(1) });
};

/** Broken on purpose: says that it has ended before it says how. */
const endsFirst: Work = (recorder, { ring, effects }) => {
  recorder.begin(KIND, 1, 11);
  Atomics.store(effects, 1, 1);
  const [words, longs] = [new Int32Array(ring), new BigInt64Array(ring)];
  Atomics.store(words, (RECORDS_OFFSET + STATE_OFFSET) / WORD_BYTES, RecordState.OK);
  longs[(RECORDS_OFFSET + RETURN_OFFSET) / LONG_BYTES] = 2n;
  longs[(RECORDS_OFFSET + POSITION_OFFSET) / LONG_BYTES] = BigInt(positionOf(1));
};

/** Broken on purpose: fields of a record that nobody has given back. */
const overwrites: Work = (recorder, memory) => {
  perform(recorder, memory, 1);
  const [words, longs] = [new Int32Array(memory.ring), new BigInt64Array(memory.ring)];
  longs[(RECORDS_OFFSET + POSITION_OFFSET) / LONG_BYTES] = BigInt(positionOf(2));
  Atomics.store(words, (RECORDS_OFFSET + STATE_OFFSET) / WORD_BYTES, RecordState.OK);
};

function recordWith(memory: Memory, work: Work): void {
  let moment = 0;
  work(new HistoryRecorder(memory.ring, () => ++moment), memory);
}

function collectFrom(memory: Memory, how: 'collect' | 'collectDead', times: number): void {
  const collector = new HistoryCollector(memory.ring);
  for (let i = 0; i < times; i++) note(collector[how]());
}

function freshMemory(): Memory {
  const effects = new Int32Array(new SharedArrayBuffer(8 * WORD_BYTES));
  return { ring: allocateHistoryRing(CAPACITY), effects };
}

const recordsOf = (glance: Glance, name: string): HistoryRecord[] =>
  (glance.thread(name).notes as HistoryRecord[][]).flat();

interface Shape {
  readonly work: Work;
  /** How the living recorder is collected. */
  readonly living?: 'collect' | 'collectDead';
}

/** Recorder and collector at the same time; what the dead one leaves goes to the heir. */
function recording({ work, living = 'collect' }: Shape): Program {
  const memory = freshMemory();
  return {
    threads: {
      recorder: () => recordWith(memory, work),
      collector: () => collectFrom(memory, living, 2),
      heir: () => collectFrom(memory, 'collectDead', 1),
    },
    startsAfter: { heir: ['recorder', 'collector'] },
    killable: ['recorder'],
    atEnd(glance) {
      const records = [...recordsOf(glance, 'collector'), ...recordsOf(glance, 'heir')];
      checkRecords(glance, records);
      checkNothingMissed(glance, memory, records);
    },
  };
}

function checkRecords(glance: Glance, records: readonly HistoryRecord[]): void {
  const killed = glance.thread('recorder').state === 'killed';
  for (const [i, { key, value, kind, call, ...end }] of records.entries()) {
    assert.equal([kind, key, value], [KIND, i + 1, 11 + i], 'records are intact and in order');
    assert.ok(call > 0, 'an operation has a beginning');
    if (end.state === RecordState.INVOKED) {
      assert.ok(killed, 'only a dead thread leaves open operations');
      assert.is(end.return, Number.POSITIVE_INFINITY);
    } else {
      assert.equal([end.state, end.position], [RecordState.OK, positionOf(key)], 'an end is whole');
      assert.ok(end.return > call && end.return < Number.POSITIVE_INFINITY, 'it has an end');
    }
  }
}

function checkNothingMissed(
  glance: Glance,
  { effects }: Memory,
  records: readonly HistoryRecord[],
): void {
  const stateOf = new Map(records.map(({ key, state }) => [key, state]));
  for (let key = 0; key < effects.length; key++) {
    if (effects[key] === 1) assert.ok(stateOf.has(key), 'no operation without a record');
  }
  for (const key of glance.thread('recorder').notes as number[]) {
    assert.is(stateOf.get(key), RecordState.OK, 'what has ended is known to have ended');
  }
}

for (const kills of [0, 1]) {
  history(`no operation without a record, kills=${kills}`, () => {
    const works = { oneByOne, overlapping };
    for (const [name, work] of Object.entries(works)) {
      const report = explore(`history ${name} kills ${kills}`, () => recording({ work }), {
        kills,
      });
      assert.ok(report.states !== 1, 'something happened');
    }
  });
}

history('a successor goes on where the dead one ended', () => {
  const setup = (): Program => {
    const memory = freshMemory();
    return {
      threads: {
        recorder: () => recordWith(memory, overlapping),
        heir: () => collectFrom(memory, 'collectDead', 1),
        successor: () => recordWith(memory, oneByOne),
        collector: () => collectFrom(memory, 'collect', 2),
        last: () => collectFrom(memory, 'collectDead', 1),
      },
      startsAfter: {
        heir: ['recorder'],
        successor: ['heir'],
        collector: ['heir'],
        last: ['successor', 'collector'],
      },
      killable: ['recorder', 'successor'],
      atEnd(glance) {
        checkRecords(glance, recordsOf(glance, 'heir'));
        const records = [...recordsOf(glance, 'collector'), ...recordsOf(glance, 'last')];
        const keys = records.map(({ key }) => key);
        assert.equal(
          keys,
          keys.map((_, i) => i + 1),
          'records of the successor alone',
        );
        const ended = glance.thread('successor').notes as number[];
        const known = records.filter(({ state }) => state === RecordState.OK);
        assert.equal(
          known.map(({ key }) => key),
          ended,
          'what has ended is known',
        );
      },
    };
  };
  explore('history successor kills 1', setup, { kills: 1 });
});

history('one thread may look at what is open meanwhile', () => {
  const setup = (): Program => {
    const memory = freshMemory();
    return {
      threads: {
        recorder: () => recordWith(memory, overlapping),
        watcher: () => note(new HistoryCollector(memory.ring).open()),
      },
      atEnd(glance) {
        const [open] = glance.thread('watcher').notes as { key: number; value: number }[][];
        for (const { key, value } of open ?? []) assert.is(value, 10 + key, 'records are intact');
      },
    };
  };
  explore('history open kills 1', setup, { kills: 1 });
});

history('random executions have no race by vector clocks', () => {
  const setup = (): Program => recording({ work: oneByOne });
  sample('history uniform', setup, { seed: 1, executions: 300, kills: 1 });
  sample('history priorities', setup, { seed: 2, executions: 300, kills: 1, priorityChanges: 3 });
});

history('finds an operation that begins before it is recorded', () => {
  const setup = (): Program => recording({ work: actsFirst });
  assertFinds(/no operation without a record/, () =>
    explore('mutant acts first', setup, { kills: 1 }),
  );
});

history('finds an end that is shown before it is written', () => {
  const setup = (): Program => recording({ work: endsFirst });
  assertFinds(/data race/, () => explore('mutant ends first', setup));
  assertFinds(/an end is whole|it has an end/, () =>
    explore('mutant ends first, torn', setup, { races: false }),
  );
});

history('finds a record that is used again before it was collected', () => {
  const setup = (): Program => recording({ work: overwrites });
  assertFinds(/an end is whole|data race/, () => explore('mutant overwrites', setup));
});

history('finds a collector that takes the living for dead', () => {
  const setup = (): Program => recording({ work: overlapping, living: 'collectDead' });
  assertFinds(/only a dead thread leaves open operations/, () =>
    explore('mutant collects the living', setup, { races: false }),
  );
});

history.run();
