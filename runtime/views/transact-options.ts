/** What `transact` accepts. */
import { TangoError } from '../../actors/tango-error.ts';
import { checkInteger, checkKeys, checkSignal, invalid } from '../arguments.ts';

export interface TransactOptions {
  /** Conflicts before ERR_CONFLICT, 0 … 1,000,000; default 100. */
  readonly retries?: number | undefined;
  /** The body changes nothing: a change in it is ERR_INVALID_ARGUMENT. */
  readonly readOnly?: boolean | undefined;
  /** Reads the view as it is, without a look at the log. */
  readonly stale?: boolean | undefined;
  /** Looked at before every attempt. */
  readonly signal?: AbortSignal | undefined;
}

export interface CheckedTransact {
  readonly retries: number;
  readonly readOnly: boolean;
  readonly stale: boolean;
  readonly signal: AbortSignal | undefined;
}

const RETRIES = 100;
const KEYS = ['retries', 'readOnly', 'stale', 'signal'];
const NO_OPTIONS: CheckedTransact = {
  retries: RETRIES,
  readOnly: false,
  stale: false,
  signal: undefined,
};

/** ERR_INVALID_ARGUMENT. */
export function checkTransact(
  body: unknown,
  options: TransactOptions | undefined,
): CheckedTransact {
  if (typeof body !== 'function') throw invalid('body', body, 'a function');
  if (options === undefined) return NO_OPTIONS;
  checkKeys('transact', options, KEYS);
  const { retries = RETRIES, readOnly = false, stale = false } = options;
  if (typeof readOnly !== 'boolean') throw invalid('readOnly', readOnly, 'a boolean');
  if (typeof stale !== 'boolean') throw invalid('stale', stale, 'a boolean');
  checkInteger('retries', retries, 0, 1_000_000);
  return { retries, readOnly, stale, signal: checkSignal(options.signal) };
}

/** A body that goes on later would do so without its snapshot. */
export function checkResult<T>(result: T): T {
  if (result === undefined || result === null) return result;
  const { then } = result as { then?: unknown };
  if (typeof then !== 'function') return result;
  if (result instanceof Promise) result.catch(() => {});
  throw new TangoError('ERR_ASYNC_TRANSACTION', 'the body of a transaction returns a promise');
}
