/**
 * Gaps in service: stretches of time in which none of several threads had an append acknowledged.
 *
 *   thread 0   | ||  |          | | |
 *   thread 1   |  || |  |         ||
 *   common               ········
 *
 * A thread notes its own silences as its appends are acknowledged, at the cost of a comparison;
 * nothing is shared before somebody asks. The clock is the one that all threads of a process have.
 */

/** Shorter ones are not noted: a thread hears of its appends in bunches. Milliseconds. */
export const SILENCE_MS_MIN = 0.25;
/** Silences a thread remembers, the latest: two seconds of them at least. */
const SILENCES_MAX = 8192;

/** From one acknowledgement to the next. */
export interface Silence {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What one thread tells; structured-cloneable. */
export interface SilencesTold {
  readonly ended: readonly Silence[];
  /** Of the latest acknowledgement; NaN before the first append. */
  readonly lastMs: number;
}

/** Milliseconds on the clock of the process: the same in all its threads. */
export function processMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export class Silences {
  readonly #ends = new Float64Array(2 * SILENCES_MAX);
  #count = 0;
  #lastMs = Number.NaN;
  /** From performance.now() of this thread to the clock of the process. */
  readonly #offsetMs: number;

  constructor(offsetMs: number = processMs() - performance.now()) {
    this.#offsetMs = offsetMs;
  }

  /** The thread begins to append; the time before is no silence. Times are of performance.now(). */
  begin(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  acknowledged(nowMs: number): void {
    if (nowMs - this.#lastMs >= SILENCE_MS_MIN) {
      const at = 2 * (this.#count++ % SILENCES_MAX);
      this.#ends[at] = this.#lastMs;
      this.#ends[at + 1] = nowMs;
    }
    this.#lastMs = nowMs;
  }

  tell(): SilencesTold {
    const ended: Silence[] = [];
    for (let i = Math.max(0, this.#count - SILENCES_MAX); i < this.#count; i++) {
      const at = 2 * (i % SILENCES_MAX);
      const fromMs = this.#ends[at] + this.#offsetMs;
      ended.push({ fromMs, toMs: this.#ends[at + 1] + this.#offsetMs });
    }
    return { ended, lastMs: this.#lastMs + this.#offsetMs };
  }
}

/** Common to all `threads`, in their order; the one that has not ended is left out. */
export function commonSilences(threads: readonly SilencesTold[]): Silence[] {
  let common: Silence[] = [{ fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }];
  for (const { ended, lastMs } of threads) {
    if (Number.isNaN(lastMs)) continue;
    common = intersect(common, [...ended, { fromMs: lastMs, toMs: Number.POSITIVE_INFINITY }]);
  }
  return common.filter(({ toMs }) => toMs !== Number.POSITIVE_INFINITY);
}

function intersect(some: readonly Silence[], others: readonly Silence[]): Silence[] {
  const both: Silence[] = [];
  for (let i = 0, j = 0; i < some.length && j < others.length; ) {
    const fromMs = Math.max(some[i].fromMs, others[j].fromMs);
    const toMs = Math.min(some[i].toMs, others[j].toMs);
    if (fromMs < toMs) both.push({ fromMs, toMs });
    if (some[i].toMs < others[j].toMs) i++;
    else j++;
  }
  return both;
}
