/**
 * Keys of keyed objects as strings: equal keys have equal strings, whichever thread encodes them, and
 * a key is told by its string.
 */
import { decodeValue, encodeValue } from './value-codec.ts';

/** A key in its encoded form. */
export type ObjectKey = string;

const TEXT = 's';
const NUMBER = 'n';
const VALUE = 'v';

/** A key is mostly read and then changed. */
let lastText = '';
let lastKey = TEXT;

/**
 * Strings and numbers are told apart, -0 is 0, and NaN equals itself, as in a Map; other values are
 * equal when their encodings are. ERR_INVALID_ARGUMENT for what cannot be encoded.
 */
export function encodeKey(key: unknown): ObjectKey {
  if (typeof key === 'string') {
    if (key === lastText) return lastKey;
    lastText = key;
    lastKey = TEXT + key;
    return lastKey;
  }
  if (typeof key === 'number') return NUMBER + (key === 0 ? 0 : key);
  return VALUE + Buffer.from(encodeValue(key, 'the key')).toString('latin1');
}

export function decodeKey(key: ObjectKey): unknown {
  const rest = key.slice(1);
  if (key[0] === TEXT) return rest;
  if (key[0] === NUMBER) return Number(rest);
  return decodeValue(Buffer.from(rest, 'latin1'));
}
