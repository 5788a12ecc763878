/**
 * Rates and latencies. A rate is measured in several rounds after a warm-up and told as median, min
 * and max of the rounds, since a single figure hides what else the machine was doing.
 */
import type { Histogram } from '../../shared-memory/histogram.ts';
import type { ParameterValue, Result } from './experiment.ts';

const NANOSECONDS_PER_MS = 1e6;

export interface Rounds {
  /** Rounds that are run first and forgotten. */
  readonly warmUp: number;
  /** At least one. */
  readonly rounds: number;
}

/** Operations per second. */
export interface Rate {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: readonly number[];
}

/** Nanoseconds, as a histogram knows them. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly mean: number;
  readonly count: number;
}

/** Milliseconds since some fixed moment; never goes back. */
export type Clock = () => number;

/** `round` does the work once and returns how many operations that was. */
export async function measureRate(
  round: () => number | Promise<number>,
  { warmUp, rounds }: Rounds,
  clock: Clock = () => performance.now(),
): Promise<Rate> {
  const rates: number[] = [];
  for (let number = 0; number < warmUp + rounds; number++) {
    const startMs = clock();
    const operations = await round();
    const elapsedMs = clock() - startMs;
    if (number >= warmUp) rates.push((operations * 1000) / elapsedMs);
  }
  return { ...spreadOf(rates), rounds: rates };
}

/** Median (the mean of the middle two of an even count), min and max; `values` is not empty. */
export function spreadOf(values: readonly number[]): { median: number; min: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** Runs `operation` `count` times and records the nanoseconds each one takes. */
export function recordLatencies(
  histogram: Histogram,
  count: number,
  operation: () => void,
  clock: Clock = () => performance.now(),
): void {
  for (let number = 0; number < count; number++) {
    const startMs = clock();
    operation();
    histogram.record((clock() - startMs) * NANOSECONDS_PER_MS);
  }
}

/** As recordLatencies, for an operation that ends with a promise. */
export async function recordLatenciesAsync(
  histogram: Histogram,
  count: number,
  operation: () => Promise<void>,
  clock: Clock = () => performance.now(),
): Promise<void> {
  for (let number = 0; number < count; number++) {
    const startMs = clock();
    await operation();
    histogram.record((clock() - startMs) * NANOSECONDS_PER_MS);
  }
}

export function latencyOf(histogram: Histogram): Latency {
  return {
    p50: histogram.percentile(50),
    p99: histogram.percentile(99),
    p999: histogram.percentile(99.9),
    max: histogram.max,
    mean: histogram.mean,
    count: histogram.count,
  };
}

/** Of single values, in nanoseconds: exact, for events of which there are some hundred at most. */
export function latencySpread(name: string, values: readonly number[], parameters: Labels): Result {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1];
  const details = { p90: at(0.9), p99: at(0.99), max: at(1), count: sorted.length };
  return { name, unit: 'ns', value: at(0.5), parameters, details };
}

type Labels = Readonly<Record<string, ParameterValue>>;

/** The median as the value, min and max as details. `unit` as `records/s`. */
export function rateResult(name: string, unit: string, rate: Rate, parameters: Labels): Result {
  const { median, min, max } = rate;
  return { name, unit, value: median, parameters, details: { min, max } };
}

/** The median as the value, the tail as details; nanoseconds. */
export function latencyResult(name: string, histogram: Histogram, parameters: Labels): Result {
  const { p50, p99, p999, max, count } = latencyOf(histogram);
  const details = { p99, 'p99.9': p999, max, count };
  return { name, unit: 'ns', value: p50, parameters, details };
}
