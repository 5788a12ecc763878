/** An operation of a simulated client, and how it ended. */
import { TangoError, type TangoErrorCode } from '../../actors/tango-error.ts';
import { assert } from '../../shared-memory/assert.ts';
import type { Position } from '../log-entry.ts';

/** How an operation ended, as plain data. */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | {
      readonly kind: 'failed';
      readonly code: TangoErrorCode;
      readonly position?: Position;
    };

/** An operation under way; `outcome` is set when it has ended. */
export class Operation<T> {
  outcome: Outcome<T> | undefined;
  /** Why it failed, in words. */
  reason = '';
  readonly #onEnd: ((outcome: Outcome<T>) => void) | undefined;

  constructor(onEnd?: (outcome: Outcome<T>) => void) {
    this.#onEnd = onEnd;
  }

  done(value: T): void {
    this.#end({ kind: 'done', value });
  }

  /** An error without a code is a bug: it fails the run. */
  failed(error: unknown): void {
    if (!(error instanceof TangoError)) throw error;
    const { code, position } = error;
    this.reason = `${code}: ${error.message}`;
    const failed = { kind: 'failed', code } as const;
    this.#end(position === undefined ? failed : { ...failed, position });
  }

  #end(outcome: Outcome<T>): void {
    assert(this.outcome === undefined, 'an operation ends once');
    this.outcome = outcome;
    this.#onEnd?.(outcome);
  }
}
