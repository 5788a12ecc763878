/**
 * Bringing a log back to full strength after a loss, without anybody noticing: actors move to idle
 * threads, short chains get a spare, and the spare gets the past.
 */
import { homeIndexOf } from '../actors/actor-ids.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { actorsAt, pickHome } from './homes.ts';
import type { LogClient } from './log-client.ts';
import type { Procedure } from './procedure.ts';
import { rebuildOne } from './rebuild.ts';
import { reconfigure } from './reconfigure.ts';
import { diagnose } from './repair.ts';
import { sparesLeft } from './spares.ts';

/** One round: whatever can be restored now. */
export function* restore(client: LogClient): Procedure<void> {
  client.refreshProjection();
  // What is wrong goes first, and that is the monitor's.
  if (diagnose(client) !== undefined) return;
  moveIn(client);
  if (isShort(client) && sparesLeft(client) > 0) {
    yield* reconfigure(client, (one) =>
      isShort(one) && sparesLeft(one) > 0 ? { refill: true } : undefined,
    );
  }
  while (yield* rebuildOne(client));
}

function isShort({ map, memory }: LogClient): boolean {
  return map.active.extents.some(({ chain }) => chain.length < memory.sizes.replicas);
}

/**
 * Actors that had to move in with the housekeeper leave it for a thread that hosts nothing. Serving
 * is safe from two threads at once, so a look at the table that comes late does no harm.
 */
function moveIn({ memory, map, suspects }: LogClient): void {
  const last = memory.sizes.actorThreads - 1;
  const guests = actorsAt(memory, map, last);
  if (guests.length === 0) return;
  const isIdle = (thread: number): boolean =>
    memory.threads.state(thread) === ThreadState.ALIVE &&
    memory.threads.attends(thread) &&
    !suspects.has(thread) &&
    actorsAt(memory, map, thread).length === 0;
  if (![...Array(last).keys()].some(isIdle)) return;
  for (const actor of guests) {
    const home = pickHome(memory, map, suspects, []);
    if (home !== undefined && home !== last) memory.homes.move(homeIndexOf(actor), home);
  }
}
