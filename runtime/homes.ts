/** Choosing threads for actors: where they start anew, and what a better distribution would be. */
import { homeIndexOf, unitActor } from '../actors/actor-ids.ts';
import type { LogMemory } from '../actors/log-memory.ts';
import type { ActorId } from '../actors/message.ts';
import { NO_SEQUENCER, type ProjectionMap } from '../actors/projection.ts';
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';

/** The housekeeper's thread hosts what the log needs only while no other can. */
const HOUSEKEEPER_COST = 1000;
/** A thread that is starting makes whoever is sent there wait. */
const STARTING_COST = 10_000;
/** Replicas of one chain had better not die together. */
const PEER_COST = 100;

/** Actors of the log that live on `thread`. */
export function actorsAt(memory: LogMemory, map: ProjectionMap, thread: ThreadIndex): ActorId[] {
  const actors = map.units().map(unitActor);
  if (map.sequencer !== NO_SEQUENCER) actors.push(map.sequencer);
  return actors.filter((actor) => memory.homes.home(homeIndexOf(actor)) === thread);
}

/** Whether any actor thread lives: nobody else can take actors in. */
export function anyoneLives({ sizes, threads }: LogMemory): boolean {
  for (let thread = 0; thread < sizes.actorThreads; thread++) {
    if (threads.state(thread) === ThreadState.ALIVE) return true;
  }
  return false;
}

/** The living actor thread that suits best an actor whose peers live elsewhere; undefined: none. */
export function pickHome(
  memory: LogMemory,
  map: ProjectionMap,
  suspects: ReadonlySet<ThreadIndex>,
  peers: readonly ActorId[],
): ThreadIndex | undefined {
  const last = memory.sizes.actorThreads - 1;
  const peerHomes = peers.map((peer) => memory.homes.home(homeIndexOf(peer)));
  let best: ThreadIndex | undefined;
  let lowest = Number.POSITIVE_INFINITY;
  for (let thread = 0; thread <= last; thread++) {
    if (memory.threads.state(thread) !== ThreadState.ALIVE || suspects.has(thread)) continue;
    let cost = actorsAt(memory, map, thread).length;
    if (thread === last) cost += HOUSEKEEPER_COST;
    if (!memory.threads.attends(thread)) cost += STARTING_COST;
    cost += PEER_COST * peerHomes.filter((home) => home === thread).length;
    if (cost >= lowest) continue;
    lowest = cost;
    best = thread;
  }
  return best;
}
