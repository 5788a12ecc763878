import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { UnitId } from './actor-ids.ts';
import {
  checkProjection,
  type Extent,
  firstProjection,
  type Projection,
  ProjectionMap,
  type Range,
  rowsOf,
} from './projection.ts';

const projection = suite('projection');

const EPOCH = 1;
const SEQUENCER = 1;

function mapOf(ranges: readonly Range[]): ProjectionMap {
  return new ProjectionMap({ epoch: EPOCH, sequencer: SEQUENCER, sequencerSince: EPOCH, ranges });
}

function extentsAt(...starts: number[]): Extent[] {
  return starts.map((start, unit) => ({ chain: [unit], start }));
}

/** Up to three ranges of up to four chains; no unit is in two of them. */
const anyRanges = fc
  .array(
    fc.record({
      length: fc.integer({ min: 1, max: 25 }),
      extents: fc.array(
        fc.record({ replicas: fc.integer({ min: 1, max: 3 }), start: fc.nat(50) }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((drawn): Range[] => {
    let unit = 0;
    let from = 0;
    return drawn.map(({ length, extents }, i) => {
      const range = {
        from,
        extents: extents.map(({ replicas, start }) => ({
          chain: Array.from({ length: replicas }, () => unit++),
          start,
        })),
      };
      from += length;
      return i === drawn.length - 1 ? range : { ...range, to: from };
    });
  });

/** Positions above the active range's start that a brute force looks at. */
const ROWS = 40;

projection('puts 45K at page 2500 of F2, as in the papers', () => {
  for (const kilo of [1000, 1024]) {
    const extents = (a: UnitId, b: UnitId): Extent[] => [
      { chain: [a], start: 0 },
      { chain: [b], start: 0 },
    ];
    const map = mapOf([
      { from: 0, to: 40 * kilo, extents: extents(0, 1) },
      { from: 40 * kilo, extents: extents(2, 3) },
    ]);
    assert.equal(map.chainOf(45 * kilo), [2]);
    assert.is(map.addressOf(45 * kilo), 2.5 * kilo);
    assert.equal(map.chainOf(45 * kilo + 1), [3]);
    assert.equal(map.chainOf(40 * kilo - 1), [1]);
    assert.is(map.addressOf(40 * kilo - 1), 20 * kilo - 1);
    assert.is(map.active.from, 40 * kilo);
  }
});

projection('starts with chains of consecutive units and one active range', () => {
  const first = firstProjection(4, 2, SEQUENCER);
  checkProjection(first);
  assert.equal(first, {
    epoch: 1,
    sequencer: SEQUENCER,
    sequencerSince: 1,
    ranges: [
      {
        from: 0,
        extents: [
          { chain: [0, 1], start: 0 },
          { chain: [2, 3], start: 0 },
        ],
      },
    ],
  });
});

projection('finds the range of a position at its first and last one', () => {
  const ranges = [
    { from: 0, to: 10, extents: extentsAt(0) },
    { from: 10, to: 11, extents: extentsAt(10) },
    { from: 11, to: 30, extents: extentsAt(11) },
    { from: 30, extents: extentsAt(30) },
  ];
  const map = mapOf(ranges);
  const rangeAt = (position: number): number => ranges.indexOf(map.rangeOf(position) as never);
  assert.equal([0, 9, 10, 11, 29, 30, 2 ** 53 - 1].map(rangeAt), [0, 0, 1, 2, 2, 3, 3]);
});

projection('deals positions round robin to extents that start at unequal addresses', () => {
  const map = mapOf([{ from: 0, extents: extentsAt(5_000, 20_000) }]);
  assert.equal(
    [0, 1, 2, 3].map((position) => map.chainOf(position)[0]),
    [0, 1, 0, 1],
  );
  assert.equal(
    [0, 1, 2, 3].map((position) => map.addressOf(position)),
    [5_000, 20_000, 5_001, 20_001],
  );
});

projection('finds the tail of extents that start at unequal addresses', () => {
  const map = mapOf(withPrefix({ from: 100, extents: extentsAt(5_000, 20_000) }));
  const tail = (first: number, second: number): number =>
    map.tailFrom((unit) => [first, second][unit] ?? 0);
  assert.is(tail(0, 0), 100, 'units that hold nothing of the range');
  assert.is(tail(5_000, 20_000), 100);
  assert.is(tail(5_001, 20_000), 101);
  assert.is(tail(5_000, 20_001), 102);
  assert.is(tail(5_003, 20_001), 105);
  assert.is(tail(5_003, 20_003), 106);
});

/** The ranges of a projection whose active range is `range`. */
function withPrefix(range: Range): Range[] {
  return [{ from: 0, to: range.from, extents: [{ chain: [9], start: 0 }] }, range];
}

/** Two extents a range; the second lost its replicas in the first and in the last range. */
function withLostExtents(): ProjectionMap {
  const lost = { chain: [], start: 0 };
  return mapOf([
    { from: 0, to: 10, extents: [{ chain: [0, 1], start: 0 }, lost] },
    { from: 10, to: 20, extents: extentsAt(5, 5) },
    { from: 20, extents: [{ chain: [0, 1], start: 10 }, lost] },
  ]);
}

projection('maps positions without a replica to an empty chain', () => {
  const map = withLostExtents();
  assert.equal(
    [0, 1, 11, 20, 21].map((position) => map.chainOf(position).length),
    [2, 0, 1, 2, 0],
  );
  assert.is(map.addressOf(3), 1);
  assert.equal(map.units().sort(), [0, 1]);
  const rows = [5, 5, 10, 10, 12, 12];
  assert.equal(
    map.prefixAddresses(24),
    rows.map((address, i) => ({ unit: i % 2, address })),
  );
  assert.is(
    map.tailFrom(() => 13),
    25,
    'the tail is what the others hold',
  );
});

projection('has no slot in an active range that lost an extent', () => {
  assert.is(
    withLostExtents().limitFrom(() => 100),
    20,
  );
});

projection('says where something is lost', () => {
  const map = withLostExtents();
  assert.equal(map.lostIn(0, 30), [
    { from: 0, to: 10 },
    { from: 20, to: 30 },
  ]);
  assert.equal(map.lostIn(9, 21), [
    { from: 9, to: 10 },
    { from: 20, to: 21 },
  ]);
  for (const [from, to] of [
    [10, 20],
    [5, 5],
    [25, 25],
  ] as const) {
    assert.equal(map.lostIn(from, to), []);
  }
});

projection('counts the addresses that a range uses in each extent', () => {
  const range = { from: 10, to: 14, extents: extentsAt(0, 0, 0) };
  assert.equal(
    [0, 1, 2].map((extent) => rowsOf(range, extent)),
    [2, 1, 1],
  );
  const short = { from: 10, to: 11, extents: extentsAt(0, 0, 0) };
  assert.equal(
    [0, 1, 2].map((extent) => rowsOf(short, extent)),
    [1, 0, 0],
  );
  assert.is(rowsOf({ from: 10, extents: extentsAt(0) }, 0), Number.POSITIVE_INFINITY);
});

projection('maps no two positions to the same place', () => {
  fc.assert(
    fc.property(anyRanges, (ranges) => {
      const map = mapOf(ranges);
      const places = new Set<string>();
      const end = map.active.from + ROWS;
      for (let position = 0; position < end; position++) {
        for (const unit of map.chainOf(position)) places.add(`${unit}:${map.addressOf(position)}`);
      }
      let replicas = 0;
      for (let position = 0; position < end; position++) replicas += map.chainOf(position).length;
      assert.is(places.size, replicas);
    }),
  );
});

projection('finds the tail above any set of writes, complete or not', () => {
  const anyWrites = fc.array(
    fc.record({ row: fc.nat(ROWS - 1), replicas: fc.integer({ min: 1, max: 3 }) }),
    { maxLength: 10 },
  );
  fc.assert(
    fc.property(anyRanges, anyWrites, fc.nat(50), (ranges, writes, older) => {
      const map = mapOf(ranges);
      const limits = new Map<UnitId, number>();
      let tail = map.active.from;
      for (const { row, replicas } of writes) {
        const position = map.active.from + row;
        tail = Math.max(tail, position + 1);
        // The head is written first; a writer may have died on its way down.
        for (const unit of map.chainOf(position).slice(0, replicas)) {
          limits.set(unit, Math.max(limits.get(unit) ?? 0, map.addressOf(position) + 1));
        }
      }
      const startOf = new Map(
        map.active.extents.flatMap(({ chain, start }) => chain.map((unit) => [unit, start])),
      );
      // Units without a write report an address of an older range.
      const untouched = (unit: UnitId): number => Math.min(older, startOf.get(unit) ?? older);
      assert.is(
        map.tailFrom((unit) => limits.get(unit) ?? untouched(unit)),
        tail,
      );
    }),
  );
});

projection('finds the first position of the active range that has no slot', () => {
  fc.assert(
    fc.property(anyRanges, fc.array(fc.nat(80), { minLength: 40 }), (ranges, limits) => {
      const map = mapOf(ranges);
      const limitOf = (unit: UnitId): number => limits[unit];
      let expected = map.active.from;
      const fits = (position: number): boolean =>
        map.chainOf(position).every((unit) => map.addressOf(position) < limitOf(unit));
      while (fits(expected)) expected++;
      assert.is(map.limitFrom(limitOf), expected);
    }),
  );
});

projection('says for a prefix trim how far each extent goes', () => {
  fc.assert(
    fc.property(anyRanges, fc.nat(120), (ranges, position) => {
      const map = mapOf(ranges);
      const expected: { unit: UnitId; address: number }[] = [];
      for (const range of ranges) {
        for (const extent of range.extents) {
          let address = -1;
          for (let p = range.from; p < Math.min(position, range.to ?? position); p++) {
            if (map.extentOf(p) === extent) address = map.addressOf(p) + 1;
          }
          if (address >= 0) for (const unit of extent.chain) expected.push({ unit, address });
        }
      }
      assert.equal(map.prefixAddresses(position), expected);
    }),
  );
});

projection('trims nothing for a prefix of no positions', () => {
  assert.equal(mapOf([{ from: 0, extents: extentsAt(3, 4) }]).prefixAddresses(0), []);
});

projection('maps the highest positions without losing a bit', () => {
  const highest = Number.MAX_SAFE_INTEGER;
  const map = mapOf([{ from: 0, extents: extentsAt(0, 0, 0) }]);
  for (let position = highest - 5; position <= highest; position++) {
    const [unit] = map.chainOf(position);
    assert.is(BigInt(map.addressOf(position)) * 3n + BigInt(unit), BigInt(position));
  }
});

projection('names each unit once, even if two ranges use it', () => {
  const map = mapOf([
    { from: 0, to: 5, extents: [{ chain: [0, 1], start: 0 }] },
    {
      from: 5,
      extents: [
        { chain: [1, 2], start: 5 },
        { chain: [3], start: 0 },
      ],
    },
  ]);
  assert.equal(map.units().sort(), [0, 1, 2, 3]);
});

projection('refuses what is not well formed', () => {
  const extents = extentsAt(0);
  const good: Projection = { ...firstProjection(1, 1, SEQUENCER), ranges: [{ from: 0, extents }] };
  checkProjection(good);
  const refuses = (change: Partial<Projection>, why: RegExp): void => {
    assert.throws(() => checkProjection({ ...good, ...change }), why);
    assert.throws(() => new ProjectionMap({ ...good, ...change }), why);
  };
  for (const epoch of [0, -1, 1.5, 2 ** 53, Number.NaN]) refuses({ epoch }, /positive integer/);
  for (const sequencerSince of [0, 2, 0.5, Number.NaN]) {
    refuses({ sequencerSince }, /named by this projection or before/);
  }
  refuses({ ranges: [] }, /start at position 0/);
  refuses({ ranges: [{ from: 1, extents }] }, /start at position 0/);
  refuses({ ranges: [{ from: 0, extents: [] }] }, /a range has extents/);
  refuses(
    { ranges: [{ from: 0, extents: [{ chain: [4, 4], start: 0 }] }] },
    /one place of a range/,
  );
  const twice = [...extents, ...extents];
  refuses({ ranges: [{ from: 0, extents: twice }] }, /one place of a range/);
  for (const start of [-1, 0.5, Number.NaN]) {
    refuses({ ranges: [{ from: 0, extents: [{ chain: [0], start }] }] }, /begins at an address/);
  }
  const overlapping = [
    { from: 0, to: 9, extents },
    { from: 9, extents: [{ chain: extents[0].chain, start: 8 }] },
  ];
  refuses({ ranges: overlapping }, /share no address/);
  refuses({ ranges: [{ from: 0, to: 9, extents }] }, /the last range is active/);
  const last = { from: 9, extents };
  refuses({ ranges: [{ from: 0, extents }, last] }, /ranges follow each other/);
  refuses({ ranges: [{ from: 0, to: 8, extents }, last] }, /ranges follow each other/);
  refuses({ ranges: [{ from: 0, to: 10, extents }, last] }, /ranges follow each other/);
  refuses({ ranges: [{ from: 0, to: 0, extents }, good.ranges[0]] }, /ranges follow each other/);
});

projection.run();
