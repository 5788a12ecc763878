/**
 * Spare units (CORFU 1.10): memory that no projection names. One is claimed exclusively, and wiped
 * for every attempt to use it, under an id that was never given before (RELIABILITY D5).
 */
import { type UnitId, unitId, unitIndex } from '../actors/actor-ids.ts';
import type { Projection } from '../actors/projection.ts';
import { assert } from '../shared-memory/assert.ts';
import type { LogClient } from './log-client.ts';

export interface Spare {
  readonly index: number;
  /** What the unit will be called once it is wiped. */
  readonly unit: UnitId;
}

/** Claims up to `count` spares for the calling thread; unclaim them whatever comes of it. */
export function claimSpares(client: LogClient, count: number): Spare[] {
  const { memory, incarnation } = client;
  const spares: Spare[] = [];
  for (let index = 0; index < memory.unitCount && spares.length < count; index++) {
    if (isNamed(client, index)) continue;
    const unit = memory.unit(index);
    const claimant = unit.claimant();
    if (claimant !== 0 && client.membership.lives(claimant)) continue;
    if (!unit.claim(claimant, incarnation)) continue;
    // AFTER the claim: whoever claimed before may have installed it in between.
    client.refreshProjection();
    if (isNamed(client, index)) unit.unclaim(incarnation);
    else spares.push({ index, unit: unitId(index, unit.tenancy() + 1) });
  }
  return spares;
}

/** How many spares could be claimed now. */
export function sparesLeft(client: LogClient): number {
  const { memory, membership } = client;
  let left = 0;
  for (let index = 0; index < memory.unitCount; index++) {
    const claimant = memory.unit(index).claimant();
    const claimed = claimant !== 0 && membership.lives(claimant);
    if (!claimed && !isNamed(client, index)) left++;
  }
  return left;
}

function isNamed({ map }: LogClient, index: number): boolean {
  return map.units().some((unit) => unitIndex(unit) === index);
}

/**
 * Empties a claimed spare for its place in `next`: nobody is in flight who has seen a projection
 * that named its memory. It begins where the others of its chain are trimmed to.
 */
export function wipeSpare({ memory }: LogClient, spare: Spare, next: Projection): void {
  const { extents } = next.ranges[next.ranges.length - 1];
  const extent = extents.find(({ chain }) => chain.includes(spare.unit));
  assert(extent !== undefined, 'a spare that is taken is in the active range');
  const survivor = extent.chain.find(
    (unit) => unit !== spare.unit && memory.unitAt(unitIndex(unit)) === unit,
  );
  const watermark = survivor === undefined ? extent.start : memory.unit(survivor).slots.watermark();
  const tenancy = memory.unit(spare.index).wipe(watermark, next.epoch - 1);
  assert(unitId(spare.index, tenancy) === spare.unit, 'a claimed memory has one claimant');
}
