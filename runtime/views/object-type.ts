/** Classes of objects, and the names that objects have. */
import { isDeepStrictEqual } from 'node:util';
import { TangoError } from '../../actors/tango-error.ts';
import { invalid } from '../arguments.ts';
import type { ObjectBinding } from './replicated-object.ts';

/** A class of objects; a name belongs to one type for ever, told by `typeName` or the class's name. */
export interface ObjectType<O> {
  new (binding: ObjectBinding): O;
  readonly typeName?: string;
  readonly name: string;
  readonly prototype: object;
  /** How a change feed tells an operation; default: as apply() gets it. */
  describe?(operation: unknown): unknown;
}

const NAME_BYTES_MAX = 1024;

export function typeNameOf(type: ObjectType<unknown>): string {
  return type.typeName ?? type.name;
}

/** Whether views of the class keep places in the log: it has references(). */
export function keepsReferences(type: ObjectType<unknown>): boolean {
  return 'references' in type.prototype;
}

/** ERR_INVALID_ARGUMENT. */
export function checkObject(type: unknown, name: unknown): void {
  if (typeof type !== 'function') throw invalid('type', type, 'a class of objects');
  if (typeof name !== 'string' || Buffer.byteLength(name) > NAME_BYTES_MAX) {
    throw invalid('name', name, `a string of at most ${NAME_BYTES_MAX} bytes`);
  }
}

/** Functions are the same when their texts are: a call that is made again makes them anew. */
export function sameOptions(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(withTexts(one), withTexts(other));
}

function withTexts(value: unknown): unknown {
  if (typeof value === 'function') return { text: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withTexts(one)]));
}

/** ERR_TYPE_MISMATCH. */
export function checkType(name: string, asked: string, type: string): void {
  if (asked === type) return;
  const text = `the object is of another type: name=${name}, type=${type}`;
  throw new TangoError('ERR_TYPE_MISMATCH', text, { object: name });
}
