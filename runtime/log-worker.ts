/** Entry of an actor thread of the log: says which actors live here, and which come to live here. */
import { workerData } from 'node:worker_threads';
import type { Actor } from '../actors/actor.ts';
import { clientActor, clientThreadOf } from '../actors/actor-ids.ts';
import { type ActorThreadData, type HostedActors, runActorThread } from '../actors/actor-thread.ts';
import { adoptedActor } from '../actors/adoption.ts';
import type { SocketAddress } from '../actors/local-socket.ts';
import { LogMemory } from '../actors/log-memory.ts';
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
  const { threads } = new LogMemory(data.buffers);
  // FIRST: the others are trying to connect, and open() waits until they have.
  if (isHousekeeper) new WatchServer(data.watch, threads);
  const watched = new Watched(data.watch, data.thread, threads.incarnation(data.thread));
  // Loaded on this one thread only: a third of the time a thread takes to start is its modules.
  const housekeeping = isHousekeeper ? await import('./housekeeping.ts') : undefined;
  runActorThread(data, (memory, flight) => ({
    ...actorsOn(memory, flight, housekeeping),
    watched: watched.introduced,
  }));
}

function actorsOn(
  memory: LogMemory,
  flight: Flight,
  housekeeping: typeof import('./housekeeping.ts') | undefined,
): HostedActors {
  const { thread, times } = data;
  const adopt = (id: ActorId): Actor | undefined =>
    clientThreadOf(id) === NO_THREAD ? adoptedActor(memory, id, thread) : undefined;
  const housekeeper = housekeeping?.housekeeperOn(thread, memory, flight, times);
  if (housekeeper === undefined) return { specs: [], adopt };
  return { specs: [{ id: clientActor(thread), actor: housekeeper }], adopt };
}
