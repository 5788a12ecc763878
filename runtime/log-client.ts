/**
 * The log client: one a thread. It is an actor like those it talks to (replies are its messages),
 * so threads and simulator run the same object. It keeps the projection, the places to stage
 * entries, the requests that await replies, and drives procedures.
 */
import type { Actor, ActorContext } from '../actors/actor.ts';
import { type UnitId, unitActor } from '../actors/actor-ids.ts';
import { MAILBOX_WORDS } from '../actors/config.ts';
import type { LogMemory } from '../actors/log-memory.ts';
import { type ActorId, Message } from '../actors/message.ts';
import { ProjectionMap } from '../actors/projection.ts';
import { TangoError } from '../actors/tango-error.ts';
import { assert } from '../shared-memory/assert.ts';
import { PayloadScratch } from '../shared-memory/entry-writer.ts';
import { Staging } from '../shared-memory/staging.ts';
import { type AppendCompletion, AppendOperation } from './append-operation.ts';
import { ClientCounters } from './client-counters.ts';
import { EntryCache } from './entry-cache.ts';
import {
  ACTOR_EXITED,
  AFTER_PAUSE,
  type Answer,
  answerOf,
  type Effect,
  NO_ANSWER,
  type Procedure,
} from './procedure.ts';
import { type RequestHandler, RequestTable } from './request-table.ts';

export interface ClientTimes {
  /** Age at which an unwritten position below the tail is filled, milliseconds. */
  readonly holeFillMs: number;
  /** A request without a reply is repeated after this long, milliseconds. */
  readonly requestMs: number;
  /** An operation gives up after this long, milliseconds. */
  readonly operationMs: number;
}

export const DEFAULT_TIMES: ClientTimes = { holeFillMs: 100, requestMs: 1000, operationMs: 10_000 };

export interface LogClientOptions {
  readonly memory: LogMemory;
  /** Incarnation of the thread: tenant of chunks, writer of entries. */
  readonly incarnation: number;
  readonly times: ClientTimes;
  /** False once the thread of `actor` has exited. */
  readonly isReachable: (actor: ActorId) => boolean;
}

/** How a procedure ends. */
export interface Completion<T> {
  done(value: T): void;
  failed(error: unknown): void;
}

const TIMER_REQUESTS = 1;
const TIMER_EXITED = 2;
/** Timer numbers from here on resume a paused procedure. */
const FIRST_PAUSE_TIMER = 16;
/** Words of the appends' requests and replies under way: half a mailbox, the rest is for others. */
const WINDOW_WORDS_MAX = MAILBOX_WORDS / 2;
/** Procedures under way at once; each has one request. Further ones wait for their turn. */
const PROCEDURES_MAX = 1024;

export class LogClient implements Actor {
  readonly role = 'client';
  readonly memory: LogMemory;
  readonly times: ClientTimes;
  readonly incarnation: number;
  readonly counters = new ClientCounters();
  readonly cache = new EntryCache();
  readonly scratch = new PayloadScratch();
  readonly isReachable: (actor: ActorId) => boolean;
  readonly #requests = new RequestTable();
  readonly #staging: (Staging | undefined)[] = [];
  /** What is sent, by anyone on this thread: send() copies it before it returns. */
  readonly outgoing = new Message();
  readonly #paused = new Map<number, Run>();
  readonly #running = new Set<Run>();
  readonly #queued: Run[] = [];
  readonly #idle: AppendOperation[] = [];
  readonly #waiting: AppendOperation[] = [];
  #context: ActorContext | undefined;
  #map: ProjectionMap;
  #sequence = 0;
  #nextPause = FIRST_PAUSE_TIMER;
  #windowWords = 0;
  #busy = 0;
  #watching = false;
  #left = false;
  /** Some actor of the projection has exited: requests are looked at more closely. */
  #someExited = false;

  constructor(options: LogClientOptions) {
    this.memory = options.memory;
    this.times = options.times;
    this.incarnation = options.incarnation;
    this.isReachable = options.isReachable;
    const projection = this.memory.layoutStore.latest();
    assert(projection !== undefined, 'the first projection is installed before a client starts');
    this.#map = new ProjectionMap(projection);
  }

  start(context: ActorContext): void {
    this.#context = context;
  }

  get context(): ActorContext {
    assert(this.#context !== undefined, 'the client is hosted');
    return this.#context;
  }

  /** The projection this client acts under. */
  get map(): ProjectionMap {
    return this.#map;
  }

  /** Operations that have begun and not ended. */
  get busy(): number {
    return this.#busy;
  }

  /** Adopts a newer projection if there is one; never a lower epoch (CORFU 1.9). */
  refreshProjection(): boolean {
    const latest = this.memory.layoutStore.latest();
    if (latest === undefined || latest.epoch <= this.#map.epoch) return false;
    this.#map = new ProjectionMap(latest);
    return true;
  }

  /** This thread's place to stage entries of `unit`. */
  staging(unit: UnitId): Staging {
    const existing = this.#staging[unit];
    if (existing !== undefined) return existing;
    const staging = new Staging(this.memory.unit(unit).chunks, this.incarnation);
    this.#staging[unit] = staging;
    return staging;
  }

  /** The next sequence number of this writer. */
  nextSequence(): number {
    return ++this.#sequence;
  }

  /**
   * Appends `payload` to `streams`; the arguments are valid (SharedLog checks them). The payload is
   * copied before the call returns. Does not block; `completion` is told exactly once.
   */
  append(
    payload: Uint8Array,
    streams: ArrayLike<number>,
    urgent: boolean,
    completion: AppendCompletion,
  ): void {
    const operation = this.#idle.pop() ?? new AppendOperation(this);
    this.#busy++;
    if (!operation.prepare(payload, streams, urgent, completion)) {
      return operation.fail(
        new TangoError('ERR_LOG_FULL', 'the log has no room for the entry: trim'),
      );
    }
    if (this.#waiting.length > 0 || !this.#fitsWindow(operation)) this.#waiting.push(operation);
    else this.#begin(operation);
  }

  /** Runs a procedure; `completion` is told once. The first steps run before the call returns. */
  run<T>(procedure: Procedure<T>, completion: Completion<T>): void {
    const run = new ProcedureRun(this, procedure, completion);
    this.#busy++;
    if (this.#running.size < PROCEDURES_MAX) this.#start(run);
    else this.#queued.push(run);
  }

  /** Runs what an append under way goes on with: it is in the appends' window already. */
  runAtOnce<T>(procedure: Procedure<T>, completion: Completion<T>): void {
    this.#busy++;
    this.#start(new ProcedureRun(this, procedure, completion));
  }

  /** Sends `message` as a request of `handler`; `to`, `type` and arguments are filled in. */
  request(message: Message, handler: RequestHandler): void {
    const context = this.context;
    message.tenant = this.incarnation;
    message.operation = this.#requests.issue(handler, message.to);
    if (!this.#watching) this.#watch();
    context.send(message);
    // Its thread may have exited before; the answer comes as one of its own, not from within here.
    if (this.#someExited) context.after(0, TIMER_EXITED);
  }

  /** Sends what an effect asks for and resumes `run` with the answer. */
  perform(effect: Effect, run: Run): void {
    if ('pauseMs' in effect) {
      const timer = this.#nextPause++;
      this.#paused.set(timer, run);
      this.context.after(effect.pauseMs, timer);
      return;
    }
    const message = this.outgoing;
    message.to = effect.to;
    message.type = effect.type;
    message.epoch = effect.epoch;
    message.position = effect.position ?? 0;
    message.value = effect.value ?? 0;
    message.outcome = 0;
    message.extraCount = effect.extra?.length ?? 0;
    for (let i = 0; i < message.extraCount; i++) message.extra[i] = effect.extra?.[i] ?? 0;
    this.request(message, run);
  }

  receive(message: Message): void {
    // A reply to an earlier tenant of this thread's index is not for us.
    if (message.tenant !== this.incarnation) return;
    // A reply to a request that ended before finds nobody.
    this.#requests.take(message.operation)?.onReply(message);
  }

  onTimer(timer: number): void {
    if (timer === TIMER_REQUESTS) return this.#checkRequests();
    if (timer === TIMER_EXITED) return this.#answerExited();
    const run = this.#paused.get(timer);
    this.#paused.delete(timer);
    run?.resume(AFTER_PAUSE);
  }

  /** Threads have come or gone: requests to those that exited get their answer. */
  onMembership(): void {
    const { map } = this;
    const actors = [map.sequencer, ...map.units().map(unitActor)];
    this.#someExited = actors.some((actor) => !this.isReachable(actor));
    if (this.#someExited) this.#answerExited();
  }

  /** Called by an append that has ended. */
  ended(): void {
    this.#busy--;
  }

  /** Called by a procedure that has ended; the next one in the queue has its turn. */
  procedureEnded(run: Run): void {
    this.#busy--;
    this.#running.delete(run);
    const next = this.#left ? undefined : this.#queued.shift();
    if (next !== undefined) this.#start(next);
  }

  #start(run: Run): void {
    this.#running.add(run);
    run.resume(AFTER_PAUSE);
  }

  /** Called by an append whose window words are free again; it may be reused. */
  recycle(operation: AppendOperation): void {
    if (operation.inWindow) this.#windowWords -= operation.windowWords;
    operation.inWindow = false;
    this.#idle.push(operation);
    while (!this.#left && this.#waiting.length > 0 && this.#fitsWindow(this.#waiting[0])) {
      const next = this.#waiting.shift();
      if (next !== undefined) this.#begin(next);
    }
  }

  /**
   * Ends everything under way with ERR_ACTOR_EXITED and gives the staging chunks back: no reply
   * will come, and no timer will be fired any more. May be called twice.
   */
  leave(): void {
    this.#left = true;
    const text = 'the log was closed before the operation had ended';
    const error = new TangoError('ERR_ACTOR_EXITED', text);
    for (const append of this.#waiting.splice(0)) append.fail(error);
    for (const run of this.#queued.splice(0)) run.abandon(error);
    // A procedure may answer an exit with one more request or pause; its patience is short.
    while (this.#requests.open > 0 || this.#paused.size > 0) {
      this.#answer(
        ACTOR_EXITED,
        this.#requests.sentTo(() => true),
      );
      const paused = [...this.#paused.values()];
      this.#paused.clear();
      for (const run of paused) run.abandon(error);
    }
    this.rest();
  }

  /** Gives the staging chunks back that nothing is under way in; they are leased again on need. */
  rest(): void {
    for (const staging of this.#staging) staging?.leave();
  }

  #begin(operation: AppendOperation): void {
    operation.inWindow = true;
    this.#windowWords += operation.windowWords;
    operation.begin();
  }

  #fitsWindow(operation: AppendOperation): boolean {
    return this.#windowWords + operation.windowWords <= WINDOW_WORDS_MAX;
  }

  #watch(): void {
    this.#watching = true;
    this.context.after(this.times.requestMs, TIMER_REQUESTS);
  }

  #checkRequests(): void {
    this.#watching = false;
    this.#answer(NO_ANSWER, this.#requests.overdue());
    if (this.#requests.open > 0 && !this.#watching && !this.#left) this.#watch();
  }

  #answerExited(): void {
    this.#answer(
      ACTOR_EXITED,
      this.#requests.sentTo((to) => !this.isReachable(to)),
    );
  }

  #answer(outcome: number, operations: readonly number[]): void {
    for (const operation of operations) {
      const message = this.outgoing;
      message.outcome = outcome;
      message.position = message.value = message.extraCount = 0;
      this.#requests.take(operation)?.onReply(message);
    }
  }
}

/** A procedure under way, whatever it returns. */
interface Run extends RequestHandler {
  resume(answer: Answer): void;
  abandon(error: unknown): void;
}

class ProcedureRun<T> implements Run {
  readonly #client: LogClient;
  readonly #procedure: Procedure<T>;
  readonly #completion: Completion<T>;

  constructor(client: LogClient, procedure: Procedure<T>, completion: Completion<T>) {
    this.#client = client;
    this.#procedure = procedure;
    this.#completion = completion;
  }

  onReply(message: Message): void {
    this.resume(answerOf(message));
  }

  resume(answer: Answer): void {
    let step: IteratorResult<Effect, T>;
    try {
      step = this.#procedure.next(answer);
      if (!step.done) return this.#client.perform(step.value, this);
    } catch (error) {
      this.#client.procedureEnded(this);
      return this.#completion.failed(error);
    }
    this.#client.procedureEnded(this);
    this.#completion.done(step.value);
  }

  /** Ends it where it stands; what it holds is settled by its own `finally`. */
  abandon(error: unknown): void {
    this.#procedure.return(undefined as T);
    this.#client.procedureEnded(this);
    this.#completion.failed(error);
  }
}
