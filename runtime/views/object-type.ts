/** Classes of objects, and the names that objects have. */
import { isDeepStrictEqual } from 'node:util';
import { TangoError } from '../../actors/tango-error.ts';
import { invalid } from '../arguments.ts';
import type { ObjectBinding } from './object-binding.ts';
import { ReplicatedObject } from './replicated-object.ts';

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
  if (!isObjectType(type)) {
    throw invalid('type', type, `a class that extends TangoObject, with ${METHODS.join(', ')}`);
  }
  const typeName: unknown = typeNameOf(type);
  if (!isName(typeName) || typeName === '') {
    throw invalid(
      'typeName',
      typeName,
      `a string of 1 to ${NAME_BYTES_MAX} bytes, by default the class's name`,
    );
  }
  if (!isName(name)) throw invalid('name', name, `a string of at most ${NAME_BYTES_MAX} bytes`);
}

const METHODS = ['apply', 'checkpoint', 'restore'];

/** One that can be made: TangoObject itself has no methods of its own. */
function isObjectType(type: unknown): type is ObjectType<unknown> {
  if (typeof type !== 'function') return false;
  const { prototype } = type as { readonly prototype: unknown };
  if (!(prototype instanceof ReplicatedObject)) return false;
  return METHODS.every((method) => typeof Reflect.get(prototype, method) === 'function');
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && Buffer.byteLength(name) <= NAME_BYTES_MAX;
}

/** What the constructor throws that is no TangoError is ERR_INVALID_ARGUMENT, with it as `cause`. */
export function newObject<O>(type: ObjectType<O>, binding: ObjectBinding): O {
  try {
    return new type(binding);
  } catch (cause) {
    if (cause instanceof TangoError) throw cause;
    const text = `the constructor has thrown: type=${typeNameOf(type)}, name=${binding.name}`;
    throw new TangoError('ERR_INVALID_ARGUMENT', text, { object: binding.name, cause });
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
