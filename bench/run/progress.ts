/** A line that says how a job is doing: rewritten on a terminal, else one line a second. */

const TERMINAL_MS = 100;
const PLAIN_MS = 1000;
const COLUMNS_USUAL = 80;

/** What the lines are written to, as process.stdout. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class Progress {
  readonly #stream: ProgressStream;
  readonly #line: () => string;
  readonly #timer: NodeJS.Timeout;

  /** Begins at once; `line` is asked for the text whenever it is to be shown. */
  constructor(stream: ProgressStream, line: () => string) {
    this.#stream = stream;
    this.#line = line;
    this.#timer = setInterval(() => this.#show(), stream.isTTY ? TERMINAL_MS : PLAIN_MS);
  }

  /** Ends the line; nothing is shown any more. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[2K');
  }

  #show(): void {
    if (!this.#stream.isTTY) {
      this.#stream.write(`${this.#line()}\n`);
      return;
    }
    const columns = this.#stream.columns ?? COLUMNS_USUAL;
    this.#stream.write(`\r\x1b[2K${this.#line().slice(0, columns - 1)}`);
  }
}

/** What happened per second between one call of `perSecond` and the one before. */
export class RateMeter {
  readonly #clock: () => number;
  #before = 0;
  #beforeMs: number;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#beforeMs = clock();
  }

  perSecond(total: number): number {
    const now = this.#clock();
    const rate = ((total - this.#before) * 1000) / Math.max(now - this.#beforeMs, 1);
    this.#before = total;
    this.#beforeMs = now;
    return rate;
  }
}
