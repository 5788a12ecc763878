/** Actors that come to live on a thread: made when the first message for them arrives there. */
import { Quiescence } from '../shared-memory/quiescence.ts';
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import type { Actor } from './actor.ts';
import { homeIndexOf, isUnitActor, unitIndexOf } from './actor-ids.ts';
import { LatestProjection } from './layout-store.ts';
import { capacityOf, type LogMemory } from './log-memory.ts';
import type { ActorId } from './message.ts';
import { Sequencer, SequencerSteps } from './sequencer.ts';
import { StorageUnit } from './storage-unit.ts';

/**
 * The storage unit or sequencer `id`, served by `thread`: it has come to live here, or has moved on
 * already. Serving is safe all the same, and its sender waits for an answer.
 */
export function adoptedActor(memory: LogMemory, id: ActorId, thread: ThreadIndex): Actor {
  const latest = new LatestProjection(memory.layoutStore);
  if (isUnitActor(id)) {
    const tenure = tenureOf(memory, latest, id, thread);
    const quiescence = new Quiescence(memory.threads);
    return new StorageUnit({ memory: memory.unit(unitIndexOf(id)), quiescence, tenure });
  }
  const capacity = capacityOf(memory, () => latest.map());
  const incarnation = memory.threads.incarnation(thread);
  return new Sequencer(new SequencerSteps(memory.sequencer, capacity, incarnation));
}

/**
 * Of a storage unit's stay on a thread, while the latest projection names the unit: to be asked in
 * flight. A projection without it is stored BEFORE whoever wipes the memory waits for flights.
 */
export function tenureOf(
  memory: LogMemory,
  latest: LatestProjection,
  id: ActorId,
  thread: ThreadIndex,
): () => number {
  const index = unitIndexOf(id);
  return () => {
    const stay = memory.homes.stay(homeIndexOf(id), thread);
    return stay !== 0 && latest.map().has(memory.unitAt(index)) ? stay : 0;
  };
}
