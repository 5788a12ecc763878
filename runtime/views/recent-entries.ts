/**
 * The entries that this thread has played last, with what became of their records: what a commit is
 * mostly judged by. Bounded; what is not here is in the log.
 */
import type { Position } from '../log-entry.ts';
import { type BatchRecord, type ObjectId, RecordKind } from './record.ts';

/** Indexes of the records of an entry that are without effect. */
export type Aborted = ReadonlySet<number>;
export const NONE_ABORTED: Aborted = new Set();

export interface JudgedEntry {
  /** Those that were in parts are whole. */
  readonly records: readonly BatchRecord[];
  readonly aborted: Aborted;
}

export const NOTHING: JudgedEntry = { records: [], aborted: NONE_ABORTED };

const ENTRIES = 1024;
/** Entries that change more keep no place here: they are rare, and read again. */
const UPDATES_MAX = 256;

export class RecentEntries {
  readonly #positions = new Float64Array(ENTRIES).fill(-1);
  readonly #entries: JudgedEntry[] = new Array(ENTRIES).fill(NOTHING);

  get(position: Position): JudgedEntry | undefined {
    const at = position % ENTRIES;
    return this.#positions[at] === position ? this.#entries[at] : undefined;
  }

  put(position: Position, entry: JudgedEntry): void {
    const at = position % ENTRIES;
    const fits = entry.records.length <= UPDATES_MAX && updatesOf(entry) <= UPDATES_MAX;
    this.#positions[at] = fits ? position : -1;
    this.#entries[at] = fits ? entry : NOTHING;
  }
}

function updatesOf({ records }: JudgedEntry): number {
  let count = 0;
  for (const record of records) {
    count += record.kind === RecordKind.COMMIT ? record.updates.length : 1;
  }
  return count;
}

/** Whether the record, if it has effect, changes any of these objects. */
export function changes(record: BatchRecord, objects: ReadonlySet<ObjectId>): boolean {
  if (record.kind === RecordKind.UPDATE) return objects.has(record.object);
  if (record.kind !== RecordKind.COMMIT) return false;
  return record.updates.some(({ object }) => objects.has(object));
}
