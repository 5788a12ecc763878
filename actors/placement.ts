/** Which actor lives on which thread. Decided once at open; every thread derives the same map. */
import { NO_THREAD, type ThreadIndex } from '../shared-memory/thread-table.ts';
import type { Directory } from './actor-host.ts';
import { clientActor, sequencerActor, type UnitId, unitActor } from './actor-ids.ts';
import type { ActorId } from './message.ts';

export interface Placement {
  readonly actorThreads: number;
  /** Thread of the sequencer. */
  readonly sequencer: ThreadIndex;
  /** Thread of each storage unit, by unit id. */
  readonly units: readonly ThreadIndex[];
}

/** Actor threads that leave the clients room: one on up to four cores, then a quarter of them. */
export function actorThreadsFor(cores: number): number {
  return Math.max(1, Math.floor(cores / 4));
}

/**
 * Sequencer on the first thread, units spread over the others; replicas of one chain on different
 * threads where there are enough.
 */
export function placeActors(actorThreads: number, units: number): Placement {
  const unitThreads = Array.from({ length: units }, (_, unit) =>
    actorThreads === 1 ? 0 : 1 + (unit % (actorThreads - 1)),
  );
  return { actorThreads, sequencer: 0, units: unitThreads };
}

const FIRST_UNIT = unitActor(0);
const FIRST_CLIENT = clientActor(0);

export function directoryOf(placement: Placement): Directory {
  const { units, sequencer } = placement;
  const sequencerId = sequencerActor(0);
  return (actor: ActorId): ThreadIndex => {
    if (actor >= FIRST_CLIENT) return actor - FIRST_CLIENT;
    if (actor >= FIRST_UNIT) return units[actor - FIRST_UNIT] ?? NO_THREAD;
    return actor === sequencerId ? sequencer : NO_THREAD;
  };
}

/** Units that live on `thread`. */
export function unitsOn(placement: Placement, thread: ThreadIndex): UnitId[] {
  return placement.units.flatMap((home, unit) => (home === thread ? [unit] : []));
}
