/**
 * Test apparatus: a whole log on production classes, whose threads take their steps one by one, when
 * a test says so. A step is a message, a timer or one step on shared memory, in a flight of its own.
 * Between any two a thread may be stopped, go on later, or die; nobody else needs to notice.
 *
 *   const log = new SteppedLog({ clients: 2 });
 *   const append = log.append(0, 'a');
 *   log.stepUntil(0, () => log.at(0)[0] !== 'unwritten');   // on the head, and stopped there
 *   log.kill(log.clientThreads[0]);
 *
 * Time is virtual: it moves on with the steps, and to the next timer when nothing else is due.
 */
import type { Actor, ActorContext } from '../actors/actor.ts';
import {
  clientActor,
  clientThreadOf,
  homeIndexOf,
  sequencerActor,
  type UnitId,
} from '../actors/actor-ids.ts';
import { adoptedActor } from '../actors/adoption.ts';
import { allocateLog, LogMemory } from '../actors/log-memory.ts';
import { type ActorId, Message } from '../actors/message.ts';
import { decodeMessage, encodeMessage, messageWords } from '../actors/message-codec.ts';
import { directoryOf, placeActors, settle } from '../actors/placement.ts';
import {
  firstProjection,
  NO_SEQUENCER,
  type Projection,
  ProjectionMap,
} from '../actors/projection.ts';
import { Random } from '../actors/simulation/random.ts';
import { assert } from '../shared-memory/assert.ts';
import { Flight } from '../shared-memory/flight.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import type { ClientTimes, LinkKind } from './client-options.ts';
import { LogClient } from './log-client.ts';
import { copyEntry, type LogEntry, type Position } from './log-entry.ts';
import { membershipOf } from './membership.ts';
import type { Procedure } from './procedure.ts';
import { readPosition } from './read.ts';
import { type Change, reconfigure } from './reconfigure.ts';
import { repair } from './repair.ts';
import { Operation, type Outcome } from './simulation/simulated-log.ts';

export interface SteppedLogOptions {
  readonly storageUnits?: number;
  readonly spareUnits?: number;
  readonly replicas?: number;
  readonly clients?: number;
  readonly link?: LinkKind;
  readonly sequencer?: boolean;
  readonly times?: Partial<ClientTimes>;
}

const TIMES: ClientTimes = {
  holeFillMs: 10,
  requestMs: 50,
  operationMs: 1000,
  takeoverMs: 20,
  sessionTimeoutMs: 1000,
};
const STEP_MS = 0.01;
const STEPS_MAX = 1_000_000;
const STREAMS_MAX = 64;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Step {
  readonly atMs: number;
  readonly order: number;
  take(): void;
}

/** A thread of the table: what is due there, and who lives there. */
export class SteppedThread {
  readonly index: ThreadIndex;
  readonly incarnation: number;
  readonly flight: Flight;
  readonly actors = new Map<ActorId, Actor>();
  readonly steps: Step[] = [];
  /** Takes no step by itself until it goes on. */
  stopped = false;
  alive = true;

  constructor(memory: LogMemory, index: ThreadIndex) {
    assert(memory.threads.claim(index, index + 1) === index, 'the index is free');
    memory.threads.setTurning(index, true);
    this.index = index;
    this.incarnation = memory.threads.incarnation(index);
    this.flight = new Flight(memory.threads, index);
  }

  get next(): Step | undefined {
    return this.steps.reduce<Step | undefined>((a, b) => (a && !isBefore(b, a) ? a : b), undefined);
  }
}

function isBefore(a: Step, b: Step): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** The change, unless the projection has changed meanwhile. */
export function once(change: Change): (client: LogClient) => Procedure<Projection> {
  return (client) => {
    const { epoch } = client.map;
    return reconfigure(client, ({ map }) => (map.epoch > epoch ? undefined : change));
  };
}

export function textOf(entry: LogEntry | undefined): string {
  if (entry === undefined) return 'undecided';
  return entry.kind === 'data' ? decoder.decode(entry.payload) : entry.kind;
}

export class SteppedLog {
  readonly memory: LogMemory;
  readonly clients: LogClient[] = [];
  readonly clientThreads: SteppedThread[] = [];
  /** The sequencer's, then one for each storage unit and each spare, then the housekeeper's. */
  readonly actorThreads: SteppedThread[] = [];
  readonly #options: SteppedLogOptions;
  readonly #random = new Random(1);
  #nowMs = 0;
  #order = 0;

  constructor(options: SteppedLogOptions = {}) {
    this.#options = options;
    const { storageUnits = 2, spareUnits = 0, replicas = 2, clients = 2 } = options;
    const actorThreads = storageUnits + spareUnits + 2;
    const small = { logBytes: 64 * 1024, entryBytesMax: 64, backpointers: 4, attachMax: 16 };
    const sizes = { ...small, storageUnits, spareUnits, replicas, actorThreads };
    this.memory = new LogMemory(allocateLog(sizes, { streamsMax: STREAMS_MAX }));
    const sequencer = options.sequencer === false ? NO_SEQUENCER : sequencerActor(0);
    this.memory.layoutStore.propose(firstProjection(storageUnits, replicas, sequencer));
    if (sequencer !== NO_SEQUENCER) this.memory.sequencer.setBuilt(1);
    settle(this.memory.homes, placeActors(actorThreads - 1, storageUnits));
    for (let i = 0; i < actorThreads; i++) {
      this.actorThreads.push(new SteppedThread(this.memory, i));
    }
    for (let i = 0; i < clients; i++) this.addClient();
  }

  /** A further client thread; its number. */
  addClient(): number {
    const thread = new SteppedThread(
      this.memory,
      this.actorThreads.length + this.clientThreads.length,
    );
    const client = new LogClient({
      memory: this.memory,
      incarnation: thread.incarnation,
      times: { ...TIMES, ...this.#options.times },
      flight: thread.flight,
      link: this.#options.link ?? 'direct',
      membership: membershipOf(this.memory),
      repair,
      paced: true,
    });
    this.clients.push(client);
    this.#host(thread, clientActor(thread.index), client);
    return this.clientThreads.push(thread) - 1;
  }

  /** The latest projection. */
  get map(): ProjectionMap {
    const latest = this.memory.layoutStore.latest();
    assert(latest !== undefined, 'the first projection is installed');
    return new ProjectionMap(latest);
  }

  /** Begins a procedure of a client. */
  run<T>(client: number, procedure: (client: LogClient) => Procedure<T>): Operation<T> {
    const operation = new Operation<T>();
    this.clients[client].run(procedure(this.clients[client]), operation);
    return operation;
  }

  append(client: number, text: string, streams: readonly number[] = []): Operation<Position> {
    const operation = new Operation<Position>();
    this.clients[client].append(encoder.encode(text), streams, false, {
      appended: (position) => operation.done(position),
      failed: (error) => operation.failed(error),
    });
    return operation;
  }

  /** Everybody who is not stopped goes on until the operation has ended. */
  end<T>(operation: Operation<T>): Outcome<T> {
    this.goOnUntil(() => operation.outcome !== undefined);
    assert(operation.outcome !== undefined, 'an operation ends once');
    return operation.outcome;
  }

  value<T>(operation: Operation<T>): T {
    const outcome = this.end(operation);
    if (outcome.kind === 'done') return outcome.value;
    throw new Error(`an operation failed: code=${outcome.code}, position=${outcome.position}`);
  }

  ran<T>(client: number, procedure: (client: LogClient) => Procedure<T>): T {
    return this.value(this.run(client, procedure));
  }

  appended(client: number, text: string, streams: readonly number[] = []): Position {
    return this.value(this.append(client, text, streams));
  }

  /** What a client reads: a value's text, or the kind of entry. */
  read(client: number, position: Position): string {
    return textOf(this.ran(client, (one) => readPosition(one, position)));
  }

  /** Every position below the tail, as a client reads it. */
  texts(client: number): string[] {
    const positions = Array.from({ length: this.clients[client].tail() }, (_, i) => i);
    return positions.map((position) => this.read(client, position));
  }

  /** Begins an append and stops its client once `replicas` replicas of the chain hold it. */
  stoppedAppend(
    client: number,
    text: string,
    replicas: number,
    streams: readonly number[] = [],
  ): Operation<Position> {
    const position = this.clients[client].tail();
    const append = this.append(client, text, streams);
    this.stepUntil(
      client,
      () => this.at(position).filter((one) => one === text).length === replicas,
    );
    return append;
  }

  /** Everybody who is not stopped takes steps, in the order of time. */
  goOnUntil(isReached: () => boolean): void {
    this.#stepAll([...this.actorThreads, ...this.clientThreads], isReached);
  }

  /** The same; of the threads that have something due `random` chooses one each time. */
  shuffleUntil(random: Random, isReached: () => boolean): void {
    const threads = [...this.actorThreads, ...this.clientThreads];
    for (let steps = 0; !isReached(); steps++) {
      assert(steps < STEPS_MAX, 'what a test waits for happens');
      const due = threads.filter(
        ({ stopped, next }) => !stopped && next !== undefined && next.atMs <= this.#nowMs,
      );
      if (due.length > 0) this.#takeFirst([random.pick(due)]);
      else this.#takeFirst(threads);
    }
  }

  /** This client and the actor threads alone take steps; then the client is stopped. */
  stepUntil(client: number, isReached: () => boolean): void {
    const thread = this.clientThreads[client];
    thread.stopped = false;
    this.#stepAll([...this.actorThreads, thread], isReached);
    thread.stopped = true;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** The thread takes no step any more, wherever it was, and whoever lives is told. */
  kill(thread: SteppedThread): void {
    thread.alive = false;
    thread.steps.length = 0;
    this.memory.threads.markExited(thread.index, thread.incarnation);
    for (const [i, other] of this.clientThreads.entries()) {
      if (other.alive) this.#schedule(other, 0, () => this.clients[i].onMembership());
    }
  }

  /** The thread that serves the actor. */
  homeOf(actor: ActorId): SteppedThread {
    return this.actorThreads[this.memory.homes.home(homeIndexOf(actor))];
  }

  /** What each replica of the latest projection holds, head first: a state, or a value's text. */
  at(position: Position): string[] {
    const { map } = this;
    const address = map.addressOf(position);
    return map.chainOf(position).map((unit) => this.held(unit, address, position));
  }

  held(unit: UnitId, address: number, position: Position): string {
    const { reader, slots } = this.memory.unit(unit);
    const outcome = slots.look(address);
    if (outcome === SlotOutcome.UNWRITTEN) return 'unwritten';
    if (outcome === SlotOutcome.JUNK) return 'junk';
    if (outcome === SlotOutcome.TRIMMED) return 'trimmed';
    reader.locate(address, position);
    const entry = copyEntry(reader, address, position);
    assert(entry !== undefined, 'nobody trims while a test looks');
    return decoder.decode(entry.payload);
  }

  #stepAll(threads: readonly SteppedThread[], isReached: () => boolean): void {
    for (let steps = 0; !isReached(); steps++) {
      assert(steps < STEPS_MAX, 'what a test waits for happens');
      this.#takeFirst(threads);
    }
  }

  /** The first step in time of threads that are not stopped. */
  #takeFirst(threads: readonly SteppedThread[]): void {
    let first: { thread: SteppedThread; step: Step } | undefined;
    for (const thread of threads) {
      const step = thread.stopped ? undefined : thread.next;
      if (step === undefined) continue;
      if (first === undefined || isBefore(step, first.step)) first = { thread, step };
    }
    assert(first !== undefined, 'what a test waits for happens before nothing is left to do');
    this.#take(first.thread, first.step);
  }

  #take(thread: SteppedThread, step: Step): void {
    thread.steps.splice(thread.steps.indexOf(step), 1);
    this.#nowMs = Math.max(this.#nowMs + STEP_MS, step.atMs);
    thread.flight.enter();
    try {
      step.take();
    } finally {
      thread.flight.leave();
    }
  }

  #schedule(thread: SteppedThread, delayMs: number, take: () => void): void {
    if (!thread.alive) return;
    thread.steps.push({ atMs: this.#nowMs + delayMs, order: this.#order++, take });
  }

  #host(thread: SteppedThread, id: ActorId, actor: Actor): Actor {
    thread.actors.set(id, actor);
    actor.start?.(this.#contextOf(thread, id));
    return actor;
  }

  #contextOf(thread: SteppedThread, self: ActorId): ActorContext {
    return {
      self,
      now: () => this.#nowMs,
      random: () => this.#random.next(),
      after: (delayMs, timer) => {
        const fire = (): void =>
          thread.actors.get(self)?.onTimer?.(timer, this.#contextOf(thread, self));
        this.#schedule(thread, delayMs, fire);
      },
      send: (message) => {
        message.from = self;
        this.#send(message);
      },
    };
  }

  #send(message: Message): void {
    const index = directoryOf(this.memory.homes)(message.to);
    const first = this.actorThreads.length;
    const to = index < first ? this.actorThreads[index] : this.clientThreads[index - first];
    if (to === undefined) return;
    const words = new Int32Array(messageWords(message));
    encodeMessage(message, words, 0);
    this.#schedule(to, 0, () => {
      const received = new Message();
      decodeMessage(received, words, 0);
      const actor = to.actors.get(received.to) ?? this.#adopted(to, received.to);
      actor?.receive(received, this.#contextOf(to, received.to));
    });
  }

  /** An actor comes to live where the table of homes says, as on a real thread. */
  #adopted(thread: SteppedThread, id: ActorId): Actor | undefined {
    if (clientThreadOf(id) >= 0) return undefined;
    return this.#host(thread, id, adoptedActor(this.memory, id, thread.index));
  }
}
