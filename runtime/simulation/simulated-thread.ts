/**
 * A thread of a simulated log: a tenant of the thread table, its flight, and what it hosts. Its
 * actors are actors of the world; when one of them dies they all do.
 */
import type { ActorId } from '../../actors/message.ts';
import { assert } from '../../shared-memory/assert.ts';
import { Flight } from '../../shared-memory/flight.ts';
import { NO_THREAD, type ThreadIndex, type ThreadTable } from '../../shared-memory/thread-table.ts';

/** A flight that the dead do not leave: only the notice of their exit ends it. */
class MortalFlight extends Flight {
  readonly #dies: () => boolean;

  constructor(threads: ThreadTable, thread: ThreadIndex, dies: () => boolean) {
    super(threads, thread);
    this.#dies = dies;
  }

  override leave(): void {
    if (!this.#dies()) super.leave();
  }
}

export class SimulatedThread {
  readonly index: ThreadIndex;
  readonly incarnation: number;
  readonly flight: Flight;
  /** What lives here, by the names of the world. */
  readonly hosted = new Set<ActorId>();
  /** It takes no step any more; the log may not have been told. */
  dead = false;
  /** Virtual time up to which the thread as a whole is stalled. */
  stalledUntil = 0;

  /** `isAlive` asks the world. */
  constructor(threads: ThreadTable, index: ThreadIndex, isAlive: (id: ActorId) => boolean) {
    this.index = threads.claim(index, index + 1);
    assert(this.index !== NO_THREAD, 'a thread has an index of its own');
    this.incarnation = threads.incarnation(index);
    threads.setTurning(index, true);
    this.flight = new MortalFlight(threads, index, () => this.dead || this.#isDying(isAlive));
  }

  #isDying(isAlive: (id: ActorId) => boolean): boolean {
    for (const id of this.hosted) if (!isAlive(id)) return true;
    return false;
  }
}
