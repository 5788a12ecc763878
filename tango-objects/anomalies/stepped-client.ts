/**
 * A client of an interleaved log: production LogClient and Views. Its timers are kept here and fire
 * when somebody calls step(); an access to shared memory is one of them, as is the end of a pause.
 */
import { clientActor } from '../../actors/actor-ids.ts';
import { type Message, MessageType } from '../../actors/message.ts';
import type { ClientTimes } from '../../runtime/client-options.ts';
import { LogClient } from '../../runtime/log-client.ts';
import { membershipOf } from '../../runtime/membership.ts';
import { OpenGate } from '../../runtime/open-gate.ts';
import type { Procedure } from '../../runtime/procedure.ts';
import { repair } from '../../runtime/repair.ts';
import { Settled } from '../../runtime/settled.ts';
import { Views, type ViewsLink } from '../../runtime/views/views.ts';
import { assert } from '../../shared-memory/assert.ts';
import { Flight } from '../../shared-memory/flight.ts';
import type { ThreadIndex } from '../../shared-memory/thread-table.ts';
import type { InterleavedLog } from './interleaved-log.ts';

/** Virtual milliseconds. */
const TIMES: ClientTimes = {
  holeFillMs: 10,
  requestMs: 50,
  operationMs: 1000,
  takeoverMs: 20,
  sessionTimeoutMs: 1000,
};
const STEPS_MAX = 10_000;

interface Timer {
  readonly atMs: number;
  readonly timer: number;
}

/** What views want of a thread's link. */
class SteppedLink implements ViewsLink {
  readonly client: LogClient;
  readonly thread: ThreadIndex;
  /** Goes on by itself, and alone, as far as it can. */
  isDriven = true;
  readonly #timers: Timer[] = [];
  readonly #log: InterleavedLog;

  constructor(log: InterleavedLog, thread: ThreadIndex) {
    const { memory } = log;
    this.#log = log;
    this.thread = thread;
    this.client = new LogClient({
      memory,
      incarnation: memory.threads.incarnation(thread),
      times: TIMES,
      flight: new Flight(memory.threads, thread),
      link: 'direct',
      membership: membershipOf(memory),
      repair,
      paced: true,
    });
    this.client.start({
      self: clientActor(thread),
      now: () => log.nowMs,
      random: () => 0,
      after: (delayMs, timer) => {
        this.#timers.push({ atMs: log.nowMs + delayMs, timer });
      },
      send: ({ type }) => {
        assert(type === MessageType.UNIT_RECLAIM, 'on the direct link nobody is asked');
      },
    });
  }

  inTurns<T>(result: Promise<T>): Promise<T> {
    return result;
  }

  atTurnEnd(task: () => void): void {
    queueMicrotask(task);
  }

  get timers(): number {
    return this.#timers.length;
  }

  get isDue(): boolean {
    return this.#timers.some(({ atMs }) => atMs <= this.#log.nowMs);
  }

  forget(): void {
    this.#timers.length = 0;
  }

  fire(): void {
    let first = 0;
    for (let i = 1; i < this.#timers.length; i++) {
      if (this.#timers[i].atMs < this.#timers[first].atMs) first = i;
    }
    const [{ atMs, timer }] = this.#timers.splice(first, 1);
    this.#log.nowMs = Math.max(this.#log.nowMs, atMs);
    this.client.onTimer(timer);
  }

  run<T>(procedure: Procedure<T>): Promise<T> {
    const result = new Promise<T>((done, failed) => {
      this.client.run(procedure, { done, failed });
    });
    this.kick();
    return result;
  }

  runSync<T>(procedure: Procedure<T>): T {
    const settled = new Settled<T>();
    this.client.run(procedure, settled);
    this.drive(settled.isSettled);
    return settled.take();
  }

  kick(): void {
    if (this.isDriven) this.drive(() => this.#timers.length === 0);
  }

  drive(done: () => boolean): void {
    for (let steps = 0; !done(); steps++) {
      assert(steps < STEPS_MAX, 'what a client waits for happens');
      this.fire();
    }
  }
}

export class SteppedClient {
  readonly link: SteppedLink;
  readonly views: Views;
  /** The last request that was served, by its type; 0: none in this step. */
  served = 0;
  isAlive = true;
  readonly #log: InterleavedLog;

  constructor(log: InterleavedLog, thread: ThreadIndex) {
    this.#log = log;
    this.link = new SteppedLink(log, thread);
    this.views = new Views({
      link: this.link,
      gate: new OpenGate({ closed: () => false }),
      random: () => 0,
      compactAt: 0,
      types: [],
    });
    const { oneSided } = this.link.client;
    const serve = oneSided.serve.bind(oneSided);
    oneSided.serve = (request: Message, reply: Message): void => {
      this.served = request.type;
      serve(request, reply);
    };
  }

  /** 'due': can take a step now. 'waiting': when some time has passed. */
  get state(): 'due' | 'waiting' | 'idle' {
    if (this.link.timers === 0) return 'idle';
    return this.link.isDue ? 'due' : 'waiting';
  }

  /** One request and on to the next, or the end of a pause, to which time moves on. */
  step(): void {
    this.served = 0;
    this.link.fire();
  }

  /** Does nothing any more; its log is told of its death. */
  kill(): void {
    const { threads } = this.#log.memory;
    this.isAlive = false;
    this.link.forget();
    threads.markExited(this.link.thread, this.link.client.incarnation);
  }
}
