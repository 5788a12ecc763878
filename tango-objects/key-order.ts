/**
 * A total order over the keys of a sorted map, the same in every thread: as of IndexedDB and lmdb, by type
 * first, then by value. Keys that compare equal have one encoding, so that they conflict with each other.
 */
import { invalid } from '../runtime/arguments.ts';

/** By type: all of one stand before all of the next. */
const NULL = 0;
const BOOLEAN = 1;
const NUMBER = 2;
const BIGINT = 3;
const STRING = 4;
const BYTES = 5;
const DATE = 6;
const ARRAY = 7;

/** Arrays in arrays; deeper nesting is taken for a mistake, or for a cycle. */
const DEPTH_MAX = 32;

/**
 * The key with one form for all equal ones: a zero has no sign, bytes are a Uint8Array, nothing is shared
 * with the caller. ERR_INVALID_ARGUMENT for one that has no order.
 */
export function orderedKey<K>(key: K): K {
  // Most are.
  return typeof key === 'string' ? key : (ordered(key, 0) as K);
}

function ordered(key: unknown, depth: number): unknown {
  switch (typeof key) {
    case 'number':
      return key === 0 ? 0 : key;
    case 'boolean':
    case 'bigint':
    case 'string':
      return key;
    case 'object':
      if (key === null) return key;
      if (key instanceof Date) return new Date(key.getTime());
      if (key instanceof Uint8Array) return Uint8Array.from(key);
      if (Array.isArray(key) && depth < DEPTH_MAX) {
        return Array.from(key, (one) => ordered(one, depth + 1));
      }
  }
  throw invalid('key', key, EXPECTED);
}

const EXPECTED = 'null, a boolean, number, bigint, string, Uint8Array, Date or an array of such';

/** Of keys that orderedKey() has returned: negative, 0 or positive. */
export function compareKeys(one: unknown, other: unknown): number {
  if (typeof one === 'string' && typeof other === 'string') return compare(one, other);
  const type = typeOf(one);
  const otherType = typeOf(other);
  if (type !== otherType) return type - otherType;
  switch (type) {
    case NUMBER:
      return compareNumbers(one as number, other as number);
    case DATE:
      return compareNumbers((one as Date).getTime(), (other as Date).getTime());
    case BYTES:
      return Buffer.compare(one as Uint8Array, other as Uint8Array);
    case ARRAY:
      return compareArrays(one as unknown[], other as unknown[]);
    default:
      return compare(one as string, other as string);
  }
}

function typeOf(key: unknown): number {
  switch (typeof key) {
    case 'boolean':
      return BOOLEAN;
    case 'number':
      return NUMBER;
    case 'bigint':
      return BIGINT;
    case 'string':
      return STRING;
    default:
      if (key === null) return NULL;
      if (Array.isArray(key)) return ARRAY;
      return key instanceof Date ? DATE : BYTES;
  }
}

/** Strings by UTF-16 code units, as everywhere in JavaScript. */
function compare<T extends string | bigint | boolean | null>(one: T, other: T): number {
  if (one === other) return 0;
  return (one as string) < (other as string) ? -1 : 1;
}

/** NaN equals itself and stands above all others. */
function compareNumbers(one: number, other: number): number {
  if (one < other) return -1;
  if (one > other) return 1;
  return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
}

/** By the first element that differs; the shorter one first. */
function compareArrays(one: readonly unknown[], other: readonly unknown[]): number {
  const both = Math.min(one.length, other.length);
  for (let i = 0; i < both; i++) {
    const order = compareKeys(one[i], other[i]);
    if (order !== 0) return order;
  }
  return one.length - other.length;
}
