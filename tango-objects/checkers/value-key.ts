/**
 * Values as texts: equal values have equal texts, and different values different ones. A search that
 * remembers where it has been relies on both. Independent of the codec of the log, which may be wrong.
 */
import { inspect } from 'node:util';
import { TangoError } from '../../actors/tango-error.ts';

/** -0 is 0 and NaN is itself; the order of an object's properties means nothing. */
export function valueKey(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `s${value.length}:${value}`;
    case 'number':
      return `n${value};`;
    case 'bigint':
      return `i${value};`;
    case 'boolean':
      return value ? 't' : 'f';
    case 'undefined':
      return 'u';
    case 'object':
      return value === null ? 'z' : objectKey(value);
    default:
      throw notAValue(value);
  }
}

export function isSameValue(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  // Different primitives of one type need no texts; NaN does.
  if (typeof one !== 'object' && !Number.isNaN(one)) return false;
  return typeof one === typeof other && valueKey(one) === valueKey(other);
}

/** A value on one line, cut where it is long. */
export function inWords(value: unknown): string {
  const options = { breakLength: Infinity, compact: true, depth: 4, maxArrayLength: 8 };
  return inspect(value, { ...options, maxStringLength: 60 });
}

// Each part says where it ends, so that no two sequences of parts make one text.
function objectKey(value: object): string {
  if (Array.isArray(value)) return `[${value.length}:${value.map(valueKey).join('')}`;
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString('hex')};`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw notAValue(value);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.length}:${entries.flat().map(valueKey).join('')}`;
}

function notAValue(value: unknown): TangoError {
  const text = `primitives, arrays, bytes and plain objects were expected: value=${inWords(value)}`;
  return new TangoError('ERR_INVALID_ARGUMENT', text);
}
