/**
 * One life of an actor: the context it acts through, and the place where its thread can be killed.
 * A worker that is terminated stops between any two instructions; what others can see of that is
 * that it stopped between two effects. So every effect first asks whether this is where it ends.
 */
import { assert } from '../../shared-memory/assert.ts';
import type { Actor, ActorContext } from '../actor.ts';
import type { ActorId, Message } from '../message.ts';
import type { WorldEvent } from './event.ts';
import type { Random } from './random.ts';

/** Thrown out of the code of a killed actor. Nobody but the step boundary may handle it. */
export class KillSignal extends Error {
  override readonly name = 'KillSignal';
  readonly life: Life;

  constructor(life: Life) {
    super(`actor ${life.self} is killed here; whoever catches this lets it pass`);
    this.life = life;
  }
}

/** What a life needs of its world. */
export interface Surroundings {
  now(): number;
  send(life: Life, message: Message): void;
  after(life: Life, delayMs: number, timer: number): void;
  /** Takes one of the drawn kills that are left; false when there is none. */
  takeDrawnKill(): boolean;
}

/** Effects are numbered from 1. */
const NEVER = 0;

export class Life implements ActorContext {
  readonly self: ActorId;
  readonly actor: Actor;
  /** Effects so far. */
  effects = 0;
  started = false;
  /** One of its steps is under way. */
  running = false;
  /** No effect is performed any more. Set in the middle of a step, or together with `buried`. */
  dying = false;
  /** It leaves by World.remove: nobody is told. */
  leaving = false;
  /** Its last step is over. */
  buried = false;
  /** Virtual time, milliseconds, up to which it takes no step. */
  stalledUntil = 0;
  /** Milliseconds by which its steps come later than they were due. */
  lagMs = 0;
  /** When the latest of what waits so is due. */
  deferredTo = -1;
  /** What became due during a stall, in order. */
  backlog: WorldEvent[] = [];
  /** A KillSignal was thrown. */
  signalled = false;
  readonly #surroundings: Surroundings;
  readonly #random: Random;
  #killEffect = NEVER;
  #drawnKillEffect = NEVER;

  constructor(self: ActorId, actor: Actor, surroundings: Surroundings, random: Random) {
    this.self = self;
    this.actor = actor;
    this.#surroundings = surroundings;
    this.#random = random;
  }

  now(): number {
    return this.#surroundings.now();
  }

  random(): number {
    return this.#random.next();
  }

  send(message: Message): void {
    assert(this.running || this.dying, 'an actor sends within one of its steps');
    this.effect();
    this.#surroundings.send(this, message);
  }

  after(delayMs: number, timer: number): void {
    assert(this.running || this.dying, 'an actor sets a timer within one of its steps');
    this.effect();
    this.#surroundings.after(this, delayMs, timer);
  }

  /** Every effect passes here BEFORE it is performed. */
  effect(): void {
    if (!this.dying) {
      this.effects += 1;
      if (this.effects === this.#killEffect) this.dying = true;
      else if (this.effects === this.#drawnKillEffect && this.#surroundings.takeDrawnKill()) {
        this.dying = true;
      }
    }
    if (!this.dying) return;
    this.signalled = true;
    throw new KillSignal(this);
  }

  /** Dies before the effect of this number, counted from here: 1 is the next one. */
  killBeforeEffect(number: number): void {
    assert(Number.isInteger(number) && number >= 1, 'effects are numbered from 1');
    this.#killEffect = this.effects + number;
  }

  /** The same, when a drawn kill is left by then. */
  mayDieBeforeEffect(number: number): void {
    this.#drawnKillEffect = this.effects + number;
  }
}
