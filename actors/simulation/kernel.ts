/**
 * The engine of a world: takes what is due from the queue, lets the actor make its step, and
 * handles the two things that can come in between, a stall before it and a death within it.
 */
import { assert } from '../../shared-memory/assert.ts';
import type { Actor } from '../actor.ts';
import { type ActorId, Message } from '../message.ts';
import { decodeMessage } from '../message-codec.ts';
import { EventKind, WorldEvent } from './event.ts';
import { EventQueue } from './event-queue.ts';
import { drawFaults, drawKillEffect, type Faults, NO_FAULTS } from './faults.ts';
import { KillSignal, Life, type Surroundings } from './life.ts';
import { Network } from './network.ts';
import { Counts, SimulationError, STEPS_MAX, TRACE_LINES, type WorldOptions } from './options.ts';
import { Priorities } from './priorities.ts';
import { Random } from './random.ts';
import { Stalls } from './stalls.ts';
import { Happening, Trace } from './trace.ts';

/** The tie of what has waited for higher priorities: after the rest, in the order it came. */
const LAGGARD_TIE = 0xffff_ffff;

export class Kernel implements Surroundings {
  readonly seed: number;
  readonly counts = new Counts();
  readonly trace: Trace;
  readonly queue = new EventQueue<WorldEvent>();
  readonly lives = new Map<ActorId, Life>();
  faults: Faults;
  /** The actor whose step is under way. */
  running: Life | undefined;
  /** Told of each death, when it is detected. */
  onKilled: (id: ActorId) => void = () => {};
  readonly #streams: Random;
  readonly #scheduler: Random;
  readonly #stalls: Stalls;
  readonly #kills: Random;
  readonly #priorities: Priorities;
  readonly #network: Network;
  readonly #stepsMax: number;
  /** Receivers see this one only, as on a thread. */
  readonly #received = new Message();
  #now = 0;
  #drawnKillsLeft: number;
  #births = 0;

  constructor({ seed, faults, traceLines, stepsMax }: WorldOptions) {
    this.seed = seed;
    this.#streams = new Random(seed);
    this.#scheduler = this.#streams.fork('scheduler');
    this.#kills = this.#streams.fork('kills');
    this.#network = new Network(this.#streams.fork('network'));
    this.trace = new Trace(traceLines ?? TRACE_LINES);
    const stalls = this.#streams.fork('stalls');
    this.#stalls = new Stalls(this.queue, this.trace, this.counts, stalls);
    this.#stepsMax = stepsMax ?? STEPS_MAX;
    this.faults = drawFaults(this.#streams.fork('faults'), faults);
    this.#drawnKillsLeft = this.faults.killsMax;
    const priorities = this.#streams.fork('priorities');
    this.#priorities = new Priorities(this.counts, priorities, this.faults);
  }

  now(): number {
    return this.#now;
  }

  /** Sets the clock to `timeMs` if it is behind. */
  advance(timeMs: number): void {
    if (timeMs > this.#now) this.#now = timeMs;
  }

  bear(id: ActorId, actor: Actor): void {
    assert(!this.lives.has(id), 'an actor id is free when an actor is added');
    this.#births += 1;
    const life = new Life(id, actor, this, this.#streams.fork(`actor ${this.#births}`));
    this.lives.set(id, life);
    life.lagMs = this.#priorities.lagAtBirth();
    this.trace.nameActor(id, actor.role);
    if (this.faults.killRate > 0 && this.faults.killable.includes(id)) {
      life.mayDieBeforeEffect(drawKillEffect(this.faults, this.#kills));
    }
    this.push(0, WorldEvent.start(life));
  }

  /** Queues an event for `delayMs` from now, in random order with others of that moment. */
  push(delayMs: number, event: WorldEvent): void {
    assert(delayMs >= 0, 'nothing is due in the past');
    this.queue.push(this.#now + delayMs, this.#tie(), event);
  }

  send(life: Life, message: Message): void {
    message.from = life.self;
    this.counts.sent += 1;
    const network = this.#network;
    const buffer = network.send(message, this.#now, this.#tie(), this.faults);
    if (buffer === undefined) {
      this.counts.lost += 1;
      this.trace.message(this.#now, Happening.LOST, message);
      return;
    }
    if (network.overtakes) this.counts.overtaken += 1;
    this.trace.message(this.#now, Happening.SENT, message);
    this.queue.push(network.arrival, network.tie, WorldEvent.message(buffer));
    const again = network.sendAgain(message, this.#now, this.faults);
    if (again === undefined) return;
    this.counts.duplicated += 1;
    this.trace.message(this.#now, Happening.REPEATED, message);
    this.queue.push(network.arrival, network.tie, WorldEvent.message(again));
  }

  after(life: Life, delayMs: number, timer: number): void {
    this.push(delayMs, WorldEvent.timer(life, timer));
  }

  takeDrawnKill(): boolean {
    if (this.#drawnKillsLeft === 0) return false;
    this.#drawnKillsLeft -= 1;
    return true;
  }

  /** Lets the next event happen; false when there is none. */
  step(): boolean {
    assert(this.running === undefined, 'the world is not run from within a step');
    const time = this.queue.nextTime;
    const event = this.queue.pop();
    if (event === undefined) return false;
    this.advance(time);
    if (++this.counts.steps > this.#stepsMax) {
      throw this.failure(new Error(`no rest after ${this.#stepsMax} steps`), 'world');
    }
    if (event.kind === EventKind.MESSAGE) this.#arrive(event, event.buffer!);
    else if (event.kind === EventKind.CALLBACK) this.call(event.action!);
    else this.#dispatch(event, event.life!);
    return true;
  }

  /** Makes one step of a living actor; what the actor throws is a failure of the run. */
  perform(life: Life, event: WorldEvent): void {
    let passed = false;
    this.running = life;
    life.running = true;
    try {
      this.#enter(life, event);
    } catch (error) {
      // What a dying actor throws instead of the signal belongs to the dead rest of its step.
      if (!life.dying) throw this.failure(error, `${life.actor.role}#${life.self}`);
      passed = error instanceof KillSignal && error.life === life;
    } finally {
      life.running = false;
      this.running = undefined;
    }
    if (life.dying) this.#endWithin(life, passed);
  }

  /** Runs code of the test; what it throws is a failure of the run. */
  call(action: () => void): void {
    try {
      action();
    } catch (error) {
      throw error instanceof SimulationError ? error : this.failure(error, 'test');
    }
  }

  /** Makes the START step unless it was made; the actor may be buried afterwards. */
  start(life: Life): void {
    if (life.started || life.buried) return;
    life.started = true;
    this.trace.actor(this.#now, Happening.STARTED, life.self);
    this.perform(life, WorldEvent.start(life));
  }

  /** Ends a life now; in the middle of its own step, before its next effect. */
  end(life: Life): void {
    if (life.dying) return;
    life.dying = true;
    if (!life.running) this.#bury(life);
  }

  stall(life: Life, durationMs: number): void {
    this.#stalls.begin(life, durationMs, this.#now);
  }

  /**
   * Delay becomes constant, nothing more is lost or comes twice, all priorities are equal, no stall
   * or kill is drawn; sleepers wake now.
   */
  stopFaults(): void {
    const { delayMinMs, detectionMs } = this.faults;
    this.faults = { ...NO_FAULTS, delayMinMs, delayMeanMs: delayMinMs, detectionMs };
    this.#drawnKillsLeft = 0;
    this.#priorities.stop();
    for (const life of this.lives.values()) {
      life.lagMs = 0;
      this.#stalls.end(life, this.#now);
    }
  }

  failure(error: unknown, who: string): SimulationError {
    return new SimulationError(error, who, this.seed, this.#now, this.counts.steps);
  }

  #tie(): number {
    return this.#scheduler.word() >>> 0 || 1;
  }

  #arrive(event: WorldEvent, buffer: Int32Array): void {
    const message = this.#received;
    decodeMessage(message, buffer, 0);
    const life = this.lives.get(message.to);
    if (life !== undefined && this.#waits(life, event)) return;
    this.#network.giveBack(buffer);
    if (life !== undefined) this.start(life);
    if (life === undefined || life.buried) {
      this.counts.vanished += 1;
      this.trace.message(this.#now, Happening.VANISHED, message);
      return;
    }
    this.counts.delivered += 1;
    this.trace.message(this.#now, Happening.DELIVERED, message);
    this.perform(life, event);
  }

  #dispatch(event: WorldEvent, life: Life): void {
    if (life.buried) return;
    const now = this.#now;
    if (event.kind === EventKind.START) this.start(life);
    else if (event.kind !== EventKind.WAKE) this.#due(event, life);
    else if (life.stalledUntil <= now) this.#stalls.end(life, now);
  }

  /** A timer or an act. */
  #due(event: WorldEvent, life: Life): void {
    if (this.#waits(life, event)) return;
    this.start(life);
    if (life.buried) return;
    const isTimer = event.kind === EventKind.TIMER;
    if (isTimer) this.counts.timers += 1;
    const happening = isTimer ? Happening.TIMER : Happening.ACTED;
    this.trace.actor(this.#now, happening, life.self, event.timer);
    this.perform(life, event);
  }

  /** True when the event comes later: its actor is of low priority, or stalls. */
  #waits(life: Life, event: WorldEvent): boolean {
    const now = this.#now;
    const isFirst = event.deferred || !this.#priorities.defers(life, now);
    event.deferred = true;
    if (isFirst) return this.#stalls.putsAside(life, event, now, this.faults);
    this.queue.push(life.deferredTo, LAGGARD_TIE, event);
    return true;
  }

  #enter(life: Life, event: WorldEvent): void {
    if (event.kind === EventKind.MESSAGE) life.actor.receive(this.#received, life);
    else if (event.kind === EventKind.TIMER) life.actor.onTimer?.(event.timer, life);
    else if (event.kind === EventKind.START) life.actor.start?.(life);
    else event.action?.();
  }

  #endWithin(life: Life, passed: boolean): void {
    if (life.signalled) this.counts.killsInStep += 1;
    if (life.signalled && !passed) {
      this.counts.swallowed += 1;
      this.trace.actor(this.#now, Happening.SWALLOWED, life.self);
    }
    this.#bury(life);
  }

  /** What waited for it goes its way: messages to whoever has the id then, all else to nobody. */
  #bury(life: Life): void {
    const id = life.self;
    life.buried = true;
    this.lives.delete(id);
    this.#stalls.end(life, this.#now);
    this.trace.actor(this.#now, life.leaving ? Happening.REMOVED : Happening.KILLED, id);
    if (life.leaving) return;
    this.counts.kills += 1;
    const tell = () => {
      this.trace.actor(this.#now, Happening.TOLD, id);
      this.onKilled(id);
    };
    this.push(this.faults.detectionMs, WorldEvent.callback(tell));
  }
}
