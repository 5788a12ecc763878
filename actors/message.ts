/**
 * One message between actors: a few numbers and a short list of words. A thread keeps a single
 * instance for what it receives and one for what it sends, so the hot path allocates nothing;
 * whoever wants to keep a message copies what it needs.
 */

export type ActorId = number;

/** Words of `extra` that a message can carry at most: stream ids, or stream headers. */
export const EXTRA_WORDS_MAX = 320;

/** The message table is in actors/README.md. Requests are verbs, replies are facts. */
export const MessageType = {
  SEQUENCER_NEXT: 1,
  SEQUENCER_GRANTED: 2,
  SEQUENCER_TAILS: 3,
  SEQUENCER_TOLD_TAILS: 4,
  SEQUENCER_SEAL: 5,
  SEQUENCER_SEALED: 6,
  UNIT_WRITE: 16,
  UNIT_WROTE: 17,
  UNIT_FILL: 18,
  UNIT_FILLED: 19,
  UNIT_TRIM: 20,
  UNIT_TRIMMED: 21,
  UNIT_TRIM_PREFIX: 22,
  UNIT_TRIMMED_PREFIX: 23,
  UNIT_SEAL: 24,
  UNIT_SEALED: 25,
  UNIT_FORGET: 26,
  UNIT_FORGOT: 27,
  UNIT_RECLAIM: 28,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

export class Message {
  type = 0;
  from: ActorId = 0;
  to: ActorId = 0;
  /** Chosen by the requester, returned by the reply. */
  operation = 0;
  /** Incarnation of the requester's thread, returned by the reply: an index has many tenants. */
  tenant = 0;
  /** Of the projection the sender acted under. */
  epoch = 0;
  /** A position, an address or a mark: a safe integer, never negative. */
  position = 0;
  /** Outcome of a reply, or a request's small argument. */
  outcome = 0;
  /** A reference, a count or a second small argument. */
  value = 0;
  extraCount = 0;
  readonly extra = new Int32Array(EXTRA_WORDS_MAX);

  /** Fills the message as a reply to `request`, with everything but the outcome cleared. */
  replyTo(request: Message, type: number, outcome: number): this {
    this.type = type;
    this.from = request.to;
    this.to = request.from;
    this.operation = request.operation;
    this.tenant = request.tenant;
    this.epoch = request.epoch;
    this.position = request.position;
    this.outcome = outcome;
    this.value = 0;
    this.extraCount = 0;
    return this;
  }
}
