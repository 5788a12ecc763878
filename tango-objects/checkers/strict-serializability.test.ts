/** Each history that must be accepted stands beside one that must be refused, and differs little. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Anomaly,
  checkStrictSerializability,
  type ListOperation,
  type Transaction,
} from './strict-serializability.ts';

const strict = suite('strict serializability');

/** A word for each operation: `x+1` appends 1 to x, `x=1,2` reads x, `x?` reads what is not known. */
function operationOf(word: string): ListOperation {
  const key = word[0];
  const rest = word.slice(2);
  if (word[1] === '+') return { type: 'append', key, value: Number(rest) };
  if (word[1] === '?') return { type: 'read', key };
  return { type: 'read', key, values: rest === '' ? [] : rest.split(',').map(Number) };
}

function at(call: number, end: number, words: string, outcome: Transaction['outcome'] = 'ok') {
  return { operations: words.split(' ').map(operationOf), outcome, call, return: end };
}

/** Concurrent with everything. */
function some(words: string, outcome: Transaction['outcome'] = 'ok'): Transaction {
  return at(0, 1000, words, outcome);
}

function accepts(...transactions: Transaction[]): void {
  const result = checkStrictSerializability(transactions);
  assert.is(result.verdict, 'ok', result.explanation);
  assert.equal(result.anomalies, []);
}

/** The types of all anomalies. */
function typesOf(...transactions: Transaction[]): string[] {
  const result = checkStrictSerializability(transactions);
  assert.is(result.verdict, result.anomalies.length === 0 ? 'ok' : 'violation');
  return result.anomalies.map((one) => one.type);
}

function only(...transactions: Transaction[]): Anomaly {
  const { anomalies, explanation } = checkStrictSerializability(transactions);
  assert.is(anomalies.length, 1, explanation);
  return anomalies[0];
}

function kindsOf(anomaly: Anomaly): string {
  const kinds = anomaly.dependencies.map((one) => one.kind);
  return kinds.sort().join(' ');
}

strict('accepts what is empty, and what is one after the other', () => {
  accepts();
  accepts(at(0, 1, 'x+1 y+1'), at(2, 3, 'x=1 x+2 x=1,2 y=1'), at(4, 5, 'y=1 x=1,2'));
});

strict('finds G0: appends of two transactions that alternate', () => {
  accepts(some('x+1 y+1'), some('x+2 y+2'), some('x=1,2 y=1,2'));
  const anomaly = only(some('x+1 y+1'), some('x+2 y+2'), some('x=1,2'), some('y=2,1'));
  assert.is(anomaly.type, 'G0');
  assert.is(kindsOf(anomaly), 'ww ww');
});

strict('finds G1a: a read of a transaction that failed', () => {
  accepts(some('x+1', 'fail'), some('x='));
  assert.equal(typesOf(some('x+1', 'fail'), some('x=1')), ['G1a']);
});

strict('finds G1b: a read between two appends of another transaction', () => {
  accepts(some('x+1 x=1 x+2'), some('x=1,2'));
  assert.ok(typesOf(some('x+1 x+2'), some('x=1'), some('x=1,2')).includes('G1b'));
  assert.ok(typesOf(some('x+1 x+2'), some('x=1')).includes('G1b'));
});

strict('finds G1c: two transactions that see each other', () => {
  accepts(some('x+1 y='), some('x=1 y+2'));
  const anomaly = only(some('x+1 y=2'), some('x=1 y+2'));
  assert.is(anomaly.type, 'G1c');
  assert.is(kindsOf(anomaly), 'wr wr');
});

strict('finds G-single: a lost update, and read skew', () => {
  accepts(some('x= x+1'), some('x=1 x+2'), some('x=1,2'));
  const lost = only(some('x= x+1'), some('x= x+2'), some('x=1,2'));
  assert.is(lost.type, 'G-single');
  assert.is(kindsOf(lost), 'rw ww');
  accepts(some('x+1 y+1'), some('x= y='));
  const skew = only(some('x+1 y+1'), some('x= y=1'));
  assert.is(skew.type, 'G-single');
  assert.is(kindsOf(skew), 'rw wr');
});

strict('finds G2-item: write skew, and a lost update that nobody read', () => {
  accepts(some('x= y= x+1'), some('x=1 y= y+1'));
  const skew = only(some('x= y= x+1'), some('x= y= y+1'));
  assert.is(skew.type, 'G2-item');
  assert.is(kindsOf(skew), 'rw rw');
  const lost = only(some('x= x+1'), some('x= x+2'));
  assert.is(lost.type, 'G2-item');
});

strict('finds G2-item: a long fork', () => {
  const writes = [some('x+1'), some('y+1')];
  accepts(...writes, some('x=1 y='), some('x=1 y=1'));
  const anomaly = only(...writes, some('x=1 y='), some('x= y=1'));
  assert.is(anomaly.type, 'G2-item');
  assert.is(kindsOf(anomaly), 'rw rw wr wr');
});

strict('finds internal: a transaction that misses its own append, or sees a list change', () => {
  accepts(some('x+1 x=1'), some('y= y='));
  assert.equal(typesOf(some('x+1 x=')), ['internal']);
  assert.ok(typesOf(some('x= x=1'), some('x+1')).includes('internal'));
  assert.ok(typesOf(some('x=1 x+1')).includes('internal'));
});

strict('finds a garbage read, a duplicate and incompatible orders', () => {
  accepts(some('x+1'), some('x=1'), some('x='));
  assert.equal(typesOf(some('x+1'), some('x=1,7')), ['garbage-read']);
  assert.equal(typesOf(some('x+1'), some('x=1,1')), ['duplicate']);
  accepts(some('x+1'), some('x+2'), some('x=1'), some('x=1,2'));
  assert.ok(
    typesOf(some('x+1'), some('x+2'), some('x=2'), some('x=1,2')).includes('incompatible-order'),
  );
  assert.ok(typesOf(some('x+1 x+2'), some('x=2,1')).includes('incompatible-order'));
  assert.ok(typesOf(some('x+1 x+2'), some('x=2')).includes('incompatible-order'));
});

strict('looks at every value of a read that disagrees with another', () => {
  const good = [some('x+1'), some('x+2'), some('x=1,2')];
  const types = (words: string, ...more: Transaction[]) => typesOf(...good, some(words), ...more);
  assert.equal(types('x=2,7'), ['incompatible-order', 'garbage-read']);
  assert.equal(types('x=2,2'), ['incompatible-order', 'duplicate']);
  assert.equal(types('x=2,3', some('x+3', 'fail')), ['incompatible-order', 'G1a']);
});

strict('finds G-single-realtime: a stale read, and an acknowledged append never seen', () => {
  accepts(at(0, 10, 'x+1'), at(10, 20, 'x='), at(30, 40, 'x=1'));
  const stale = only(at(0, 10, 'x+1'), at(11, 20, 'x='), at(30, 40, 'x=1'));
  assert.is(stale.type, 'G-single-realtime');
  assert.is(kindsOf(stale), 'realtime rw');
  accepts(at(0, 10, 'x+1'), at(5, 20, 'x='));
  const lost = only(at(0, 10, 'x+1'), at(11, 20, 'x='));
  assert.is(lost.type, 'G-single-realtime');
  assert.match(
    lost.explanation,
    /T1 read list 'x' as \[\], without 1, which T0 appended and nobody read/,
  );
  assert.match(lost.explanation, /T0 returned at 10, before T1 was called at 11/);
});

strict('finds G0-realtime, G1c-realtime and G2-item-realtime', () => {
  const reader = at(100, 200, 'x=1,2');
  accepts(at(0, 10, 'x+1'), at(5, 20, 'x+2'), reader);
  accepts(at(5, 20, 'x+1'), at(0, 10, 'x+2'), reader);
  const order = only(at(11, 20, 'x+1'), at(0, 10, 'x+2'), reader);
  assert.is(order.type, 'G0-realtime');
  assert.is(kindsOf(order), 'realtime ww');
  accepts(at(0, 10, 'x=1'), at(10, 20, 'x+1'));
  const future = only(at(0, 10, 'x=1'), at(11, 20, 'x+1'));
  assert.is(future.type, 'G1c-realtime');
  assert.is(kindsOf(future), 'realtime wr');
  // In the order of their reads the last comes first, and has returned before.
  const missed = [at(0, 10, 'x+1'), at(0, 30, 'x= y+1')];
  accepts(...missed, at(10, 40, 'y='));
  const skew = only(...missed, at(11, 40, 'y='));
  assert.is(skew.type, 'G2-item-realtime');
  assert.is(kindsOf(skew), 'realtime rw rw');
});

strict('takes real time through a transaction that has nothing to do with it', () => {
  accepts(at(0, 10, 'x+1'), at(11, 20, 'z='), at(9, 30, 'x='));
  assert.equal(typesOf(at(0, 10, 'x+1'), at(11, 20, 'z='), at(21, 30, 'x=')), [
    'G-single-realtime',
  ]);
});

strict('tells real time in one step, however much happened meanwhile', () => {
  const meanwhile = Array.from({ length: 50 }, (_, i) => at(20 + 2 * i, 21 + 2 * i, `z+${i}`));
  const seen = meanwhile.map((_, i) => i).join();
  const stale = only(at(0, 10, 'x+1'), ...meanwhile, at(300, 310, 'x='), at(320, 330, `z=${seen}`));
  assert.is(stale.type, 'G-single-realtime');
  assert.is(kindsOf(stale), 'realtime rw');
  assert.is(stale.dependencies[0].to, stale.dependencies[1].from);
});

strict('takes an unknown transaction as happened if somebody saw it, and else not', () => {
  const unknown = at(0, 10, 'x+1 y+1', 'unknown');
  accepts(unknown, at(20, 30, 'x='));
  accepts(unknown, at(20, 30, 'x='), at(40, 50, 'x=1 y=1'));
  assert.equal(typesOf(unknown, some('x=1 y=')), ['G-single']);
  assert.equal(typesOf(unknown, at(20, 30, 'x=1'), at(40, 50, 'y=')), ['G-single-realtime']);
  assert.is(checkStrictSerializability([unknown]).happened, 0);
  assert.is(checkStrictSerializability([unknown, some('x=1')]).happened, 2);
});

strict('takes what an unknown transaction read as read, if somebody saw it', () => {
  const first = some('x+1', 'unknown');
  const second = some('x=1 y+1', 'unknown');
  accepts(first, some('x=7 y+1', 'unknown'), some('x= y='));
  assert.equal(typesOf(first, some('x=7 y+1', 'unknown'), some('y=1')), ['garbage-read']);
  // The second was seen, so it happened, and so did the first, which it saw.
  assert.equal(typesOf(first, second, some('x= y=1')), ['G-single']);
  accepts(first, some('x? y+1', 'unknown'), some('x= y=1'));
});

strict('explains a cycle edge by edge', () => {
  const named = (name: string, transaction: Transaction) => ({ ...transaction, name });
  const anomaly = only(
    named('writer', some('x+1 y+2')),
    named('reader', some('x= y=2')),
    named('last', some('x=1')),
  );
  assert.equal(anomaly.transactions.map((one) => one.name).sort(), ['reader', 'writer']);
  const lines = anomaly.explanation.split('\n').sort();
  assert.equal(lines, [
    "  reader (ok, from 0 to 1000): read 'x' as []; read 'y' as [2]",
    "  rw: reader read list 'x' as [], without 1, which writer appended next, as last read it",
    "  wr: writer appended 2 to list 'y', and reader read it there",
    "  writer (ok, from 0 to 1000): append 1 to 'x'; append 2 to 'y'",
    'G-single: each of these had to come before the next, and the last before the first',
  ]);
  for (const [i, one] of anomaly.dependencies.entries()) {
    assert.is(one.to, anomaly.dependencies[(i + 1) % 2].from);
  }
});

strict('explains in which order two appends were seen', () => {
  const anomaly = only(at(11, 20, 'x+1'), at(0, 10, 'x+2'), at(100, 200, 'x=1,2'));
  const why = "  ww: T0 appended 1 to list 'x', T1 2 after it, as T2 read it";
  assert.ok(anomaly.explanation.includes(why), anomaly.explanation);
});

strict('explains by the values and reads of those who are in the cycle', () => {
  const before = [some('x+1 x+2'), some('x+3'), some('x='), some('x+4', 'unknown')];
  const lost = only(...before, some('x+5 y+1'), some('x=1,2,3 y=1'));
  assert.is(lost.type, 'G-single');
  const unread = "T5 read list 'x' as [1, 2, 3], without 5, which T4 appended and nobody read";
  assert.ok(lost.explanation.includes(unread), lost.explanation);
  const order = only(at(20, 30, 'z+1 z+2'), at(0, 10, 'z+3'), some('z=1,2,3'));
  const why = "T0 appended 2 to list 'z', T1 3 after it, as T2 read it";
  assert.ok(order.explanation.includes(why), order.explanation);
});

strict('tells a short cycle where there are longer ones, whatever comes first', () => {
  const circle = [some('a+1 b=1 c=1'), some('b+1 a=1'), some('c+1 b=1')];
  const skew = [
    some('x= y=1 q= r=1'),
    some('x+1 y+1'),
    some('q+1 p+1'),
    some('p=1 r+1'),
    some('q=1 x=1'),
  ];
  const [reader, ...others] = skew;
  const turned = { ...reader, operations: reader.operations.toReversed() };
  for (const history of [circle, skew, [turned, ...others]]) {
    for (let i = 0; i < history.length; i++) {
      const rotated = [...history.slice(i), ...history.slice(0, i)];
      for (const one of [rotated, rotated.toReversed()]) {
        assert.is(only(...one).dependencies.length, 2);
      }
    }
  }
});

strict('names each component of cycles, and counts what it does not tell', () => {
  const cycles = ['x', 'y', 'z'].flatMap((key) => [
    some(`${key}= ${key}+1`),
    some(`${key}= ${key}+2`),
  ]);
  assert.equal(typesOf(...cycles), ['G2-item', 'G2-item', 'G2-item']);
  const reads = Array.from({ length: 9 }, (_, i) => some(`x=${i + 1}`));
  const result = checkStrictSerializability([some('x+1'), ...reads]);
  assert.is(result.anomalyCount, 16);
  assert.match(result.explanation, /anomalies=16\n[\s\S]*\n… and 6 more$/);
});

strict('refuses to check a value that is appended twice, and a return before its call', () => {
  const invalid = (error: { code?: string }) => error.code === 'ERR_INVALID_ARGUMENT';
  accepts(some('x+1'), some('y+1'));
  assert.throws(() => checkStrictSerializability([some('x+1'), some('x+1')]), invalid);
  assert.throws(() => checkStrictSerializability([at(2, 1, 'x+1')]), invalid);
});

strict.run();
