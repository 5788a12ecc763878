/**
 * Resumable procedures: each protocol of the client is written once, as a generator that yields
 * what it wants of the world and is resumed with the answer. Mailboxes and the simulator drive the
 * same generator.
 */
import type { ActorId, Message, MessageType } from '../actors/message.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';

/** Answers that no actor gives: the request's fate is unknown. */
export const NO_ANSWER = 64;
/** The actor's thread has exited; the request may or may not have been served. */
export const ACTOR_EXITED = 65;

/** A request to an actor, or to the step that it would take. */
export interface Call {
  /** Taken on shared memory by the caller, whatever its link and whoever lives. */
  readonly oneSided?: true;
  readonly to: ActorId;
  readonly type: MessageType;
  readonly epoch: number;
  readonly position?: number;
  readonly value?: number;
  readonly extra?: readonly number[] | Int32Array;
}

/** Resume after at least this many milliseconds. */
export interface Pause {
  readonly pauseMs: number;
}

export interface Answer {
  /** A SlotOutcome, TOO_MANY_STREAMS, NO_ANSWER or ACTOR_EXITED. */
  readonly outcome: number;
  readonly position: number;
  readonly value: number;
  readonly extra: Int32Array;
}

export type Effect = Call | Pause;
export type Procedure<T> = Generator<Effect, T, Answer>;

const EMPTY = new Int32Array(0);
export const AFTER_PAUSE: Answer = {
  outcome: SlotOutcome.OK,
  position: 0,
  value: 0,
  extra: EMPTY,
};

export function answerOf(message: Message): Answer {
  const { outcome, position, value, extraCount, extra } = message;
  return { outcome, position, value, extra: extraCount === 0 ? EMPTY : extra.slice(0, extraCount) };
}

/** Sends a request and returns its answer. */
export function* call(request: Call): Procedure<Answer> {
  return yield request;
}

export function* pause(pauseMs: number): Procedure<void> {
  yield { pauseMs };
}
