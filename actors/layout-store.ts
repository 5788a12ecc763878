/**
 * The layout store (CORFU 1.9): a durable, totally ordered, write-once sequence of projections.
 * In memory it is a register per epoch, read by any thread without a message.
 */

import { assert } from '../shared-memory/assert.ts';
import type { WriteOnceRegisters } from '../shared-memory/write-once-registers.ts';
import { allocateRegisters } from '../shared-memory/write-once-registers.ts';
import { checkProjection, type Projection, ProjectionMap } from './projection.ts';

/** Touched as they are used: some four bytes, and a few hundred, an epoch. */
const EPOCHS_MAX = 1024 * 1024;
const AREA_BYTES = 256 * 1024 * 1024;
/** The part that is kept for changes that nobody has asked for. */
const RESERVE = 1 / 64;

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

  /** Whether few epochs, or little room for projections, are left. */
  isNearlyFull(): boolean {
    const { count, areaBytes, bytesLeft } = this.#registers;
    const epochsLeft = count - this.newestEpoch();
    return epochsLeft < count * RESERVE || bytesLeft < areaBytes * RESERVE;
  }

  /** The highest epoch that anybody acts under, in one load; see WriteOnceRegisters.highestHint. */
  newestEpoch(): number {
    return this.#registers.highestHint();
  }

  /** The projection of the highest epoch; undefined before the first. */
  latest(): Projection | undefined {
    return this.read(this.#registers.highest());
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
    if (this.#map?.epoch === this.#store.newestEpoch()) return this.#map;
    const projection = this.#store.latest();
    assert(projection !== undefined, 'the first projection is installed');
    this.#map = new ProjectionMap(projection);
    return this.#map;
  }
}
