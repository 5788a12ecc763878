/** How long tasks took, as percentiles. */
import { Histogram, histogramBytesFor } from '../../shared-memory/histogram.ts';

/** Milliseconds; percentiles within 1/64. All 0 while there is no task. */
export interface TaskTimes {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

const NS_PER_MS = 1e6;

export class TimeRecorder {
  readonly #histogram = new Histogram(new ArrayBuffer(histogramBytesFor()));

  record(ms: number): void {
    this.#histogram.record(ms * NS_PER_MS);
  }

  times(): TaskTimes {
    const { count, mean, max } = this.#histogram;
    const percentile = (percent: number) => this.#histogram.percentile(percent) / NS_PER_MS;
    return {
      count,
      mean: mean / NS_PER_MS,
      p50: percentile(50),
      p90: percentile(90),
      p99: percentile(99),
      max: max / NS_PER_MS,
    };
  }
}
