/** What playback hands on: one place, filled anew for every entry. */
import type { EntryReader } from '../shared-memory/entry-reader.ts';
import { PayloadCopy } from '../shared-memory/payload-copy.ts';
import type { Position, WriterId } from './log-entry.ts';

/**
 * One entry of a stream during playback: valid until the handler returns, then overwritten. The
 * payload is a private copy, so nothing another thread does can change it under the handler.
 */
export interface PlayedEntry {
  readonly position: Position;
  /** Copy it to keep it. */
  readonly payload: Uint8Array;
  readonly writer: WriterId;
}

export class PlayedEntryPlace implements PlayedEntry {
  position: Position = 0;
  readonly writer = { thread: 0, sequence: 0 };
  payload: Uint8Array;
  readonly #copy: PayloadCopy;

  constructor(entryBytesMax: number) {
    this.#copy = new PayloadCopy(entryBytesMax);
    this.payload = this.#copy.bytes(0);
  }

  /** Copies the entry that `reader` has located; false when it was trimmed while it was read. */
  load(reader: EntryReader, address: number, position: Position): boolean {
    this.position = position;
    this.writer.thread = reader.writerThread;
    this.writer.sequence = reader.writerSequence;
    const { payloadBytes } = reader;
    if (!this.#copy.load(reader, payloadBytes)) return false;
    if (this.payload.length !== payloadBytes) this.payload = this.#copy.bytes(payloadBytes);
    return reader.confirm(address);
  }
}
