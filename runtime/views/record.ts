/**
 * What an entry of the objects holds: records, in the order in which they take effect.
 *
 *   entry    version · writer (incarnation, batch number) · number of records · records
 *   record   UPDATE  update
 *            COMMIT  snapshot · reads · updates       (Tango 2.3)
 *   update   object · keys · operation
 *   read     object · key, or the whole object
 *
 * Little-endian; operations are values (value-codec.ts). Reading never leaves the payload.
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { Position } from '../log-entry.ts';
import type { ObjectKey } from './object-key.ts';

/** The stream of the object, too. */
export type ObjectId = number;

/** One change of one object. */
export interface Update {
  readonly object: ObjectId;
  /** What it changes there; none: the whole object. */
  readonly keys: readonly ObjectKey[];
  /** Encoded. */
  readonly operation: Uint8Array;
}

export interface Read {
  readonly object: ObjectId;
  /** undefined: the whole object. */
  readonly key: ObjectKey | undefined;
}

/** Changes that take effect together, or not at all. */
export interface Commit {
  /** Every read saw the effect of all entries below it, and of none from it on. */
  readonly snapshot: Position;
  readonly reads: readonly Read[];
  readonly updates: readonly Update[];
}

export type ObjectRecord = Update | Commit;

export const isCommit = (record: ObjectRecord): record is Commit => 'reads' in record;

/** The records of an entry, and who appended them: a number that its writer used once. */
export interface RecordBatch {
  readonly writer: number;
  readonly number: number;
  readonly records: readonly ObjectRecord[];
}

const VERSION = 1;
const HEADER_BYTES = 1 + 4 + 8 + 2;
const RECORDS_MAX = 0xffff;
const UPDATE = 1;
const COMMIT = 2;
/** Instead of a key's length: the whole object. */
const WHOLE_OBJECT = 0xffff_ffff;
/** Of a key's length: two bytes a code unit. */
const WIDE = 0x8000_0000;

export const BATCH_HEADER_BYTES = HEADER_BYTES;
export const BATCH_RECORDS_MAX = RECORDS_MAX;

export function encodeBatch({ writer, number, records }: RecordBatch): Uint8Array {
  let bytes = HEADER_BYTES;
  for (const record of records) bytes += recordBytes(record);
  const out = new Writer(bytes);
  out.byte(VERSION);
  out.word(writer);
  out.long(number);
  out.half(records.length);
  for (const record of records) {
    out.byte(isCommit(record) ? COMMIT : UPDATE);
    if (isCommit(record)) writeCommit(out, record);
    else writeUpdate(out, record);
  }
  return out.bytes;
}

/** Bytes that the record adds to an entry. */
export function recordBytes(record: ObjectRecord): number {
  if (!isCommit(record)) return 1 + updateBytes(record);
  let bytes = 1 + 8 + 4 + 4;
  for (const { key } of record.reads) bytes += 4 + (key === undefined ? 4 : keyBytes(key));
  for (const update of record.updates) bytes += updateBytes(update);
  return bytes;
}

/** `payload` may be used again afterwards. ERR_CORRUPT for what is no such entry. */
export function decodeBatch(payload: Uint8Array, position: Position): RecordBatch {
  const from = new Reader(payload, position);
  if (from.byte() !== VERSION) throw from.corrupt('version');
  const writer = from.word();
  const number = from.long();
  const records = Array.from({ length: from.half() }, () => readRecord(from));
  if (!from.isAtEnd) throw from.corrupt('length');
  return { writer, number, records };
}

function readRecord(from: Reader): ObjectRecord {
  const kind = from.byte();
  if (kind === UPDATE) return readUpdate(from);
  if (kind !== COMMIT) throw from.corrupt('record');
  const snapshot = from.long();
  const reads = from.list((): Read => ({ object: from.word(), key: from.key() }));
  const updates = from.list(() => readUpdate(from));
  return { snapshot, reads, updates };
}

function readUpdate(from: Reader): Update {
  const object = from.word();
  const keys = from.list(() => {
    const key = from.key();
    if (key === undefined) throw from.corrupt('key');
    return key;
  });
  return { object, keys, operation: from.slice(from.word()) };
}

function writeCommit(out: Writer, { snapshot, reads, updates }: Commit): void {
  out.long(snapshot);
  out.word(reads.length);
  for (const { object, key } of reads) {
    out.word(object);
    if (key === undefined) out.word(WHOLE_OBJECT);
    else out.key(key);
  }
  out.word(updates.length);
  for (const update of updates) writeUpdate(out, update);
}

function writeUpdate(out: Writer, { object, keys, operation }: Update): void {
  out.word(object);
  out.word(keys.length);
  for (const key of keys) out.key(key);
  out.word(operation.length);
  out.copy(operation);
}

function updateBytes({ keys, operation }: Update): number {
  let bytes = 4 + 4 + 4 + operation.length;
  for (const key of keys) bytes += keyBytes(key);
  return bytes;
}

function keyBytes(key: ObjectKey): number {
  return 4 + (isWide(key) ? 2 * key.length : key.length);
}

function isWide(key: ObjectKey): boolean {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) > 0xff) return true;
  return false;
}

class Writer {
  readonly bytes: Buffer;
  #at = 0;

  constructor(bytes: number) {
    this.bytes = Buffer.allocUnsafe(bytes);
  }

  byte(value: number): void {
    this.#at = this.bytes.writeUInt8(value, this.#at);
  }

  half(value: number): void {
    this.#at = this.bytes.writeUInt16LE(value, this.#at);
  }

  word(value: number): void {
    this.#at = this.bytes.writeUInt32LE(value, this.#at);
  }

  /** A safe integer. */
  long(value: number): void {
    this.#at = this.bytes.writeDoubleLE(value, this.#at);
  }

  key(key: ObjectKey): void {
    const wide = isWide(key);
    this.word(wide ? WIDE + key.length : key.length);
    this.#at += this.bytes.write(key, this.#at, wide ? 'utf16le' : 'latin1');
  }

  copy(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}

class Reader {
  readonly #bytes: Buffer;
  readonly #position: Position;
  #at = 0;

  constructor(payload: Uint8Array, position: Position) {
    this.#bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    this.#position = position;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#take(1)];
  }

  half(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  word(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  long(): number {
    const value = this.#bytes.readDoubleLE(this.#take(8));
    if (!Number.isSafeInteger(value)) throw this.corrupt('number');
    return value;
  }

  /** undefined: the whole object. */
  key(): ObjectKey | undefined {
    const length = this.word();
    if (length === WHOLE_OBJECT) return undefined;
    if (length < WIDE) {
      const at = this.#take(length);
      return this.#bytes.toString('latin1', at, at + length);
    }
    const bytes = 2 * (length - WIDE);
    const at = this.#take(bytes);
    return this.#bytes.toString('utf16le', at, at + bytes);
  }

  list<T>(one: () => T): T[] {
    const length = this.word();
    // Each takes at least four bytes: a length that cannot be is no reason to allocate.
    if (length > this.#bytes.length / 4) throw this.corrupt('length');
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(one());
    return items;
  }

  slice(length: number): Uint8Array {
    const at = this.#take(length);
    return new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  corrupt(what: string): TangoError {
    const position = this.#position;
    const text = `an entry of the objects is not intact: position=${position}, ${what}`;
    return new TangoError('ERR_CORRUPT', text, { position });
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#bytes.length) throw this.corrupt('length');
    this.#at = at + bytes;
    return at;
  }
}
