/**
 * The layout store (CORFU 1.9): a durable, totally ordered, write-once sequence of projections.
 * In memory it is a register per epoch, read by any thread without a message.
 */

import { assert } from '../shared-memory/assert.ts';
import type { WriteOnceRegisters } from '../shared-memory/write-once-registers.ts';
import { allocateRegisters } from '../shared-memory/write-once-registers.ts';
import { checkProjection, type Projection, ProjectionMap } from './projection.ts';

const EPOCHS_MAX = 64 * 1024;
const AREA_BYTES = 64 * 1024 * 1024;

export function allocateLayoutStore(): SharedArrayBuffer {
  return allocateRegisters(EPOCHS_MAX, AREA_BYTES);
}

export class LayoutStore {
  readonly #registers: WriteOnceRegisters;

  constructor(registers: WriteOnceRegisters) {
    this.#registers = registers;
  }

  /** The projection of `epoch`, or undefined while there is none. */
  read(epoch: number): Projection | undefined {
    const text = this.#registers.read(epoch);
    if (text === undefined) return undefined;
    const projection = JSON.parse(text) as Projection;
    checkProjection(projection);
    return projection;
  }

  /** Proposes a projection for its epoch; the first proposal wins, the others read it. */
  propose(projection: Projection): 'written' | 'present' | 'full' {
    checkProjection(projection);
    return this.#registers.write(projection.epoch, JSON.stringify(projection));
  }

  /** The projection of the highest epoch; undefined before the first. */
  latest(): Projection | undefined {
    let epoch = this.#registers.highestHint();
    let found = this.read(epoch);
    for (;;) {
      const next = this.read(epoch + 1);
      if (next === undefined) return found;
      found = next;
      epoch++;
    }
  }
}

/** The latest projection as a map, built anew only when the epoch has changed. */
export class LatestProjection {
  readonly #store: LayoutStore;
  #map: ProjectionMap | undefined;

  constructor(store: LayoutStore) {
    this.#store = store;
  }

  map(): ProjectionMap {
    const projection = this.#store.latest();
    assert(projection !== undefined, 'the first projection is installed');
    if (this.#map?.epoch !== projection.epoch) this.#map = new ProjectionMap(projection);
    return this.#map;
  }
}
