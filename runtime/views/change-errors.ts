/** How changes fail, and what that says of their being in the log. */
import { TangoError } from '../../actors/tango-error.ts';
import type { Position } from '../log-entry.ts';

/** Certainly not in the log. */
export function isFull(error: unknown): boolean {
  return (
    error instanceof TangoError && error.code === 'ERR_LOG_FULL' && error.position === undefined
  );
}

/** Of a log that is closed; the gate says so. */
export function isExit(error: unknown): boolean {
  return error instanceof TangoError && error.code === 'ERR_ACTOR_EXITED';
}

/** Of a view that is not to be trusted any more. */
export function isCorrupt(error: unknown): boolean {
  return error instanceof TangoError && error.code === 'ERR_CORRUPT';
}

/** The position is decided, and holds something else: now it is known. */
export function lost(cause: unknown): TangoError {
  const text = 'the log took too long, and the change is not in it';
  return new TangoError('ERR_TIMEOUT', text, { cause });
}

export function untold(position: Position, cause: unknown): TangoError {
  const text = `the change is in the log, but not known what became of it: position=${position}`;
  return new TangoError('ERR_TIMEOUT', text, { position, cause });
}

export function passed(position: Position): TangoError {
  const text = `the change is in the log, but what became of it was trimmed: position=${position}`;
  return new TangoError('ERR_TRIMMED', text, { position });
}
