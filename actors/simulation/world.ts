/**
 * A world of actors on one thread, with a virtual clock and a seed for everything that is left to
 * chance. It runs the same Actor objects as production does.
 *
 *   const world = new World({ seed: 7, faults: { lossRate: 0, killable: [2] } });
 *   world.add(1, sequencer);
 *   world.add(2, client);
 *   world.act(2, (context) => client.append(entry, context));
 *   world.run({ until: () => client.done });
 *
 * Other actors see an actor between its steps only, except that it can die between any two effects
 * of a step (life.ts). Doubles of shared memory call `world.effect(id)` to have those count too.
 */
import { assert } from '../../shared-memory/assert.ts';
import type { Actor, ActorContext } from '../actor.ts';
import type { ActorId } from '../message.ts';
import { WorldEvent } from './event.ts';
import type { Faults } from './faults.ts';
import { Kernel } from './kernel.ts';
import type { Counts, RunEnd, RunOptions, WorldOptions } from './options.ts';
import { Random } from './random.ts';

export class World {
  /** For the test's own choices; no draw from it shifts a fault. */
  readonly random: Random;
  /** Hits of each name given to mark(). */
  readonly marks = new Map<string, number>();
  readonly #kernel: Kernel;
  readonly #killedListeners: ((id: ActorId) => void)[] = [];
  readonly #stepListeners: (() => void)[] = [];

  /** The seed draws every kind of fault that `options.faults` leaves open. */
  constructor(options: WorldOptions) {
    this.random = new Random(options.seed).fork('workload');
    this.#kernel = new Kernel(options);
    this.#kernel.onKilled = (id) => {
      for (const listener of this.#killedListeners) listener(id);
    };
  }

  get seed(): number {
    return this.#kernel.seed;
  }

  get faults(): Faults {
    return this.#kernel.faults;
  }

  get counts(): Counts {
    return this.#kernel.counts;
  }

  /** Equal for two runs in which the same happened at the same times. 16 hexadecimal digits. */
  get traceHash(): string {
    return this.#kernel.trace.hash;
  }

  /** Virtual time, milliseconds. */
  now(): number {
    return this.#kernel.now();
  }

  /** The kept lines of the trace, the oldest first. */
  traceText(): string {
    return this.#kernel.trace.lines().join('\n');
  }

  /** Counts that something worth meeting was met; see SeedReport.expectMarks. */
  mark(name: string): void {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1);
  }

  /**
   * A new actor. Its start is a step of its own, now, and before every other step of it. The id
   * may be that of a dead actor: messages that are still under way reach the new one.
   */
  add(id: ActorId, actor: Actor): void {
    this.#kernel.bear(id, actor);
  }

  /** Takes an actor out: as kill, but nobody is told. */
  remove(id: ActorId): void {
    const life = this.#kernel.lives.get(id);
    if (life === undefined || life.dying) return;
    life.leaving = true;
    this.#kernel.end(life);
  }

  /** False for an actor that was killed, removed or never added. */
  isAlive(id: ActorId): boolean {
    return this.#kernel.lives.get(id)?.dying === false;
  }

  /** The context of a living actor. Its effects work within a step only, see act. */
  context(id: ActorId): ActorContext {
    const life = this.#kernel.lives.get(id);
    assert(life !== undefined, 'the actor lives');
    return life;
  }

  /**
   * Runs `action` now, as a step of the actor, with kill points, even if the actor is stalled.
   * Undefined when the actor is dead (nothing is done) or dies on the way. Within a step of the
   * same actor (a callback) it is part of that step; within another's it is an error: use actAfter.
   */
  act<Result>(id: ActorId, action: (context: ActorContext) => Result): Result | undefined {
    const kernel = this.#kernel;
    const life = kernel.lives.get(id);
    if (life !== undefined && kernel.running === life) return action(life);
    assert(kernel.running === undefined, 'one actor acts at a time');
    if (life !== undefined) kernel.start(life);
    if (life === undefined || life.buried) return undefined;
    let result: Result | undefined;
    const step = () => {
      result = action(life);
    };
    kernel.perform(life, WorldEvent.act(life, step));
    return result;
  }

  /** The same, `delayMs` from now or at the end of a stall; not at all if it is dead by then. */
  actAfter(id: ActorId, delayMs: number, action: (context: ActorContext) => void): void {
    const life = this.#kernel.lives.get(id);
    if (life === undefined) return;
    const step = () => action(life);
    this.#kernel.push(delayMs, WorldEvent.act(life, step));
  }

  /** Calls back `delayMs` from now, outside of every actor: for what a test does to the world. */
  schedule(delayMs: number, callback: () => void): void {
    this.#kernel.push(delayMs, WorldEvent.callback(callback));
  }

  /**
   * Kills an actor: no step, effect or timer of it any more; messages to it vanish, messages from
   * it stay under way. In the middle of its own step it dies before its next effect.
   */
  kill(id: ActorId): void {
    const life = this.#kernel.lives.get(id);
    if (life !== undefined) this.#kernel.end(life);
  }

  /** Kills the actor before the n-th effect from now, n >= 1, in whichever step that is. */
  killAtEffect(id: ActorId, n: number): void {
    this.#kernel.lives.get(id)?.killBeforeEffect(n);
  }

  /**
   * A kill point: a memory double calls this BEFORE each access that others can see, with the
   * actor that makes it. Outside of that actor's steps (a test that looks) it does nothing.
   */
  effect(id: ActorId): void {
    const life = this.#kernel.running;
    if (life !== undefined && life.self === id) life.effect();
  }

  /** The actor takes no step for `durationMs`; what becomes due meanwhile waits, in order. */
  stall(id: ActorId, durationMs: number): void {
    const life = this.#kernel.lives.get(id);
    if (life !== undefined) this.#kernel.stall(life, durationMs);
  }

  /** From here on all is well, so that a test can ask that everything comes to an end. */
  stopFaults(): void {
    this.#kernel.stopFaults();
  }

  /** Told of each killed actor, `faults.detectionMs` after its death: the supervisor's notice. */
  onKilled(listener: (id: ActorId) => void): void {
    this.#killedListeners.push(listener);
  }

  /** Called after every event, for invariants of the whole; what it throws ends the run. */
  onStep(listener: () => void): void {
    this.#stepListeners.push(listener);
  }

  /** Runs until one of the options says stop or nothing is left to happen. */
  run({ untilMs, steps, until }: RunOptions = {}): RunEnd {
    const { queue } = this.#kernel;
    const end = untilMs ?? Number.POSITIVE_INFINITY;
    let left = steps ?? Number.POSITIVE_INFINITY;
    for (;;) {
      if (until?.()) return 'until';
      const idle = queue.size === 0;
      if (idle || queue.nextTime > end) {
        if (Number.isFinite(end)) this.#kernel.advance(end);
        return idle ? 'idle' : 'time';
      }
      if (left-- <= 0) return 'steps';
      this.step();
    }
  }

  /** Lets the next event happen; false when there is none. */
  step(): boolean {
    if (!this.#kernel.step()) return false;
    for (const listener of this.#stepListeners) this.#kernel.call(listener);
    return true;
  }
}
