/** Long work of one thread, in pieces: whoever waits for the thread has a turn in between. */
import type { ActorContext } from '../../actors/actor.ts';
import { type Procedure, pause } from '../procedure.ts';

/** How long a piece takes. */
const TURN_MS = 2;

export class Turns {
  readonly #context: ActorContext;
  readonly #between: number;
  #steps = 0;
  /** undefined: the clock was not looked at yet, as short work needs none. */
  #endMs: number | undefined;

  /** `between`: steps from one look at the clock to the next. */
  constructor(context: ActorContext, between = 1) {
    this.#context = context;
    this.#between = between;
  }

  /** After each step, or so many: whether others are to have their turn. */
  isOver(steps = 1): boolean {
    this.#steps += steps;
    if (this.#steps < this.#between) return false;
    this.#steps = 0;
    const now = this.#context.now();
    this.#endMs ??= now + TURN_MS;
    return now >= this.#endMs;
  }

  *next(): Procedure<void> {
    yield* pause(0);
    this.#endMs = undefined;
  }
}
