/**
 * Fairness: a transaction that has lost several times asks the others to make way, so that a large one
 * gets through against small ones. Advice, in shared memory: nobody waits for it for long.
 */
import { Right } from '../../shared-memory/view-table.ts';
import type { LogClient } from '../log-client.ts';
import { type Procedure, pause } from '../procedure.ts';

/** Conflicts before a transaction asks. */
export const PRECEDENCE_AFTER = 4;
/** Others go on after so long, whatever the one they wait for does. */
const WAY_MS_MAX = 1000;
const POLL_MS = 0.1;

export class Precedence {
  readonly #client: LogClient;

  constructor(client: LogClient) {
    this.#client = client;
  }

  /** From now on the others make way, unless they do so for somebody else. */
  ask(): void {
    const { memory, incarnation, membership } = this.#client;
    memory.views.tryTake(Right.PRECEDENCE, incarnation, (one) => membership.lives(one));
  }

  end(): void {
    this.#client.memory.views.give(Right.PRECEDENCE, this.#client.incarnation);
  }

  /** Somebody else goes first: one load. */
  get isOthers(): boolean {
    const { memory, incarnation } = this.#client;
    const owner = memory.views.owner(Right.PRECEDENCE);
    return owner !== 0 && owner !== incarnation;
  }

  *makeWay(): Procedure<void> {
    const { context, memory, membership } = this.#client;
    const end = context.now() + WAY_MS_MAX;
    while (this.isOthers && context.now() < end) {
      if (!membership.lives(memory.views.owner(Right.PRECEDENCE))) return;
      yield* pause(POLL_MS);
    }
  }
}
