/**
 * Runs seeds until one fails, all are done or somebody has had enough. Between two seeds the event
 * loop turns, for the line of progress and for the interrupt; no seed sees any of it.
 */
import { setImmediate as turn } from 'node:timers/promises';
import {
  runSeed,
  SeedFailure,
  type SeedOutcome,
  type SeedRun,
} from '../../actors/simulation/simulate-seeds.ts';
import { Progress, type ProgressStream } from '../run/progress.ts';
import { describeProgress } from './simulate-report.ts';
import { Totals } from './totals.ts';

export interface SimulateOptions {
  /** The first seed. */
  readonly from: number;
  /** How many seeds. */
  readonly seeds: number;
  /** True: a seed that somebody has asked for by its number. */
  readonly single: boolean;
  /** Events of a seed at most. */
  readonly steps?: number;
  /** The trace is wanted even if nothing is wrong; a longer one. */
  readonly trace: boolean;
}

/** What is simulated. */
export interface Simulation {
  readonly run: SeedRun['run'];
  /** Marks that are worth telling when they were never met. */
  readonly rareEvents: readonly string[];
}

export interface SimulateReport {
  /** Of the seeds that did not fail. */
  readonly totals: Totals;
  /** Of real time. */
  readonly seconds: number;
  readonly stoppedEarly: boolean;
  /** The last seed, if it did not fail. */
  readonly last: SeedOutcome | undefined;
  readonly failure: SeedFailure | undefined;
}

/** Enough to see what led to a failure, and what a reader of the whole story wants. */
export const TRACE_LINES = 40;
export const LONG_TRACE_LINES = 400;

/** Ends early, with what was done so far, once `signal` is raised. Throws for bugs of its own only. */
export async function simulate(
  options: SimulateOptions,
  { run, rareEvents }: Simulation,
  stream: ProgressStream,
  signal: AbortSignal,
): Promise<SimulateReport> {
  const { from, seeds, steps, trace } = options;
  const how: SeedRun = {
    name: 'simulate',
    run,
    traceLines: trace ? LONG_TRACE_LINES : TRACE_LINES,
    ...(steps === undefined ? {} : { steps }),
  };
  const totals = new Totals(rareEvents);
  let last: SeedOutcome | undefined;
  let failure: SeedFailure | undefined;
  const begin = performance.now();
  const seconds = (): number => (performance.now() - begin) / 1000;
  const progress = new Progress(stream, () => describeProgress(totals, seeds, seconds()));
  try {
    for (let done = 0; done < seeds && !signal.aborted; done++) {
      last = runSeed(from + done, how);
      totals.add(last);
      await turn();
    }
  } catch (error) {
    if (!(error instanceof SeedFailure)) throw error;
    failure = error;
    last = undefined;
  } finally {
    progress.stop();
  }
  const stoppedEarly = failure === undefined && totals.seeds < seeds;
  return { totals, seconds: seconds(), stoppedEarly, last, failure };
}
