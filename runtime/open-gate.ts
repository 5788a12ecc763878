/** Whether a thread may still use the log, and what errors mean once it may not. */
import { TangoError } from '../actors/tango-error.ts';

export class OpenGate {
  readonly #isClosed: () => boolean;

  constructor(isClosed: () => boolean) {
    this.#isClosed = isClosed;
  }

  /** Throws ERR_CLOSED once the log is closed. */
  check(): void {
    if (this.#isClosed()) throw closedError();
  }

  /** After the owner has closed, an exited actor thread is no failure: the log is closed. */
  translated(error: unknown): unknown {
    const isExit = error instanceof TangoError && error.code === 'ERR_ACTOR_EXITED';
    return isExit && this.#isClosed() ? closedError(error) : error;
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
