/**
 * Requests that await their reply. A number serves again only after 65,536 others of its slot, so
 * replies that come twice or late find nobody; those of an earlier tenant of this thread's index
 * are told apart by the tenant in the message.
 */

import type { Message } from '../actors/message.ts';
import { assert } from '../shared-memory/assert.ts';

export interface RequestHandler {
  /** The reply, reused after the call; or a message that only says NO_ANSWER or ACTOR_EXITED. */
  onReply(message: Message): void;
}

const SLOT_BITS = 16;
const SLOTS_MAX = 1 << SLOT_BITS;

export class RequestTable {
  readonly #handlers: (RequestHandler | undefined)[] = [];
  readonly #generations: number[] = [];
  /** Incarnation of the thread that was to serve each request. */
  readonly #receivers: number[] = [];
  /** The period in which each request was issued. */
  readonly #issuedIn: number[] = [];
  readonly #free: number[] = [];
  #open = 0;
  #period = 0;

  get open(): number {
    return this.#open;
  }

  /** Registers a request that thread `receiver`, an incarnation, is to serve; returns its number. */
  issue(handler: RequestHandler, receiver: number): number {
    const slot = this.#free.pop() ?? this.#grow();
    this.#handlers[slot] = handler;
    this.#receivers[slot] = receiver;
    this.#issuedIn[slot] = this.#period;
    this.#open++;
    return slot | (this.#generations[slot] << SLOT_BITS);
  }

  /** Ends a request: its handler, or undefined when the number is not open (any more). */
  take(operation: number): RequestHandler | undefined {
    const slot = operation & (SLOTS_MAX - 1);
    if (slot >= this.#handlers.length) return undefined;
    if (operation !== (slot | (this.#generations[slot] << SLOT_BITS))) return undefined;
    const handler = this.#handlers[slot];
    if (handler === undefined) return undefined;
    this.#handlers[slot] = undefined;
    this.#generations[slot] = (this.#generations[slot] + 1) & 0xffff;
    this.#free.push(slot);
    this.#open--;
    return handler;
  }

  /** Numbers of open requests to threads for which `matches` holds. */
  sentTo(matches: (receiver: number) => boolean): number[] {
    return this.#select((slot) => matches(this.#receivers[slot]));
  }

  /**
   * Begins a new period and returns the numbers of requests that have been open for one whole
   * period at least. The caller keeps the clock, so that a request costs no look at it.
   */
  overdue(): number[] {
    this.#period++;
    return this.#select((slot) => this.#period - this.#issuedIn[slot] > 1);
  }

  #select(matches: (slot: number) => boolean): number[] {
    const found: number[] = [];
    for (let slot = 0; slot < this.#handlers.length; slot++) {
      if (this.#handlers[slot] === undefined || !matches(slot)) continue;
      found.push(slot | (this.#generations[slot] << SLOT_BITS));
    }
    return found;
  }

  #grow(): number {
    const slot = this.#handlers.length;
    assert(slot < SLOTS_MAX, 'requests are bounded by the windows of appends and procedures');
    this.#handlers.push(undefined);
    this.#generations.push(0);
    this.#receivers.push(0);
    this.#issuedIn.push(0);
    return slot;
  }
}
