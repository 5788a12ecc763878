/** The fields of records as bytes: what record.ts writes them to and reads them from. */
import { TangoError } from '../../actors/tango-error.ts';
import type { Position } from '../log-entry.ts';
import type { ObjectKey } from './object-key.ts';

/** Instead of a key's length: no key, the whole object. */
const WHOLE_OBJECT = 0xffff_ffff;
/** Of a key's length: two bytes a code unit. */
const WIDE = 0x8000_0000;

export function keyBytes(key: ObjectKey | undefined): number {
  if (key === undefined) return 4;
  return 4 + (isWide(key) ? 2 * key.length : key.length);
}

function isWide(key: ObjectKey): boolean {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) > 0xff) return true;
  return false;
}

export class RecordWriter {
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

  /** undefined: the whole object. */
  key(key: ObjectKey | undefined): void {
    if (key === undefined) return this.word(WHOLE_OBJECT);
    const wide = isWide(key);
    this.word(wide ? WIDE + key.length : key.length);
    this.#at += this.bytes.write(key, this.#at, wide ? 'utf16le' : 'latin1');
  }

  sized(bytes: Uint8Array): void {
    this.word(bytes.length);
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}

export class RecordReader {
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
