/** How long an operation may go on, and the errors that end it. */
import { TangoError, type TangoErrorDetails } from '../actors/tango-error.ts';
import type { LogClient } from './log-client.ts';
import { type Procedure, pause } from './procedure.ts';

const REFRESH_MS = 1;

export class Deadline {
  readonly #client: LogClient;
  readonly #endMs: number;

  constructor(client: LogClient) {
    this.#client = client;
    this.#endMs = client.context.now() + client.times.operationMs;
  }

  get passed(): boolean {
    return this.#client.context.now() >= this.#endMs;
  }
}

/**
 * Waits until a projection above the client's is installed, and adopts it. `position`: where the
 * caller may have left something; it goes into the error.
 */
export function* newerProjection(
  client: LogClient,
  deadline: Deadline,
  position?: number,
): Procedure<void> {
  const { epoch } = client.map;
  while (!client.refreshProjection()) {
    if (deadline.passed) {
      const text = `no projection follows the sealed one: epoch=${epoch}`;
      const details = position === undefined ? { epoch } : { epoch, position };
      throw new TangoError('ERR_SEALED', text, details);
    }
    yield* pause(REFRESH_MS);
  }
}

export function exited(who: string, epoch: number, position?: number): TangoError {
  const details: TangoErrorDetails = position === undefined ? { epoch } : { epoch, position };
  const where = position === undefined ? '' : `, position=${position}`;
  return new TangoError('ERR_ACTOR_EXITED', `${who} has exited: epoch=${epoch}${where}`, details);
}

export function lateError(what: string, state: string, position?: number): TangoError {
  const where = position === undefined ? '' : `: position=${position}`;
  const details = position === undefined ? {} : { position };
  return new TangoError('ERR_TIMEOUT', `${what} took too long, ${state}${where}`, details);
}
