/** Entry of an actor thread of the log: says which actors live here, and which come to live here. */
import { workerData } from 'node:worker_threads';
import type { Actor } from '../actors/actor.ts';
import { clientActor, clientThreadOf } from '../actors/actor-ids.ts';
import { type ActorThreadData, type HostedActors, runActorThread } from '../actors/actor-thread.ts';
import { adoptedActor } from '../actors/adoption.ts';
import type { SocketAddress } from '../actors/local-socket.ts';
import type { LogMemory } from '../actors/log-memory.ts';
import type { ActorId } from '../actors/message.ts';
import { Watched, WatchServer } from '../actors/watch.ts';
import type { Flight } from '../shared-memory/flight.ts';
import { NO_THREAD } from '../shared-memory/thread-table.ts';
import type { ClientTimes } from './client-options.ts';

/** The startup message of this entry. */
export interface LogThreadData extends ActorThreadData {
  readonly times: ClientTimes;
  /** Where the monitor listens. */
  readonly watch: SocketAddress;
}

const data = workerData as LogThreadData;
const isHousekeeper = data.thread === data.buffers.sizes.actorThreads - 1;
void start();

/** A function, not the module, awaits: a thread that is ended while such a module begins ends the process. */
async function start(): Promise<void> {
  // Loaded on this one thread only: a third of the time a thread takes to start is its modules.
  const housekeeping = isHousekeeper ? await import('./housekeeping.ts') : undefined;
  runActorThread(data, (memory, flight) => actorsOn(memory, flight, housekeeping));
}

function actorsOn(
  memory: LogMemory,
  flight: Flight,
  housekeeping: typeof import('./housekeeping.ts') | undefined,
): HostedActors {
  const { thread, watch, times } = data;
  // BEFORE it connects to itself: the others may be trying already.
  if (isHousekeeper) new WatchServer(watch, memory.threads);
  new Watched(watch, thread, memory.threads.incarnation(thread));
  const adopt = (id: ActorId): Actor | undefined =>
    clientThreadOf(id) === NO_THREAD ? adoptedActor(memory, id, thread) : undefined;
  const housekeeper = housekeeping?.housekeeperOn(thread, memory, flight, times);
  if (housekeeper === undefined) return { specs: [], adopt };
  return { specs: [{ id: clientActor(thread), actor: housekeeper }], adopt };
}
