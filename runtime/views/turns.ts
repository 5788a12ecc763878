/** Long work of one thread, in pieces: whoever waits for the thread has a turn in between. */
import type { ActorContext } from '../../actors/actor.ts';
import { type Procedure, pause } from '../procedure.ts';

/** How long a piece may take. */
const TURN_MS = 2;

export class Turns {
  readonly #context: ActorContext;
  readonly #between: number;
  #steps = 0;
  #endMs: number;

  /** `between`: steps from one look at the clock to the next. */
  constructor(context: ActorContext, between = 1) {
    this.#context = context;
    this.#between = between;
    this.#endMs = context.now() + TURN_MS;
  }

  /** After each step: others are to have their turn. */
  isOver(): boolean {
    return ++this.#steps % this.#between === 0 && this.#context.now() >= this.#endMs;
  }

  *next(): Procedure<void> {
    yield* pause(0);
    this.#endMs = this.#context.now() + TURN_MS;
  }
}
