/**
 * Tasks wait here for a thread, first come first served, so many and no more. The pool's threads get a
 * task only when one of them is free: piscina's own queue does not count tasks that have a signal, and
 * moves those to its end that it could not place.
 */

import { TangoError } from '../../actors/tango-error.ts';
import { whenAborted } from '../../runtime/abort.ts';
import { abortedError } from '../../runtime/arguments.ts';
import { Conditions } from './conditions.ts';

interface Waiting {
  readonly begin: () => void;
  readonly refuse: (error: TangoError) => void;
}

export class TaskLine {
  readonly #atOnce: number;
  readonly #waitingMax: number;
  #running = 0;
  /** Invariant: empty unless `#running` is `#atOnce`. A Set: in order, and left from anywhere. */
  readonly #waiting = new Set<Waiting>();
  readonly #conditions = new Conditions();

  constructor(atOnce: number, waitingMax: number) {
    this.#atOnce = atOnce;
    this.#waitingMax = waitingMax;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Runs `task` when it is its turn. ERR_QUEUE_FULL at once, ERR_ABORTED while it waits. */
  async run<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (this.#running < this.#atOnce) this.#running++;
    else await this.#turn(signal);
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /** Everyone that waits is told `error`. */
  refuseWaiting(error: TangoError): void {
    for (const { refuse } of this.#waiting) refuse(error);
    this.#waiting.clear();
    this.#conditions.look();
  }

  /** Settles once `holds()`, asked again whenever a task has begun or ended. */
  once(holds: () => boolean): Promise<void> {
    return this.#conditions.once(holds);
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size >= this.#waitingMax) {
      const text = `the pool runs ${this.#atOnce} tasks and ${this.#waitingMax} may wait`;
      return Promise.reject(
        new TangoError('ERR_QUEUE_FULL', `${text}: maxQueue=${this.#waitingMax}`),
      );
    }
    let forget = (): void => {};
    const turn = new Promise<void>((begin, refuse) => {
      const own = { begin, refuse };
      this.#waiting.add(own);
      forget = whenAborted(signal, () => {
        // Or it was given a place in this turn of the event loop, and will look at its signal.
        if (signal === undefined || !this.#waiting.delete(own)) return;
        refuse(abortedError(signal));
        this.#conditions.look();
      });
    });
    return turn.finally(forget);
  }

  /** A place is free: it goes to who has waited longest. */
  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#running--;
    } else {
      this.#waiting.delete(first);
      first.begin();
    }
    this.#conditions.look();
  }
}
