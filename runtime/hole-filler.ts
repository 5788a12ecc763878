/**
 * The background hole filler: decides every position below the tail that it saw one round earlier,
 * and publishes the decided mark, so that readers below it never meet a hole. It also tells every
 * unit of prefix trims that their trimmer did not finish.
 *
 * It is a log client with a timer. Dying anywhere is harmless: the mark only lags.
 */
import type { Actor, ActorContext } from '../actors/actor.ts';
import { FILL_ROUND_POSITIONS_MAX } from '../actors/config.ts';
import type { Message } from '../actors/message.ts';
import { TangoError } from '../actors/tango-error.ts';
import type { Counts } from '../actors/thread-counters.ts';
import { fillPosition, trimPrefix } from './chain.ts';
import type { LogClient } from './log-client.ts';
import type { Position } from './log-entry.ts';
import type { Procedure } from './procedure.ts';
import { decidedRunEnd } from './read.ts';

/** No timer of the client has this number. */
const TIMER_ROUND = 0;

export class HoleFiller implements Actor {
  readonly role = 'hole filler';
  readonly #client: LogClient;
  /** The tail one round ago: every writer below it has had its time. */
  #tailBefore: Position = 0;
  /** The trim mark that every unit has been told of. */
  #trimmed: Position = 0;

  constructor(client: LogClient) {
    this.#client = client;
  }

  start(context: ActorContext): void {
    this.#client.start(context);
    this.#next(context);
  }

  receive(message: Message): void {
    this.#client.receive(message);
  }

  onTimer(timer: number, context: ActorContext): void {
    if (timer !== TIMER_ROUND) return this.#client.onTimer(timer);
    this.#client.run(this.#round(), {
      done: () => this.#next(context),
      failed: () => this.#next(context),
    });
  }

  onMembership(): void {
    this.#client.onMembership();
  }

  counts(): Counts {
    return { ...this.#client.counters };
  }

  #next(context: ActorContext): void {
    context.after(this.#client.times.holeFillMs, TIMER_ROUND);
  }

  /** False: a full unit, an exited one, or none that answers. The mark stays, later holes do not. */
  *#decide(position: Position): Procedure<boolean> {
    try {
      yield* fillPosition(this.#client, position);
      return true;
    } catch (error) {
      if (error instanceof TangoError) return false;
      throw error;
    }
  }

  /** Whoever began a prefix trim may have died before every unit was told. */
  *#finishTrim(): Procedure<void> {
    const mark = this.#client.memory.sequencer.trimMark();
    if (mark === this.#trimmed) return;
    yield* trimPrefix(this.#client, mark);
    this.#trimmed = mark;
  }

  *#round(): Procedure<void> {
    const { sequencer } = this.#client.memory;
    const limit = this.#tailBefore;
    this.#tailBefore = sequencer.tail();
    const start = sequencer.decidedMark();
    const end = Math.min(limit, start + FILL_ROUND_POSITIONS_MAX);
    yield* this.#finishTrim();
    let stuck = false;
    for (let position = start; position < end; position++) {
      position = decidedRunEnd(this.#client, position, end);
      if (!stuck) sequencer.raiseDecidedMark(position);
      if (position < end && !(yield* this.#decide(position))) stuck = true;
    }
    if (!stuck) sequencer.raiseDecidedMark(end);
    this.#client.rest();
  }
}
