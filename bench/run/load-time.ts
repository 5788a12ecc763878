/** How long threads have loaded the log: rounds count, pauses between them do not. */
import { setTimeout } from 'node:timers/promises';

/** How often the main thread looks at the clock and at how the round is going. */
const WATCH_MS = 10;

export class LoadTime {
  readonly wholeMs: number;
  readonly #stop: AbortSignal;
  #beforeMs = 0;
  #startMs = 0;

  /** `stop` ends the load early. */
  constructor(seconds: number, stop: AbortSignal) {
    this.wholeMs = seconds * 1000;
    this.#stop = stop;
  }

  get elapsedMs(): number {
    const round = this.#startMs === 0 ? 0 : performance.now() - this.#startMs;
    return this.#beforeMs + round;
  }

  get isOver(): boolean {
    return this.#stop.aborted || this.elapsedMs >= this.wholeMs;
  }

  get stoppedEarly(): boolean {
    return this.elapsedMs < this.wholeMs;
  }

  begin(): void {
    this.#startMs = performance.now();
  }

  /** Resolves when time is over, or `look` says that the round ends. */
  async watch(look: () => boolean): Promise<void> {
    while (!look() && !this.isOver) await setTimeout(WATCH_MS);
  }

  end(): void {
    this.#beforeMs = this.elapsedMs;
    this.#startMs = 0;
  }
}
