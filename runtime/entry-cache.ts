/**
 * Entries that belong to several streams, kept for the other streams: each is fetched once
 * (Tango 2.4). Direct-mapped by position, so it is bounded and never searched. What goes in and
 * out are copies: no reader can change an entry for another.
 */
import type { DataEntry, Position } from './log-entry.ts';

const ENTRIES_MAX = 1024;
/** Larger payloads are fetched again: the cache holds 4 MiB at most. */
const PAYLOAD_BYTES_MAX = 4096;

export class EntryCache {
  readonly #entries: (DataEntry | undefined)[] = new Array(ENTRIES_MAX).fill(undefined);

  get(position: Position): DataEntry | undefined {
    const entry = this.#entries[position % ENTRIES_MAX];
    return entry?.position === position ? copyOf(entry) : undefined;
  }

  /** Entries of one stream are not kept: nobody else will ask for them. */
  put(entry: DataEntry): void {
    if (entry.streams.length < 2 || entry.payload.length > PAYLOAD_BYTES_MAX) return;
    this.#entries[entry.position % ENTRIES_MAX] = copyOf(entry);
  }
}

function copyOf(entry: DataEntry): DataEntry {
  return {
    ...entry,
    payload: entry.payload.slice(),
    streams: entry.streams.slice(),
    writer: { ...entry.writer },
  };
}
