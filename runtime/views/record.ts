/**
 * What an entry of the objects holds: records, in the order in which they take effect.
 *
 *   entry       version · writer (incarnation, batch number) · number of records · records
 *   record      UPDATE      update
 *               COMMIT      snapshot · reads · updates        (Tango 2.3)
 *               PART        bytes of a larger record
 *               LARGE       snapshot · bytes · positions of its parts: an update or a commit
 *               MARK        number: here a checkpoint is taken (checkpoint.ts)
 *               CHECKPOINT  its index, a value
 *   update      object · keys · operation
 *   read        object · key, or the whole object
 *
 * Little-endian; operations are values (value-codec.ts). Reading never leaves the payload.
 *
 * What does not fit an entry goes ahead in parts, which say nothing by themselves: only the record
 * that names them takes effect. So parts whose writer died are bytes that nobody looks at (the
 * speculative entries of Tango 2.3, without anything to abort).
 */
import type { Position } from '../log-entry.ts';
import type { ObjectKey } from './object-key.ts';
import { keyBytes, RecordReader, RecordWriter } from './record-bytes.ts';

/** The stream of the object, too. */
export type ObjectId = number;

export const RecordKind = {
  UPDATE: 1,
  COMMIT: 2,
  PART: 3,
  LARGE: 4,
  MARK: 5,
  CHECKPOINT: 6,
} as const;

/** One change of one object. */
export interface Update {
  readonly kind: typeof RecordKind.UPDATE;
  readonly object: ObjectId;
  /** What it changes there; none: the whole object. */
  readonly keys: readonly ObjectKey[];
  /** The operation, encoded: [start, end) of `bytes`, which nobody changes. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** The operation itself, where it was made here and cannot be changed (value-codec.ts). */
  readonly operation: unknown;
  /** Of a record in parts that was made whole: position of the first one. */
  readonly from?: Position;
}

export interface Read {
  readonly object: ObjectId;
  /** undefined: the whole object. */
  readonly key: ObjectKey | undefined;
}

/** Changes that take effect together, or not at all. */
export interface Commit {
  readonly kind: typeof RecordKind.COMMIT;
  /** Every read saw the effect of all entries below it, and of none from it on. */
  readonly snapshot: Position;
  readonly reads: readonly Read[];
  readonly updates: readonly Update[];
  /** As of an update. */
  readonly from?: Position;
}

/** Instead of the keys of an update that relocates a value: it changes nothing that anybody reads. */
const RELOCATION_KEY: ObjectKey = 'r';
export const RELOCATION_KEYS: readonly ObjectKey[] = [RELOCATION_KEY];

export function isRelocation({ keys }: Update): boolean {
  return keys.length === 1 && keys[0] === RELOCATION_KEY;
}

/** What an application's change is. */
export type ObjectRecord = Update | Commit;

export interface Part {
  readonly kind: typeof RecordKind.PART;
  readonly bytes: Uint8Array;
}

/** A record that is in parts. */
export interface Large {
  readonly kind: typeof RecordKind.LARGE;
  /** Of the commit; of an update the position of its first part. */
  readonly snapshot: Position;
  readonly bytes: number;
  /** In order, ascending. */
  readonly parts: readonly Position[];
}

export interface Mark {
  readonly kind: typeof RecordKind.MARK;
  readonly number: number;
}

export interface CheckpointRecord {
  readonly kind: typeof RecordKind.CHECKPOINT;
  /** Encoded. */
  readonly index: Uint8Array;
}

export type BatchRecord = ObjectRecord | Part | Large | Mark | CheckpointRecord;

/** The records of an entry, and who appended them: a number that its writer used once. */
export interface RecordBatch {
  readonly writer: number;
  readonly number: number;
  readonly records: readonly BatchRecord[];
  /** Of the entry. */
  readonly bytes: number;
}

const NO_KEYS: readonly ObjectKey[] = [];

const VERSION = 1;
const HEADER_BYTES = 1 + 4 + 8 + 2;
const RECORDS_MAX = 0xffff;
const POSITION_BYTES = 8;

export const BATCH_HEADER_BYTES = HEADER_BYTES;
export const BATCH_RECORDS_MAX = RECORDS_MAX;
/** What an entry with one part has beside the part's bytes. */
export const PART_OVERHEAD_BYTES = HEADER_BYTES + 1 + 4;

const scratch = new RecordWriter(4096);

/** An entry's payload; overwritten by the next call. `bytes`: of it, if that is known. */
export function encodeBatch(
  writer: number,
  number: number,
  records: readonly BatchRecord[],
  bytes = batchBytes(records),
): Uint8Array {
  scratch.begin(bytes);
  scratch.byte(VERSION);
  scratch.word(writer);
  scratch.long(number);
  scratch.half(records.length);
  for (const record of records) writeRecord(scratch, record);
  return scratch.written;
}

function batchBytes(records: readonly BatchRecord[]): number {
  let bytes = HEADER_BYTES;
  for (const record of records) bytes += recordBytes(record);
  return bytes;
}

/** A record by itself: what is cut into parts. */
export function encodeRecord(record: BatchRecord): Uint8Array {
  const out = new RecordWriter(recordBytes(record));
  writeRecord(out, record);
  return out.written;
}

/** ERR_CORRUPT for what is no record. */
export function decodeRecord(bytes: Uint8Array, position: Position): BatchRecord {
  const from = new RecordReader(bytes, position);
  const record = readRecord(from);
  if (!from.isAtEnd) throw from.corrupt('length');
  return record;
}

/** Bytes that the record adds to an entry. */
export function recordBytes(record: BatchRecord): number {
  switch (record.kind) {
    case RecordKind.UPDATE:
      return 1 + updateBytes(record);
    case RecordKind.COMMIT:
      return 1 + commitBytes(record);
    case RecordKind.PART:
      return 1 + 4 + record.bytes.length;
    case RecordKind.LARGE:
      return 1 + POSITION_BYTES + 4 + 4 + POSITION_BYTES * record.parts.length;
    case RecordKind.MARK:
      return 1 + 8;
    case RecordKind.CHECKPOINT:
      return 1 + 4 + record.index.length;
  }
}

function commitBytes({ reads, updates }: Commit): number {
  let bytes = POSITION_BYTES + 4 + 4;
  for (const { key } of reads) bytes += 4 + keyBytes(key);
  for (const update of updates) bytes += updateBytes(update);
  return bytes;
}

/** `payload` may be used again afterwards. ERR_CORRUPT for what is no such entry. */
export function decodeBatch(payload: Uint8Array, position: Position): RecordBatch {
  const from = new RecordReader(payload, position);
  if (from.byte() !== VERSION) throw from.corrupt('version');
  const writer = from.word();
  const number = from.long();
  const count = from.half();
  const records: BatchRecord[] = [];
  for (let i = 0; i < count; i++) records.push(readRecord(from));
  if (!from.isAtEnd) throw from.corrupt('length');
  return { writer, number, records, bytes: payload.length };
}

function readRecord(from: RecordReader): BatchRecord {
  const kind = from.byte();
  switch (kind) {
    case RecordKind.UPDATE:
      return readUpdate(from);
    case RecordKind.COMMIT:
      return readCommit(from);
    case RecordKind.PART:
      return { kind, bytes: readBytes(from) };
    case RecordKind.LARGE:
      return {
        kind,
        snapshot: from.long(),
        bytes: from.word(),
        parts: from.list(() => from.long()),
      };
    case RecordKind.MARK:
      return { kind, number: from.long() };
    case RecordKind.CHECKPOINT:
      return { kind, index: readBytes(from) };
    default:
      throw from.corrupt('record');
  }
}

function readCommit(from: RecordReader): Commit {
  const snapshot = from.long();
  const reads = from.list((): Read => ({ object: from.word(), key: from.key() }));
  const updates = from.list(() => readUpdate(from));
  return { kind: RecordKind.COMMIT, snapshot, reads, updates };
}

function readUpdate(from: RecordReader): Update {
  const object = from.word();
  const keys = readKeys(from);
  const length = from.word();
  const start = from.skip(length);
  const { bytes } = from;
  const kind = RecordKind.UPDATE;
  return { kind, object, keys, bytes, start, end: start + length, operation: undefined };
}

function readKeys(from: RecordReader): readonly ObjectKey[] {
  const count = from.listLength();
  if (count === 0) return NO_KEYS;
  const keys: ObjectKey[] = [];
  for (let i = 0; i < count; i++) {
    const key = from.key();
    if (key === undefined) throw from.corrupt('key');
    keys.push(key);
  }
  return keys;
}

function readBytes(from: RecordReader): Uint8Array {
  const length = from.word();
  const at = from.skip(length);
  return from.bytes.subarray(at, at + length);
}

function writeRecord(out: RecordWriter, record: BatchRecord): void {
  out.byte(record.kind);
  switch (record.kind) {
    case RecordKind.UPDATE:
      return writeUpdate(out, record);
    case RecordKind.COMMIT:
      return writeCommit(out, record);
    case RecordKind.PART:
      return out.sized(record.bytes, 0, record.bytes.length);
    case RecordKind.LARGE:
      out.long(record.snapshot);
      out.word(record.bytes);
      out.word(record.parts.length);
      for (const position of record.parts) out.long(position);
      return;
    case RecordKind.MARK:
      return out.long(record.number);
    case RecordKind.CHECKPOINT:
      return out.sized(record.index, 0, record.index.length);
  }
}

function writeCommit(out: RecordWriter, { snapshot, reads, updates }: Commit): void {
  out.long(snapshot);
  out.word(reads.length);
  for (const { object, key } of reads) {
    out.word(object);
    out.key(key);
  }
  out.word(updates.length);
  for (const update of updates) writeUpdate(out, update);
}

function writeUpdate(out: RecordWriter, { object, keys, bytes, start, end }: Update): void {
  out.word(object);
  out.word(keys.length);
  for (const key of keys) out.key(key);
  out.sized(bytes, start, end);
}

function updateBytes({ keys, start, end }: Update): number {
  let bytes = 4 + 4 + 4 + end - start;
  for (const key of keys) bytes += keyBytes(key);
  return bytes;
}
