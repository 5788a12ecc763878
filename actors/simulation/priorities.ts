/**
 * Priorities instead of equal chances (Burckhardt's PCT): each actor has a priority, and what becomes
 * due for one of low priority waits, so that those of higher priority go first. At a few steps of
 * the run, drawn beforehand, the actor whose turn it is falls to the lowest priority of all: for
 * it the others have all the time they need, between two of its steps.
 *
 * Time goes on for everybody here, so nobody waits for ever: an actor is behind by a time of its own.
 */
import type { Faults } from './faults.ts';
import type { Life } from './life.ts';
import type { Counts } from './options.ts';
import type { Random } from './random.ts';

/** The changes come within so many steps: the order of magnitude of a run. */
const STEPS_OF_RUN = 600;
const LAG_LEAST_MS = 0.01;
/** How long the others go on before the one that falls takes its next step. */
const FALL_LEAST_MS = 1;
const FALL_LONGEST_MS = 300;

export class Priorities {
  readonly #counts: Counts;
  readonly #random: Random;
  #lagMs: number;
  /** Steps before which the actor that is to take them falls, the next one last. */
  readonly #changes: number[];

  constructor(counts: Counts, random: Random, { lagMs, priorityChanges }: Faults) {
    this.#counts = counts;
    this.#random = random;
    this.#lagMs = lagMs;
    const changes = lagMs > 0 ? priorityChanges : 0;
    this.#changes = Array.from({ length: changes }, () => 1 + random.below(STEPS_OF_RUN));
    this.#changes.sort((a, b) => b - a);
  }

  /** How far behind a new actor is. Half of them are not. */
  lagAtBirth(): number {
    const lagMs = this.#lagMs;
    if (lagMs === 0 || this.#random.chance(0.5)) return 0;
    return this.#random.logarithmic(LAG_LEAST_MS, Math.max(LAG_LEAST_MS, lagMs));
  }

  /** Whether what is due now for `life` comes later: at `life.deferredTo`, after what waits so. */
  defers(life: Life, now: number): boolean {
    if (this.#counts.steps >= (this.#changes.at(-1) ?? Number.POSITIVE_INFINITY)) {
      this.#changes.pop();
      this.#counts.priorityChanges += 1;
      life.lagMs = this.#lagMs;
      const fallMs = this.#random.logarithmic(FALL_LEAST_MS, FALL_LONGEST_MS);
      life.deferredTo = Math.max(life.deferredTo, now + fallMs);
    }
    if (life.lagMs === 0 && life.deferredTo < now) return false;
    this.#counts.deferred += 1;
    life.deferredTo = Math.max(life.deferredTo, now + life.lagMs);
    return true;
  }

  /** No change comes any more, and whoever is born is equal. */
  stop(): void {
    this.#lagMs = 0;
    this.#changes.length = 0;
  }
}
