/** Where one thread stages entries: a place per storage unit, for as long as the unit is there. */
import { type UnitId, unitIndex } from '../actors/actor-ids.ts';
import type { LogMemory } from '../actors/log-memory.ts';
import type { ProjectionMap } from '../actors/projection.ts';
import { NOWHERE, Staging, type StagingPlace } from '../shared-memory/staging.ts';

export class StagingPlaces {
  readonly #memory: LogMemory;
  readonly #incarnation: number;
  /** By memory index, and the units they are of. */
  readonly #places: StagingPlace[] = [];
  readonly #units: UnitId[] = [];

  constructor(memory: LogMemory, incarnation: number) {
    this.#memory = memory;
    this.#incarnation = incarnation;
  }

  /** The place of `unit`; NOWHERE once the unit is no part of `map`. */
  of(unit: UnitId, map: ProjectionMap): StagingPlace {
    const index = unitIndex(unit);
    if (this.#units[index] === unit) return this.#places[index];
    if (!map.has(unit)) return NOWHERE;
    const place = new Staging(this.#memory.unit(unit).chunks, this.#incarnation);
    this.#places[index] = place;
    this.#units[index] = unit;
    return place;
  }

  /** What a unit that is gone holds is not this thread's any more: it may be wiped already. */
  keepOnly(map: ProjectionMap): void {
    for (const [index, unit] of this.#units.entries()) {
      if (unit !== undefined && !map.has(unit)) delete this.#units[index];
    }
  }

  /** Gives the chunks back that nothing is under way in; they are leased again on need. */
  rest(): void {
    for (const [index, unit] of this.#units.entries()) {
      if (unit !== undefined) this.#places[index].leave();
    }
  }
}
