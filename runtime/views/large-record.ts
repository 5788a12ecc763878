/** Records that do not fit an entry: cut into parts, and put together again. */
import { TangoError } from '../../actors/tango-error.ts';
import type { Position } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';
import type { EntryLoader } from './entry-loader.ts';
import { type BatchRecord, decodeRecord, type Large, RecordKind } from './record.ts';

/** Bytes of the largest record: a change, or what a transaction has read and changed. */
export const LARGE_BYTES_MAX = 16 * 1024 * 1024;

/** `bytes` in pieces of at most `most`, in order. */
export function cut(bytes: Uint8Array, most: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += most) pieces.push(bytes.subarray(at, at + most));
  return pieces;
}

/** The bytes of all pieces, in others of `most` but for the last; each until the next one is asked for. */
export function* recut(pieces: Iterable<Uint8Array>, most: number): Iterable<Uint8Array> {
  const full = new Uint8Array(most);
  let filled = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const end = Math.min(piece.length, at + most - filled);
      full.set(piece.subarray(at, end), filled);
      filled += end - at;
      at = end;
      if (filled < most) continue;
      yield full;
      filled = 0;
    }
  }
  if (filled > 0) yield full.subarray(0, filled);
}

/** The bytes that were put into parts at these positions. ERR_TRIMMED, ERR_CORRUPT. */
export function* joined(
  loader: EntryLoader,
  parts: readonly Position[],
  bytes: number,
): Procedure<Uint8Array> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const position of parts) {
    const part = yield* partAt(loader, position);
    if (at + part.length > bytes) throw corrupt(position);
    whole.set(part, at);
    at += part.length;
  }
  if (at !== bytes) throw corrupt(parts[0]);
  return whole;
}

/** The bytes of one of the parts. ERR_TRIMMED, ERR_CORRUPT. */
export function* partAt(loader: EntryLoader, position: Position): Procedure<Uint8Array> {
  const batch = yield* loader.load(position);
  const part = typeof batch === 'string' ? undefined : batch.records[0];
  if (part?.kind !== RecordKind.PART) throw corrupt(position);
  return part.bytes;
}

/**
 * Records in parts made whole, except those with something below `limit`, and those that are known to have
 * aborted: they are without effect, and their parts may be trimmed.
 */
export function* wholeRecords(
  loader: EntryLoader,
  records: readonly BatchRecord[],
  limit: Position,
  hasAborted: (index: number) => boolean = () => false,
): Procedure<readonly BatchRecord[]> {
  if (!records.some(({ kind }) => kind === RecordKind.LARGE)) return records;
  const whole: BatchRecord[] = [];
  for (const [index, record] of records.entries()) {
    const isKept = record.kind === RecordKind.LARGE && lowestOf(record) >= limit;
    if (!isKept || hasAborted(index)) whole.push(record);
    else {
      whole.push(yield* wholeRecord(loader, record));
    }
  }
  return whole;
}

function* wholeRecord(loader: EntryLoader, { parts, bytes }: Large): Procedure<BatchRecord> {
  const [from] = parts;
  const found = decodeRecord(yield* joined(loader, parts, bytes), from);
  // So many parts that what names them is in parts itself.
  if (found.kind === RecordKind.LARGE) return yield* wholeRecord(loader, found);
  const isChange = found.kind === RecordKind.UPDATE || found.kind === RecordKind.COMMIT;
  return isChange ? { ...found, from } : found;
}

/** The lowest position that the record depends on. */
export function lowestOf({ snapshot, parts }: Large): Position {
  return Math.min(snapshot, parts[0]);
}

function corrupt(position: Position): TangoError {
  const text = `a part of a large record is missing: position=${position}`;
  return new TangoError('ERR_CORRUPT', text, { position });
}

/** The lowest position that has to be in the log for the record to be judged. */
export function dependsOn(record: BatchRecord): Position {
  if (record.kind === RecordKind.COMMIT && record.reads.length > 0) return record.snapshot;
  return record.kind === RecordKind.LARGE ? lowestOf(record) : Number.POSITIVE_INFINITY;
}
