/** What the seeds of a run met, added up. */
import { faultsOf, type SeedOutcome } from '../../actors/simulation/simulate-seeds.ts';
import type { World } from '../../actors/simulation/world.ts';

/** Of one kind of fault or one rare event. */
export interface Tally {
  times: number;
  /** In how many seeds it was met. */
  seeds: number;
}

/** FNV-1a, 64 bits. */
const HASH_AT_FIRST = 0xcbf29ce484222325n;
const HASH_FACTOR = 0x100000001b3n;

export class Totals {
  seeds = 0;
  /** Events of all worlds. */
  steps = 0;
  virtualMs = 0;
  /** Seeds that met the limit of events. */
  cutShort = 0;
  /** Kinds that no seed met are there too, with zero. */
  readonly faults = new Map<string, Tally>();
  readonly marks = new Map<string, Tally>();
  #hash = HASH_AT_FIRST;

  /** `marks` are those to be listed even when no seed meets them. */
  constructor(marks: readonly string[] = []) {
    for (const mark of marks) this.marks.set(mark, { times: 0, seeds: 0 });
  }

  /** Equal for two runs in which the same happened in the same seeds. 16 hexadecimal digits. */
  get traceHash(): string {
    return this.#hash.toString(16).padStart(16, '0');
  }

  add({ worlds, marks, steps, cutShort }: SeedOutcome): void {
    this.seeds += 1;
    this.steps += steps;
    if (cutShort) this.cutShort += 1;
    for (const world of worlds) {
      this.virtualMs += world.now();
      for (const digit of world.traceHash) this.#mix(digit.charCodeAt(0));
    }
    tally(this.faults, worlds.map(faultsOf).map(Object.entries));
    const returned = marks instanceof Map ? marks.entries() : Object.entries(marks ?? {});
    tally(this.marks, [...worlds.map((world: World) => world.marks), returned]);
  }

  #mix(byte: number): void {
    this.#hash = BigInt.asUintN(64, (this.#hash ^ BigInt(byte)) * HASH_FACTOR);
  }
}

/** Adds what one seed met: several worlds of a seed are one seed. */
function tally(into: Map<string, Tally>, parts: Iterable<[string, number]>[]): void {
  const met = new Set<string>();
  for (const part of parts) {
    for (const [name, times] of part) {
      const sum = into.get(name) ?? { times: 0, seeds: 0 };
      into.set(name, sum);
      sum.times += times;
      if (times > 0 && !met.has(name)) sum.seeds += 1;
      if (times > 0) met.add(name);
    }
  }
}
