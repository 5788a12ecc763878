/**
 * A process of an explored log: a production client over the direct link that has one thing to do.
 * It makes one step at a time: the access it waits for, and on to the next one.
 */
import type { ActorContext } from '../../actors/actor.ts';
import { clientActor, isUnitActor, unitIndexOf } from '../../actors/actor-ids.ts';
import { Message, MessageType } from '../../actors/message.ts';
import { OneSided } from '../../actors/one-sided.ts';
import { SEQUENCER_BUSY, SequencerSteps } from '../../actors/sequencer.ts';
import { assert } from '../../shared-memory/assert.ts';
import { Flight } from '../../shared-memory/flight.ts';
import type { ClientTimes, LinkKind } from '../client-options.ts';
import { LogClient } from '../log-client.ts';
import { membershipOf } from '../membership.ts';
import { repair } from '../repair.ts';
import { type LogParts, SLOTS } from './log-parts.ts';
import { RecordedMemory, Recorder } from './recording.ts';

/** What a process has learnt that others may rely on. */
export interface Result {
  /** 'refused': definitely not appended, for a reason. 'failed': for none. */
  readonly kind: 'appended' | 'read' | 'refused' | 'failed';
  readonly position: number;
  /** The entry's writer and sequence, 'junk', or the words of the error. */
  readonly what: string;
}

export type Tell = (result: Result) => void;

export interface ProcessSpec {
  /** A letter or two: its name in traces. */
  readonly name: string;
  /** How often it loses its patience with others; 0 if left out. */
  readonly takeovers?: number;
  /** Whether it may be killed; true if left out. */
  readonly mortal?: boolean;
  /** May wait for ever: for something that need not happen. */
  readonly watches?: boolean;
  /** 'mailbox': a request, and its reply, are steps of their own. 'direct' if left out. */
  readonly link?: LinkKind;
  begin(client: LogClient, tell: Tell): void;
}

/** The clock stands still, but for the moments in which a process loses its patience. */
const OVER_MS = 1000;
const TIMES: ClientTimes = {
  holeFillMs: 10,
  requestMs: 1e12,
  operationMs: 1e12,
  takeoverMs: 100,
  sessionTimeoutMs: 1000,
};
/** Timers of the client (log-client.ts): requests to be repeated, and from 16 on pauses. */
const TIMER_REQUESTS = 1;
const FIRST_PAUSE_TIMER = 16;

export class Process {
  readonly spec: ProcessSpec;
  readonly thread: number;
  readonly incarnation: number;
  readonly recorder = new Recorder();
  readonly memory: RecordedMemory;
  readonly parts: LogParts;

  constructor(spec: ProcessSpec, parts: LogParts, thread: number) {
    this.spec = spec;
    this.parts = parts;
    this.thread = thread;
    this.memory = new RecordedMemory(parts, this.recorder);
    this.incarnation = this.memory.raw.threads.incarnation(thread);
  }

  /** Begins it in the memory that the buffers hold. */
  begin(): ProcessRun {
    return new ProcessRun(this);
  }
}

/** What a process waits for: a timer, or a message to be served or to be received. */
type Pending =
  | { readonly kind: 'timer'; readonly timer: number; readonly delayMs: number }
  | { readonly kind: 'request' | 'reply'; readonly message: Message };

/** One life of a process, as far as it has come. */
export class ProcessRun implements ActorContext {
  readonly self: number;
  readonly results: Result[] = [];
  /** The step taken last, in words: the request and its answer. */
  words = '';
  /** The last request, without the answer. */
  request = '';
  #pending: Pending | undefined;
  #nowMs = 0;
  #steps = 0;
  readonly #process: Process;
  readonly #client: LogClient;

  constructor(process: Process) {
    const { memory, thread, incarnation, spec } = process;
    this.#process = process;
    this.self = clientActor(thread);
    this.#client = new LogClient({
      memory,
      incarnation,
      times: TIMES,
      flight: new Flight(memory.raw.threads, thread),
      link: spec.link ?? 'direct',
      membership: membershipOf(memory),
      repair,
      paced: true,
    });
    this.#serveHere();
    this.#client.start(this);
    this.#inFlight(() => spec.begin(this.#client, (result) => this.results.push(result)));
  }

  /** 'call': about to touch the memory. 'pause': waits for others. */
  get state(): 'call' | 'pause' | 'ended' {
    const pending = this.#pending;
    if (pending === undefined) return 'ended';
    return pending.kind === 'timer' && pending.timer >= FIRST_PAUSE_TIMER ? 'pause' : 'call';
  }

  /** Whether it waits for something that may take others too long. */
  get isWaiting(): boolean {
    const pending = this.#pending;
    return this.state === 'pause' && pending?.kind === 'timer' && pending.delayMs > 0;
  }

  /** `over`: after a time that is too long for it. */
  step(over: boolean): void {
    const pending = this.#pending;
    assert(pending !== undefined, 'only who has not ended makes a step');
    this.#pending = undefined;
    this.request = '';
    this.words = over ? 'has waited for too long' : 'looks again';
    if (over) this.#nowMs += OVER_MS;
    this.#inFlight(() => this.#take(pending));
  }

  #take(pending: Pending): void {
    if (pending.kind === 'timer') return this.#client.onTimer(pending.timer);
    if (pending.kind === 'reply') {
      this.words = 'receives the answer';
      return this.#client.receive(pending.message);
    }
    const message = new Message();
    this.#client.oneSided.serve(pending.message, message);
    this.#pending = { kind: 'reply', message };
  }

  /** Every step is a flight of its own. */
  #inFlight(body: () => void): void {
    const { parts, thread } = this.#process;
    parts.setFlights(thread, ++this.#steps);
    try {
      body();
    } catch (error) {
      // An invariant of the production code that does not hold.
      this.#pending = undefined;
      this.results.push({ kind: 'failed', position: -1, what: String(error) });
    }
    parts.setFlights(thread, 0);
  }

  /** The steps of units and sequencer: what they look at is no answer to the process. */
  #serveHere(): void {
    const { memory, recorder, parts, incarnation } = this.#process;
    const capacity = { limit: () => SLOTS, urgentLimit: () => SLOTS };
    const steps = new SequencerSteps(memory.raw.sequencer, capacity, incarnation);
    const inner = new OneSided(memory.raw, steps);
    const serve = inner.serve.bind(inner);
    inner.serve = (request: Message, reply: Message): void => {
      const isUnit = isUnitActor(request.to);
      recorder.touch(isUnit ? unitIndexOf(request.to) : parts.sequencer);
      this.request = wordsOfRequest(request);
      serve(request, reply);
      const { outcome, position, value, extra, extraCount } = reply;
      recorder.note([outcome, position, value, ...extra.subarray(0, extraCount)]);
      this.words = `${this.request}: ${wordsOfReply(request, reply)}`;
    };
    Object.defineProperty(this.#client, 'oneSided', { value: inner });
  }

  now(): number {
    return this.#nowMs;
  }

  random(): number {
    return 0;
  }

  send(message: Message): void {
    // Nobody hears of garbage.
    if (message.type === MessageType.UNIT_RECLAIM) return;
    assert(this.#pending === undefined, 'a process waits for one thing');
    this.#pending = { kind: 'request', message: copyOf(message) };
  }

  after(delayMs: number, timer: number): void {
    // No message is lost.
    if (timer === TIMER_REQUESTS) return;
    assert(this.#pending === undefined, 'a process waits for one thing');
    this.#pending = { kind: 'timer', timer, delayMs };
  }
}

function copyOf(message: Message): Message {
  const { extra, ...rest } = message;
  const copy = Object.assign(new Message(), rest);
  copy.extra.set(extra);
  return copy;
}

const TYPE_NAMES = new Map<number, string>(
  Object.entries(MessageType).map(([name, type]) => [type, name]),
);
const OUTCOMES = ['OK', 'WRITTEN', 'JUNK', 'TRIMMED', 'UNWRITTEN', 'SEALED', 'FULL'];

function wordsOfRequest(request: Message): string {
  const { type, to, epoch, position } = request;
  const unit = isUnitActor(to) ? ` unit ${unitIndexOf(to)}, address ${position}` : '';
  return `${TYPE_NAMES.get(type) ?? type}${unit}, epoch ${epoch}`;
}

function wordsOfReply({ type }: Message, { outcome, position }: Message): string {
  if (type === MessageType.SEQUENCER_NEXT && outcome === 0) return `position ${position}`;
  return outcome === SEQUENCER_BUSY ? 'BUSY' : (OUTCOMES[outcome] ?? `${outcome}`);
}
