import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inWords, isSameValue, valueKey } from './value-key.ts';

const valueKeys = suite('value key');

const DIFFERENT = [
  ...[undefined, null, true, false, 0, 1, -1, 1.5, Number.NaN, Infinity, 1n, 0n],
  ...['', '0', '1', 'n1;', 'u', 'undefined', 's1:a', [], [[]], [undefined], ['a', 'b'], ['ab']],
  ...[['a', ['b']], [['a'], 'b'], {}, { a: 1 }, { a: '1' }, { b: 1 }, { a: 1, b: 2 }],
  ...[{ a: { b: 2 } }, { a: undefined }, [['a', 1]], new Uint8Array([1]), new Uint8Array([1, 1])],
];

valueKeys('tells different values apart', () => {
  for (const [i, one] of DIFFERENT.entries()) {
    for (const [j, other] of DIFFERENT.entries()) {
      const what = `${inWords(one)} and ${inWords(other)}`;
      assert.is(valueKey(one) === valueKey(other), i === j, what);
      assert.is(isSameValue(one, other), i === j, what);
    }
  }
});

valueKeys('takes equal values as equal', () => {
  const bare = Object.assign(Object.create(null), { a: 1, b: 2 });
  const pairs = [
    [0, -0],
    [[0], [-0]],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [{ a: 1, b: 2 }, bare],
    [structuredClone(DIFFERENT.slice(0, -2)), DIFFERENT.slice(0, -2)],
    [new Uint8Array([7]), Buffer.from([7])],
  ];
  for (const [one, other] of pairs) {
    assert.is(valueKey(one), valueKey(other));
    assert.ok(isSameValue(one, other), inWords(one));
  }
});

valueKeys('refuses what has no value of its own', () => {
  const invalid = (error: { code?: string }) => error.code === 'ERR_INVALID_ARGUMENT';
  for (const value of [() => 1, Symbol('a'), new Map(), new Date(0), [new Set()]]) {
    assert.throws(() => valueKey(value), invalid);
  }
});

valueKeys.run();
