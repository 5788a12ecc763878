/**
 * Waiting, without blocking, until every operation that was in flight at one moment has ended.
 * Trim uses it before slots and bytes get their next tenant: raise the watermark, begin(), and
 * reclaim once passed() — operations announced later see the watermark.
 */
import type { ThreadTable } from './thread-table.ts';

export class Quiescence {
  readonly #table: ThreadTable;
  /** Threads still waited for, and the count of the operation each was in. */
  readonly #waiting = new Map<number, number>();

  constructor(table: ThreadTable) {
    this.#table = table;
  }

  begin(): void {
    this.#waiting.clear();
    for (let thread = 0; thread < this.#table.count; thread++) {
      if (this.#table.inFlight(thread) === 0) continue;
      this.#waiting.set(thread, this.#table.operations(thread));
    }
  }

  passed(): boolean {
    for (const [thread, operations] of this.#waiting) {
      const same = this.#table.operations(thread) === operations;
      if (same && this.#table.inFlight(thread) !== 0) return false;
      this.#waiting.delete(thread);
    }
    return true;
  }
}
