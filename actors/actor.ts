/**
 * The contract of an actor. The same object runs on a worker thread (actor-host.ts) and in the
 * simulator (simulation/world.ts); it cannot tell which.
 */
import type { ActorId, Message } from './message.ts';

/**
 * What an actor may do to the world. It has no other side door: no clock, no random source, no
 * thread. Effects take place in the order of the calls.
 */
export interface ActorContext {
  readonly self: ActorId;
  /** Milliseconds on a monotonic clock, with fractions. */
  now(): number;
  /** A random number in [0, 1). */
  random(): number;
  /**
   * Sends `message` (copied before the call returns; `from` is set to `self`). Never blocks.
   * Ordered per pair of actors in production; delayed, reordered or lost in the simulator.
   */
  send(message: Message): void;
  /** Calls `onTimer(timer)` once, `delayMs` from now or later. */
  after(delayMs: number, timer: number): void;
}

export interface Actor {
  /** Names threads, traces and counters. */
  readonly role: string;
  start?(context: ActorContext): void;
  /** `message` is reused after the call. Never blocks, never awaits. */
  receive(message: Message, context: ActorContext): void;
  onTimer?(timer: number, context: ActorContext): void;
}
