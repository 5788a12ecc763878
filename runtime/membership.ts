/** Who serves what, and who lives, from the tables in shared memory. */
import type { LogMemory } from '../actors/log-memory.ts';
import { directoryOf } from '../actors/placement.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import type { Membership } from './log-client.ts';

export function membershipOf({ homes, threads }: LogMemory): Membership {
  const directory = directoryOf(homes);
  return {
    receiverOf: (actor) => {
      const home = directory(actor);
      if (home < 0 || threads.state(home) !== ThreadState.ALIVE) return 0;
      return threads.incarnation(home);
    },
    lives: (incarnation) => threads.lives(incarnation),
  };
}
