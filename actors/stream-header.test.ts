import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Backpointers, encodeStreamHeader, streamOfHeader } from './stream-header.ts';

const KS = [4, 8, 12, 16];
const DISTANCE_MAX = 65_535;
const STREAM = 0x1234_5678;

const streamHeader = suite('stream header');

interface Decoded {
  readonly positions: number[];
  readonly complete: boolean;
}

/** `history`: every earlier position of the stream, latest first. */
function roundTrip(k: number, position: number, history: readonly number[]): Decoded {
  const earlier = new Float64Array(k).fill(-1);
  earlier.set(history.slice(0, k));
  const words = new Int32Array(1 + k / 2);
  encodeStreamHeader(words, 0, STREAM, position, earlier);
  assert.is(streamOfHeader(words, 0), STREAM);
  return decode(k, words, position);
}

function decode(k: number, words: Int32Array, position: number): Decoded {
  const pointers = new Backpointers(k);
  // Left over from an earlier header.
  pointers.count = k;
  pointers.complete = true;
  pointers.decode(words, 0, position);
  const positions = [...pointers.positions.subarray(0, pointers.count)];
  return { positions, complete: pointers.complete };
}

/** What the header has room to say, from the paper's words and nothing else. */
function model(k: number, position: number, history: readonly number[]): Decoded {
  const isNear = (earlier: number): boolean => position - earlier <= DISTANCE_MAX;
  const last = history.slice(0, k);
  if (last.length > 0 && !last.some(isNear)) {
    return { positions: last.slice(0, k / 4), complete: last.length < k / 4 };
  }
  const near = last.filter(isNear);
  return { positions: near, complete: near.length === last.length && last.length < k };
}

const anyGap = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 5 }) },
  fc.integer({ min: 1, max: 40_000 }),
  fc.integer({ min: DISTANCE_MAX - 3, max: DISTANCE_MAX + 3 }),
  fc.integer({ min: 1, max: 2 ** 40 }),
);

/** A position and the stream's history below it, latest first, of any magnitude. */
const anyHistory = fc
  .tuple(
    fc.array(anyGap, { maxLength: 20 }),
    fc.oneof(fc.nat(10), fc.integer({ min: 0, max: 2 ** 52 })),
  )
  .map(([gaps, first]) => {
    const ascending = [first];
    for (const gap of gaps) ascending.push(ascending[ascending.length - 1] + gap);
    const [position, ...history] = ascending.reverse();
    return { position, history };
  });

const anyWords = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.integer({ min: -3, max: 3 }),
  fc.tuple(fc.nat(5), fc.nat(5)).map(([low, high]) => low | (high << 16)),
);

for (const k of KS) {
  streamHeader(`says with K = ${k} what the paper's format has room for`, () => {
    fc.assert(
      fc.property(anyHistory, ({ position, history }) => {
        assert.equal(roundTrip(k, position, history), model(k, position, history));
      }),
      { numRuns: 2000 },
    );
  });

  streamHeader(
    `gives with K = ${k} the latest entries without a gap, all of them if complete`,
    () => {
      fc.assert(
        fc.property(anyHistory, ({ position, history }) => {
          const { positions, complete } = roundTrip(k, position, history);
          assert.equal(positions, history.slice(0, positions.length));
          if (complete) assert.is(positions.length, history.length);
          if (history.length > 0) assert.ok(positions.length > 0, 'a walk gets on');
        }),
        { numRuns: 1000 },
      );
    },
  );

  streamHeader(`leads with K = ${k} strictly down from any garbage`, () => {
    const garbage = fc.array(anyWords, { minLength: 1 + k / 2, maxLength: 1 + k / 2 });
    const anyPosition = fc.oneof(fc.nat(10), fc.maxSafeNat());
    fc.assert(
      fc.property(garbage, anyPosition, (words, position) => {
        const { positions } = decode(k, Int32Array.from(words), position);
        assert.ok(positions.length <= k);
        let above = position;
        for (const earlier of positions) {
          assert.ok(earlier >= 0 && earlier < above, `${earlier} is below ${above}`);
          above = earlier;
        }
      }),
      { numRuns: 2000 },
    );
  });

  streamHeader(`takes 1 + K/2 words with K = ${k}, and touches no neighbour`, () => {
    for (const gap of [1, DISTANCE_MAX + 1]) {
      const words = new Int32Array(3 + k / 2).fill(-99);
      const earlier = Float64Array.from({ length: k }, (_, i) => 10_000_000 - gap - i);
      encodeStreamHeader(words, 1, 5, 10_000_000, earlier);
      assert.is(words[0], -99);
      assert.is(words[2 + k / 2], -99);
      for (let i = 1; i < 2 + k / 2; i++) assert.is.not(words[i], -99);
    }
  });
}

streamHeader('reaches 65,535 back in the relative format, and 65,536 in the absolute one', () => {
  const position = 1_000_000;
  const words = new Int32Array(3);
  const earlier = Float64Array.of(position - 65_535, -1, -1, -1);
  encodeStreamHeader(words, 0, STREAM, position, earlier);
  assert.ok(words[0] > 0, 'relative');
  assert.equal(decode(4, words, position), { positions: [position - 65_535], complete: true });
  earlier[0] = position - 65_536;
  encodeStreamHeader(words, 0, STREAM, position, earlier);
  assert.ok(words[0] < 0, 'absolute');
  // One absolute pointer is all that K = 4 has; whether there are more is not said.
  assert.equal(decode(4, words, position), { positions: [position - 65_536], complete: false });
});

streamHeader('stays relative while a single distance fits', () => {
  const position = 5_000_000;
  const history = [position - 65_535, position - 65_536, position - 70_000, 3];
  assert.equal(roundTrip(4, position, history), {
    positions: [position - 65_535],
    complete: false,
  });
});

streamHeader('tells no earlier entry from one that is too far away', () => {
  const position = 200_000;
  const near = [199_999, 199_998];
  assert.equal(roundTrip(4, position, near), { positions: near, complete: true });
  assert.equal(roundTrip(4, position, [...near, 7]), { positions: near, complete: false });
});

streamHeader('tells with all K distances in use that there may be more', () => {
  assert.equal(roundTrip(4, 9, [8, 7, 6, 5]), { positions: [8, 7, 6, 5], complete: false });
  assert.equal(roundTrip(4, 9, [8, 7, 6]), { positions: [8, 7, 6], complete: true });
});

streamHeader('is complete and empty for the first entry of a stream', () => {
  for (const k of KS) {
    for (const position of [0, 1, 2 ** 52]) {
      assert.equal(roundTrip(k, position, []), { positions: [], complete: true });
    }
  }
});

streamHeader('knows K/4 absolute positions, and whether they are all', () => {
  const position = 2 ** 50;
  const history = [2 ** 40 + 1, 2 ** 33, 0];
  assert.equal(roundTrip(8, position, history).positions, [2 ** 40 + 1, 2 ** 33]);
  assert.equal(roundTrip(16, position, history), { positions: history, complete: true });
});

streamHeader('carries every stream id of 31 bits in both formats', () => {
  const words = new Int32Array(3);
  for (const stream of [0, 1, 0x4000_0000, 0x7fff_ffff]) {
    for (const distance of [1, 100_000]) {
      encodeStreamHeader(
        words,
        0,
        stream,
        200_000,
        Float64Array.of(200_000 - distance, -1, -1, -1),
      );
      assert.is(streamOfHeader(words, 0), stream);
      assert.equal(decode(4, words, 200_000).positions, [200_000 - distance]);
    }
  }
});

streamHeader.run();
