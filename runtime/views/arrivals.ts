/** Waiting, without turning, for changes that other threads make. */
import type { ViewTable } from '../../shared-memory/view-table.ts';
import { othersTurn, quietTime, unlessAborted } from '../abort.ts';

/** Who has made a change may die before it rings. */
const LOOK_AGAIN_MS = 25;

export class Arrivals {
  readonly #table: ViewTable;
  readonly #hasCome: () => boolean;
  /** One wait for all who wait in this thread. */
  #next: Promise<void> | undefined;

  /** `hasCome`: the log has entries that the views of this thread have not. */
  constructor(table: ViewTable, hasCome: () => boolean) {
    this.#table = table;
    this.#hasCome = hasCome;
  }

  /** Call AFTER a change of this thread is in the log. */
  tell(): void {
    this.#table.ring();
  }

  /**
   * Settles when there may be changes that the views have not: look, and wait again. Rejects with
   * ERR_ABORTED. Keeps the thread alive meanwhile.
   */
  next(signal?: AbortSignal): Promise<void> {
    this.#next ??= this.#wait().finally(() => {
      this.#next = undefined;
    });
    return unlessAborted(this.#next, signal);
  }

  async #wait(): Promise<void> {
    // Announced BEFORE the look: who appends after it rings.
    const heard = this.#table.prepareToWait();
    // Whoever always finds something new in the log would have the thread for itself.
    if (this.#hasCome()) return othersTurn();
    const ended = new AbortController();
    try {
      const rung = this.#table.waitAsync(heard, LOOK_AGAIN_MS);
      // A pending waitAsync keeps no thread alive, a timer does.
      if (rung !== undefined) await Promise.race([rung, quietTime(LOOK_AGAIN_MS, ended.signal)]);
    } finally {
      ended.abort();
    }
  }
}
