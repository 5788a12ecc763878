/**
 * The hole filler, a part of the housekeeping: decides every position below the tail that it saw one
 * round earlier, and publishes the decided mark, so that readers below it never meet a hole. It also
 * tells every unit of prefix trims that their trimmer did not finish.
 *
 * Dying anywhere is harmless: the mark only lags.
 */
import { unitActor } from '../actors/actor-ids.ts';
import { FILL_ROUND_POSITIONS_MAX } from '../actors/config.ts';
import { TangoError } from '../actors/tango-error.ts';
import { fillPosition, trimPrefix } from './chain.ts';
import type { LogClient } from './log-client.ts';
import type { Position } from './log-entry.ts';
import type { Procedure } from './procedure.ts';
import { decidedRunEnd } from './read.ts';

export class HoleFiller {
  readonly #client: LogClient;
  /** The tail one round ago: every writer below it has had its time. */
  #tailBefore: Position = 0;
  /** The trim mark that every unit has been told of, and the epoch in which they were told. */
  #trimmed: Position = 0;
  #trimmedEpoch = 0;

  constructor(client: LogClient) {
    this.#client = client;
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

  /** A trimmer may have died before the unit's actor heard of it, or the actor itself. */
  #reclaim(): void {
    for (const unit of this.#client.map.units()) {
      if (this.#client.memory.unit(unit).slots.owesReclaim) this.#client.nudge(unitActor(unit));
    }
  }

  /** Whoever began a prefix trim may have died before every unit was told. */
  *#finishTrim(): Procedure<void> {
    const mark = this.#client.memory.sequencer.trimMark();
    const { epoch } = this.#client.map;
    if (mark === this.#trimmed && epoch === this.#trimmedEpoch) return;
    yield* trimPrefix(this.#client, mark);
    this.#trimmed = mark;
    this.#trimmedEpoch = epoch;
  }

  /** Decides what was below the tail one round earlier. */
  *round(): Procedure<void> {
    const { sequencer } = this.#client.memory;
    const limit = this.#tailBefore;
    this.#tailBefore = this.#client.tail();
    this.#reclaim();
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
