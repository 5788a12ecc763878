/**
 * What holds of a simulated log after every step (RELIABILITY 2.4): I1 and I3 when the projection has
 * changed, I6, I7 and I10 always. Acknowledgements are told by whoever runs the clients.
 */
import { NO_SEQUENCER, type Projection } from '../../actors/projection.ts';
import { assert } from '../../shared-memory/assert.ts';
import { SlotOutcome } from '../../shared-memory/slots-layout.ts';
import { copyEntry, type Position } from '../log-entry.ts';
import type { SimulatedLog } from './simulated-log.ts';

const decoder = new TextDecoder();

export class Invariants {
  readonly #log: SimulatedLog;
  readonly #acknowledged = new Map<Position, string>();
  readonly #sealed: number[];
  #highest: Position = -1;
  #trimMark: Position = 0;
  #epoch = 1;

  constructor(log: SimulatedLog) {
    this.#log = log;
    this.#sealed = Array.from({ length: log.memory.unitCount }, () => 0);
    log.world.onStep(() => this.check());
  }

  acknowledged(position: Position, value: string): void {
    this.#acknowledged.set(position, value);
    if (position > this.#highest) this.#highest = position;
    this.#checkHeld(position, value);
  }

  check(): void {
    const { memory } = this.#log;
    const { sequencer } = memory;
    for (let i = 0; i < this.#sealed.length; i++) {
      const sealed = memory.unit(i).slots.sealedEpoch();
      if (sealed < this.#sealed[i]) assert(false, `a sealed epoch never decreases: unit=${i}`);
      this.#sealed[i] = sealed;
    }
    const trimMark = sequencer.trimMark();
    assert(trimMark >= this.#trimMark, 'the trim mark never decreases');
    this.#trimMark = trimMark;
    const map = this.#log.map();
    if (map.epoch !== this.#epoch) this.#changed(map.projection);
    if (map.sequencer === NO_SEQUENCER) return;
    const isBuilt = sequencer.builtEpoch() >= sequencer.requiredBuild();
    if (isBuilt && sequencer.tail() <= this.#highest) {
      assert(false, `what is acknowledged is below the tail: position=${this.#highest}`);
    }
  }

  #changed({ epoch }: Projection): void {
    this.#epoch = epoch;
    for (const [position, value] of this.#acknowledged) this.#checkHeld(position, value);
  }

  /** On every replica of the projection, or trimmed. */
  #checkHeld(position: Position, value: string): void {
    const { memory } = this.#log;
    if (position < memory.sequencer.trimMark()) return;
    const map = this.#log.map();
    const address = map.addressOf(position);
    for (const unit of map.chainOf(position)) {
      const { reader } = memory.unit(unit);
      const outcome = reader.locate(address, position);
      if (outcome === SlotOutcome.TRIMMED) continue;
      const entry =
        outcome === SlotOutcome.WRITTEN ? copyEntry(reader, address, position) : undefined;
      const held = entry === undefined ? `outcome ${outcome}` : decoder.decode(entry.payload);
      if (held !== value) {
        const where = `position=${position}, unit=${unit}, chain=${map.chainOf(position).join()}`;
        assert(false, `what is acknowledged is on every replica: ${where}, ${value} is ${held}`);
      }
    }
  }
}
