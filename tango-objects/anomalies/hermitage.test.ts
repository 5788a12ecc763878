/** The anomalies that Hermitage looks for, and Fekete's: none of them may occur. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { exploreAll } from './explore.ts';
import { BodyAborts, type Mode, type ScanCall, type Scenario } from './scenario.ts';
import {
  blind,
  bothTold,
  happened,
  last,
  oneOf,
  reader,
  told,
  valuesOf,
} from './scenario-parts.ts';

const hermitage = suite('hermitage');
const settle = (): Promise<void> => new Promise((done) => setImmediate(done));
const PARTS: Mode = { layout: 'two objects', fault: 'none', grain: 'parts' };

/** `atLeast`: executions below which something was left out. */
function explores(atLeast: number, scenario: Scenario): void {
  hermitage(scenario.name, async () => {
    const executions = await exploreAll(scenario, settle);
    assert.ok(executions >= atLeast, `${executions} executions of at least ${atLeast}`);
  });
}

explores(2_700, {
  name: 'G0 write cycle',
  isFine: true,
  transactions: [blind('T1', { x: 11, y: 21 }), blind('T2', { x: 12, y: 22 })],
  expect(e) {
    const end = last(e);
    if (e.mode.fault !== 'kill') assert.is(happened(e), 'T1 and T2', 'blind writes never conflict');
    return end;
  },
  ends: { none: ['11,21', '12,22'] },
});

explores(70, {
  name: 'G1a aborted read, by its own will',
  transactions: [
    {
      name: 'T1',
      keys: 'x',
      *body(s) {
        s.set('x', 101);
        yield;
        throw new BodyAborts('T1 does not want to');
      },
    },
    reader('T2', 'xx'),
  ],
  expect(e) {
    oneOf(told(e, 'T2'), ['10,10', 'nothing']);
    assert.is(e.last('x'), 10);
    return e.of('T1').outcome;
  },
  ends: { none: ['aborted'], kill: ['aborted', 'unfinished'] },
});

explores(1_300, {
  name: 'G1a aborted read, after a conflict',
  transactions: [
    {
      name: 'T1',
      *body(s) {
        s.get('y');
        yield;
        s.set('x', 101);
      },
    },
    blind('T2', { y: 21 }),
    reader('T3', 'xx'),
  ],
  expect(e) {
    oneOf(told(e, 'T3'), ['10,10', '101,101', 'nothing']);
    if (told(e, 'T3') === '101,101') assert.ok(e.happened(e.of('T1')));
    if (e.of('T1').outcome === 'conflict') assert.is(e.last('x'), 10);
    return e.of('T1').outcome;
  },
  ends: { none: ['committed', 'conflict'], kill: ['committed', 'conflict', 'unfinished'] },
});

explores(250, {
  name: 'G1b intermediate read',
  transactions: [
    {
      name: 'T1',
      keys: 'x',
      *body(s) {
        s.set('x', 101);
        yield;
        s.set('x', 11);
      },
    },
    reader('T2', 'xx'),
  ],
  expect(e) {
    oneOf(told(e, 'T2'), ['10,10', '11,11', 'nothing']);
    return told(e, 'T2');
  },
  ends: { none: ['10,10', '11,11'], kill: ['10,10', '11,11', 'nothing'] },
});

explores(2_000, {
  name: 'G1c circular information',
  transactions: [
    {
      name: 'T1',
      *body(s) {
        s.set('x', 11);
        yield;
        return s.get('y');
      },
    },
    {
      name: 'T2',
      *body(s) {
        s.set('y', 22);
        yield;
        return s.get('x');
      },
    },
  ],
  expect(e) {
    // Neither that each has seen the other, nor that neither has.
    oneOf(bothTold(e), ['20,11', '22,10', 'not both']);
    return happened(e);
  },
  ends: { none: ['T1', 'T2', 'T1 and T2'] },
});

explores(1_850, {
  name: 'OTV observed transaction vanishes',
  transactions: [
    {
      name: 'T1',
      body(s) {
        s.set('x', 11);
        s.set('y', 19);
      },
    },
    {
      name: 'T2',
      body(s) {
        s.set('x', 12);
        s.set('y', 18);
      },
    },
    reader('T3', 'xyyx'),
  ],
  expect(e) {
    oneOf(told(e, 'T3'), ['10,20,20,10', '11,19,19,11', '12,18,18,12', 'nothing']);
    return told(e, 'T3');
  },
  ends: {
    none: ['10,20,20,10', '11,19,19,11', '12,18,18,12'],
    kill: ['10,20,20,10', '11,19,19,11', '12,18,18,12', 'nothing'],
  },
});

explores(200, {
  name: 'PMP predicate-many-preceders',
  keys: 'z',
  transactions: [
    {
      name: 'T1',
      isReadOnly: true,
      *body(s) {
        const first = valuesOf(s, (value) => value === 30).length;
        yield;
        return [first, valuesOf(s, (value) => value === 30).length];
      },
    },
    blind('T2', { z: 30 }),
  ],
  expect(e) {
    oneOf(told(e, 'T1'), ['0,0', '1,1', 'nothing']);
    return told(e, 'T1');
  },
  ends: { none: ['0,0', '1,1'], kill: ['0,0', '1,1', 'nothing'] },
});

explores(1_400, {
  name: 'PMP, by a predicate that is written to',
  transactions: [
    {
      name: 'T1',
      body(s) {
        for (const [key, value] of s.scan()) s.set(key, value + 10);
      },
    },
    {
      name: 'T2',
      *body(s) {
        const found = [...s.scan()].filter(([, value]) => value === 20);
        yield;
        for (const [key] of found) s.set(key, 0);
      },
    },
  ],
  expect(e) {
    const end = last(e);
    const ways: Record<string, string> = {
      'T1 and T2': e.positionOf(e.of('T1')) < e.positionOf(e.of('T2')) ? '0,30' : '20,10',
      T1: '20,30',
      T2: '10,0',
    };
    assert.is(end, ways[happened(e)]);
    return end;
  },
  ends: { none: ['0,30', '20,10', '20,30', '10,0'] },
});

explores(4_500, {
  name: 'P4 lost update',
  isFine: true,
  transactions: ['T1', 'T2'].map((name) => ({
    name,
    keys: 'x',
    *body(s) {
      const x = s.get('x');
      yield;
      s.set('x', 11);
      return x;
    },
  })),
  expect(e) {
    oneOf(bothTold(e), ['10,11', '11,10', 'not both']);
    return happened(e);
  },
  ends: { none: ['T1', 'T2', 'T1 and T2'] },
});

explores(250, {
  name: 'G-single read skew',
  transactions: [reader('T1', 'xy'), blind('T2', { x: 12, y: 18 })],
  expect(e) {
    oneOf(told(e, 'T1'), ['10,20', '12,18', 'nothing']);
    return told(e, 'T1');
  },
  ends: { none: ['10,20', '12,18'], kill: ['10,20', '12,18', 'nothing'] },
});

explores(250, {
  name: 'G-single, by a predicate',
  transactions: [
    {
      name: 'T1',
      isReadOnly: true,
      *body(s) {
        const fives = valuesOf(s, (value) => value % 5 === 0);
        yield;
        return [...fives, ...valuesOf(s, (value) => value % 3 === 0)];
      },
    },
    blind('T2', { x: 12, y: 18 }),
  ],
  expect(e) {
    oneOf(told(e, 'T1'), ['10,20', '12,18', 'nothing']);
    return told(e, 'T1');
  },
  ends: { none: ['10,20', '12,18'], kill: ['10,20', '12,18', 'nothing'] },
});

explores(1_650, {
  name: 'G-single, by a predicate that is written to',
  transactions: [
    {
      name: 'T1',
      *body(s) {
        const x = s.get('x');
        yield;
        for (const [key, value] of s.scan()) if (value === 20) s.set(key, 0);
        return x;
      },
    },
    blind('T2', { x: 12, y: 18 }),
  ],
  expect(e) {
    const t1 = e.of('T1');
    // Who saw x = 12 finds no 20 any more.
    if (t1.result === 12) assert.equal(t1.writes, []);
    return t1.outcome === 'conflict' ? 'conflict' : last(e);
  },
  // Who is killed changes nothing: then T1 may find 20 and set it.
  ends: { none: ['conflict', '12,18'], kill: ['conflict', '12,18', '10,0'] },
});

explores(2_000, {
  name: 'G2-item write skew',
  transactions: ['xy', 'yx'].map((keys, i) => ({
    name: `T${i + 1}`,
    *body(s) {
      const sum = (s.get('x') ?? 0) + (s.get('y') ?? 0);
      yield;
      s.set(keys[0], sum);
      return sum;
    },
  })),
  expect(e) {
    oneOf(bothTold(e), ['30,50', '40,30', 'not both']);
    return happened(e);
  },
  ends: { none: ['T1', 'T2', 'T1 and T2'] },
});

explores(400, {
  name: 'G2 predicate anti-dependency, by size',
  keys: 'zw',
  transactions: ['z', 'w'].map((key, i) => ({
    name: `T${i + 1}`,
    *body(s) {
      const size = s.size();
      yield;
      s.set(key, size);
      return size;
    },
  })),
  expect(e) {
    oneOf(bothTold(e), ['2,3', '3,2', 'not both']);
    return happened(e);
  },
  ends: { none: ['T1', 'T2', 'T1 and T2'] },
  modes: [PARTS],
});

for (const by of ['entries', 'keys', 'values', 'forEach'] satisfies ScanCall[]) {
  explores(400, {
    name: `G2 predicate anti-dependency, by ${by}`,
    keys: 'zw',
    transactions: ['z', 'w'].map((key, i) => ({
      name: `T${i + 1}`,
      *body(s) {
        const found = [...s.scan(by).values()].filter((value) => value % 3 === 0).length;
        yield;
        s.set(key, 30);
        return found;
      },
    })),
    expect(e) {
      oneOf(bothTold(e), ['0,1', '1,0', 'not both']);
      return happened(e);
    },
    ends: { none: ['T1', 'T2', 'T1 and T2'] },
    ...(by !== 'entries' && { modes: [PARTS] }),
  });
}

explores(1_350, {
  name: 'G2 with two edges, seen by a reader',
  transactions: [
    {
      name: 'T1',
      *body(s) {
        const sum = (s.get('x') ?? 0) + (s.get('y') ?? 0);
        yield;
        s.set('x', -10);
        return sum;
      },
    },
    {
      name: 'T2',
      keys: 'y',
      body(s) {
        s.set('y', (s.get('y') ?? 0) + 5);
      },
    },
    reader('T3', 'xy'),
  ],
  expect(e) {
    oneOf(told(e, 'T3'), ['10,20', '10,25', '-10,20', '-10,25', 'nothing']);
    const t1 = e.of('T1');
    if (told(e, 'T3') === '10,25' && t1.result === 30) assert.not.ok(e.happened(t1));
    return told(e, 'T3');
  },
  ends: {
    none: ['10,20', '10,25', '-10,20', '-10,25'],
    kill: ['10,20', '10,25', '-10,20', '-10,25', 'nothing'],
  },
});

explores(5_100, {
  name: 'long fork',
  transactions: [
    blind('T1', { x: 11 }),
    { ...blind('T2', { y: 21 }), isMortal: false },
    { ...reader('T3', 'xy'), isMortal: false },
    { ...reader('T4', 'yx'), isMortal: false },
  ],
  expect(e) {
    const seen = `${told(e, 'T3')} ${told(e, 'T4')}`;
    assert.not.ok(['11,20 21,10', '10,21 20,11'].includes(seen), 'a fork');
    return told(e, 'T3');
  },
  ends: {
    none: ['10,20', '11,20', '10,21', '11,21'],
  },
  modes: [
    { layout: 'one object', fault: 'none', grain: 'whole' },
    { layout: 'two objects', fault: 'none', grain: 'whole' },
    { layout: 'partial hosts', fault: 'none', grain: 'whole' },
    { layout: 'partial hosts', fault: 'kill', grain: 'whole' },
    { layout: 'partial hosts', fault: 'failover', grain: 'whole' },
  ],
});

hermitage.run();
