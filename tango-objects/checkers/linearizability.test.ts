/** Each history that must be accepted stands beside one that must be refused, and differs little. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkLinearizability,
  type LinearizabilityViolation,
  type Model,
  type Operation,
} from './linearizability.ts';
import { counterModel, mapModel, queueModel, registerModel } from './models.ts';

const linearizability = suite('linearizability');

/** What is called, what it gave, from when to when; without an end it never returned. */
type Line<Input> = readonly [input: Input, output: unknown, call: number, end?: number];

function historyOf<Input>(lines: readonly Line<Input>[]): Operation<Input>[] {
  return lines.map(([input, output, call, end = Infinity], client) => {
    return { input, output, call, return: end, client };
  });
}

function accepts<S, I>(model: Model<S, I>, ...lines: Line<I>[]): void {
  const result = checkLinearizability(model, historyOf(lines));
  assert.is(result.verdict, 'ok', result.explanation);
}

function refuses<S, I>(
  model: Model<S, I>,
  ...lines: Line<I>[]
): LinearizabilityViolation<I, unknown> {
  const result = checkLinearizability(model, historyOf(lines));
  assert.is(result.verdict, 'violation', result.explanation);
  return result as LinearizabilityViolation<I, unknown>;
}

const get = { type: 'get' } as const;
const set = (value: unknown) => ({ type: 'set', value }) as const;
const swap = (expected: unknown, value: unknown) => {
  return { type: 'compareAndSet', expected, value } as const;
};
const add = (n: number) => ({ type: 'add', n }) as const;
const enqueue = (value: unknown) => ({ type: 'enqueue', value }) as const;
const dequeue = { type: 'dequeue' } as const;

linearizability('accepts what is empty', () => {
  accepts(registerModel());
});

linearizability('refuses a stale read, and accepts it while the write goes on', () => {
  accepts(registerModel(0), [set(1), undefined, 0, 10], [get, 0, 5, 20]);
  refuses(registerModel(0), [set(1), undefined, 0, 10], [get, 0, 11, 20]);
});

linearizability('takes a return and a call at one time as concurrent', () => {
  accepts(registerModel(0), [set(1), undefined, 0, 10], [get, 0, 10, 20]);
  accepts(registerModel(0), [get, 0, 10, 20], [set(1), undefined, 0, 10]);
  accepts(registerModel(0), [get, 1, 5, 5], [set(1), undefined, 5, 5]);
});

linearizability('refuses reads that go back, and accepts concurrent ones in either order', () => {
  const write = [set(1), undefined, 0, 100] as const;
  accepts(registerModel(0), write, [get, 1, 10, 30], [get, 0, 20, 40]);
  refuses(registerModel(0), write, [get, 1, 10, 20], [get, 0, 30, 40]);
});

linearizability('refuses a read of a value that was never written, or only later', () => {
  accepts(registerModel(), [get, 'a', 0, 10], [set('a'), undefined, 10, 20]);
  refuses(registerModel(), [get, 'a', 0, 10], [set('a'), undefined, 11, 20]);
  refuses(registerModel(), [get, 'b', 0, 10], [set('a'), undefined, 5, 20]);
});

linearizability('refuses that two compareAndSet of one value both succeed', () => {
  accepts(registerModel(0), [swap(0, 1), true, 0, 10], [swap(0, 2), false, 0, 10]);
  refuses(registerModel(0), [swap(0, 1), true, 0, 10], [swap(0, 2), true, 0, 10]);
  refuses(registerModel(0), [swap(0, 1), false, 0, 10], [swap(0, 2), false, 0, 10]);
  accepts(registerModel({ a: [1] }), [swap({ a: [1] }, 1), true, 0, 1], [get, 1, 2, 3]);
});

linearizability('refuses a lost update of a counter', () => {
  accepts(counterModel(), [add(1), 1, 0, 10], [add(2), 3, 0, 10], [get, 3, 11, 12]);
  accepts(counterModel(), [add(1), 3, 0, 10], [add(2), 2, 0, 10], [get, 3, 11, 12]);
  refuses(counterModel(), [add(1), 1, 0, 10], [add(2), 2, 0, 10]);
  refuses(counterModel(), [add(1), 1, 0, 10], [add(2), 3, 0, 10], [get, 1, 11, 12]);
  refuses(counterModel(), [add(1), 3, 0, 10], [add(2), 2, 11, 12]);
});

linearizability(
  'lets an operation that never returned take effect late, early or not at all',
  () => {
    const pending = [set(1), undefined, 10] as const;
    accepts(registerModel(0), pending, [get, 0, 20, 30]);
    accepts(registerModel(0), pending, [get, 1, 20, 30]);
    accepts(registerModel(0), pending, [get, 0, 20, 30], [get, 1, 40, 50]);
    refuses(registerModel(0), pending, [get, 1, 20, 30], [get, 0, 40, 50]);
    refuses(registerModel(0), pending, [get, 1, 0, 9]);
    accepts(registerModel(0), pending, [get, 1, 0, 10]);
    refuses(
      registerModel(0),
      pending,
      [set(2), undefined, 20, 30],
      [get, 1, 40, 50],
      [get, 2, 60, 70],
    );
  },
);

linearizability('lets each operation that never returned take effect once', () => {
  const pending = [add(1), undefined, 0] as const;
  accepts(counterModel(), pending, [get, 1, 20, 30], [get, 1, 40, 50]);
  accepts(counterModel(), pending, pending, [get, 1, 20, 30], [get, 2, 40, 50]);
  refuses(counterModel(), pending, [get, 1, 20, 30], [get, 2, 40, 50]);
  accepts(counterModel(), pending, [add(5), 6, 0, 9]);
  accepts(counterModel(), pending, [add(5), 5, 0, 9]);
});

linearizability('goes back to place operations that never returned otherwise', () => {
  const first = [swap(0, 1), undefined, 0] as const;
  const second = [swap(1, 2), undefined, 0] as const;
  const third = [swap(0, 2), undefined, 0] as const;
  accepts(registerModel(0), third, first, second, [get, 1, 5, 6], [get, 2, 7, 8]);
  refuses(registerModel(0), third, first, second, [get, 2, 5, 6], [get, 1, 7, 8]);
});

linearizability('refuses a lost, a duplicated and an overtaking item of a queue', () => {
  const both = [
    [enqueue('a'), undefined, 0, 10],
    [enqueue('b'), undefined, 20, 30],
  ] as const;
  accepts(queueModel(), ...both, [dequeue, 'a', 40, 50], [dequeue, 'b', 60, 70]);
  accepts(queueModel(), ...both, [dequeue, 'b', 40, 60], [dequeue, 'a', 50, 70]);
  accepts(queueModel(), ...both, [dequeue, undefined, 0, 5], [dequeue, 'a', 40, 50]);
  refuses(queueModel(), ...both, [dequeue, 'a', 40, 50], [dequeue, undefined, 60, 70]);
  refuses(queueModel(), ...both, [dequeue, 'a', 40, 50], [dequeue, 'a', 60, 70]);
  refuses(queueModel(), ...both, [dequeue, 'b', 40, 50], [dequeue, 'a', 60, 70]);
  refuses(queueModel(), ...both, [dequeue, 'c', 40, 50]);
  const pending = [dequeue, undefined, 35] as const;
  accepts(queueModel(), ...both, pending, [dequeue, 'b', 40, 50]);
  refuses(queueModel(), ...both, pending, [dequeue, 'b', 40, 50], [dequeue, 'a', 60, 70]);
});

linearizability('checks each key of a map by itself, and tells which is wrong', () => {
  const a = { key: 'a' };
  const b = { key: 'b' };
  const good = [
    [{ type: 'setIfAbsent', ...a, value: 1 }, true, 0, 10],
    [{ type: 'setIfAbsent', ...a, value: 2 }, false, 0, 10],
    [{ type: 'has', ...a }, true, 11, 12],
    [{ type: 'get', ...a }, 1, 11, 12],
    [{ type: 'get', ...b }, undefined, 11, 12],
    [{ type: 'set', ...b, value: undefined }, undefined, 20, 30],
    [{ type: 'has', ...b }, true, 31, 32],
    [{ type: 'delete', ...b }, true, 33, 34],
  ] as const;
  accepts(mapModel(), ...good, [{ type: 'delete', ...b }, false, 35, 36]);
  accepts(mapModel(), ...good, [{ type: 'has', ...b }, false, 35, 36]);
  const violation = refuses(mapModel(), ...good, [{ type: 'delete', ...b }, true, 35, 36]);
  assert.is(violation.partition, 'b');
  assert.is(violation.partitions, 2);
  refuses(mapModel(), ...good, [{ type: 'setIfAbsent', ...a, value: 3 }, true, 35, 36]);
  refuses(mapModel(), ...good, [{ type: 'get', ...a }, 2, 35, 36]);
});

linearizability('tells keys apart that only look alike', () => {
  const lines = [
    [{ type: 'set', key: 1, value: 'number' }, undefined, 0, 1],
    [{ type: 'set', key: '1', value: 'text' }, undefined, 2, 3],
    [{ type: 'get', key: 1 }, 'number', 4, 5],
    [{ type: 'get', key: { of: [1] } }, undefined, 4, 5],
  ] as const;
  accepts(mapModel(), ...lines);
  refuses(mapModel(), ...lines, [{ type: 'get', key: '1' }, 'number', 4, 5]);
});

linearizability('explains a violation by the longest order and what cannot follow it', () => {
  const violation = refuses(
    registerModel(0),
    [set(1), undefined, 0, 10],
    [set(2), undefined, 20, 30],
    [get, 1, 40, 50],
    [get, 3, 41, 60],
    [get, 1, 70, 80],
  );
  assert.equal(
    violation.prefix.map((operation) => operation.client),
    [0, 1],
  );
  assert.equal(
    violation.misfits.map(({ operation, expected }) => [operation.client, expected]),
    [
      [2, 2],
      [3, 2],
    ],
  );
  assert.is(
    violation.explanation,
    `not linearizable: no order of the operations gives what they gave.
The longest that does has 2 of the 5 that returned:
  0: set(1) gave undefined, from 0 to 10
  1: set(2) gave undefined, from 20 to 30
There the state is 2, and one of these had to be next; none can:
  2: get() gave 1, from 40 to 50; it would give 2 here
  3: get() gave 3, from 41 to 60; it would give 2 here`,
  );
});

linearizability('explains by the longest order, not by the first dead end', () => {
  const violation = refuses(
    registerModel(0),
    [set(1), undefined, 0, 10],
    [set(2), undefined, 0, 10],
    [get, 1, 11, 12],
    [get, 9, 13, 14],
  );
  assert.equal(
    violation.prefix.map((operation) => operation.client),
    [1, 0, 2],
  );
  assert.equal(
    violation.misfits.map((one) => one.operation.client),
    [3],
  );
});

linearizability('says unknown when the budget is spent, and neither ok nor violation', () => {
  const lines: Line<ReturnType<typeof add>>[] = [];
  for (let i = 0; i < 14; i++) lines.push([add(2 ** i), 2 ** i, 0, 100]);
  const history = historyOf(lines);
  const result = checkLinearizability(counterModel(), history, { stepsMax: 10 });
  assert.is(result.verdict, 'unknown');
  assert.match(result.explanation, /unknown: gave up after 10 steps \(stepsMax=10/);
  assert.is(checkLinearizability(counterModel(), history).verdict, 'violation');
});

linearizability('says unknown when one partition of several was too hard, with its name', () => {
  const hard = Array.from({ length: 30 }, (_, i): Line<object> => {
    return [{ type: 'setIfAbsent', key: 'hard', value: i }, i === 29, 0, 100];
  });
  const easy: Line<object> = [{ type: 'get', key: 'easy' }, undefined, 0, 1];
  const check = (lines: Line<object>[], stepsMax: number) => {
    return checkLinearizability(mapModel() as Model<unknown, object>, historyOf(lines), {
      stepsMax,
    });
  };
  const result = check([...hard, easy], 20);
  assert.is(result.verdict, 'unknown');
  assert.is('partition' in result && result.partition, 'hard');
  assert.is(check([...hard, easy], 1000).verdict, 'ok');
  const wrong: Line<object> = [{ type: 'get', key: 'easy' }, 1, 0, 1];
  assert.is(check([...hard, wrong], 20).verdict, 'violation');
});

linearizability(
  'is not slowed down by many operations at one time whose order means nothing',
  () => {
    const lines: Line<ReturnType<typeof set> | typeof get>[] = [];
    for (let i = 0; i < 18; i++) lines.push([set(1), undefined, 0, 100]);
    const history = historyOf([...lines, [get, 2, 101, 102]]);
    // Sets of 18 are placed in 2^18 ways, and in 18! orders.
    const result = checkLinearizability(registerModel(0), history, { stepsMax: 18 * 2 ** 18 });
    assert.is(result.verdict, 'violation');
  },
);

linearizability('takes times of process.hrtime.bigint()', () => {
  const start = 2n ** 60n;
  const write = { input: set(1), output: undefined, call: start, return: start + 1n };
  const early = { input: get, output: 0, call: start + 1n, return: start + 5n };
  const late = { ...early, call: start + 2n };
  assert.is(checkLinearizability(registerModel(0), [write, early]).verdict, 'ok');
  assert.is(checkLinearizability(registerModel(0), [write, late]).verdict, 'violation');
});

linearizability('compares outputs as the model wants', () => {
  const near: Model<number, { readonly type: 'get' }, number> = {
    init: () => 10,
    step: (state) => ({ state, output: state }),
    key: String,
    accepts: (expected, output) => Math.abs(expected - output) <= 1,
  };
  const at = { input: get, call: 0, return: 1 };
  assert.is(checkLinearizability(near, [{ ...at, output: 11 }]).verdict, 'ok');
  assert.is(checkLinearizability(near, [{ ...at, output: 12 }]).verdict, 'violation');
});

linearizability('refuses to check what is no history', () => {
  const check = (call: number, end: number, stepsMax = 1) => {
    const history = [{ input: get, output: 0, call, return: end }];
    return () => checkLinearizability(registerModel(0), history, { stepsMax });
  };
  const invalid = (error: { code?: string }) => error.code === 'ERR_INVALID_ARGUMENT';
  assert.not.throws(check(1, 1));
  assert.throws(check(2, 1), invalid);
  assert.throws(check(Number.NaN, 1), invalid);
  assert.throws(check(0, Number.NaN), invalid);
  assert.throws(check(0, 1, 0), invalid);
  assert.throws(check(0, 1, Number.NaN), invalid);
});

linearizability.run();
