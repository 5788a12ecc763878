/**
 * The sequencer (CORFU 1.12, Tango 2.5): hands out positions and, per stream, the positions before.
 * Grant is permission, the write decides. Invariant: neither epoch nor tail ever decreases.
 */

import type { SequencerMemory } from '../shared-memory/sequencer-memory.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import type { Actor, ActorContext } from './actor.ts';
import { STREAMS_PER_ENTRY_MAX } from './config.ts';
import { Message, MessageType } from './message.ts';
import { encodeStreamHeader } from './stream-header.ts';

/** Outcomes of SEQUENCER_NEXT beyond SlotOutcome.OK, SEALED and FULL. */
export const TOO_MANY_STREAMS = 32;

/** `value` of SEQUENCER_NEXT: the entry may use the headroom of a full log. */
export const URGENT = 1;

/** First position the log has no room for, and the one kept for urgent entries. */
export interface LogCapacity {
  limit(): number;
  urgentLimit(): number;
}

export class Sequencer implements Actor {
  readonly role = 'sequencer';
  readonly #memory: SequencerMemory;
  readonly #capacity: LogCapacity;
  readonly #reply = new Message();
  readonly #earlier: Float64Array;
  readonly #records = new Int32Array(STREAMS_PER_ENTRY_MAX);
  readonly #headerWords: number;
  /** This thread is the only writer of the tail: no load is needed. */
  #tail: number;
  #limitSeen = 0;

  constructor(memory: SequencerMemory, capacity: LogCapacity) {
    this.#memory = memory;
    this.#capacity = capacity;
    this.#earlier = new Float64Array(memory.backpointers);
    this.#headerWords = 1 + memory.backpointers / 2;
    this.#tail = memory.tail();
  }

  receive(message: Message, context: ActorContext): void {
    switch (message.type) {
      case MessageType.SEQUENCER_NEXT:
        return this.#next(message, context);
      case MessageType.SEQUENCER_TAILS:
        return this.#tails(message, context);
      case MessageType.SEQUENCER_SEAL:
        return this.#seal(message, context);
    }
  }

  /** One position for an entry of the streams in `extra`. State advances at issue (Tango 2.5). */
  #next(message: Message, context: ActorContext): void {
    const reply = this.#reply.replyTo(message, MessageType.SEQUENCER_GRANTED, SlotOutcome.OK);
    reply.outcome = this.#refusal(message);
    reply.value = this.#memory.servingEpoch();
    if (reply.outcome === SlotOutcome.OK) {
      const position = this.#tail;
      if (message.extraCount > 0) this.#link(message, position, reply);
      this.#tail = position + 1;
      // BEFORE the token leaves: a tail read after the append's return is above it.
      this.#memory.setTail(position + 1);
      reply.position = position;
    }
    context.send(reply);
  }

  #refusal(message: Message): number {
    if (!this.#serves(message.epoch)) return SlotOutcome.SEALED;
    if (this.#tail >= this.#limitSeen && !this.#hasRoom(message.value === URGENT)) {
      return SlotOutcome.FULL;
    }
    const streams = message.extraCount;
    if (streams === 0) return SlotOutcome.OK;
    if (streams > STREAMS_PER_ENTRY_MAX || !this.#findStreams(message)) return TOO_MANY_STREAMS;
    return SlotOutcome.OK;
  }

  #serves(epoch: number): boolean {
    return epoch !== 0 && epoch === this.#memory.servingEpoch();
  }

  #hasRoom(urgent: boolean): boolean {
    this.#limitSeen = this.#capacity.limit();
    if (this.#tail < this.#limitSeen) return true;
    return urgent && this.#tail < this.#capacity.urgentLimit();
  }

  /** All streams are found, or added when all of them fit; nothing is changed otherwise. */
  #findStreams(message: Message): boolean {
    const streams = message.extraCount;
    let missing = 0;
    for (let i = 0; i < streams; i++) {
      this.#records[i] = this.#memory.findStream(message.extra[i], false);
      if (this.#records[i] < 0) missing++;
    }
    if (missing === 0) return true;
    if (!this.#memory.hasRoomFor(missing)) return false;
    for (let i = 0; i < streams; i++) {
      if (this.#records[i] < 0) {
        this.#records[i] = this.#memory.findStream(message.extra[i], true);
      }
    }
    return true;
  }

  #link(message: Message, position: number, reply: Message): void {
    const memory = this.#memory;
    const earlier = this.#earlier;
    for (let i = 0; i < message.extraCount; i++) {
      const record = this.#records[i];
      for (let j = 0; j < earlier.length; j++) earlier[j] = memory.streamPosition(record, j);
      const at = i * this.#headerWords;
      encodeStreamHeader(reply.extra, at, message.extra[i], position, earlier);
      memory.pushStreamPosition(record, position);
    }
    reply.extraCount = message.extraCount * this.#headerWords;
  }

  /**
   * The tail, and the stream header an entry of `extra[0]` would get at the tail: its latest
   * positions without an increment (Tango 2.4, sync).
   */
  #tails(message: Message, context: ActorContext): void {
    const reply = this.#reply.replyTo(message, MessageType.SEQUENCER_TOLD_TAILS, SlotOutcome.OK);
    reply.value = this.#memory.servingEpoch();
    if (!this.#serves(message.epoch)) {
      reply.outcome = SlotOutcome.SEALED;
    } else {
      const record = this.#memory.findStream(message.extra[0], false);
      const earlier = this.#earlier;
      for (let j = 0; j < earlier.length; j++) {
        earlier[j] = record < 0 ? -1 : this.#memory.streamPosition(record, j);
      }
      reply.position = this.#tail;
      encodeStreamHeader(reply.extra, 0, message.extra[0], this.#tail, earlier);
      reply.extraCount = this.#headerWords;
    }
    context.send(reply);
  }

  /** Stops serving epochs up to `epoch` for ever (CORFU 1.9: seal what hands out authority). */
  #seal(message: Message, context: ActorContext): void {
    const serving = this.#memory.servingEpoch();
    if (serving !== 0 && serving <= message.epoch) this.#memory.setServingEpoch(0);
    const reply = this.#reply.replyTo(message, MessageType.SEQUENCER_SEALED, SlotOutcome.OK);
    reply.position = this.#tail;
    context.send(reply);
  }
}
