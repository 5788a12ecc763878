/**
 * Keys of keyed objects as strings: equal keys have equal strings, whichever thread encodes them, and
 * a key is told by its string.
 */
import { TangoError } from '../../actors/tango-error.ts';
import { decodeValue, encodeValue } from './value-codec.ts';

/** A key in its encoded form. */
export type ObjectKey = string;

const TEXT = 's';
const NUMBER = 'n';
const VALUE = 'v';

/**
 * Characters of a text, bytes of another value's encoding. A key is in each change of it and each read
 * set, and every thread keeps it: what is longer is data.
 */
const KEY_LENGTH_MAX = 64 * 1024;

/** A key is mostly read and then changed. */
let lastText = '';
let lastKey = TEXT;
let lastNumber = 0;
let lastNumberKey = `${NUMBER}0`;

/**
 * Strings and numbers are told apart, -0 is 0, and NaN equals itself, as in a Map; other values are
 * equal when their encodings are. ERR_INVALID_ARGUMENT for what cannot be encoded, and
 * above KEY_LENGTH_MAX.
 */
export function encodeKey(key: unknown): ObjectKey {
  if (typeof key === 'string') {
    if (key === lastText) return lastKey;
    checkLength(key);
    lastText = key;
    lastKey = TEXT + key;
    return lastKey;
  }
  if (typeof key === 'number') {
    if (key === lastNumber) return lastNumberKey;
    lastNumber = key;
    lastNumberKey = NUMBER + (key === 0 ? 0 : key);
    return lastNumberKey;
  }
  const bytes = encodeValue(key, 'the key');
  checkLength(bytes);
  return VALUE + Buffer.from(bytes).toString('latin1');
}

export function decodeKey(key: ObjectKey): unknown {
  const rest = key.slice(1);
  if (key[0] === TEXT) return rest;
  if (key[0] === NUMBER) return Number(rest);
  return decodeValue(Buffer.from(rest, 'latin1'));
}

function checkLength({ length }: { readonly length: number }): void {
  if (length <= KEY_LENGTH_MAX) return;
  const text = `a key is of at most ${KEY_LENGTH_MAX} characters, or bytes: length=${length}`;
  throw new TangoError('ERR_INVALID_ARGUMENT', text);
}
