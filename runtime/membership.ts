/** Who serves what, and who lives, from the tables in shared memory. */
import type { LogMemory } from '../actors/log-memory.ts';
import { directoryOf } from '../actors/placement.ts';
import type { Membership } from './client-options.ts';

export function membershipOf({ homes, threads }: LogMemory): Membership {
  const directory = directoryOf(homes);
  return {
    receiverOf: (actor) => {
      const home = directory(actor);
      return home < 0 ? 0 : threads.tenant(home);
    },
    lives: (incarnation) => threads.lives(incarnation),
  };
}
