/** Anomalies of transactions over a shared log: real time, unknown outcomes, holes, streams, trims. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TangoError } from '../../actors/tango-error.ts';
import { TangoMap } from '../tango-map.ts';
import type { Execution } from './execution.ts';
import { exploreAll, modesOf } from './explore.ts';
import { InterleavedLog } from './interleaved-log.ts';
import type { Mode, Scenario, Session, TransactionSpec } from './scenario.ts';
import { blind, happened, last, oneOf, reader, told } from './scenario-parts.ts';

const log = suite('log anomalies');
const settle = (): Promise<void> => new Promise((done) => setImmediate(done));

/** `atLeast`: executions below which something was left out. */
function explores(atLeast: number, scenario: Scenario): void {
  log(scenario.name, async () => {
    const executions = await exploreAll(scenario, settle);
    assert.ok(executions >= atLeast, `${executions} executions of at least ${atLeast}`);
  });
}

/** Steps of a transaction's client, in words. */
function stepsOf(e: Execution, name: string): string[] {
  return e.trace.filter((step) => step.startsWith(`${name} `)).map((step) => step.slice(3));
}

/** It died with a token, and nothing of its entry is in the log: a hole. */
function leftHole(e: Execution, name: string): boolean {
  return stepsOf(e, name).join().endsWith('SEQUENCER_NEXT,dies');
}

function increment(name: string, retries: number): TransactionSpec {
  return {
    name,
    keys: 'x',
    retries,
    *body(s: Session) {
      const x = s.get('x') ?? 0;
      yield;
      s.set('x', x + 1);
    },
  };
}

explores(100, {
  name: 'stale read: who begins later sees it, also if it only reads',
  transactions: [blind('T1', { x: 11 }), reader('T2', 'x')],
  expect(e) {
    const isLater = e.of('T2').call > e.of('T1').return;
    const seen = told(e, 'T2');
    if (isLater) oneOf(seen, ['11', 'nothing']);
    return `${isLater ? 'later' : 'meanwhile'}: ${seen}`;
  },
  ends: {
    none: ['later: 11', 'meanwhile: 11', 'meanwhile: 10'],
    kill: ['later: 11', 'meanwhile: 11', 'meanwhile: 10', 'meanwhile: nothing'],
  },
});

explores(1_200, {
  name: 'a transaction reads its own changes, and nobody else does',
  transactions: [
    {
      name: 'T1',
      keys: 'x',
      *body(s) {
        s.set('x', 11);
        const first = s.get('x');
        yield;
        s.set('x', 12);
        return [first, s.get('x'), s.get('x')];
      },
    },
    blind('T2', { x: 13 }),
  ],
  expect(e) {
    oneOf(told(e, 'T1'), ['11,12,12', 'nothing']);
    oneOf(last(e, 'x'), ['10', '12', '13']);
    return e.of('T1').outcome;
  },
  ends: { none: ['committed', 'conflict'], kill: ['committed', 'conflict', 'unfinished'] },
});

explores(1_400, {
  name: 'opacity: a body that will be in vain sees one snapshot',
  keys: 'z',
  transactions: [
    {
      name: 'T1',
      *body(s) {
        const x = s.get('x') ?? 0;
        yield;
        const sum = x + (s.get('y') ?? 0);
        if (sum !== 30) throw new Error(`x + y = ${sum}`);
        s.set('z', sum);
      },
    },
    {
      name: 'T2',
      body(s) {
        const [x, y] = [s.get('x') ?? 0, s.get('y') ?? 0];
        s.set('x', x + 2);
        s.set('y', y - 2);
      },
    },
  ],
  expect(e) {
    return e.of('T1').outcome;
  },
  ends: { none: ['committed', 'conflict'], kill: ['committed', 'conflict', 'unfinished'] },
});

explores(2_000, {
  name: 'lost answer: who tries again, under the same id, does it once',
  keys: 'd',
  transactions: ['T1', 'T2'].map((name) => ({
    name,
    keys: 'xd',
    retries: 2,
    *body(s: Session) {
      const isDone = s.get('d') !== undefined;
      yield;
      if (isDone) return;
      s.set('d', 1);
      s.set('x', (s.get('x') ?? 0) + 1);
    },
  })),
  expect(e) {
    assert.is(last(e, 'xd'), '11,1');
    const doers = e.attempts.filter((one) => e.positionOf(one) >= 0);
    assert.is(doers.length, 1);
    return doers[0].outcome === 'unfinished' ? 'done, and nobody was told' : 'done';
  },
  ends: { none: ['done'], kill: ['done', 'done, and nobody was told'] },
  modes: modesOf('parts', 'coarse'),
});

explores(250, {
  name: 'double commit: an entry that lost its position is in the log once',
  transactions: [increment('T1', 0), reader('T2', 'xx')],
  expect(e) {
    const tokens = stepsOf(e, 'T1').filter((step) => step === 'SEQUENCER_NEXT').length;
    if (e.of('T1').outcome === 'committed') assert.is(last(e, 'x'), '11');
    return tokens > 1 ? 'it has moved' : 'it has not moved';
  },
  ends: { none: ['it has moved', 'it has not moved'] },
});

explores(950, {
  name: 'hole before a commit: nothing is decided above it before it is filled',
  transactions: [
    blind('T1', { x: 11 }),
    {
      name: 'T2',
      body(s) {
        s.set('y', (s.get('x') ?? 0) + 1);
      },
    },
  ],
  expect(e) {
    if (!leftHole(e, 'T1')) return 'no hole';
    assert.is(happened(e), 'T2');
    const steps = stepsOf(e, 'T2');
    const token = e.trace.indexOf('T1 SEQUENCER_NEXT');
    const isAbove = e.trace.lastIndexOf('T2 SEQUENCER_NEXT') > token;
    assert.ok(!isAbove || steps.includes('UNIT_FILL'), 'filled by the one that is above it');
    return isAbove ? 'filled' : 'above everything';
  },
  ends: { none: ['no hole'], kill: ['no hole', 'filled', 'above everything'] },
});

explores(2_900, {
  name: 'decision: who hosts only what was changed decides as the others, also for the dead',
  keys: 'z',
  transactions: [
    {
      name: 'T1',
      body(s) {
        s.set('y', 10 + (s.get('x') ?? 0));
      },
    },
    blind('T2', { x: 11 }),
    {
      name: 'T3',
      keys: 'yz',
      body(s) {
        const y = s.get('y') ?? 0;
        s.set('z', y);
        return y;
      },
    },
  ],
  expect(e) {
    const t1 = e.of('T1');
    const y = told(e, 'T3');
    oneOf(y, ['20', '21', 'nothing']);
    if (y === '21')
      assert.ok((e.happened(t1) && !e.happened(e.of('T2'))) || t1.result === undefined);
    return `${t1.outcome}, ${e.happened(t1) ? 'took effect' : 'did not'}`;
  },
  ends: {
    none: ['committed, took effect', 'conflict, did not'],
    kill: [
      'committed, took effect',
      'conflict, did not',
      'unfinished, took effect',
      'unfinished, did not',
    ],
  },
});

explores(350, {
  name: 'two streams: a transaction is in both objects at once',
  transactions: [blind('T1', { x: 11, y: 21 }), reader('T2', 'xy'), reader('T3', 'y')],
  expect(e) {
    oneOf(told(e, 'T2'), ['10,20', '11,21', 'nothing']);
    return told(e, 'T3');
  },
  ends: { none: ['20', '21'], kill: ['20', '21', 'nothing'] },
});

explores(2_250, {
  name: 'failover within a transaction: positions decide, and not epochs',
  transactions: [increment('T1', 3), increment('T2', 3)],
  expect(e) {
    if (e.mode.fault !== 'kill') assert.is(last(e, 'x'), '12');
    const first = e.programs.map(({ attempts }) => attempts[0].outcome);
    return first.includes('conflict') ? 'again' : last(e, 'x');
  },
  ends: { none: ['12', 'again'], kill: ['11', '12', 'again'] },
  modes: modesOf('parts', 'coarse'),
});

explores(3_000, {
  name: 'ABA: a version is a position, and not a value',
  transactions: [
    {
      name: 'T1',
      *body(s) {
        s.get('x');
        yield;
        s.set('y', 21);
      },
    },
    blind('T2', { x: 11 }),
    blind('T3', { x: 10 }),
  ],
  expect(e) {
    const { outcome } = e.of('T1');
    return outcome === 'conflict' && e.last('x') === 10
      ? 'conflict, with the value it had'
      : outcome;
  },
  ends: {
    none: ['committed', 'conflict', 'conflict, with the value it had'],
    kill: ['committed', 'conflict', 'conflict, with the value it had', 'unfinished'],
  },
});

const LONG = 'key'.repeat(8);

explores(450, {
  name: 'a commit in several entries is there as a whole or not at all',
  transactions: [
    {
      name: 'T1',
      body(s) {
        for (let i = 0; i < 24; i++) s.touch(`${LONG}${i}`);
        s.set('x', 11);
        s.set('y', (s.get('y') ?? 0) + 1);
      },
    },
    blind('T2', { y: 30 }),
  ],
  expect(e) {
    oneOf(last(e), ['10,20', '10,30', '11,21', '11,30', '11,31']);
    return e.of('T1').outcome;
  },
  ends: { none: ['committed', 'conflict'], kill: ['committed', 'conflict', 'unfinished'] },
  modes: modesOf('coarse', 'whole'),
});

/** Takes a checkpoint and trims all that it replaces. */
const COMPACTS: TransactionSpec = {
  name: 'C1',
  body: () => undefined,
  act: async (views) => views.forget(await views.checkpoint()),
};
const TRIMS: readonly Mode[] = [
  { layout: 'two objects', fault: 'none', grain: 'brief' },
  { layout: 'partial hosts', fault: 'none', grain: 'brief' },
  { layout: 'partial hosts', fault: 'kill', grain: 'brief' },
  { layout: 'partial hosts', fault: 'failover', grain: 'whole' },
];

explores(2_500, {
  name: 'snapshot below a trim: the commit is refused, everywhere',
  trims: true,
  transactions: [
    {
      name: 'T1',
      *body(s) {
        // Its snapshot is held from here on; before it is only known.
        yield;
        s.set('y', 11 + (s.get('x') ?? 0));
      },
    },
    COMPACTS,
  ],
  expect(e) {
    return `${e.of('T1').outcome}, ${e.of('C1').outcome}`;
  },
  ends: {
    none: ['committed, committed', 'conflict, committed'],
    kill: [
      'committed, committed',
      'conflict, committed',
      'committed, unfinished',
      'conflict, unfinished',
      'unfinished, committed',
    ],
    // The body goes on at once there.
    failover: ['committed, committed'],
  },
  modes: TRIMS,
});

explores(2_500, {
  name: 'two streams, trimmed: a transaction is in both objects, or in none',
  trims: true,
  transactions: [blind('T1', { x: 11, y: 21 }), COMPACTS],
  expect(e) {
    oneOf(last(e), ['10,20', '11,21']);
    return `${last(e)}, ${e.of('C1').outcome}`;
  },
  ends: {
    none: ['11,21, committed'],
    kill: ['11,21, committed', '11,21, unfinished', '10,20, committed'],
  },
  modes: TRIMS,
});

log('read set overflow: refused before anything is written', async () => {
  const { link, views } = new InterleavedLog(1, false).client(0);
  const map = await views.object<TangoMap<string, number>>(TangoMap, 'm');
  const tail = link.client.tail();
  const reads = (keys: number): Promise<void> =>
    views.transact(() => {
      for (let i = 0; i < keys; i++) map.get(`key ${i}`);
      map.setSync('x', keys);
    });
  let code = '';
  try {
    await reads(10_000);
  } catch (error) {
    code = (error as TangoError).code;
  }
  assert.is(code, 'ERR_ENTRY_TOO_LARGE');
  assert.equal([link.client.tail(), map.get('x')], [tail, undefined]);
  await reads(100);
  assert.is(map.get('x'), 100);
});

log.run();
