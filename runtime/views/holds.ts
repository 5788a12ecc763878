/**
 * The positions that this thread needs not to be trimmed: the snapshot of a transaction that runs, and
 * where an entry of its own is looked for. Others learn the lowest one (view-table.ts).
 */
import type { ThreadIndex } from '../../shared-memory/thread-table.ts';
import type { ViewTable } from '../../shared-memory/view-table.ts';
import type { Position } from '../log-entry.ts';

export class Holds {
  readonly #table: ViewTable;
  readonly #thread: ThreadIndex;
  readonly #held: Position[] = [];

  constructor(table: ViewTable, thread: ThreadIndex) {
    this.#table = table;
    this.#thread = thread;
    table.release(thread);
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Announce FIRST, then look whether a trim has passed it, then rely on it. */
  hold(position: Position): void {
    this.#held.push(position);
    this.#publish();
  }

  /** Once for each hold(position). */
  release(position: Position): void {
    this.#held.splice(this.#held.indexOf(position), 1);
    this.#publish();
  }

  #publish(): void {
    if (this.#held.length === 0) this.#table.release(this.#thread);
    else this.#table.hold(this.#thread, Math.min(...this.#held));
  }
}
