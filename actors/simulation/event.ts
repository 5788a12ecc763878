/** What waits in the queue of a world. One shape for all kinds, so that the hot loop stays fast. */
import type { Life } from './life.ts';

export const EventKind = {
  /** `life` starts. */
  START: 0,
  /** `buffer` holds a message; its receiver is looked up on arrival. */
  MESSAGE: 1,
  /** `life` set the timer `timer`. */
  TIMER: 2,
  /** `action` is a step of `life`, asked for by the test. */
  ACT: 3,
  /** `life` may have come to the end of a stall. */
  WAKE: 4,
  /** `action` belongs to the test and to no actor. */
  CALLBACK: 5,
} as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

export class WorldEvent {
  readonly kind: EventKind;
  readonly life: Life | undefined;
  readonly timer: number;
  readonly buffer: Int32Array | undefined;
  readonly action: (() => void) | undefined;
  /** It has waited for actors of higher priority. */
  deferred = false;

  constructor(
    kind: EventKind,
    life: Life | undefined,
    timer: number,
    buffer: Int32Array | undefined,
    action: (() => void) | undefined,
  ) {
    this.kind = kind;
    this.life = life;
    this.timer = timer;
    this.buffer = buffer;
    this.action = action;
  }

  static start(life: Life): WorldEvent {
    return new WorldEvent(EventKind.START, life, 0, undefined, undefined);
  }

  static message(buffer: Int32Array): WorldEvent {
    return new WorldEvent(EventKind.MESSAGE, undefined, 0, buffer, undefined);
  }

  static timer(life: Life, timer: number): WorldEvent {
    return new WorldEvent(EventKind.TIMER, life, timer, undefined, undefined);
  }

  static act(life: Life, action: () => void): WorldEvent {
    return new WorldEvent(EventKind.ACT, life, 0, undefined, action);
  }

  static wake(life: Life): WorldEvent {
    return new WorldEvent(EventKind.WAKE, life, 0, undefined, undefined);
  }

  static callback(action: () => void): WorldEvent {
    return new WorldEvent(EventKind.CALLBACK, undefined, 0, undefined, action);
  }
}
