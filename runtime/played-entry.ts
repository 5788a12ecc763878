/**
 * One entry as playback hands it on: valid during the call, then overwritten by the next. The
 * payload is a private copy, so nothing another thread does can change it under the handler.
 */
import type { EntryReader } from '../shared-memory/entry-reader.ts';
import { PayloadCopy } from '../shared-memory/payload-copy.ts';
import type { Position } from './log-entry.ts';

export class PlayedEntry {
  position: Position = 0;
  writerThread = 0;
  writerSequence = 0;
  /** The payload; copy it to keep it. */
  payload: Uint8Array;
  readonly #copy: PayloadCopy;

  constructor(entryBytesMax: number) {
    this.#copy = new PayloadCopy(entryBytesMax);
    this.payload = this.#copy.bytes(0);
  }

  /** Copies the entry that `reader` has located; false when it was trimmed while it was read. */
  load(reader: EntryReader, address: number, position: Position): boolean {
    this.position = position;
    this.writerThread = reader.writerThread;
    this.writerSequence = reader.writerSequence;
    const { payloadBytes } = reader;
    if (!this.#copy.load(reader, payloadBytes)) return false;
    if (this.payload.length !== payloadBytes) this.payload = this.#copy.bytes(payloadBytes);
    return reader.confirm(address);
  }
}
