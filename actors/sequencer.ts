/**
 * The sequencer (CORFU 1.12, Tango 2.5): hands out positions and, per stream, the positions before.
 * Grant is permission, the write decides. Its state is in shared memory, under a lock that names
 * its owner; so the sequencer's actor takes the step for a client that sends messages, or the client
 * takes it itself. Invariant: neither epoch nor tail ever decreases.
 */

import type { SequencerMemory } from '../shared-memory/sequencer-memory.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import type { Actor, ActorContext } from './actor.ts';
import { STREAMS_PER_ENTRY_MAX } from './config.ts';
import { Message, MessageType } from './message.ts';
import { encodeStreamHeader } from './stream-header.ts';

/** Outcomes of SEQUENCER_NEXT beyond SlotOutcome.OK, SEALED and FULL. */
export const TOO_MANY_STREAMS = 32;
/** Somebody else is in the critical section, or has died there, or the state is not built yet. */
export const SEQUENCER_BUSY = 33;

/** `value` of SEQUENCER_NEXT: the entry may use the headroom of a full log. */
export const URGENT = 1;

/** `value` of SEQUENCER_SEAL: nobody is served before the state was built for a later epoch. */
export const REPLACED = 1;

/** Looks at a taken lock before the answer is SEQUENCER_BUSY: some ten times the longest step. */
const LOCK_ATTEMPTS_MAX = 200;

/** First position the log has no room for, and the one kept for urgent entries. */
export interface LogCapacity {
  limit(): number;
  urgentLimit(): number;
}

/** The sequencer's step for one thread. */
export class SequencerSteps {
  readonly #memory: SequencerMemory;
  readonly #capacity: LogCapacity;
  /** Of the thread that takes the steps. */
  readonly #incarnation: number;
  readonly #earlier: Float64Array;
  readonly #records = new Int32Array(STREAMS_PER_ENTRY_MAX);
  readonly #headerWords: number;
  /** The limit only grows while the projection stays. */
  #limitSeen = 0;
  #limitEpoch = 0;

  constructor(memory: SequencerMemory, capacity: LogCapacity, incarnation: number) {
    this.#memory = memory;
    this.#capacity = capacity;
    this.#incarnation = incarnation;
    this.#earlier = new Float64Array(memory.backpointers);
    this.#headerWords = 1 + memory.backpointers / 2;
  }

  /** Fills `reply`. The calling thread is in flight. Never blocks. */
  serve(request: Message, reply: Message): void {
    reply.replyTo(request, request.type + 1, SlotOutcome.OK);
    if (request.type === MessageType.SEQUENCER_SEAL) return this.#seal(request);
    if (!this.#lock()) {
      reply.outcome = SEQUENCER_BUSY;
      return;
    }
    reply.outcome = this.#refusal(request);
    if (reply.outcome === SlotOutcome.OK) {
      if (request.type === MessageType.SEQUENCER_NEXT) this.#next(request, reply);
      else this.#tails(request, reply);
    }
    this.#memory.unlock();
  }

  /**
   * One position for an entry without streams, or -1 when serve() has to be asked why not: what a
   * direct append takes without a message. The calling thread is in flight.
   */
  nextPosition(epoch: number): number {
    const memory = this.#memory;
    if (!this.#lock()) return -1;
    let position = -1;
    // A state that served this epoch once was built for it: only a seal takes that away.
    if (epoch === this.#limitEpoch && memory.sealedEpoch() < epoch) {
      const tail = memory.tail();
      if (tail < this.#limitSeen) {
        memory.setTail(tail + 1);
        position = tail;
      }
    }
    memory.unlock();
    return position;
  }

  #lock(): boolean {
    for (let i = 0; i < LOCK_ATTEMPTS_MAX; i++) {
      if (this.#memory.tryLock(this.#incarnation)) return true;
    }
    return false;
  }

  /** Stops serving epochs up to the request's for ever (CORFU 1.9: seal what hands out authority). */
  #seal(request: Message): void {
    this.#memory.seal(request.epoch);
    if (request.value === REPLACED) this.#memory.requireBuild(request.epoch + 1);
  }

  #refusal(request: Message): number {
    const { epoch, extraCount } = request;
    if (!this.#memory.serves(epoch)) {
      return epoch > this.#memory.sealedEpoch() ? SEQUENCER_BUSY : SlotOutcome.SEALED;
    }
    if (request.type !== MessageType.SEQUENCER_NEXT) return SlotOutcome.OK;
    if (!this.#hasRoom(this.#memory.tail(), epoch, request.value === URGENT)) {
      return SlotOutcome.FULL;
    }
    if (extraCount === 0) return SlotOutcome.OK;
    if (extraCount > STREAMS_PER_ENTRY_MAX || !this.#findStreams(request)) return TOO_MANY_STREAMS;
    return SlotOutcome.OK;
  }

  #hasRoom(tail: number, epoch: number, urgent: boolean): boolean {
    if (epoch === this.#limitEpoch && tail < this.#limitSeen) return true;
    this.#limitSeen = this.#capacity.limit();
    this.#limitEpoch = epoch;
    if (tail < this.#limitSeen) return true;
    return urgent && tail < this.#capacity.urgentLimit();
  }

  /** All streams are found, or added when all of them fit; nothing is changed otherwise. */
  #findStreams(request: Message): boolean {
    const streams = request.extraCount;
    let missing = 0;
    for (let i = 0; i < streams; i++) {
      this.#records[i] = this.#memory.findStream(request.extra[i], false);
      if (this.#records[i] < 0) missing++;
    }
    if (missing === 0) return true;
    if (!this.#memory.hasRoomFor(missing)) return false;
    for (let i = 0; i < streams; i++) {
      if (this.#records[i] < 0) {
        this.#records[i] = this.#memory.findStream(request.extra[i], true);
      }
    }
    return true;
  }

  /** One position for an entry of the streams in `extra`. State advances at issue (Tango 2.5). */
  #next(request: Message, reply: Message): void {
    const position = this.#memory.tail();
    if (request.extraCount > 0) this.#link(request, position, reply);
    // BEFORE the token leaves: a tail read after the append's return is above it.
    this.#memory.setTail(position + 1);
    reply.position = position;
  }

  #link(request: Message, position: number, reply: Message): void {
    const memory = this.#memory;
    const earlier = this.#earlier;
    for (let i = 0; i < request.extraCount; i++) {
      const record = this.#records[i];
      for (let j = 0; j < earlier.length; j++) earlier[j] = memory.streamPosition(record, j);
      const at = i * this.#headerWords;
      encodeStreamHeader(reply.extra, at, request.extra[i], position, earlier);
      memory.pushStreamPosition(record, position);
    }
    reply.extraCount = request.extraCount * this.#headerWords;
  }

  /**
   * The tail, and the stream header an entry of `extra[0]` would get at the tail: its latest
   * positions without an increment (Tango 2.4, sync).
   */
  #tails(request: Message, reply: Message): void {
    const memory = this.#memory;
    const earlier = this.#earlier;
    const record = memory.findStream(request.extra[0], false);
    for (let j = 0; j < earlier.length; j++) {
      earlier[j] = record < 0 ? -1 : memory.streamPosition(record, j);
    }
    if (record < 0) earlier[0] = memory.firstEarlier();
    reply.position = memory.tail();
    encodeStreamHeader(reply.extra, 0, request.extra[0], reply.position, earlier);
    reply.extraCount = this.#headerWords;
  }
}

/** The actor that takes the sequencer's steps for clients that send messages. */
export class Sequencer implements Actor {
  readonly role = 'sequencer';
  readonly #steps: SequencerSteps;
  readonly #reply = new Message();

  constructor(steps: SequencerSteps) {
    this.#steps = steps;
  }

  receive(message: Message, context: ActorContext): void {
    this.#steps.serve(message, this.#reply);
    context.send(this.#reply);
  }
}
