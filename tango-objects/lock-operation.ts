/** What changes of a lock are, in the log and in feeds. */
import { incarnationOf, type SessionId } from '../runtime/views/sessions.ts';

/** What a change does; in the log. */
export const REQUEST = 0;
export const TRY = 1;
export const GIVE_UP = 2;
export const END_SESSION = 3;

/** Numbers of requests are a thread's own. */
export type Operation =
  | readonly [typeof REQUEST | typeof TRY | typeof GIVE_UP, session: SessionId, request: number]
  | readonly [typeof END_SESSION, session: SessionId, isDead: boolean];

export interface Request {
  readonly session: SessionId;
  readonly number: number;
}

export function operationOf(
  kind: typeof REQUEST | typeof TRY | typeof GIVE_UP,
  request: Request,
): Operation {
  return [kind, request.session, request.number];
}

/** Tells requests apart, of whatever thread. */
export function keyOf({ session, number }: Request): string {
  return `${session} ${number}`;
}

/** For change feeds. */
export function describeOperation(operation: unknown): unknown {
  const [kind, session] = operation as Operation;
  const what = ['request', 'try', 'giveUp', 'endSession'][kind];
  return { [what]: incarnationOf(session) };
}
