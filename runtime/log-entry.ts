/** Log entries as an application sees them. */
import { streamOfHeader } from '../actors/stream-header.ts';
import { EntryKind } from '../shared-memory/entry-layout.ts';
import type { EntryReader } from '../shared-memory/entry-reader.ts';

/** Index in the log, from 0; below 2^53. */
export type Position = number;
/** An integer in [0, 2^31). */
export type StreamId = number;

/** Who appended an entry: the thread's incarnation, and the number of the append there. */
export interface WriterId {
  readonly thread: number;
  readonly sequence: number;
}

export interface DataEntry {
  readonly kind: 'data';
  readonly position: Position;
  readonly payload: Uint8Array;
  /** In the order they were given to append. */
  readonly streams: readonly StreamId[];
  readonly writer: WriterId;
  /** @internal The log's own entry; shown() makes junk of it. */
  readonly system?: true;
}

export interface JunkEntry {
  readonly kind: 'junk';
  readonly position: Position;
}

export interface TrimmedEntry {
  readonly kind: 'trimmed';
  readonly position: Position;
}

export type LogEntry = DataEntry | JunkEntry | TrimmedEntry;

/** Copies the entry that `reader` has located; undefined when it was trimmed while it was read. */
export function copyEntry(
  reader: EntryReader,
  address: number,
  position: Position,
): DataEntry | undefined {
  const streams: StreamId[] = [];
  for (let i = 0; i < reader.streamCount; i++) {
    streams.push(streamOfHeader(reader.words, reader.streamHeader(i)));
  }
  const writer = { thread: reader.writerThread, sequence: reader.writerSequence };
  const payload = reader.copyPayload();
  const { kind } = reader;
  if (!reader.confirm(address)) return undefined;
  const entry = { kind: 'data', position, payload, streams, writer } as const;
  return kind === EntryKind.SYSTEM ? { ...entry, system: true } : entry;
}

/** What an application sees of an entry: to it, the log's own entries hold nothing. */
export function shown(entry: LogEntry): LogEntry {
  if (entry.kind !== 'data' || entry.system === undefined) return entry;
  return { kind: 'junk', position: entry.position };
}
