/**
 * Names of actors in a simulated world. In production a message goes to the thread that is its
 * receiver's home when it is sent, and several threads may serve one actor for a while. So a world
 * knows each actor once for every thread that has served it.
 */
import {
  clientThreadOf,
  isUnitActor,
  SEQUENCERS_MAX,
  UNIT_MEMORIES_MAX,
} from '../../actors/actor-ids.ts';
import type { ActorId } from '../../actors/message.ts';
import { NO_THREAD, type ThreadIndex } from '../../shared-memory/thread-table.ts';

/** Nobody has this name: a client's that never comes. */
export const NOBODY: ActorId = 0xffff;

/** The name of `actor` where `thread` serves it; clients have one name. */
export function worldId(actor: ActorId, thread: ThreadIndex): ActorId {
  if (clientThreadOf(actor) !== NO_THREAD) return actor;
  return actor + thread * (isUnitActor(actor) ? UNIT_MEMORIES_MAX : SEQUENCERS_MAX);
}
