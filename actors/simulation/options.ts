/** What a world is told at the start and what it tells at the end. */
import type { Faults } from './faults.ts';

export interface WorldOptions {
  /** A safe integer, not negative. */
  readonly seed: number;
  /** Kinds that are not left to the seed; NO_FAULTS for a calm world. */
  readonly faults?: Partial<Faults>;
  /** Lines of the trace that are kept; Infinity keeps all. */
  readonly traceLines?: number;
  /** Events after which the run fails, because the actors keep each other busy for ever. */
  readonly stepsMax?: number;
}

export const TRACE_LINES = 40;
export const STEPS_MAX = 1_000_000;

export interface RunOptions {
  /** Runs what is due up to this virtual time, milliseconds, inclusive; sets the clock to it. */
  readonly untilMs?: number;
  /** Runs this many events at most. */
  readonly steps?: number;
  /** Stops once this is true. Asked before each event. */
  readonly until?: () => boolean;
}

/** Why a run ended: nothing is left to happen, or one of the RunOptions. */
export type RunEnd = 'idle' | 'time' | 'steps' | 'until';

/** How often what happened in a world. */
export class Counts {
  steps = 0;
  sent = 0;
  delivered = 0;
  /** Lost by the network. */
  lost = 0;
  /** Under way a second time. */
  duplicated = 0;
  /** Arrived at an actor that is dead or unknown. */
  vanished = 0;
  /** Will arrive before a message that was sent earlier between the same actors. */
  overtaken = 0;
  timers = 0;
  stalls = 0;
  /** Events that waited for actors of higher priority. */
  deferred = 0;
  /** Actors that fell to the lowest priority. */
  priorityChanges = 0;
  kills = 0;
  /** Kills that caught an actor in the middle of a step. */
  killsInStep = 0;
  /** KillSignals that an actor caught, or replaced by another error. */
  swallowed = 0;
}

/** An actor, or a callback of the test, threw: the run has failed. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
  readonly seed: number;
  /** Virtual time, milliseconds. */
  readonly timeMs: number;
  readonly step: number;

  constructor(cause: unknown, who: string, seed: number, timeMs: number, step: number) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const where = `seed=${seed}, time=${timeMs.toFixed(3)} ms, step=${step}`;
    super(`${who}: ${reason}: ${where}`, { cause });
    this.seed = seed;
    this.timeMs = timeMs;
    this.step = step;
  }
}
