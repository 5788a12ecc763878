/**
 * Which actor lives on which thread: a plan at open, and a table in shared memory that says where
 * each one is now.
 */
import type { HomeTable } from '../shared-memory/home-table.ts';
import { NO_THREAD, type ThreadIndex } from '../shared-memory/thread-table.ts';
import type { Directory } from './actor-host.ts';
import { clientThreadOf, homeIndexOf, sequencerActor, unitActor } from './actor-ids.ts';
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

/** Enters the plan into the table, before any thread looks. */
export function settle(homes: HomeTable, placement: Placement): void {
  homes.move(homeIndexOf(sequencerActor(0)), placement.sequencer);
  placement.units.forEach((thread, unit) => {
    homes.move(homeIndexOf(unitActor(unit)), thread);
  });
}

export function directoryOf(homes: HomeTable): Directory {
  return (actor: ActorId): ThreadIndex => {
    const client = clientThreadOf(actor);
    return client === NO_THREAD ? homes.home(homeIndexOf(actor)) : client;
  };
}
