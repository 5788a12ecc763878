/**
 * Errors that cross threads. Structured clone keeps of an error its message, stack and one of six names;
 * a class of one's own, a code and every other property are lost. So they travel as plain data.
 */

import { TangoError } from '../../actors/tango-error.ts';
import { show } from '../../runtime/arguments.ts';

type PlainTangoError = ReturnType<TangoError['toJSON']>;

export type PlainError =
  | { readonly kind: 'tango'; readonly plain: PlainTangoError; readonly cause?: PlainError }
  | {
      readonly kind: 'error';
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly cause?: PlainError;
      /** Of an AggregateError. */
      readonly errors?: readonly PlainError[];
      /** Properties of its own, as `code`. */
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'value'; readonly value: unknown };

/** A chain of causes may be a circle. */
const CAUSES_MAX = 8;

/** Whatever was thrown, as data that can be cloned. */
export function plainError(thrown: unknown, depth = 0): PlainError {
  if (!(thrown instanceof Error) || depth > CAUSES_MAX) {
    return { kind: 'value', value: cloneableOr(thrown) };
  }
  const cause = thrown.cause === undefined ? {} : { cause: plainError(thrown.cause, depth + 1) };
  if (thrown instanceof TangoError) {
    const { cause: _cause, key, ...rest } = thrown.toJSON();
    const plain = key === undefined ? rest : { ...rest, key: cloneableOr(key) };
    return { kind: 'tango', plain, ...cause };
  }
  const { name, message, stack } = thrown;
  const several =
    thrown instanceof AggregateError
      ? { errors: thrown.errors.map((error: unknown) => plainError(error, depth + 1)) }
      : {};
  return { kind: 'error', name, message, stack, ...cause, ...several, fields: fieldsOf(thrown) };
}

const OWN_FIELDS: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause', 'errors']);

function fieldsOf(error: Error): Record<string, unknown> {
  const fields = Object.entries(error).filter(([name]) => !OWN_FIELDS.has(name));
  return Object.fromEntries(fields.map(([name, value]) => [name, cloneableOr(value)]));
}

/** What cannot be cloned is shown instead. */
function cloneableOr(value: unknown): unknown {
  return whyNotCloneable(value) === undefined ? value : show(value);
}

/** The error that cloning it ends in; undefined for a value that can be cloned. */
export function whyNotCloneable(value: unknown): unknown {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
    return typeof value === 'symbol' ? new TypeError('a symbol cannot be cloned') : undefined;
  }
  try {
    structuredClone(value);
    return undefined;
  } catch (error) {
    return error;
  }
}

const CLASSES: ReadonlyMap<string, new (message: string, options?: ErrorOptions) => Error> =
  new Map(
    [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((one) => [
      one.name,
      one,
    ]),
  );

/** What was thrown in the other thread. */
export function errorFrom(plain: PlainError): unknown {
  if (plain.kind === 'value') return plain.value;
  const options = plain.cause === undefined ? {} : { cause: errorFrom(plain.cause) };
  if (plain.kind === 'tango') return TangoError.from({ ...plain.plain, ...options });
  const { name, message, stack, errors, fields } = plain;
  const Class = CLASSES.get(name) ?? Error;
  const error =
    errors === undefined
      ? new Class(message, options)
      : new AggregateError(errors.map(errorFrom), message, options);
  if (error.name !== name) hidden(error, 'name', name);
  hidden(error, 'stack', stack);
  return Object.assign(error, fields);
}

/** As the properties of errors are: not enumerable. */
function hidden(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, writable: true, configurable: true });
}
