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
] as const;

export type TangoErrorCode = (typeof CODES)[number];

/** Which position, epoch, object or key an error is about. */
export interface TangoErrorDetails {
  readonly position?: number;
  readonly epoch?: number;
  readonly object?: string;
  readonly key?: unknown;
  readonly cause?: unknown;
}

/** A TangoError as plain data: what survives postMessage. */
interface PlainTangoError extends TangoErrorDetails {
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

  constructor(code: TangoErrorCode, message: string, details: TangoErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.position !== undefined) this.position = details.position;
    if (details.epoch !== undefined) this.epoch = details.epoch;
    if (details.object !== undefined) this.object = details.object;
    if (details.key !== undefined) this.key = details.key;
  }

  /** The fields that structured clone and comlink lose; give them to `TangoError.from`. */
  toJSON(): PlainTangoError {
    const { code, message, stack, position, epoch, object, key, cause } = this;
    return {
      code,
      message,
      ...(stack === undefined ? {} : { stack }),
      ...(position === undefined ? {} : { position }),
      ...(epoch === undefined ? {} : { epoch }),
      ...(object === undefined ? {} : { object }),
      ...(key === undefined ? {} : { key }),
      ...(cause === undefined ? {} : { cause }),
    };
  }

  /**
   * Rebuilds an error that crossed a thread. A TangoError is returned as it is, plain data with a
   * `code` becomes one, anything else an ERR_ACTOR_EXITED with the value as its cause.
   */
  static from(value: unknown): TangoError {
    if (value instanceof TangoError) return value;
    if (isPlain(value)) {
      const error = new TangoError(value.code, value.message, value);
      if (value.stack !== undefined) error.stack = value.stack;
      return error;
    }
    const text = value instanceof Error ? value.message : String(value);
    return new TangoError('ERR_ACTOR_EXITED', text, { cause: value });
  }
}

function isPlain(value: unknown): value is PlainTangoError {
  if (typeof value !== 'object' || value === null) return false;
  const { code, message } = value as { code?: unknown; message?: unknown };
  return CODES.some((known) => known === code) && typeof message === 'string';
}
