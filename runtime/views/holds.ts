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
  /** Few, and mostly ascending. */
  readonly #held: Position[] = [];
  #lowest: Position = Number.POSITIVE_INFINITY;

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
    if (position >= this.#lowest) return;
    this.#lowest = position;
    this.#table.hold(this.#thread, position);
  }

  /** Once for each hold(position). */
  release(position: Position): void {
    const held = this.#held;
    held[held.indexOf(position)] = held[held.length - 1];
    held.pop();
    if (held.length === 0) {
      this.#lowest = Number.POSITIVE_INFINITY;
      this.#table.release(this.#thread);
    } else if (position === this.#lowest) {
      this.#lowest = Math.min(...held);
      this.#table.hold(this.#thread, this.#lowest);
    }
  }
}
