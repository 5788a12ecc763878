import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  alignUp,
  ceilPowerOfTwo,
  highWord,
  joinWords,
  loadLong,
  lowWord,
  raiseLong,
  storeLong,
} from './words.ts';

const words = suite('words');

/** Positions of every magnitude, and those next to a power of two. */
const anyPosition = fc.oneof(
  fc.maxSafeNat(),
  fc
    .tuple(fc.integer({ min: 0, max: 53 }), fc.integer({ min: -2, max: 2 }))
    .map(([power, step]) => Math.min(Math.max(2 ** power + step, 0), Number.MAX_SAFE_INTEGER)),
);

function freshLongs(): BigInt64Array {
  return new BigInt64Array(new SharedArrayBuffer(32));
}

words('joins the two words of every position back to it', () => {
  fc.assert(
    fc.property(anyPosition, (position) => {
      const [low, high] = [lowWord(position), highWord(position)];
      assert.is(low, low | 0, 'the low word is a signed word');
      assert.ok(high >= 0 && high < 2 ** 21, 'the high word has 21 bits');
      assert.is(joinWords(low, high), position);
    }),
    { numRuns: 2000 },
  );
});

words('joins words that went through an Int32Array', () => {
  const cells = new Int32Array(2);
  for (const position of [0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER]) {
    cells[0] = lowWord(position);
    cells[1] = highWord(position);
    assert.is(joinWords(cells[0], cells[1]), position);
  }
});

words('loads the position that was stored, and touches no neighbour', () => {
  const longs = freshLongs();
  fc.assert(
    fc.property(anyPosition, (position) => {
      storeLong(longs, 1, position);
      assert.is(loadLong(longs, 1), position);
      assert.is(loadLong(longs, 0), 0);
      assert.is(loadLong(longs, 2), 0);
    }),
  );
});

words('raises a word and never lowers it', () => {
  fc.assert(
    fc.property(fc.array(anyPosition, { minLength: 1 }), (positions) => {
      const longs = freshLongs();
      for (const position of positions) raiseLong(longs, 0, position);
      assert.is(loadLong(longs, 0), Math.max(...positions));
    }),
  );
});

words('aligns up to the next multiple, and leaves multiples alone', () => {
  assert.is(alignUp(0, 64), 0);
  assert.is(alignUp(1, 64), 64);
  assert.is(alignUp(64, 64), 64);
  assert.is(alignUp(65, 64), 128);
  assert.is(alignUp(2 ** 40 + 1, 8), 2 ** 40 + 8);
});

words('finds the smallest power of two that is not below a value', () => {
  assert.is(ceilPowerOfTwo(0), 1);
  assert.is(ceilPowerOfTwo(1), 1);
  assert.is(ceilPowerOfTwo(3), 4);
  assert.is(ceilPowerOfTwo(4), 4);
  assert.is(ceilPowerOfTwo(4.5), 8);
  assert.is(ceilPowerOfTwo(2 ** 33 + 1), 2 ** 34);
});

words.run();
