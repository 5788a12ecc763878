/** Two small actors for the tests of the simulator: a server that echoes, a client that insists. */
import type { Actor, ActorContext } from '../actor.ts';
import { type ActorId, Message, MessageType } from '../message.ts';

/** Answers each request with its count so far. */
export class Echo implements Actor {
  readonly role = 'echo';
  answered = 0;
  readonly #reply = new Message();

  receive(message: Message, context: ActorContext): void {
    this.answered += 1;
    this.#reply.replyTo(message, MessageType.SEQUENCER_GRANTED, 0);
    this.#reply.value = this.answered;
    context.send(this.#reply);
  }
}

/** Sends `rounds` requests to random servers, one after another, again after a timeout. */
export class Caller implements Actor {
  readonly role = 'caller';
  readonly #servers: readonly ActorId[];
  readonly #rounds: number;
  readonly #timeoutMs: number;
  readonly #request = new Message();
  done = 0;
  retries = 0;

  constructor(servers: readonly ActorId[], rounds: number, timeoutMs: number) {
    this.#servers = servers;
    this.#rounds = rounds;
    this.#timeoutMs = timeoutMs;
  }

  get finished(): boolean {
    return this.done === this.#rounds;
  }

  start(context: ActorContext): void {
    this.#call(context);
  }

  receive(message: Message, context: ActorContext): void {
    if (message.operation !== this.done) return;
    this.done += 1;
    if (!this.finished) this.#call(context);
  }

  onTimer(timer: number, context: ActorContext): void {
    if (timer !== this.done || this.finished) return;
    this.retries += 1;
    this.#call(context);
  }

  #call(context: ActorContext): void {
    const request = this.#request;
    const server = Math.floor(context.random() * this.#servers.length);
    request.type = MessageType.SEQUENCER_NEXT;
    request.to = this.#servers[server];
    request.operation = this.done;
    request.position = 0x1_0000_0000 + this.done;
    request.extraCount = 2;
    request.extra[0] = this.done;
    context.send(request);
    context.after(this.#timeoutMs, this.done);
  }
}
