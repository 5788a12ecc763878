/**
 * The log client: one a thread. It is an actor like those it talks to (replies are its messages),
 * so threads and simulator run the same object. It keeps the projection, the places to stage
 * entries, the requests that await replies, and drives procedures.
 */
import type { Actor, ActorContext } from '../actors/actor.ts';
import { isUnitActor, type UnitId } from '../actors/actor-ids.ts';
import { MAILBOX_WORDS } from '../actors/config.ts';
import { LatestProjection } from '../actors/layout-store.ts';
import { capacityOf, knowsTail, type LogMemory, tailOf } from '../actors/log-memory.ts';
import { type ActorId, Message, MessageType } from '../actors/message.ts';
import { OneSided } from '../actors/one-sided.ts';
import { ProjectionMap } from '../actors/projection.ts';
import { SequencerSteps } from '../actors/sequencer.ts';
import { TangoError } from '../actors/tango-error.ts';
import { leavesGarbage } from '../actors/unit-steps.ts';
import { assert } from '../shared-memory/assert.ts';
import { EntryKind } from '../shared-memory/entry-layout.ts';
import { PayloadScratch } from '../shared-memory/entry-writer.ts';
import type { Flight } from '../shared-memory/flight.ts';
import type { StagingPlace } from '../shared-memory/staging.ts';
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import { type AppendCompletion, AppendOperation } from './append-operation.ts';
import { ClientCounters } from './client-counters.ts';
import type { ClientTimes, LinkKind, LogClientOptions, Membership } from './client-options.ts';
import { EntryCache } from './entry-cache.ts';
import {
  ACTOR_EXITED,
  type Answer,
  answerOf,
  type Call,
  NO_ANSWER,
  type Procedure,
} from './procedure.ts';
import { type Completion, type Performer, ProcedureRuns } from './procedure-runs.ts';
import { type RequestHandler, RequestTable } from './request-table.ts';
import { StagingPlaces } from './staging-places.ts';

const TIMER_REQUESTS = 1;
const TIMER_EXITED = 2;
/** Words of the appends' requests and replies under way: half a mailbox, the rest is for others. */
const WINDOW_WORDS_MAX = MAILBOX_WORDS / 2;

export class LogClient implements Actor {
  readonly role = 'client';
  readonly memory: LogMemory;
  readonly times: ClientTimes;
  readonly incarnation: number;
  readonly counters = new ClientCounters();
  readonly cache = new EntryCache();
  readonly scratch = new PayloadScratch();
  /** Threads that are taken for dead although they have not exited. */
  readonly suspects = new Set<ThreadIndex>();
  readonly membership: Membership;
  readonly link: LinkKind;
  readonly oneSided: OneSided;
  readonly #repair: ((client: LogClient) => Procedure<void>) | undefined;
  readonly paced: boolean;
  readonly #flight: Flight;
  readonly #requests = new RequestTable();
  readonly #staging: StagingPlaces;
  readonly #procedures: ProcedureRuns;
  /** What a step taken here answers. */
  readonly reply = new Message();
  /** What is sent, by anyone on this thread: send() copies it before it returns. */
  readonly outgoing = new Message();
  readonly #idle: AppendOperation[] = [];
  readonly #waiting: AppendOperation[] = [];
  #context: ActorContext | undefined;
  #map: ProjectionMap;
  /** Of a projection whose sequencer serves: see isTail(). */
  #tailEpoch = -1;
  #sequence = 0;
  #windowWords = 0;
  #busy = 0;
  #watching = false;
  #repairing = false;
  #left = false;

  constructor(options: LogClientOptions) {
    this.memory = options.memory;
    this.times = options.times;
    this.incarnation = options.incarnation;
    this.membership = options.membership;
    this.link = options.link;
    this.#flight = options.flight;
    this.#repair = options.repair;
    this.paced = options.paced ?? false;
    const latest = new LatestProjection(this.memory.layoutStore);
    const capacity = capacityOf(this.memory, () => latest.map());
    const { sequencer } = this.memory;
    this.oneSided = new OneSided(
      this.memory,
      new SequencerSteps(sequencer, capacity, this.incarnation),
    );
    this.#map = latest.map();
    this.#staging = new StagingPlaces(this.memory, this.incarnation);
    this.#procedures = new ProcedureRuns(this.#performer());
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

  /** The next position that nobody was granted, now: a sequencer that is gone knows an old one. */
  tail(): number {
    if (!this.isCurrent) this.refreshProjection();
    return tailOf(this.memory, this.#map);
  }

  /**
   * Whether nothing was granted at or above `position`, which is at most the tail. Two loads in an epoch
   * whose sequencer is known to serve: until the next projection all tokens are its.
   */
  isTail(position: number): boolean {
    const { memory } = this;
    if (memory.layoutStore.newestEpoch() === this.#tailEpoch) {
      return memory.sequencer.isTail(position);
    }
    const isTail = this.tail() <= position;
    if (this.isCurrent && knowsTail(memory, this.#map)) this.#tailEpoch = this.#map.epoch;
    return isTail;
  }

  /** Whether this client acts under the latest projection: one load. */
  get isCurrent(): boolean {
    return this.memory.layoutStore.newestEpoch() === this.#map.epoch;
  }

  /** Adopts a newer projection if there is one; never a lower epoch (CORFU 1.9). */
  refreshProjection(): boolean {
    const latest = this.memory.layoutStore.latest();
    if (latest === undefined || latest.epoch <= this.#map.epoch) return false;
    this.#map = new ProjectionMap(latest);
    this.#staging.keepOnly(this.#map);
    return true;
  }

  /**
   * Begins, or goes deeper into, a flight that knows the latest projection: until leave() no unit
   * of it is wiped, and what a seal forbids is seen. Everything that changes a unit's memory
   * happens in one.
   */
  enter(): void {
    this.#flight.enter();
    if (!this.isCurrent) this.refreshProjection();
  }

  exit(): void {
    this.#flight.leave();
  }

  /** Runs foreign code out of flight: nobody has to wait for it. */
  outside<T>(body: () => T): T {
    try {
      return this.#flight.outside(body);
    } finally {
      if (!this.isCurrent) this.refreshProjection();
    }
  }

  /** This thread's place to stage entries of `unit`; NOWHERE once the unit is gone. */
  staging(unit: UnitId): StagingPlace {
    return this.#staging.of(unit, this.#map);
  }

  /**
   * Brings the log back if something is wrong with it and nobody else does (CORFU 1.9). Many
   * operations may have lost their patience: one of them does it, the others return at once.
   */
  *repair(): Procedure<void> {
    if (this.#repair === undefined || this.#repairing) return;
    this.#repairing = true;
    try {
      yield* this.#repair(this);
    } finally {
      this.#repairing = false;
    }
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
    kind: EntryKind = EntryKind.APPLICATION,
  ): void {
    this.enter();
    try {
      this.#append(payload, streams, urgent, completion, kind);
    } finally {
      this.#flight.leave();
    }
  }

  #append(
    payload: Uint8Array,
    streams: ArrayLike<number>,
    urgent: boolean,
    completion: AppendCompletion,
    kind: EntryKind,
  ): void {
    const operation = this.#idle.pop() ?? new AppendOperation(this);
    this.#busy++;
    if (!operation.prepare(payload, streams, urgent, completion, kind)) {
      return operation.fail(
        new TangoError('ERR_LOG_FULL', 'the log has no room for the entry: trim'),
      );
    }
    if (this.link === 'direct') return operation.begin();
    if (this.#waiting.length > 0 || !this.#fitsWindow(operation)) this.#waiting.push(operation);
    else this.#begin(operation);
  }

  /** Runs a procedure; `completion` is told once. The first steps run before the call returns. */
  run<T>(procedure: Procedure<T>, completion: Completion<T>): void {
    this.#inFlight(() => this.#procedures.begin(procedure, completion));
  }

  /** Runs what an append under way goes on with: it is in the appends' window already. */
  runAtOnce<T>(procedure: Procedure<T>, completion: Completion<T>): void {
    this.#procedures.beginAtOnce(procedure, completion);
  }

  /** Sends `message` as a request of `handler`; `to`, `type` and arguments are filled in. */
  request(message: Message, handler: RequestHandler): void {
    const { context } = this;
    const receiver = this.membership.receiverOf(message.to);
    message.tenant = this.incarnation;
    message.operation = this.#requests.issue(handler, receiver);
    if (!this.#watching) this.#watch();
    context.send(message);
    // Nobody serves it; the answer comes as one of its own, not from within here.
    if (receiver === 0) context.after(0, TIMER_EXITED);
  }

  receive(message: Message): void {
    // A reply to an earlier tenant of this thread's index is not for us.
    if (message.tenant !== this.incarnation) return;
    this.enter();
    try {
      // A reply to a request that ended before finds nobody.
      this.#requests.take(message.operation)?.onReply(message);
    } finally {
      this.#flight.leave();
    }
  }

  onTimer(timer: number): void {
    this.#inFlight(() => this.#fired(timer));
  }

  #fired(timer: number): void {
    if (timer === TIMER_REQUESTS) return this.#checkRequests();
    if (timer === TIMER_EXITED) return this.#answerExited();
    this.#procedures.onTimer(timer);
  }

  /** Threads have come or gone: requests to those that exited get their answer. */
  onMembership(): void {
    if (this.#requests.open > 0) this.#inFlight(() => this.#answerExited());
  }

  #inFlight(body: () => void): void {
    this.enter();
    try {
      body();
    } finally {
      this.#flight.leave();
    }
  }

  /** How this client's procedures reach the world. */
  #performer(): Performer {
    const { paced } = this;
    const isOwn = (one: Call): boolean => one.oneSided === true || this.link === 'direct';
    return {
      answerHere: (one) => (isOwn(one) && !paced ? this.#serve(one) : undefined),
      isPaced: (one) => isOwn(one) && paced,
      serve: (one) => this.#serve(one),
      send: (one, handler) => this.request(fill(this.outgoing, one), handler),
      after: (delayMs, timer) => this.context.after(delayMs, timer),
      counted: (change) => {
        this.#busy += change;
      },
    };
  }

  /** Takes the receiver's step on shared memory. */
  #serve(effect: Call): Answer {
    const { reply } = this;
    this.oneSided.serve(fill(this.outgoing, effect), reply);
    if (leavesGarbage(effect.type)) this.nudge(effect.to);
    return answerOf(reply);
  }

  /** Asks a unit's actor to reclaim what is trimmed; it sends no reply. */
  nudge(to: ActorId): void {
    assert(isUnitActor(to), 'units leave garbage');
    const message = this.outgoing;
    message.to = to;
    message.type = MessageType.UNIT_RECLAIM;
    message.tenant = this.incarnation;
    message.operation = message.position = message.value = message.outcome = 0;
    message.extraCount = 0;
    this.context.send(message);
  }

  /** Called by an append that has ended. */
  ended(): void {
    this.#busy--;
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
    this.#inFlight(() => this.#leave());
  }

  #leave(): void {
    this.#left = true;
    const text = 'the log was closed before the operation had ended';
    const error = new TangoError('ERR_ACTOR_EXITED', text);
    for (const append of this.#waiting.splice(0)) append.fail(error);
    this.#procedures.leave(error);
    // A procedure may answer an exit with one more request or pause; its patience is short.
    do {
      const open = this.#requests.sentTo(() => true);
      this.#answer(ACTOR_EXITED, open);
    } while (this.#procedures.abandonWaiting(error) || this.#requests.open > 0);
    this.#staging.rest();
  }

  /** Gives the staging chunks back that nothing is under way in; they are leased again on need. */
  rest(): void {
    this.#inFlight(() => this.#staging.rest());
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
      this.#requests.sentTo((receiver) => receiver === 0 || !this.membership.lives(receiver)),
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

function fill(message: Message, effect: Call): Message {
  message.to = effect.to;
  message.type = effect.type;
  message.epoch = effect.epoch;
  message.position = effect.position ?? 0;
  message.value = effect.value ?? 0;
  message.outcome = 0;
  message.extraCount = effect.extra?.length ?? 0;
  for (let i = 0; i < message.extraCount; i++) message.extra[i] = effect.extra?.[i] ?? 0;
  return message;
}
