/**
 * Values of the application as bytes: msgpack. What it has no form for is refused before anything is
 * appended; it has one zero, no holes in arrays, and no properties beside the elements of one.
 */
import { Packr } from 'msgpackr/pack';
import { TangoError } from '../../actors/tango-error.ts';

/** msgpack has UTF-8, which has no place for it. */
const HALF_PAIR = /\p{Surrogate}/u;
/** Deeper nesting is taken for a mistake. */
const DEPTH_MAX = 100;

const OPTIONS = {
  moreTypes: true,
  useBigIntExtension: true,
  // What was decoded does not change when the place of the entry is used again.
  copyBuffers: true,
};

/** Map, Set, Error, RegExp, typed arrays, cycles. */
const packr = new Packr({ structuredClone: true, ...OPTIONS });

/** For flat values, and in the same form: it looks for no cycles, for which a Map is made for each value. */
const flatPackr = new Packr(OPTIONS);

/** The bytes are the caller's. ERR_INVALID_ARGUMENT for what cannot be encoded. */
export function encodeValue(value: unknown, what: string): Uint8Array {
  if (isFlat(value)) return encodeFlat(value);
  checkEncodable(value, what, new Set());
  return packr.pack(value);
}

/** As encodeValue, of what flatCopy() has returned. */
export function encodeFlat(value: unknown): Uint8Array {
  return flatPackr.pack(value);
}

/** Nothing in the result refers to `bytes`. */
export function decodeValue(bytes: Uint8Array, start = 0, end = bytes.length): unknown {
  // Of a Buffer, always: what msgpackr makes of bytes within depends on it.
  const source = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return packr.unpack(source, { start, end });
}

/**
 * A copy of a value that nothing can change from outside: a number, an array of such and strings, and so
 * on. undefined for all others: they have to be decoded.
 */
export function flatCopy(value: unknown): unknown {
  if (!isFlat(value)) return undefined;
  return Array.isArray(value) ? value.slice() : value;
}

/** Numbers, short plain texts and the like, or a short array of them: nothing in it is shared or refused. */
function isFlat(value: unknown): boolean {
  if (!Array.isArray(value)) return isPlain(value);
  if (Object.getPrototypeOf(value) !== Array.prototype) return false;
  if (value.length > FLAT_MAX) return false;
  for (let i = 0; i < value.length; i++) if (!isPlain(value[i])) return false;
  return true;
}

function isPlain(value: unknown): boolean {
  // msgpack has one zero.
  if (typeof value === 'number') return value !== 0 || Object.is(value, 0);
  if (typeof value === 'boolean') return true;
  // Not undefined: it may be a hole, which does not come back as one.
  if (typeof value !== 'string') return value === null;
  if (value.length > FLAT_MAX) return false;
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) >= FIRST_SURROGATE) return false;
  return true;
}

const FLAT_MAX = 64;
const FIRST_SURROGATE = 0xd800;

/** The types that survive, by prototype; plain objects and arrays are walked. */
const WHOLE: ReadonlySet<object> = new Set([
  Date.prototype,
  RegExp.prototype,
  ArrayBuffer.prototype,
  Buffer.prototype,
  Int8Array.prototype,
  Uint8Array.prototype,
  Uint8ClampedArray.prototype,
  Int16Array.prototype,
  Uint16Array.prototype,
  Int32Array.prototype,
  Uint32Array.prototype,
  Float32Array.prototype,
  Float64Array.prototype,
  BigInt64Array.prototype,
  BigUint64Array.prototype,
]);

function checkEncodable(value: unknown, what: string, above: Set<object>): void {
  switch (typeof value) {
    case 'string':
      if (HALF_PAIR.test(value)) throw refused(what, 'a string with half a surrogate pair');
      return;
    case 'function':
    case 'symbol':
      throw refused(what, `a ${typeof value}`);
    case 'object':
      if (value !== null) checkObject(value, what, above);
  }
}

function checkObject(value: object, what: string, above: Set<object>): void {
  // Met on the way down: a cycle, which is checked already.
  if (above.has(value)) return;
  if (above.size >= DEPTH_MAX) throw refused(what, `nesting deeper than ${DEPTH_MAX}`);
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype !== null && WHOLE.has(prototype)) return;
  above.add(value);
  if (prototype === Map.prototype) {
    for (const [key, one] of value as Map<unknown, unknown>) {
      checkEncodable(key, what, above);
      checkEncodable(one, what, above);
    }
  } else if (prototype === Set.prototype || prototype === Array.prototype) {
    for (const one of value as Iterable<unknown>) checkEncodable(one, what, above);
  } else if (prototype === Object.prototype) {
    for (const [key, one] of Object.entries(value)) {
      if (key === '__proto__') throw refused(what, 'an object with a property named __proto__');
      checkEncodable(key, what, above);
      checkEncodable(one, what, above);
    }
  } else throw refused(what, `an instance of ${prototype?.constructor?.name ?? 'no class'}`);
  above.delete(value);
}

function refused(what: string, because: string): TangoError {
  return new TangoError('ERR_INVALID_ARGUMENT', `${what} cannot be encoded: ${because}`);
}
