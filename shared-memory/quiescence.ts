/**
 * Waiting, without blocking, until everybody who was in flight at one moment has left once. Store
 * what forbids the old ways (a sealed epoch, a projection, a watermark), begin(), and act once
 * passed(): whoever is in flight later has announced itself later, and sees what was stored.
 *
 * Whoever waits and is in flight itself waits for itself too: leave before the next look.
 */
import type { ThreadTable } from './thread-table.ts';
import { isOn } from './thread-table-layout.ts';

export class Quiescence {
  readonly #table: ThreadTable;
  /** Threads still waited for, and the flight that each was in. */
  readonly #waiting = new Map<number, number>();

  constructor(table: ThreadTable) {
    this.#table = table;
  }

  begin(): void {
    this.#waiting.clear();
    for (let thread = 0; thread < this.#table.count; thread++) {
      const flight = this.#table.flight(thread);
      if (isOn(flight)) this.#waiting.set(thread, flight);
    }
  }

  /** A flight that has changed has ended, whether its thread left or died. */
  passed(): boolean {
    for (const [thread, flight] of this.#waiting) {
      if (this.#table.flight(thread) === flight) return false;
      this.#waiting.delete(thread);
    }
    return true;
  }
}
