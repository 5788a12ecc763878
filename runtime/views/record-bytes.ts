/**
 * The fields of records as bytes: what record.ts writes them to and reads them from. Byte by byte: for
 * fields this short that is several times faster than the calls of Buffer and DataView.
 */
import { TangoError } from '../../actors/tango-error.ts';
import { highWord, joinWords, lowWord } from '../../shared-memory/words.ts';
import type { Position } from '../log-entry.ts';
import type { ObjectKey } from './object-key.ts';

/** Instead of a key's length: no key, the whole object. */
const WHOLE_OBJECT = 0xffff_ffff;
/** Of a key's length: two bytes a code unit. */
const WIDE = 0x8000_0000;
/** Longer texts and bytes are left to the runtime's own calls. */
const SHORT = 24;
const HIGH_WORD_MAX = 0x1f_ffff;
const NO_BYTES = new Uint8Array(0);

export function keyBytes(key: ObjectKey | undefined): number {
  if (key === undefined) return 4;
  return 4 + (isWide(key) ? 2 * key.length : key.length);
}

function isWide(key: ObjectKey): boolean {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) > 0xff) return true;
  return false;
}

export class RecordWriter {
  bytes: Buffer;
  #at = 0;
  /** Views are dear: that of the last length serves the next one, too. */
  #written: Uint8Array | undefined;

  /** `bytes`: how many there are room for, at first. */
  constructor(bytes: number) {
    this.bytes = Buffer.alloc(bytes);
  }

  /** From the beginning again, for so many bytes. */
  begin(bytes: number): void {
    this.#at = 0;
    if (bytes <= this.bytes.length) return;
    this.bytes = Buffer.alloc(2 * bytes);
    this.#written = undefined;
  }

  /** What was written. */
  get written(): Uint8Array {
    if (this.#written?.length !== this.#at) this.#written = this.bytes.subarray(0, this.#at);
    return this.#written;
  }

  byte(value: number): void {
    this.bytes[this.#at++] = value;
  }

  half(value: number): void {
    this.byte(value);
    this.byte(value >>> 8);
  }

  word(value: number): void {
    const { bytes } = this;
    const at = this.#at;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
    this.#at = at + 4;
  }

  /** A safe integer from 0 on. */
  long(value: number): void {
    this.word(lowWord(value));
    this.word(highWord(value));
  }

  /** undefined: the whole object. */
  key(key: ObjectKey | undefined): void {
    if (key === undefined) return this.word(WHOLE_OBJECT);
    const { length } = key;
    const wide = isWide(key);
    this.word(wide ? WIDE + length : length);
    if (wide || length > SHORT) {
      this.#at += this.bytes.write(key, this.#at, wide ? 'utf16le' : 'latin1');
      return;
    }
    for (let i = 0; i < length; i++) this.bytes[this.#at + i] = key.charCodeAt(i);
    this.#at += length;
  }

  /** The bytes in [start, end) of `from`, after their number. */
  sized(from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.word(length);
    if (length > SHORT) this.bytes.set(from.subarray(start, end), this.#at);
    else for (let i = 0; i < length; i++) this.bytes[this.#at + i] = from[start + i];
    this.#at += length;
  }
}

export class RecordReader {
  /** What it reads from, and nobody changes. */
  bytes: Buffer;
  readonly #position: Position;
  #at = 0;

  /** `bytes` may be used again afterwards. */
  constructor(bytes: Uint8Array, position: Position) {
    this.bytes = Buffer.from(bytes);
    this.#position = position;
  }

  /** Reads from `bytes` themselves. */
  static over(bytes: Uint8Array, position: Position): RecordReader {
    const reader = new RecordReader(NO_BYTES, position);
    reader.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return reader;
  }

  get isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.skip(1)];
  }

  half(): number {
    const at = this.skip(2);
    return this.bytes[at] | (this.bytes[at + 1] << 8);
  }

  word(): number {
    const { bytes } = this;
    const at = this.skip(4);
    const high = (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    return (bytes[at] | (bytes[at + 1] << 8) | high) >>> 0;
  }

  long(): number {
    const low = this.word();
    const high = this.word();
    if (high > HIGH_WORD_MAX) throw this.corrupt('number');
    return joinWords(low, high);
  }

  /** undefined: the whole object. */
  key(): ObjectKey | undefined {
    const length = this.word();
    if (length === WHOLE_OBJECT) return undefined;
    if (length < WIDE) return this.#narrow(this.skip(length), length);
    const bytes = 2 * (length - WIDE);
    const at = this.skip(bytes);
    return this.bytes.toString('utf16le', at, at + bytes);
  }

  skipKey(): void {
    const length = this.word();
    if (length === WHOLE_OBJECT) return;
    this.skip(length < WIDE ? length : 2 * (length - WIDE));
  }

  list<T>(one: () => T): T[] {
    const length = this.listLength();
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(one());
    return items;
  }

  /** Each item takes at least four bytes: a length that cannot be is no reason to allocate. */
  listLength(): number {
    const length = this.word();
    if (length > this.bytes.length / 4) throw this.corrupt('length');
    return length;
  }

  /** Passes over so many bytes; returns where they begin. */
  skip(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.bytes.length) throw this.corrupt('length');
    this.#at = at + bytes;
    return at;
  }

  corrupt(what: string): TangoError {
    const position = this.#position;
    const text = `an entry of the objects is not intact: position=${position}, ${what}`;
    return new TangoError('ERR_CORRUPT', text, { position });
  }

  #narrow(at: number, length: number): ObjectKey {
    if (length > SHORT) return this.bytes.toString('latin1', at, at + length);
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.bytes[at + i]);
    return text;
  }
}
