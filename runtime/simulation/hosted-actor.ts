/**
 * An actor of a simulated log as its thread runs it: every step is in the thread's flight, what it
 * sends goes to the home of the receiver at that moment, its clock may be wrong, and now and then the
 * thread stalls in the middle of a step, in flight, with what it has seen growing old.
 */
import type { Actor, ActorContext } from '../../actors/actor.ts';
import type { ActorId } from '../../actors/message.ts';
import { Message, MessageType } from '../../actors/message.ts';
import { decodeMessage, encodeMessage, messageWords } from '../../actors/message-codec.ts';
import type { Random } from '../../actors/simulation/random.ts';
import { assert } from '../../shared-memory/assert.ts';
import type { SimulatedMemory } from './simulated-memory.ts';
import type { SimulatedThread } from './simulated-thread.ts';

/** Stalls within steps: how often, and how long at most. */
export interface Tears {
  readonly random: Random;
  /** Changes when faults end. */
  rate: number;
  readonly longestMs: number;
}

/** Time that passes within steps, so that long work is broken off: how often from one look to the next. */
export interface Slowness {
  readonly random: Random;
  /** Changes when faults end. */
  rate: number;
}

export interface HostedActorOptions {
  readonly inner: Actor;
  readonly thread: SimulatedThread;
  /** The world's name for the receiver of a message. */
  readonly route: (to: ActorId) => ActorId;
  readonly memory: SimulatedMemory | undefined;
  readonly tears: Tears | undefined;
  readonly slowness: Slowness | undefined;
}

const TIMER_TORN = 0x7fff_0000;
/** From here on: a client's steps on shared memory, and the ends of its pauses (procedure-runs.ts). */
const TIMER_PACED = 15;
const SHORTEST_TEAR_MS = 0.05;
/** More than a turn may take. */
const SLOW_MS = 3;

type Step =
  | { readonly timer: number }
  | { readonly message: Int32Array }
  | { readonly call: () => void };

export class HostedActor implements Actor, ActorContext {
  readonly role: string;
  readonly inner: Actor;
  readonly thread: SimulatedThread;
  /** Milliseconds that its clock is ahead. */
  skewMs = 0;
  /** That passed within steps. */
  #slowMs = 0;
  readonly #options: HostedActorOptions;
  readonly #message = new Message();
  /** The step that stalls, then those that wait for it. */
  readonly #waiting: Step[] = [];
  #context: ActorContext | undefined;

  constructor(options: HostedActorOptions) {
    this.#options = options;
    this.inner = options.inner;
    this.thread = options.thread;
    this.role = options.inner.role;
  }

  /** A call of the application on this thread; it waits for the end of a stall. */
  within(call: () => void): void {
    if (this.#waiting.length > 0) this.#waiting.push({ call });
    else call();
  }

  start(context: ActorContext): void {
    this.#context = context;
    this.#fly(() => this.inner.start?.(this));
  }

  receive(message: Message): void {
    if (this.#waiting.length > 0) return void this.#waiting.push(stepOf(message));
    if (isDecisive(message.type) && this.#tears()) return this.#tear(stepOf(message));
    this.#fly(() => this.inner.receive(message, this));
  }

  onTimer(timer: number): void {
    if (timer === TIMER_TORN) return this.#mend();
    if (this.#waiting.length > 0) return void this.#waiting.push({ timer });
    if (timer >= TIMER_PACED && this.#tears()) return this.#tear({ timer });
    this.#fly(() => this.inner.onTimer?.(timer, this));
  }

  get self(): ActorId {
    return this.#hostContext.self;
  }

  now(): number {
    const { slowness } = this.#options;
    if (slowness !== undefined && slowness.rate > 0 && slowness.random.chance(slowness.rate)) {
      this.#slowMs += SLOW_MS;
    }
    return this.#hostContext.now() + this.skewMs + this.#slowMs;
  }

  random(): number {
    return this.#hostContext.random();
  }

  send(message: Message): void {
    const { to } = message;
    message.to = this.#options.route(to);
    this.#hostContext.send(message);
    message.to = to;
  }

  after(delayMs: number, timer: number): void {
    this.#hostContext.after(delayMs, timer);
  }

  get #hostContext(): ActorContext {
    assert(this.#context !== undefined, 'it was started');
    return this.#context;
  }

  #fly(body: () => void): void {
    this.thread.flight.enter();
    try {
      body();
    } finally {
      this.thread.flight.leave();
    }
  }

  #tears(): boolean {
    const { tears } = this.#options;
    return tears?.random.chance(tears.rate) ?? false;
  }

  /** Looks now, acts later. */
  #tear(step: Step): void {
    const { tears, memory } = this.#options;
    assert(tears !== undefined && memory !== undefined, 'there is something to look at');
    this.#waiting.push(step);
    this.thread.flight.enter();
    memory.freeze();
    this.after(tears.random.logarithmic(SHORTEST_TEAR_MS, tears.longestMs), TIMER_TORN);
  }

  #mend(): void {
    const [torn] = this.#waiting;
    try {
      this.#take(torn);
    } finally {
      this.#options.memory?.thaw();
      this.thread.flight.leave();
    }
    const waiting = this.#waiting.splice(0).slice(1);
    for (const step of waiting) this.#fly(() => this.#take(step));
  }

  #take(step: Step): void {
    if ('timer' in step) return this.inner.onTimer?.(step.timer, this);
    if ('call' in step) return step.call();
    decodeMessage(this.#message, step.message, 0);
    this.inner.receive(this.#message, this);
  }
}

function stepOf(message: Message): Step {
  const words = new Int32Array(messageWords(message));
  encodeMessage(message, words, 0);
  return { message: words };
}

/** Requests that are served, by what a seal decides. */
function isDecisive(type: number): boolean {
  return type === MessageType.SEQUENCER_NEXT || (type >= MessageType.UNIT_WRITE && type % 2 === 0);
}
