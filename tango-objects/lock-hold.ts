/** A lock, as who holds it has it, and as others see that. */
import { TangoError } from '../actors/tango-error.ts';

export interface LockHolder {
  /** Of the lock's holders each has a greater one than those before: 1, 2, 3 … */
  readonly token: number;
  /** The thread that holds the lock, as `writer.thread` of its entries in the log. */
  readonly writer: number;
}

/** A lock that is held: `await using hold = await lock.acquire()`. */
export class LockHold implements AsyncDisposable {
  /**
   * Fencing token: hand it to whatever is not in this log and let it refuse a token less than one that it
   * has seen, as a thread that has stood still may not know yet that it holds the lock no more.
   */
  readonly token: number;
  readonly #isHeld: () => boolean;
  readonly #release: () => Promise<boolean>;
  readonly #releaseSync: () => boolean;

  /** @internal Use `acquire` or `tryAcquire`. */
  constructor(
    token: number,
    isHeld: () => boolean,
    release: () => Promise<boolean>,
    releaseSync: () => boolean,
  ) {
    this.token = token;
    this.#isHeld = isHeld;
    this.#release = release;
    this.#releaseSync = releaseSync;
  }

  /** Linearizable: neither released, nor lost with the thread's session. */
  get isHeld(): boolean {
    return this.#isHeld();
  }

  /**
   * Frees the lock; resolves to whether it was still held. May be called twice. If it rejects (ERR_TIMEOUT,
   * ERR_LOG_FULL), the lock is freed later, by itself.
   */
  release(): Promise<boolean> {
    return this.#release();
  }

  /** As release; blocks. */
  releaseSync(): boolean {
    return this.#releaseSync();
  }

  /** As release; of a log that this thread has closed nothing is left to free. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#release();
    } catch (error) {
      if (!(error instanceof TangoError) || error.code !== 'ERR_CLOSED') throw error;
    }
  }
}
