/**
 * Entries that belong to several streams, kept for the other streams: each is fetched once
 * (Tango 2.4). Direct-mapped by position, so it is bounded and never searched.
 */
import type { DataEntry, Position } from './log-entry.ts';

const ENTRIES_MAX = 1024;

export class EntryCache {
  readonly #entries: (DataEntry | undefined)[] = new Array(ENTRIES_MAX).fill(undefined);

  get(position: Position): DataEntry | undefined {
    const entry = this.#entries[position % ENTRIES_MAX];
    return entry?.position === position ? entry : undefined;
  }

  /** Entries of one stream are not kept: nobody else will ask for them. */
  put(entry: DataEntry): void {
    if (entry.streams.length > 1) this.#entries[entry.position % ENTRIES_MAX] = entry;
  }
}
