import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { UnitId } from './actor-ids.ts';
import {
  cloned,
  forgetRanges,
  forgotten,
  grown,
  joined,
  type Rebuild,
  rebuildOf,
  refilled,
  type WrittenLimitOf,
  withoutUnits,
  withSequencer,
} from './next-projection.ts';
import {
  checkProjection,
  type Extent,
  firstProjection,
  NO_SEQUENCER,
  type Projection,
  ProjectionMap,
  type Range,
} from './projection.ts';

const nextProjection = suite('next projection');

const SEQUENCER = 1;
const K = 1000;

function projectionOf(...ranges: Range[]): Projection {
  return { epoch: 1, sequencer: SEQUENCER, sequencerSince: 1, ranges };
}

function extent(chain: UnitId[], start = 0): Extent {
  return { chain, start };
}

/** Written limits by unit; a unit that is not named cannot be read. */
function limits(written: Record<UnitId, number>): WrittenLimitOf {
  return (unit) => written[unit] ?? 0;
}

function lose(
  current: Projection,
  lost: UnitId[],
  spares: UnitId[],
  written: Record<UnitId, number> = {},
  replicas = 2,
): { projection: Projection; taken: UnitId[] } {
  const writtenLimitOf = limits(written);
  return withoutUnits(current, { lost: new Set(lost), spares, replicas, writtenLimitOf });
}

/** The papers' (A): F4/F5 and F6/F7 hold [40K, 80K), and the tail is at 50K. */
const OLD_RANGE: Range = { from: 0, to: 40 * K, extents: [extent([0, 1]), extent([2, 3])] };
const BEFORE = projectionOf(OLD_RANGE, { from: 40 * K, extents: [extent([4, 5]), extent([6, 7])] });
const AT_50K = { 4: 5 * K, 5: 5 * K, 6: 5 * K, 7: 5 * K };

nextProjection('replaces the unit of the papers: F6 fails at 50K, F8 comes', () => {
  const { projection, taken } = lose(BEFORE, [6], [8, 9], AT_50K);
  assert.equal(taken, [8]);
  assert.equal(projection, {
    ...BEFORE,
    epoch: 2,
    ranges: [
      OLD_RANGE,
      { from: 40 * K, to: 50 * K, extents: [extent([4, 5]), extent([7])] },
      { from: 50 * K, extents: [extent([4, 5], 5 * K), extent([7, 8], 5 * K)] },
    ],
  });

  const rebuild = rebuildOf(projection) as Rebuild;
  assert.equal(rebuild, { unit: 8, range: 1, extent: 1, from: 0, to: 5 * K, source: 7 });
  const whole = joined(projection, rebuild);
  assert.equal(whole, {
    ...BEFORE,
    epoch: 3,
    ranges: [OLD_RANGE, { from: 40 * K, extents: [extent([4, 5]), extent([7, 8])] }],
  });
  assert.is(rebuildOf(whole), undefined);
});

nextProjection('splits where a round begins, above all that the affected extents hold', () => {
  const splitOf = (lost: UnitId, written: Record<UnitId, number>): number => {
    const { ranges } = lose(BEFORE, [lost], [8], { ...AT_50K, ...written }).projection;
    return ranges[ranges.length - 1].from;
  };
  assert.is(splitOf(6, {}), 50 * K);
  assert.is(splitOf(6, { 6: 0 }), 50 * K, 'the lost head cannot be read');
  assert.is(splitOf(6, { 6: 5 * K + 1 }), 50 * K + 2, 'a write that the lost head holds alone');
  assert.is(
    splitOf(7, { 6: 5 * K + 1 }),
    50 * K + 2,
    'a write that the surviving head holds alone',
  );
  assert.is(splitOf(4, { 5: 5 * K + 1 }), 50 * K + 2, 'the middle of a round');
  assert.is(splitOf(6, { 4: 5 * K + 9, 5: 5 * K + 9 }), 50 * K, 'the other extent goes on');
});

nextProjection('asks no unit whose mapping stays', () => {
  const asked = new Set<UnitId>();
  const writtenLimitOf = (unit: UnitId): number => {
    asked.add(unit);
    return 5 * K;
  };
  withoutUnits(BEFORE, { lost: new Set([6]), spares: [8], replicas: 2, writtenLimitOf });
  assert.equal([...asked].sort(), [6, 7]);
});

nextProjection('replaces in place where nothing was written', () => {
  const { projection } = lose(BEFORE, [4], [8]);
  assert.equal(projection.ranges, [
    OLD_RANGE,
    { from: 40 * K, extents: [extent([5, 8]), extent([6, 7])] },
  ]);
  assert.is(rebuildOf(projection), undefined);
});

nextProjection('shortens a chain without a spare, and fills it when one is free', () => {
  const { projection, taken } = lose(BEFORE, [6, 0], [], AT_50K);
  assert.equal(taken, []);
  assert.equal(projection.ranges, [
    { ...OLD_RANGE, extents: [extent([1]), extent([2, 3])] },
    { from: 40 * K, extents: [extent([4, 5]), extent([7])] },
  ]);

  const refill = { replicas: 2, writtenLimitOf: limits({ ...AT_50K, 7: 6 * K }) };
  assert.is(refilled(projection, { ...refill, spares: [] }), undefined);
  const later = refilled(projection, { ...refill, spares: [9, 10] });
  assert.equal(later?.taken, [9]);
  assert.equal(later?.projection.epoch, 3);
  assert.equal(later?.projection.ranges.slice(1), [
    { from: 40 * K, to: 52 * K, extents: [extent([4, 5]), extent([7])] },
    { from: 52 * K, extents: [extent([4, 5], 6 * K), extent([7, 9], 6 * K)] },
  ]);
  assert.is(refilled(BEFORE, { ...refill, spares: [9] }), undefined, 'no chain is short');
});

nextProjection('hands spares out in order, to the shortest chain first', () => {
  const current = projectionOf({
    from: 0,
    extents: [extent([0, 1, 2]), extent([3, 4, 5]), extent([6, 7, 8]), extent([9, 10])],
  });
  const lost = [1, 3, 4, 5, 7, 8];
  const chainsWith = (spares: UnitId[]): (readonly UnitId[])[] => {
    const { projection, taken } = lose(current, lost, spares, {}, 3);
    assert.equal(taken, spares.slice(0, 6));
    return projection.ranges[0].extents.map(({ chain }) => chain);
  };
  assert.equal(chainsWith([20]), [[0, 2], [20], [6], [9, 10]]);
  assert.equal(chainsWith([20, 21]), [[0, 2], [20, 21], [6], [9, 10]]);
  assert.equal(chainsWith([20, 21, 22]), [
    [0, 2],
    [20, 21],
    [6, 22],
    [9, 10],
  ]);
  // The fourth chain is short, but it lost nothing now: its units are not sealed.
  const whole = [
    [0, 2, 23],
    [20, 21, 24],
    [6, 22, 25],
    [9, 10],
  ];
  assert.equal(chainsWith([20, 21, 22, 23, 24, 25, 26]), whole);
});

nextProjection('keeps positions without any replica as lost', () => {
  const { projection } = lose(BEFORE, [6, 7], [8], { 4: 5 * K, 5: 5 * K });
  assert.equal(projection.ranges.slice(1), [
    { from: 40 * K, to: 50 * K, extents: [extent([4, 5]), extent([])] },
    { from: 50 * K, extents: [extent([4, 5], 5 * K), extent([8], 5 * K)] },
  ]);
  const map = new ProjectionMap(projection);
  assert.equal(map.lostIn(0, 60 * K), [{ from: 40 * K, to: 50 * K }]);
  assert.is(rebuildOf(projection), undefined, 'there is nothing to copy from');

  const without = lose(BEFORE, [6, 7], [], AT_50K).projection;
  assert.is(
    new ProjectionMap(without).limitFrom(() => 20 * K),
    40 * K,
    'nothing can be written',
  );
  const later = refilled(without, { spares: [8], replicas: 2, writtenLimitOf: limits(AT_50K) });
  assert.equal(later?.projection.ranges, projection.ranges);
});

nextProjection('takes a spare out again that dies before its rebuild', () => {
  const split = lose(BEFORE, [6], [8], AT_50K).projection;
  assert.equal(lose(split, [8], []).projection.ranges, lose(BEFORE, [6], []).projection.ranges);

  const again = lose(split, [8], [9], { ...AT_50K, 7: 6 * K, 8: 6 * K }).projection;
  assert.equal(again.ranges.slice(1), [
    { from: 40 * K, to: 52 * K, extents: [extent([4, 5]), extent([7])] },
    { from: 52 * K, extents: [extent([4, 5], 6 * K), extent([7, 9], 6 * K)] },
  ]);
});

nextProjection('keeps what a dead source leaves to its rebuilt successor', () => {
  const split = lose(BEFORE, [6], [8], AT_50K).projection;
  const { projection } = lose(split, [7], [9], { ...AT_50K, 7: 6 * K, 8: 6 * K });
  assert.equal(projection.ranges.slice(1), [
    { from: 40 * K, to: 50 * K, extents: [extent([4, 5]), extent([])] },
    { from: 50 * K, to: 52 * K, extents: [extent([4, 5], 5 * K), extent([8], 5 * K)] },
    { from: 52 * K, extents: [extent([4, 5], 6 * K), extent([8, 9], 6 * K)] },
  ]);
  const rebuild = { unit: 9, range: 2, extent: 1, from: 5 * K, to: 6 * K, source: 8 };
  assert.equal(rebuildOf(projection), rebuild);
});

nextProjection('owes several rebuilds in log order, then in chain order', () => {
  let current = projectionOf({ from: 0, extents: [extent([0, 1, 2]), extent([3, 4, 5])] });
  current = lose(current, [0, 1, 4], [6, 7, 8], { 2: 10, 3: 10 }, 3).projection;
  current = grown(current, [], 31);
  const order: Rebuild[] = [];
  for (let rebuild = rebuildOf(current); rebuild !== undefined; rebuild = rebuildOf(current)) {
    order.push(rebuild);
    current = joined(current, rebuild);
  }
  assert.equal(order, [
    { unit: 6, range: 0, extent: 0, from: 0, to: 10, source: 2 },
    { unit: 7, range: 0, extent: 0, from: 0, to: 10, source: 6 },
    { unit: 8, range: 0, extent: 1, from: 0, to: 10, source: 5 },
  ]);
  assert.equal(current.ranges, [
    { from: 0, to: 31, extents: [extent([2, 6, 7]), extent([3, 5, 8])] },
    { from: 31, extents: [extent([2, 6, 7], 16), extent([3, 5, 8], 15)] },
  ]);
});

nextProjection('owes the rows of a range that ended before the loss', () => {
  const current = grown(firstProjection(2, 2, SEQUENCER), [[2, 3]], 100);
  const { projection } = lose(current, [0], [4], { 0: 110, 1: 110 });
  assert.equal(projection.ranges, [
    { from: 0, to: 100, extents: [extent([1])] },
    { from: 100, to: 120, extents: [extent([1], 100), extent([2, 3])] },
    { from: 120, extents: [extent([1, 4], 110), extent([2, 3], 10)] },
  ]);
  const first = { unit: 4, range: 0, extent: 0, from: 0, to: 100, source: 1 };
  assert.equal(rebuildOf(projection), first);
  const second = { unit: 4, range: 1, extent: 0, from: 100, to: 110, source: 1 };
  assert.equal(rebuildOf(joined(projection, first)), second);
});

nextProjection('owes no rows at addresses that the unit uses already', () => {
  const rangesWith = (used: UnitId): Range[] => [
    { from: 0, to: 10, extents: [extent([used])] },
    { from: 10, to: 20, extents: [extent([0])] },
    { from: 20, extents: [extent([0, 1], 10)] },
  ];
  assert.is(rebuildOf(projectionOf(...rangesWith(1))), undefined);
  const rebuild = { unit: 1, range: 1, extent: 0, from: 0, to: 10, source: 0 };
  assert.equal(rebuildOf(projectionOf(...rangesWith(2))), rebuild);
});

nextProjection('merges neighbours of the same mapping only', () => {
  const first: Range = { from: 0, to: 10, extents: [extent([0]), extent([1])] };
  const followedBy = (from: number, ...extents: Extent[]): number =>
    cloned(projectionOf({ ...first, to: from }, { from, extents })).ranges.length;
  assert.is(followedBy(10, extent([0], 5), extent([1], 5)), 1);
  assert.is(followedBy(10, extent([0], 5), extent([2], 5)), 2, 'another unit');
  assert.is(followedBy(10, extent([1], 5), extent([0], 5)), 2, 'another order');
  assert.is(followedBy(10, extent([0], 5), extent([1], 6)), 2, 'another address');
  assert.is(followedBy(11, extent([0], 6), extent([1], 5)), 2, 'the middle of a round');
  assert.is(followedBy(10, extent([0], 5), extent([1], 5), extent([2], 5)), 2, 'more extents');
});

nextProjection('refuses a rebuild of another projection', () => {
  const { projection } = lose(BEFORE, [6], [8], AT_50K);
  const rebuild = rebuildOf(projection) as Rebuild;
  const stale = /a rebuild is of this projection/;
  assert.throws(() => joined(BEFORE, rebuild), stale);
  assert.throws(() => joined(joined(projection, rebuild), rebuild), stale);
  for (const change of [{ range: 9 }, { extent: 0 }, { from: 1 }, { to: 1 }, { source: 4 }]) {
    assert.throws(() => joined(projection, { ...rebuild, ...change }), stale);
  }
});

nextProjection('adds capacity from a position on', () => {
  const current = firstProjection(4, 2, SEQUENCER);
  assert.equal(grown(current, [[4, 5]], 101).ranges, [
    { from: 0, to: 101, extents: [extent([0, 1]), extent([2, 3])] },
    { from: 101, extents: [extent([0, 1], 51), extent([2, 3], 50), extent([4, 5])] },
  ]);
  const unused = grown(grown(current, [[4, 5]], 101), [[6, 7]], 101);
  assert.equal(unused.ranges[1], {
    from: 101,
    extents: [extent([0, 1], 51), extent([2, 3], 50), extent([4, 5]), extent([6, 7])],
  });
  assert.is(unused.ranges.length, 2, 'a range of no positions is replaced');
  assert.equal(grown(current, [], 100).ranges, current.ranges, 'nothing was added');
});

nextProjection('gives no new position to an extent without a replica', () => {
  const lost = lose(firstProjection(4, 2, SEQUENCER), [0, 1], []).projection;
  assert.equal(grown(lost, [[4, 5]], 100).ranges, [
    { from: 0, to: 100, extents: [extent([]), extent([2, 3])] },
    { from: 100, extents: [extent([2, 3], 50), extent([4, 5])] },
  ]);
});

nextProjection('adds no unit that serves already, and no range below the active one', () => {
  const serves = /serves nothing yet/;
  const writtenLimitOf = limits(AT_50K);
  assert.throws(() => lose(BEFORE, [6], [0], AT_50K), serves);
  assert.throws(() => lose(BEFORE, [6], [6], AT_50K), serves);
  const short = lose(BEFORE, [6], []).projection;
  assert.throws(() => refilled(short, { spares: [7], replicas: 2, writtenLimitOf }), serves);
  assert.throws(() => grown(BEFORE, [[8, 3]], 60 * K), serves);
  assert.throws(() => grown(BEFORE, [[8, 8]], 60 * K), /one place of a range/);
  assert.throws(() => grown(BEFORE, [[8, 9]], 40 * K - 1), /or replaces it/);
});

nextProjection('names a sequencer, and says since when', () => {
  const named = withSequencer(cloned(BEFORE), 2);
  assert.equal(named, { ...BEFORE, epoch: 3, sequencer: 2, sequencerSince: 3 });
  const without = withSequencer(named, NO_SEQUENCER);
  assert.equal(without, { ...BEFORE, epoch: 4, sequencer: NO_SEQUENCER, sequencerSince: 4 });
  assert.equal(cloned(named), { ...named, epoch: 4 });
});

nextProjection('forgets the ranges of a trimmed prefix', () => {
  const current = grown(grown(BEFORE, [[8, 9]], 50 * K), [[10, 11]], 60 * K);
  const [, second, third, active] = current.ranges;
  const gone = (to: number): Range => ({ from: 0, to, extents: [extent([])] });
  const { ranges } = current;
  assert.equal(forgetRanges(ranges, 40 * K - 1), ranges);
  assert.equal(forgetRanges(ranges, 40 * K), [gone(40 * K), second, third, active]);
  assert.equal(forgetRanges(ranges, 60 * K - 1), [gone(50 * K), third, active]);
  assert.equal(forgetRanges(ranges, 2 ** 50), [gone(60 * K), active]);
  assert.equal(forgetRanges(forgetRanges(ranges, 50 * K), 60 * K), [gone(60 * K), active]);
  assert.equal(forgotten(current, 50 * K), {
    ...current,
    epoch: 4,
    ranges: [gone(50 * K), third, active],
  });
});

/**
 * A log whose units are maps from addresses to positions. It goes from projection to projection,
 * and after each step checks what the step may not break.
 */
class ModelLog {
  current: Projection;
  map: ProjectionMap;
  /** Every replica of some extent was lost. */
  hasLost = false;
  growths = 0;
  readonly #replicas: number;
  readonly #units = new Map<UnitId, Map<number, number>>();
  readonly #complete = new Set<number>();
  #forgottenTo = 0;
  #nextUnit: UnitId;

  constructor(chains: number, replicas: number) {
    this.#replicas = replicas;
    this.#nextUnit = chains * replicas;
    this.current = firstProjection(chains * replicas, replicas, SEQUENCER);
    this.map = new ProjectionMap(this.current);
  }

  get tail(): number {
    return this.map.tailFrom(this.#limitOf);
  }

  /** Writes the first `depth` replicas of a position: a writer may die on its way down. */
  write(position: number, depth: number): void {
    const chain = this.map.chainOf(position);
    const address = this.map.addressOf(position);
    for (const unit of chain.slice(0, depth)) {
      const at = this.#unit(unit).get(address);
      assert.ok(at === undefined || at === position, 'an address serves one position, ever');
      this.#unit(unit).set(address, position);
    }
    if (chain.length > 0 && depth >= chain.length) this.#complete.add(position);
  }

  lose(lost: ReadonlySet<UnitId>, spareCount: number, isReadable: boolean): void {
    const refill = this.#refill(spareCount);
    const limitOf = refill.writtenLimitOf;
    const writtenLimitOf = (unit: UnitId): number =>
      isReadable || !lost.has(unit) ? limitOf(unit) : 0;
    const { projection, taken } = withoutUnits(this.current, { ...refill, lost, writtenLimitOf });
    for (const { extents } of projection.ranges) {
      for (const { chain } of extents) this.hasLost ||= chain.length === 0;
    }
    for (const position of this.#complete) {
      // Nobody knows any more what the units held: a guess may fall below these positions.
      const gone = this.map.chainOf(position).every((unit) => lost.has(unit));
      if (gone && !isReadable) this.#complete.delete(position);
    }
    this.#step(projection, taken, (chain) => chain.filter((unit) => !lost.has(unit)));
    for (const unit of lost) this.#units.delete(unit);
  }

  refill(spareCount: number): void {
    const step = refilled(this.current, this.#refill(spareCount));
    if (step !== undefined) this.#step(step.projection, step.taken, (chain) => chain);
  }

  grow(chains: number, above: number): void {
    const added = Array.from({ length: chains }, () =>
      Array.from({ length: this.#replicas }, () => this.#nextUnit++),
    );
    const at = this.tail + above;
    const before = this.map;
    const projection = grown(this.current, added, at);
    this.growths++;
    const next = new ProjectionMap(projection);
    for (let position = this.#forgottenTo; position < at; position++) {
      assert.equal(next.chainOf(position), before.chainOf(position));
      assert.is(next.addressOf(position), before.addressOf(position));
    }
    this.#install(projection);
  }

  /** Does the first rebuild that is owed; false if there is none. */
  rebuild(): boolean {
    const rebuild = rebuildOf(this.current);
    if (rebuild === undefined) return false;
    const { unit, source, from, to } = rebuild;
    for (let address = from; address < to; address++) {
      const position = this.#unit(source).get(address);
      if (position === undefined) continue;
      assert.is(this.#unit(unit).get(address), undefined, 'a rebuild is owed once');
      this.#unit(unit).set(address, position);
    }
    this.#step(joined(this.current, rebuild), [unit], (chain) => chain);
    return true;
  }

  forget(position: number): void {
    const { ranges } = this.current;
    const kept = ranges.filter(({ to }) => to === undefined || to > position);
    this.#forgottenTo = Math.max(this.#forgottenTo, kept[0].from);
    for (const done of this.#complete) if (done < this.#forgottenTo) this.#complete.delete(done);
    this.#step(forgotten(this.current, position), [], (chain) => chain);
  }

  /** Addresses stay; chains keep what survives, in order, and get added units at their end. */
  #step(
    projection: Projection,
    added: readonly UnitId[],
    survivorsOf: (chain: readonly UnitId[]) => readonly UnitId[],
  ): void {
    const before = this.map;
    const next = new ProjectionMap(projection);
    for (let position = this.#forgottenTo; position < this.#end; position++) {
      const chain = next.chainOf(position);
      const survivors = survivorsOf(before.chainOf(position));
      assert.is(next.addressOf(position), before.addressOf(position));
      assert.equal(chain.slice(0, survivors.length), survivors);
      const others = chain.slice(survivors.length);
      assert.ok(others.every((unit) => added.includes(unit)));
      const isWhole = survivors.length >= this.#replicas;
      if (isWhole) assert.equal(others, [], 'an extent that lost nothing keeps its mapping');
    }
    const serving = next.units();
    assert.ok(added.every((unit) => serving.includes(unit)));
    this.#install(projection);
  }

  #install(projection: Projection): void {
    checkProjection(projection);
    assert.is(projection.epoch, this.current.epoch + 1);
    this.current = projection;
    this.map = new ProjectionMap(projection);
    const places = new Set<string>();
    let replicas = 0;
    for (let position = this.#forgottenTo; position < this.#end; position++) {
      const chain = this.map.chainOf(position);
      const address = this.map.addressOf(position);
      for (const unit of chain) places.add(`${unit}:${address}`);
      replicas += chain.length;
    }
    assert.is(places.size, replicas, 'an address serves one position');
    for (const position of this.#complete) this.#checkComplete(position);
    this.#checkTail();
  }

  /** CORFU 1.9: what was complete is complete, or said to be lost. */
  #checkComplete(position: number): void {
    const chain = this.map.chainOf(position);
    const address = this.map.addressOf(position);
    for (const unit of chain) assert.is(this.#unit(unit).get(address), position);
    if (chain.length > 0) return;
    assert.is(this.map.lostIn(position, position + 1).length, 1);
    this.#complete.delete(position);
  }

  /** A position is at or above the tail if, and only if, no later one is written. */
  #checkTail(): void {
    const { tail, map } = this;
    const isWritten = (position: number): boolean => {
      const address = map.addressOf(position);
      return map.chainOf(position).some((unit) => this.#unit(unit).get(address) === position);
    };
    let expected = map.active.from;
    for (let position = map.active.from; position < this.#end; position++) {
      if (isWritten(position)) expected = position + 1;
    }
    assert.is(tail, expected);
  }

  /** Above everything that is written, by more than the longest round. */
  get #end(): number {
    return Math.max(this.tail, ...this.#complete) + 40;
  }

  readonly #limitOf = (unit: UnitId): number => Math.max(-1, ...this.#unit(unit).keys()) + 1;

  #refill(spareCount: number) {
    const spares = Array.from({ length: spareCount }, () => this.#nextUnit++);
    return { spares, replicas: this.#replicas, writtenLimitOf: this.#limitOf };
  }

  #unit(unit: UnitId): Map<number, number> {
    let held = this.#units.get(unit);
    if (held === undefined) this.#units.set(unit, (held = new Map()));
    return held;
  }
}

const KINDS = ['write', 'lose', 'rebuild', 'refill', 'grow', 'forget'] as const;

/** What a step does, and three numbers that decide how. */
interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const small = fc.nat(40);
const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS, 'write', 'write', 'lose', 'rebuild'),
  a: small,
  b: small,
  c: small,
});

/** Writes positions up to 10 above the tail, some of them not down to the end of the chain. */
function writeSome(log: ModelLog, { a, b, c }: Step): void {
  const { tail } = log;
  const lowest = Math.max(log.map.active.from, tail - 10);
  for (let position = lowest; position <= tail + (a % 10); position++) {
    const drawn = (position * 7 + b) % 4;
    if (drawn > 0) log.write(position, drawn === 1 ? c % 4 : 9);
  }
}

function take(log: ModelLog, step: Step): void {
  const { a, b, c } = step;
  const units = log.map.units();
  switch (step.kind) {
    case 'write':
      return writeSome(log, step);
    case 'lose': {
      const lost = new Set([units[a % units.length]]);
      if (b % 4 === 0) lost.add(units[c % units.length]);
      return log.lose(lost, c % 4, b % 3 > 0);
    }
    case 'refill':
      return log.refill(a % 4);
    case 'rebuild':
      log.rebuild();
      return;
    case 'grow':
      return log.grow(a % 3, b % 8);
    case 'forget':
      return log.forget(Math.min(log.tail, a * 5));
  }
}

const anyLog = fc.record({
  chains: fc.integer({ min: 1, max: 3 }),
  replicas: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(anyStep, { minLength: 4, maxLength: 30 }),
});

/** Rebuilds all that is owed; a rebuild adds one unit to one chain, so there is an end. */
function rebuildAll(log: ModelLog): number {
  let rebuilds = 0;
  while (log.rebuild()) assert.ok(++rebuilds < 1000, 'rebuilds come to an end');
  return rebuilds;
}

nextProjection('keeps every complete position through any sequence of steps', () => {
  const seen = { splits: 0, rebuilds: 0, losses: 0 };
  fc.assert(
    fc.property(anyLog, ({ chains, replicas, steps }) => {
      const log = new ModelLog(chains, replicas);
      for (const step of steps) {
        if (log.map.active.extents.every(({ chain }) => chain.length === 0)) break;
        take(log, step);
        seen.splits = Math.max(seen.splits, log.current.ranges.length);
      }
      seen.rebuilds += rebuildAll(log);
      if (log.hasLost) seen.losses++;
      else assert.ok(log.current.ranges.length <= 2 + log.growths, 'splits are merged again');
    }),
    { numRuns: 300 },
  );
  assert.ok(seen.splits > 2 && seen.rebuilds > 20 && seen.losses > 10, JSON.stringify(seen));
});

nextProjection('is one range again when all lost units are rebuilt', () => {
  let splits = 0;
  fc.assert(
    fc.property(anyLog, ({ chains, replicas, steps }) => {
      const log = new ModelLog(chains, 1 + replicas);
      const first = log.current.ranges[0].extents;
      for (const step of steps) {
        writeSome(log, step);
        const { chain } = log.map.active.extents[step.b % chains];
        // Only a unit that another replica of every position stands in for.
        const lost = new Set([chain[step.a % chain.length]]);
        const isAlone = log.current.ranges.some(({ extents }) =>
          extents.some((other) => other.chain.every((unit) => lost.has(unit))),
        );
        if (isAlone) log.rebuild();
        else log.lose(lost, step.c % 3, step.c % 2 === 0);
        splits = Math.max(splits, log.current.ranges.length);
      }
      log.refill(9);
      rebuildAll(log);
      assert.is(log.current.ranges.length, 1);
      for (const [i, { chain, start }] of log.current.ranges[0].extents.entries()) {
        assert.is(chain.length, 1 + replicas);
        assert.is(start, first[i].start);
      }
    }),
  );
  assert.ok(splits > 2);
});

nextProjection.run();
