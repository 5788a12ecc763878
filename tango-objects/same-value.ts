/** Equality of values that have been through the log, where identity means nothing. */
import { isDeepStrictEqual } from 'node:util';

export function isSame(one: unknown, other: unknown): boolean {
  return Object.is(one, other) || isDeepStrictEqual(one, other);
}
