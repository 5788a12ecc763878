/**
 * From a projection to the next (CORFU 1.9–1.12). Pure: whoever reconfigures seals what these
 * functions ask about, then proposes what they return to the layout store.
 *
 *   [from ──────────────────────────── ∞)   A, B      B is lost, X is a spare
 *   [from ────────── s)                     A         withoutUnits, at once
 *                    [s ────────────── ∞)   A, X
 *   [from ──────────────────────────── ∞)   A, X      joined, when X holds the rows below s, too
 *
 * Invariant: no step changes the address of a position that may have been granted. `s` is a whole
 * number of rounds above `from`, so extents that lost nothing keep their mapping, and their units
 * need no seal.
 */
import { assert } from '../shared-memory/assert.ts';
import type { UnitId } from './actor-ids.ts';
import type { ActorId } from './message.ts';
import {
  checkProjection,
  type Extent,
  type Projection,
  ProjectionMap,
  type Range,
  rowsBefore,
  rowsOf,
} from './projection.ts';

/** 1 + the highest address ever claimed in a unit; 0 for a unit that cannot be read. */
export type WrittenLimitOf = (unit: UnitId) => number;

export interface Refill {
  /** Wiped units that serve nothing yet, in the order in which they are handed out. */
  readonly spares: readonly UnitId[];
  /** Length of a chain that needs no spare. */
  readonly replicas: number;
  /**
   * Asked about the affected extents of the active range, whose units are sealed; where one of them
   * has no survivor, about every extent.
   */
  readonly writtenLimitOf: WrittenLimitOf;
  /** Every position that may have been written is below it; 0 if not known. */
  readonly tail?: number;
}

export interface Refilled {
  readonly projection: Projection;
  /** The spares that serve now. */
  readonly taken: UnitId[];
}

/** A copy that is owed: rows of an extent that a unit of its lineage does not hold yet. */
export interface Rebuild {
  readonly unit: UnitId;
  /** Index of the range in its projection, and of the extent in the range. */
  readonly range: number;
  readonly extent: number;
  /** Addresses [from, to), the same in `source` and `unit`. */
  readonly from: number;
  readonly to: number;
  /** The tail of the extent's chain: it holds what is complete. */
  readonly source: UnitId;
}

/** Same content, next epoch: what a seal without another intention rolls forward to (1.9). */
export function cloned(current: Projection): Projection {
  return succeeding(current, current.ranges);
}

/** Names a new sequencer, or NO_SEQUENCER. Every unit of the active range is sealed (1.12). */
export function withSequencer(current: Projection, sequencer: ActorId): Projection {
  return { ...cloned(current), sequencer, sequencerSince: current.epoch + 1 };
}

/**
 * Without the lost units (1.10). Where the active range lost one, spares take part from `s` on, at
 * the END of their chains; what lies below `s` is owed to them (`rebuildOf`).
 */
export function withoutUnits(
  current: Projection,
  { lost, ...refill }: Refill & { readonly lost: ReadonlySet<UnitId> },
): Refilled {
  const survives = (unit: UnitId): boolean => !lost.has(unit);
  const ranges = current.ranges.map((range) => ({
    ...range,
    extents: range.extents.map(({ chain, start }) => ({ chain: chain.filter(survives), start })),
  }));
  const affected = activeOf(current.ranges).extents.map(({ chain }) => !chain.every(survives));
  return refilledRanges(current, ranges, affected, refill);
}

/** Gives spares to the short chains of the active range; undefined if there is nothing to do. */
export function refilled(current: Projection, refill: Refill): Refilled | undefined {
  const short = activeOf(current.ranges).extents.map(({ chain }) => chain.length < refill.replicas);
  if (refill.spares.length === 0 || !short.includes(true)) return undefined;
  return refilledRanges(current, current.ranges, short, refill);
}

/**
 * Adds capacity (1.11): from `at` on, positions are spread over the old extents, each at its next
 * free row, and over one new extent per chain. An extent without a replica takes no part any more.
 * No position at or above `at` was ever granted.
 */
export function grown(
  current: Projection,
  chains: readonly (readonly UnitId[])[],
  at: number,
): Projection {
  const active = activeOf(current.ranges);
  const { from, extents } = active;
  assert(at >= from, 'a range begins where the active one ends, or replaces it');
  checkFresh(current, chains.flat());
  const continued = extents.map(({ chain, start }, i) => ({
    chain,
    start: start + rowsBefore(at - from, i, extents.length),
  }));
  const alive = continued.filter(({ chain }) => chain.length > 0);
  const added = chains.map((chain) => ({ chain, start: 0 }));
  const ended = at === from ? [] : [{ from, to: at, extents }];
  const earlier = current.ranges.slice(0, -1);
  return succeeding(current, [...earlier, ...ended, { from: at, extents: [...alive, ...added] }]);
}

/** The first copy that is owed, in log order, then chain order; undefined if there is none. */
export function rebuildOf({ ranges }: Projection): Rebuild | undefined {
  for (const [r, range] of ranges.entries()) {
    for (const [e, { chain, start }] of range.extents.entries()) {
      if (chain.length === 0) continue;
      const to = start + rowsOf(range, e);
      const unit = missingFrom(ranges, r, chain, { start, to });
      if (unit === undefined) continue;
      return { unit, range: r, extent: e, from: start, to, source: chain[chain.length - 1] };
    }
  }
  return undefined;
}

/**
 * The rebuilt unit joins at the END of the extent's chain. `rebuild` is what `rebuildOf(current)`
 * returns: a projection that came in between may have moved the range.
 */
export function joined(current: Projection, rebuild: Rebuild): Projection {
  const { unit, range: r, extent: e } = rebuild;
  const range = current.ranges[r];
  const extent = range?.extents[e];
  assert(
    extent?.start === rebuild.from &&
      extent.start + rowsOf(range, e) === rebuild.to &&
      extent.chain[extent.chain.length - 1] === rebuild.source,
    'a rebuild is of this projection',
  );
  const extents = range.extents.with(e, { ...extent, chain: [...extent.chain, unit] });
  return succeeding(current, current.ranges.with(r, { ...range, extents }));
}

/** Forgets where the trimmed prefix below `position` was. */
export function forgotten(current: Projection, position: number): Projection {
  return succeeding(current, forgetRanges(current.ranges, position));
}

/** The ranges that end at or below `position` as one without a replica: nobody looks there. */
export function forgetRanges(ranges: readonly Range[], position: number): readonly Range[] {
  const kept = ranges.filter(({ to }) => to === undefined || to > position);
  const to = kept[0].from;
  return to === 0 ? ranges : [{ from: 0, to, extents: [{ chain: [], start: 0 }] }, ...kept];
}

function succeeding(current: Projection, ranges: readonly Range[]): Projection {
  const projection = { ...current, epoch: current.epoch + 1, ranges: coalesced(ranges) };
  checkProjection(projection);
  return projection;
}

function activeOf(ranges: readonly Range[]): Range {
  return ranges[ranges.length - 1];
}

function checkFresh(current: Projection, units: readonly UnitId[]): void {
  const serving = new Set(new ProjectionMap(current).units());
  assert(!units.some((unit) => serving.has(unit)), 'a unit that is added serves nothing yet');
}

/** `ranges`: of `current`, without what it lost. Spares go to the affected extents alone. */
function refilledRanges(
  current: Projection,
  ranges: readonly Range[],
  affected: readonly boolean[],
  { spares, replicas, writtenLimitOf, tail: knownTail = 0 }: Refill,
): Refilled {
  checkFresh(current, spares);
  const { from, extents } = activeOf(ranges);
  const chains = extents.map(({ chain }) => [...chain]);
  const taken = handOut(
    spares,
    chains.filter((_, i) => affected[i]),
    replicas,
  );
  if (taken.length === 0) return { projection: succeeding(current, ranges), taken };

  const slowTail = affectedTail(current, extents, affected, writtenLimitOf);
  // An extent without a survivor may have lost its units, and what they told, an epoch ago.
  const isUnknown = extents.some(({ chain }, i) => affected[i] && chain.length === 0);
  const tail = isUnknown ? Math.max(slowTail, knownTail) : slowTail;
  const rows = Math.ceil((tail - from) / extents.length);
  const split = from + rows * extents.length;
  const next: Range = {
    from: split,
    extents: extents.map(({ start }, i) => ({ chain: chains[i], start: start + rows })),
  };
  const earlier = ranges.slice(0, -1);
  const ended = rows === 0 ? [] : [{ from, to: split, extents }];
  return { projection: succeeding(current, [...earlier, ...ended, next]), taken };
}

/** Appends spares in their order, each to the chain that is shortest by then. */
function handOut(
  spares: readonly UnitId[],
  chains: readonly UnitId[][],
  replicas: number,
): UnitId[] {
  const taken: UnitId[] = [];
  for (const spare of spares) {
    const shortest = Math.min(replicas, ...chains.map(({ length }) => length));
    const chain = chains.find(({ length }) => length === shortest && length < replicas);
    if (chain === undefined) break;
    chain.push(spare);
    taken.push(spare);
  }
  return taken;
}

/**
 * The slow tail over the affected extents, lost units included. An extent without a survivor may
 * have held anything below the log's tail, and a spare must not answer `unwritten` for it: then
 * every extent is asked.
 */
function affectedTail(
  current: Projection,
  survivors: readonly Extent[],
  affected: readonly boolean[],
  writtenLimitOf: WrittenLimitOf,
): number {
  const all = survivors.some(({ chain }, i) => affected[i] && chain.length === 0);
  const asked = new Set<UnitId>();
  for (const [i, { chain }] of activeOf(current.ranges).extents.entries()) {
    if (all || affected[i]) for (const unit of chain) asked.add(unit);
  }
  return new ProjectionMap(current).tailFrom((unit) =>
    asked.has(unit) ? writtenLimitOf(unit) : 0,
  );
}

/** The first unit that continues this chain in a later range and could hold its rows, too. */
function missingFrom(
  ranges: readonly Range[],
  r: number,
  chain: readonly UnitId[],
  rows: { readonly start: number; readonly to: number },
): UnitId | undefined {
  const inRange = new Set(ranges[r].extents.flatMap((extent) => extent.chain));
  for (const later of ranges.slice(r + 1)) {
    for (const { chain: longer } of later.extents) {
      if (!chain.every((unit) => longer.includes(unit))) continue;
      const unit = longer.find((u) => !inRange.has(u) && !isUsed(ranges, u, rows));
      if (unit !== undefined) return unit;
    }
  }
  return undefined;
}

function isUsed(
  ranges: readonly Range[],
  unit: UnitId,
  { start, to }: { readonly start: number; readonly to: number },
): boolean {
  return ranges.some((range) =>
    range.extents.some(
      (extent, i) =>
        extent.chain.includes(unit) && extent.start < to && start < extent.start + rowsOf(range, i),
    ),
  );
}

/** Neighbours of the same mapping become one range. */
function coalesced(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges) {
    const last = merged[merged.length - 1];
    if (last !== undefined && continues(last, range)) {
      merged[merged.length - 1] = { ...range, from: last.from, extents: last.extents };
    } else merged.push(range);
  }
  return merged;
}

function continues(last: Range, range: Range): boolean {
  const n = last.extents.length;
  const rows = (range.from - last.from) / n;
  return (
    range.extents.length === n &&
    range.extents.every(({ chain, start }, i) => {
      const before = last.extents[i];
      return (
        start === before.start + rows &&
        chain.length === before.chain.length &&
        chain.every((unit, j) => unit === before.chain[j])
      );
    })
  );
}
