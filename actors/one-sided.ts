/**
 * Taking the steps of storage units and sequencer oneself, on shared memory, instead of asking their
 * actors (DESIGN 6: the direct link; seals take this way on every link, so they need nobody alive).
 * The calling thread is in flight.
 */
import { isUnitActor, unitIndexOf } from './actor-ids.ts';
import type { LogMemory } from './log-memory.ts';
import type { Message } from './message.ts';
import type { SequencerSteps } from './sequencer.ts';
import { serveUnit } from './unit-steps.ts';

export class OneSided {
  readonly sequencer: SequencerSteps;
  readonly #memory: LogMemory;

  constructor(memory: LogMemory, sequencer: SequencerSteps) {
    this.#memory = memory;
    this.sequencer = sequencer;
  }

  /** Does what the request's receiver would do, and fills `reply` as it would. */
  serve(request: Message, reply: Message): void {
    if (!isUnitActor(request.to)) return this.sequencer.serve(request, reply);
    serveUnit(this.#memory.unit(unitIndexOf(request.to)), request, reply);
  }
}
