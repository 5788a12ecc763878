/**
 * Projections (CORFU 1.4): which chain and which local address a position lives at, in one epoch.
 *
 *   position ──▶ range ──▶ extent (position − from) mod n ──▶ address start + (position − from) ÷ n
 *
 * All replicas of an extent keep a position at the same address.
 */
import { assert } from '../shared-memory/assert.ts';
import type { UnitId } from './actor-ids.ts';
import type { ActorId } from './message.ts';

/** The sequencer of a projection without one: appenders probe from the slow tail (CORFU 1.12). */
export const NO_SEQUENCER: ActorId = 0;

/** A chain of replicas, head first, and where in its units the range begins. */
export interface Extent {
  /** Empty: every replica of these positions is lost. */
  readonly chain: readonly UnitId[];
  /** Local address of the extent's first position. */
  readonly start: number;
}

/** Positions [from, to) spread round robin over the extents; no `to`: the active range. */
export interface Range {
  readonly from: number;
  readonly to?: number;
  readonly extents: readonly Extent[];
}

export interface Projection {
  /** From 1; a unit refuses requests whose epoch is at or below its sealed epoch. */
  readonly epoch: number;
  readonly sequencer: ActorId;
  /** Epoch of the projection that named this sequencer; its stream state is of that build. */
  readonly sequencerSince: number;
  /** Disjoint, ascending, from 0; the last one is active. */
  readonly ranges: readonly Range[];
}

/** The first projection: `storageUnits` units in chains of `replicas`. */
export function firstProjection(
  storageUnits: number,
  replicas: number,
  sequencer: ActorId,
): Projection {
  const extents: Extent[] = [];
  for (let unit = 0; unit < storageUnits; unit += replicas) {
    const chain = Array.from({ length: replicas }, (_, i) => unit + i);
    extents.push({ chain, start: 0 });
  }
  return { epoch: 1, sequencer, sequencerSince: 1, ranges: [{ from: 0, extents }] };
}

/** Throws InvariantError unless `projection` is well formed. */
export function checkProjection(projection: Projection): void {
  const { epoch, sequencerSince, ranges } = projection;
  assert(Number.isSafeInteger(epoch) && epoch >= 1, 'an epoch is a positive integer');
  const named = Number.isSafeInteger(sequencerSince) && sequencerSince >= 1;
  assert(named && sequencerSince <= epoch, 'a sequencer is named by this projection or before');
  assert(ranges.length > 0 && ranges[0].from === 0, 'the ranges start at position 0');
  /** Per unit, the addresses that earlier ranges use. */
  const usedTo = new Map<UnitId, number>();
  for (const [i, range] of ranges.entries()) {
    assert(Number.isSafeInteger(range.from), 'a range begins at a position');
    assert(range.extents.length > 0, 'a range has extents');
    checkExtents(range, usedTo);
    const next = ranges[i + 1];
    if (next === undefined) assert(range.to === undefined, 'the last range is active');
    else assert(range.to === next.from && range.to > range.from, 'ranges follow each other');
  }
}

function checkExtents(range: Range, usedTo: Map<UnitId, number>): void {
  const inRange = new Set<UnitId>();
  for (const [i, { chain, start }] of range.extents.entries()) {
    assert(Number.isSafeInteger(start) && start >= 0, 'an extent begins at an address');
    const end = start + rowsOf(range, i);
    for (const unit of chain) {
      assert(!inRange.has(unit), 'a unit is in one place of a range');
      assert(start >= (usedTo.get(unit) ?? 0), 'two ranges share no address of a unit');
      inRange.add(unit);
      usedTo.set(unit, end);
    }
  }
}

/** Addresses that the range uses in each replica of one of its extents; no end: Infinity. */
export function rowsOf({ from, to, extents }: Range, extent: number): number {
  return to === undefined
    ? Number.POSITIVE_INFINITY
    : rowsBefore(to - from, extent, extents.length);
}

/** How many of a range's first `positions` lie in the extent. */
export function rowsBefore(positions: number, extent: number, extents: number): number {
  return Math.max(0, Math.ceil((positions - extent) / extents));
}

/** Looks positions up in one projection. Immutable. */
export class ProjectionMap {
  readonly projection: Projection;
  readonly epoch: number;
  readonly sequencer: ActorId;
  /** The range that is written. */
  readonly active: Range;
  readonly #ranges: readonly Range[];
  readonly #units = new Set<UnitId>();

  constructor(projection: Projection) {
    checkProjection(projection);
    this.projection = projection;
    this.epoch = projection.epoch;
    this.sequencer = projection.sequencer;
    this.#ranges = projection.ranges;
    this.active = projection.ranges[projection.ranges.length - 1];
    for (const { extents } of projection.ranges) {
      for (const { chain } of extents) for (const unit of chain) this.#units.add(unit);
    }
  }

  rangeOf(position: number): Range {
    if (position >= this.active.from) return this.active;
    let i = this.#ranges.length - 2;
    while (this.#ranges[i].from > position) i--;
    return this.#ranges[i];
  }

  extentOf(position: number): Extent {
    const range = this.rangeOf(position);
    const n = range.extents.length;
    return n === 1 ? range.extents[0] : range.extents[(position - range.from) % n];
  }

  chainOf(position: number): readonly UnitId[] {
    return this.extentOf(position).chain;
  }

  addressOf(position: number): number {
    const range = this.rangeOf(position);
    const n = range.extents.length;
    const relative = position - range.from;
    if (n === 1) return range.extents[0].start + relative;
    const index = relative % n;
    return range.extents[index].start + (relative - index) / n;
  }

  /**
   * The slow tail (CORFU 1.13): one past the highest position written anywhere in the active
   * range. `writtenLimitOf` gives 1 + the highest address of a unit; never below the range.
   */
  tailFrom(writtenLimitOf: (unit: UnitId) => number): number {
    const { from, extents } = this.active;
    const n = extents.length;
    let tail = from;
    extents.forEach((extent, i) => {
      for (const unit of extent.chain) {
        const rows = writtenLimitOf(unit) - extent.start;
        if (rows > 0) tail = Math.max(tail, from + (rows - 1) * n + i + 1);
      }
    });
    return tail;
  }

  /**
   * First position of the active range without a slot, from each unit's first address without. An
   * extent without a replica stops the range at its beginning.
   */
  limitFrom(addressLimitOf: (unit: UnitId) => number): number {
    const { from, extents } = this.active;
    if (extents.some(({ chain }) => chain.length === 0)) return from;
    const n = extents.length;
    let limit = Number.MAX_SAFE_INTEGER;
    extents.forEach((extent, i) => {
      for (const unit of extent.chain) {
        const rows = Math.max(0, addressLimitOf(unit) - extent.start);
        limit = Math.min(limit, from + rows * n + i);
      }
    });
    return limit;
  }

  /**
   * What a trim of every position below `position` means to the units: per unit the address below
   * which everything goes. Chains head first.
   */
  prefixAddresses(position: number): { unit: UnitId; address: number }[] {
    const addresses: { unit: UnitId; address: number }[] = [];
    for (const { from, to, extents } of this.#ranges) {
      const n = extents.length;
      const end = Math.min(position, to ?? position) - from;
      for (const [i, { chain, start }] of extents.entries()) {
        const rows = rowsBefore(end, i, n);
        if (rows === 0) continue;
        for (const unit of chain) addresses.push({ unit, address: start + rows });
      }
    }
    return addresses;
  }

  /**
   * Where in [from, to) something is lost: the parts of ranges that have an extent without a
   * replica, ascending. Other extents of such a range may be whole.
   */
  lostIn(from: number, to: number): { from: number; to: number }[] {
    return this.#ranges.flatMap((range) => {
      const first = Math.max(from, range.from);
      const end = Math.min(to, range.to ?? to);
      const lost = range.extents.some(({ chain }) => chain.length === 0);
      return lost && first < end ? [{ from: first, to: end }] : [];
    });
  }

  /** Every unit of the projection, each once. */
  units(): UnitId[] {
    return [...this.#units];
  }

  has(unit: UnitId): boolean {
    return this.#units.has(unit);
  }
}
