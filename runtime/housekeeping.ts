/** The housekeeper of a log, on the one thread that loads this. */
import { parentPort } from 'node:worker_threads';
import type { LogMemory } from '../actors/log-memory.ts';
import type { Flight } from '../shared-memory/flight.ts';
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import type { ClientTimes } from './client-options.ts';
import { Housekeeper } from './housekeeper.ts';
import { LogClient } from './log-client.ts';
import { membershipOf } from './membership.ts';
import { Monitor } from './monitor.ts';
import { repair } from './repair.ts';
import type { StalledMessage } from './supervision.ts';

/** With the client that it works with. */
export function housekeeperOn(
  thread: ThreadIndex,
  memory: LogMemory,
  flight: Flight,
  times: ClientTimes,
): Housekeeper {
  const client = new LogClient({
    memory,
    incarnation: memory.threads.incarnation(thread),
    times,
    flight,
    link: 'direct',
    membership: membershipOf(memory),
    repair,
  });
  const onStalled = (stalled: number, incarnation: number): void => {
    const message: StalledMessage = { stalled, incarnation };
    parentPort?.postMessage(message);
  };
  return new Housekeeper(client, new Monitor({ client, thread, onStalled }));
}
