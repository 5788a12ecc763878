/**
 * What each thread counts, published in shared memory for everybody's stats. Actors and hosts
 * count in plain numbers of their own; the thread adds them up and publishes when it rests, and
 * now and then while it is busy.
 */
import type { Counters } from '../shared-memory/counters.ts';

export const THREAD_COUNTERS = [
  /** Messages received. */
  'received',
  /** Times the thread went to sleep on its doorbell. */
  'sleeps',
  'appends',
  'appendedBytes',
  /** Appends that met an answer other than OK on their way. */
  'disturbedAppends',
  'reads',
  /** Entries fetched from a storage unit's memory. */
  'fetches',
  /** Values copied down a chain for a writer that had not finished. */
  'repairs',
  /** Positions decided as junk. */
  'fills',
  'trims',
  /** Checkpoints of all objects written. */
  'checkpoints',
  /** Projections installed. */
  'reconfigurations',
] as const;

export type ThreadCounter = (typeof THREAD_COUNTERS)[number];

/** Turns of a busy thread between two publications: a few milliseconds. */
export const TURNS_PER_PUBLISH = 16_384;

/** Counts so far, of one actor or host. */
export type Counts = Partial<Record<ThreadCounter, number>>;

export class ThreadCounters {
  readonly #shared: Counters<ThreadCounter>;
  readonly #sources: readonly (() => Counts)[];
  /** What earlier tenants of this thread's index have counted: sums never decrease. */
  readonly #base: readonly number[];

  constructor(shared: Counters<ThreadCounter>, sources: readonly (() => Counts)[]) {
    this.#shared = shared;
    this.#sources = sources;
    this.#base = THREAD_COUNTERS.map((_name, index) => shared.get(index));
  }

  publish(): void {
    const counts = this.#sources.map((source) => source());
    for (const [index, name] of THREAD_COUNTERS.entries()) {
      let value = this.#base[index];
      for (const one of counts) value += one[name] ?? 0;
      this.#shared.set(index, value);
    }
    this.#shared.publish();
  }
}
