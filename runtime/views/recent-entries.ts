/**
 * The entries that this thread has played last, with what became of their records: what a commit is
 * mostly judged by. Bounded; what is not here is in the log.
 */
import type { Position } from '../log-entry.ts';
import type { BatchRecord } from './record.ts';

/** Indexes of the records of an entry that are without effect. */
export type Aborted = ReadonlySet<number>;
export const NONE_ABORTED: Aborted = new Set();

export interface JudgedEntry {
  /** Those that were in parts are whole. */
  readonly records: readonly BatchRecord[];
  readonly aborted: Aborted;
  /** Of the payload. */
  readonly bytes: number;
}

export const NOTHING: JudgedEntry = { records: [], aborted: NONE_ABORTED, bytes: 0 };

const ENTRIES = 1024;
/** Larger entries keep no place here: they are rare, and read again. */
const BYTES_MAX = 4096;

export class RecentEntries {
  /** Allocated at the first entry: many a pass over the log plays none. */
  #positions: Float64Array | undefined;
  readonly #entries: JudgedEntry[] = [];

  get(position: Position): JudgedEntry | undefined {
    const at = position % ENTRIES;
    return this.#positions?.[at] === position ? this.#entries[at] : undefined;
  }

  put(position: Position, entry: JudgedEntry): void {
    const at = position % ENTRIES;
    const fits = entry.bytes <= BYTES_MAX;
    this.#positions ??= new Float64Array(ENTRIES).fill(-1);
    this.#positions[at] = fits ? position : -1;
    this.#entries[at] = fits ? entry : NOTHING;
  }
}
