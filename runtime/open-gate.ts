/** Whether a thread may still use the log, and what errors mean once it may not. */
import { TangoError } from '../actors/tango-error.ts';
import type { ThreadTable } from '../shared-memory/thread-table.ts';

/** One of 32 calls looks. */
const LOOK_MASK = 31;

/** What tells that the owner has closed the log. */
type Threads = Pick<ThreadTable, 'closed'>;

export class OpenGate {
  readonly #threads: Threads;
  #isClosedHere = false;
  #calls = 0;

  constructor(threads: Threads) {
    this.#threads = threads;
  }

  /** For this thread; the owner's closing is in shared memory. */
  close(): void {
    this.#isClosedHere = true;
  }

  /** Throws ERR_CLOSED once the log is closed. */
  check(): void {
    if (this.#isClosedHere || this.#threads.closed()) throw closedError();
  }

  /**
   * As check(), before reads of this thread's memory, where it does no harm to be told some calls late that
   * the owner has closed: a look at shared memory is a quarter of such a read.
   */
  checkInTime(): void {
    if (this.#isClosedHere || (++this.#calls & LOOK_MASK) === 0) this.check();
  }

  /** After the owner has closed, an exited actor thread is no failure: the log is closed. */
  translated(error: unknown): unknown {
    const isExit = error instanceof TangoError && error.code === 'ERR_ACTOR_EXITED';
    const isClosed = this.#isClosedHere || this.#threads.closed();
    return isExit && isClosed ? closedError(error) : error;
  }

  async run<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      throw this.translated(error);
    }
  }

  runSync<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw this.translated(error);
    }
  }
}

function closedError(cause?: unknown): TangoError {
  return new TangoError('ERR_CLOSED', 'the log is closed', { cause });
}
