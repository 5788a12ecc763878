/** The order of keys, and entries in it. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeKey } from '../runtime/views/object-key.ts';
import { compareKeys, orderedKey } from './key-order.ts';
import { codeOf } from './opened-logs.ts';
import { SortedEntries } from './sorted-entries.ts';

const sorted = suite('sorted entries');

const leaf = fc.oneof(
  fc.constantFrom(
    null,
    true,
    false,
    0,
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    '\uffff',
    '😀',
  ),
  fc.integer({ min: -3, max: 3 }),
  fc.double(),
  fc.bigInt({ min: -3n, max: 3n }),
  fc.string({ maxLength: 2 }),
  fc.uint8Array({ maxLength: 2 }),
  fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes)),
  fc.integer({ min: -3, max: 3 }).map((ms) => new Date(ms)),
);
const { key: keys } = fc.letrec((tie) => ({
  key: fc.oneof({ maxDepth: 2 }, leaf, fc.array(tie('key'), { maxLength: 3 })),
}));

sorted('keys have one order, and are equal where their encodings are', () => {
  const triple = fc.tuple(keys, keys, keys).map((three) => three.map(orderedKey));
  fc.assert(
    fc.property(triple, ([a, b, c]) => {
      const order = Math.sign(compareKeys(a, b));
      assert.is(order + Math.sign(compareKeys(b, a)), 0, 'either way round');
      assert.is(compareKeys(a, orderedKey(a)), 0);
      assert.is(order === 0, encodeKey(a) === encodeKey(b), 'equal, and in conflict');
      if (order <= 0 && compareKeys(b, c) <= 0) assert.ok(compareKeys(a, c) <= 0, 'transitive');
    }),
    { numRuns: 3000 },
  );
});

sorted('types stand one after the other, values within', () => {
  const inOrder = [
    null,
    false,
    true,
    Number.NEGATIVE_INFINITY,
    -1,
    0,
    0.5,
    2 ** 60,
    Number.POSITIVE_INFINITY,
    Number.NaN,
    -(2n ** 80n),
    1n,
    2n ** 80n,
    '',
    '10',
    '9',
    'a',
    'ab',
    // A pair of surrogates is below it in code units, and above it in code points.
    '😀',
    '\uff5e',
    new Uint8Array(0),
    Uint8Array.of(1),
    Buffer.of(1, 0),
    Uint8Array.of(2),
    new Date(-1),
    new Date(5),
    new Date(Number.NaN),
    [],
    [1],
    [1, 'a'],
    ['a'],
    [[]],
  ].map(orderedKey);
  for (let i = 0; i < inOrder.length; i++) {
    for (let j = 0; j < inOrder.length; j++) {
      assert.is(Math.sign(compareKeys(inOrder[i], inOrder[j])), Math.sign(i - j), `${i}, ${j}`);
    }
  }
});

sorted('what has no order is refused', async () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  for (const key of [
    undefined,
    {},
    Symbol('s'),
    () => {},
    new Map(),
    new Uint16Array(1),
    [undefined],
    [[{}]],
    // biome-ignore lint/suspicious/noSparseArray: it is what is refused
    [, 1],
    cyclic,
  ]) {
    assert.is(await codeOf(() => orderedKey(key)), 'ERR_INVALID_ARGUMENT');
  }
});

sorted('a key shares nothing with the caller', () => {
  const inner = [1];
  const bytes = Buffer.of(1);
  const key = orderedKey([inner, inner, bytes]);
  inner.push(2);
  bytes[0] = 9;
  assert.equal(key, [[1], [1], Uint8Array.of(1)]);
  assert.is(encodeKey(key), encodeKey(orderedKey([[1], [1], Uint8Array.of(1)])));
  assert.ok(Object.is(orderedKey(-0), 0));
});

sorted('every key that has an order can be set, found and deleted', () => {
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 80 }), (some) => {
      const entries = new SortedEntries<unknown, number>();
      const plain = new Map<string, unknown>();
      for (const key of some.map(orderedKey)) {
        plain.set(encodeKey(key), key);
        entries.set(key, 1, 1);
      }
      const inOrder = [...plain.values()].sort(compareKeys);
      assert.equal(
        Array.from(entries, ([key]) => key),
        inOrder,
      );
      for (const key of inOrder) {
        const range = { low: { key, isInclusive: true }, high: undefined, isReverse: false };
        const [[found]] = entries.range(range);
        assert.is(compareKeys(found, key), 0);
        assert.is(entries.delete(key), true);
        assert.is(entries.has(key), false);
      }
      assert.is(entries.size, 0);
    }),
    { numRuns: 300 },
  );
});

type Step =
  | { readonly what: 'set' | 'delete' | 'clear'; readonly key: number }
  | { readonly what: 'try' | 'undo' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.record({ what: fc.constant('set' as const), key: fc.nat(99) }) },
    { weight: 8, arbitrary: fc.record({ what: fc.constant('delete' as const), key: fc.nat(99) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('clear' as const), key: fc.nat(99) }) },
    { weight: 2, arbitrary: fc.constantFrom({ what: 'try' as const }, { what: 'undo' as const }) },
  ),
  { maxLength: 400 },
);

sorted('entries are as a sorted Map, on trial and after it was taken back', () => {
  const range = fc.record({
    low: fc.option(fc.record({ key: fc.nat(99), isInclusive: fc.boolean() }), { nil: undefined }),
    high: fc.option(fc.record({ key: fc.nat(99), isInclusive: fc.boolean() }), { nil: undefined }),
    isReverse: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(99), { maxLength: 99 }), steps, range, (before, done, of) => {
      const entries = new SortedEntries<number, number>();
      let plain = new Map<number, number>();
      for (const key of before) {
        entries.set(key, key, 1);
        plain.set(key, key);
      }
      let undo: (() => void) | undefined;
      let kept = plain;
      for (const [i, step] of done.entries()) {
        if (step.what === 'try' && undo === undefined) {
          undo = entries.tryOut();
          kept = new Map(plain);
        } else if (step.what === 'undo') {
          undo?.();
          if (undo !== undefined) plain = kept;
          undo = undefined;
        } else if (step.what === 'set') {
          entries.set(step.key, i, i + 2);
          plain.set(step.key, i);
          assert.is(entries.version(step.key), i + 2);
        } else if (step.what === 'delete') {
          assert.is(entries.delete(step.key), plain.delete(step.key));
        } else if (step.what === 'clear') {
          entries.clear();
          plain.clear();
        }
      }
      const all = [...plain].sort(([a], [b]) => a - b);
      assert.is(entries.size, plain.size);
      assert.equal([...entries], all);
      for (const key of [0, 50, 99]) {
        assert.equal([entries.has(key), entries.get(key)], [plain.has(key), plain.get(key)]);
      }
      const { low, high, isReverse } = of;
      const some = all.filter(
        ([key]) =>
          (low === undefined || key > low.key || (low.isInclusive && key === low.key)) &&
          (high === undefined || key < high.key || (high.isInclusive && key === high.key)),
      );
      assert.equal([...entries.range(of)], isReverse ? some.reverse() : some);
    }),
    { numRuns: 300 },
  );
});

sorted.run();
