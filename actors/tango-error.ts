/** The one error class of the public interface, told apart by its code. */

const CODES = [
  'ERR_INVALID_ARGUMENT',
  'ERR_UNWRITTEN',
  'ERR_TRIMMED',
  'ERR_WRITTEN',
  'ERR_SEALED',
  'ERR_LOG_FULL',
  'ERR_ENTRY_TOO_LARGE',
  'ERR_TOO_MANY_STREAMS',
  'ERR_TOO_MANY_THREADS',
  'ERR_CONFLICT',
  'ERR_ASYNC_TRANSACTION',
  'ERR_ACTOR_EXITED',
  'ERR_CLOSED',
  'ERR_ABORTED',
  'ERR_CORRUPT',
  'ERR_LOCKED',
  'ERR_TIMEOUT',
  'ERR_UNSUPPORTED',
  'ERR_TYPE_MISMATCH',
  'ERR_QUEUE_FULL',
  'ERR_NO_NODE',
  'ERR_NODE_EXISTS',
  'ERR_NOT_EMPTY',
  'ERR_BAD_VERSION',
  'ERR_NO_CHILDREN_FOR_EPHEMERALS',
  'ERR_SESSION_EXPIRED',
] as const;

export type TangoErrorCode = (typeof CODES)[number];

/** Which position, epoch, object, key or part of a change an error is about. */
export interface TangoErrorDetails {
  readonly position?: number;
  readonly epoch?: number;
  readonly object?: string;
  readonly key?: unknown;
  /** Of the operation that failed, among those of one change; from 0. */
  readonly index?: number;
  readonly cause?: unknown;
}

/** A TangoError as plain data: what survives postMessage. */
export interface PlainTangoError extends TangoErrorDetails {
  readonly code: TangoErrorCode;
  readonly message: string;
  readonly stack?: string;
}

export class TangoError extends Error {
  override readonly name = 'TangoError';
  readonly code: TangoErrorCode;
  // Declared, not defined: absent where nothing was given.
  declare readonly position?: number;
  declare readonly epoch?: number;
  declare readonly object?: string;
  declare readonly key?: unknown;
  declare readonly index?: number;

  constructor(code: TangoErrorCode, message: string, details: TangoErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.position !== undefined) this.position = details.position;
    if (details.epoch !== undefined) this.epoch = details.epoch;
    if (details.object !== undefined) this.object = details.object;
    if (details.key !== undefined) this.key = details.key;
    if (details.index !== undefined) this.index = details.index;
    this.stack = (this.stack ?? '').replace(/^[^\n:]*/, headOf(code, details));
  }

  /** The fields that structured clone and comlink lose; give them to `TangoError.from`. */
  toJSON(): PlainTangoError {
    const { code, message, stack, position, epoch, object, key, index, cause } = this;
    return {
      code,
      message,
      ...(stack === undefined ? {} : { stack }),
      ...(position === undefined ? {} : { position }),
      ...(epoch === undefined ? {} : { epoch }),
      ...(object === undefined ? {} : { object }),
      ...(key === undefined ? {} : { key }),
      ...(index === undefined ? {} : { index }),
      ...(cause === undefined ? {} : { cause }),
    };
  }

  /**
   * Rebuilds an error that crossed a thread: as it was posted, thrown, or turned into plain data.
   * A TangoError is returned as it is; what never was one becomes ERR_ACTOR_EXITED, with the value
   * as its cause: whoever threw it does not do its work any more.
   */
  static from(value: unknown): TangoError {
    if (value instanceof TangoError) return value;
    if (isPlain(value)) {
      const error = new TangoError(value.code, value.message, value);
      if (value.stack !== undefined) error.stack = value.stack;
      return error;
    }
    const clone = fromClone(value);
    if (clone !== undefined) return clone;
    const text = value instanceof Error ? value.message : String(value);
    return new TangoError('ERR_ACTOR_EXITED', text, { cause: value });
  }
}

/**
 * Structured clone keeps of an error its message, stack and cause. So the stack begins with what
 * else there is to know, as Node's own errors show their code.
 */
function headOf(code: TangoErrorCode, details: TangoErrorDetails): string {
  const { position, epoch, object, index } = details;
  const key = isShort(details.key) ? details.key : undefined;
  const known = JSON.stringify({ position, epoch, object, key, index });
  return known === '{}' ? `TangoError [${code}]` : `TangoError [${code}] ${encodeURI(known)}`;
}

/** What JSON keeps, and a line of a stack can bear. */
function isShort(key: unknown): boolean {
  if (typeof key === 'string') return key.length <= KEY_LENGTH_MAX;
  return typeof key === 'boolean' || Number.isFinite(key);
}

const KEY_LENGTH_MAX = 256;
const HEAD = /^TangoError \[(ERR_\w+)\](?: (\S+))?:/;

/** A TangoError that went through structured clone; undefined for anything else. */
function fromClone(value: unknown): TangoError | undefined {
  if (!(value instanceof Error)) return undefined;
  const [, code, known] = HEAD.exec(value.stack ?? '') ?? [];
  const { message, stack, cause } = value;
  if (code === undefined || !isPlain({ code, message })) return undefined;
  const details = known === undefined ? {} : (JSON.parse(decodeURI(known)) as TangoErrorDetails);
  const error = new TangoError(code as TangoErrorCode, message, { ...details, cause });
  if (stack !== undefined) error.stack = stack;
  return error;
}

function isPlain(value: unknown): value is PlainTangoError {
  if (typeof value !== 'object' || value === null) return false;
  const { code, message } = value as { code?: unknown; message?: unknown };
  return CODES.some((known) => known === code) && typeof message === 'string';
}
