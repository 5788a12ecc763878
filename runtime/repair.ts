/**
 * What is wrong with the log, and bringing it back: units and sequencer whose thread has exited, a
 * sequencer that died in its critical section or was never built, a seal that nobody followed up.
 * The monitor does it at once; a client does it when it has waited for long enough (CORFU 1.9).
 */
import { homeIndexOf, type UnitId, unitActor } from '../actors/actor-ids.ts';
import type { ActorId } from '../actors/message.ts';
import { NO_SEQUENCER, type ProjectionMap } from '../actors/projection.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { anyoneLives } from './homes.ts';
import type { LogClient } from './log-client.ts';
import type { Procedure } from './procedure.ts';
import { type Change, reconfigure } from './reconfigure.ts';

/** Repairs whatever is wrong, a seal without a successor included. Returns when nothing is. */
export function* repair(client: LogClient): Procedure<void> {
  yield* reconfigure(client, (one) => diagnose(one) ?? (isSealed(one) ? {} : undefined));
}

/** What the deaths so far make necessary; undefined: nothing. */
export function diagnose(client: LogClient): Change | undefined {
  const { map, memory, suspects } = client;
  const isDead = (actor: ActorId): boolean => {
    const home = memory.homes.home(homeIndexOf(actor));
    return home < 0 || memory.threads.state(home) !== ThreadState.ALIVE || suspects.has(home);
  };
  const { lost, revived } = lostUnits(client, map, isDead);
  const replaced = isSequencerLost(client, map, isDead);
  if (lost.size === 0 && revived.size === 0 && !replaced) return undefined;
  return {
    ...(lost.size > 0 && { lost }),
    ...(revived.size > 0 && { revived }),
    ...(replaced && { sequencer: 'replace' as const }),
  };
}

/**
 * A unit whose thread is gone leaves its chains if each of them has another replica. Otherwise it
 * goes on with its memory, which a death does not harm, on another thread; unless the memory itself
 * is lost.
 */
function lostUnits(
  { memory }: LogClient,
  map: ProjectionMap,
  isDead: (actor: ActorId) => boolean,
): { lost: Set<UnitId>; revived: Set<UnitId> } {
  const lost = new Set<UnitId>();
  const revived = new Set<UnitId>();
  const dead = new Set(map.units().filter((unit) => isDead(unitActor(unit))));
  const gone = new Set(map.units().filter((unit) => memory.unit(unit).lost()));
  for (const { extents } of map.projection.ranges) {
    for (const { chain } of extents) {
      if (chain.some((unit) => !dead.has(unit) && !gone.has(unit))) continue;
      for (const unit of chain) if (!gone.has(unit)) revived.add(unit);
    }
  }
  for (const unit of [...dead, ...gone]) if (!revived.has(unit)) lost.add(unit);
  // With nobody to move to they stay where they are, until a thread has come.
  return { lost, revived: anyoneLives(memory) ? revived : new Set() };
}

function isSequencerLost(
  { memory, membership }: LogClient,
  map: ProjectionMap,
  isDead: (actor: ActorId) => boolean,
): boolean {
  if (map.sequencer === NO_SEQUENCER) return false;
  const { sequencer } = memory;
  const owner = sequencer.lockOwner();
  if (owner !== 0 && !membership.lives(owner)) return true;
  // Sealed to be replaced by somebody who has not come to name the next one.
  if (sequencer.requiredBuild() > map.projection.sequencerSince) return true;
  return isDead(map.sequencer) && anyoneLives(memory);
}

/** Whether something of the current epoch is sealed: a reconfiguration is under way, or died. */
export function isSealed({ map, memory }: LogClient): boolean {
  const { epoch, sequencer } = map;
  if (sequencer !== NO_SEQUENCER && memory.sequencer.sealedEpoch() >= epoch) return true;
  return map.units().some((unit) => memory.unit(unit).slots.sealedEpoch() >= epoch);
}
