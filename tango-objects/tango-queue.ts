/** A queue whose producers never wait for each other (Tango, section 3): first in, first out. */
import { abortedError, checkKeys, checkSignal } from '../runtime/arguments.ts';
import type { ObjectBinding } from '../runtime/views/object-binding.ts';
import type { FrozenState, Restoring } from '../runtime/views/object-state.ts';
import { SlicedObject, slicesOf } from '../runtime/views/sliced-object.ts';
import { WaitingLine } from './waiting-line.ts';

/** What a change does; in the log. */
const PUSH = 0;
const SHIFT = 1;
const CLEAR = 2;

type Operation<T> =
  | readonly [typeof PUSH, ...values: T[]]
  | readonly [typeof SHIFT]
  | readonly [typeof CLEAR];

/** What stands in front, and where the next one goes. */
const HEAD = 'head';
const TAIL = 'tail';

/** What a shift has found in an empty queue: a value may be undefined. */
const NOTHING = Symbol('nothing');

/** With fewer released ones it is not worth to move those that are left. */
const RELEASED_MIN = 64;

/**
 * Elements in the order in which they were pushed, each shifted once, by whom the log says; push and shift
 * are O(1). Transactions conflict like this:
 *
 * - push conflicts with no other push, and clear with none;
 * - peek and shift conflict with every shift and clear, and with a push only if they have found the queue
 *   empty, or an element that their own body has pushed;
 * - length and iteration conflict with every change.
 *
 * Errors: see TangoObject.
 */
export class TangoQueue<T = unknown> extends SlicedObject<Operation<T>> {
  static readonly typeName: string = 'queue';

  /** For change feeds; a shift is told whether it has found an element or not. */
  static describe(operation: unknown): unknown {
    const [kind, ...values] = operation as Operation<unknown>;
    if (kind === PUSH) return { push: values };
    return kind === SHIFT ? { shift: true } : { clear: true };
  }

  readonly #binding: ObjectBinding;
  /** From #first on; those before #head are released. */
  #elements: (T | undefined)[] = [];
  /** Elements are numbered as they were pushed, from 0: of #elements[0], and of the next to be shifted. */
  #first = 0;
  #head = 0;
  /** From here on they are pushed on trial. */
  #trialTail = Number.POSITIVE_INFINITY;
  /** Of take() in this thread. */
  readonly #line = new WaitingLine();
  /** Elements below are asked for by take() in this thread. */
  #claimed = 0;

  /** @internal Use `tango.queue`. */
  constructor(binding: ObjectBinding) {
    super(binding);
    this.#binding = binding;
  }

  /** The element that shift would give; undefined: there is none. Linearizable, as every read. */
  peek(): T | undefined {
    this.#readHead();
    return this.#elements[this.#head - this.#first];
  }

  /** How many elements there are. Linearizable, as every read. */
  get length(): number {
    this.ready();
    return this.#tail - this.#head;
  }

  /** Elements of one moment, whatever is changed during the iteration. */
  values(): IterableIterator<T> {
    this.ready();
    return this.#held()[Symbol.iterator]();
  }

  /** As values(). */
  [Symbol.iterator](): IterableIterator<T> {
    return this.values();
  }

  /** Adds values at the end, together; resolves once they are in the log. */
  push(...values: T[]): Promise<void> {
    return this.write([PUSH, ...values], [TAIL]);
  }

  /** As push; blocks. */
  pushSync(...values: T[]): void {
    this.writeSync([PUSH, ...values], [TAIL]);
  }

  /**
   * Takes the first element out, which nobody else gets; resolves to undefined if there is none. Who ends
   * before it is told loses what the log has given to it; one that is shifted by a transaction that
   * keeps it elsewhere is not lost.
   */
  shift(): Promise<T | undefined> {
    if (this.#binding.isInBody()) return Promise.resolve(this.shiftSync());
    return this.#shifted();
  }

  /** As shift; blocks. */
  shiftSync(): T | undefined {
    if (this.#binding.isInBody()) this.#readHead();
    return elementOf(this.changeSync<T | typeof NOTHING>([SHIFT], [HEAD]));
  }

  /**
   * Waits for an element and takes it out; keeps the thread alive meanwhile. Who waits in one thread is
   * served about in order; among threads the fastest is. `signal`: ERR_ABORTED, and nothing is taken;
   * once the log is asked for an element it is too late, and that is given. Who ends just then, killed
   * or by close(), loses that one, as with shift. Rejects with ERR_CLOSED, ERR_INVALID_ARGUMENT and the
   * errors of a change; throws ERR_UNSUPPORTED in the body of a transaction.
   */
  take(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<T> {
    // At once: what is refused in a body fails the body.
    this.outsideBody('an element is waited for');
    return this.#taken(options);
  }

  /** Takes all elements out; resolves once that is in the log. Reads nothing. */
  clear(): Promise<void> {
    return this.write([CLEAR]);
  }

  /** As clear; blocks. */
  clearSync(): void {
    this.writeSync([CLEAR]);
  }

  protected apply(operation: Operation<T>): T | typeof NOTHING | undefined {
    switch (operation[0]) {
      case PUSH:
        for (let i = 1; i < operation.length; i++) this.#elements.push(operation[i] as T);
        return undefined;
      case SHIFT:
        return this.#head === this.#tail ? NOTHING : this.#takeOut();
      case CLEAR:
        this.#head = this.#tail;
        this.#release();
        return undefined;
    }
  }

  /** The number of the first element, then the elements. */
  protected freeze(): FrozenState {
    const head = this.#head;
    const elements = this.#held();
    const slices = function* (): Iterable<unknown> {
      yield head;
      yield* slicesOf(elements);
    };
    return { slices: slices() };
  }

  protected restoring(): Restoring {
    let head: number | undefined;
    const elements: T[] = [];
    return {
      take: (slice) => {
        if (head === undefined) head = slice as number;
        else elements.push(...(slice as T[]));
      },
      end: () => {
        this.#elements = elements;
        this.#first = this.#head = head ?? 0;
      },
    };
  }

  /** Nothing is released on trial: what is pushed stands behind the others, and goes. */
  protected override tryOut(): () => void {
    const head = this.#head;
    const tail = this.#tail;
    this.#trialTail = tail;
    return () => {
      this.#elements.length = tail - this.#first;
      this.#head = head;
      this.#trialTail = Number.POSITIVE_INFINITY;
    };
  }

  get #tail(): number {
    return this.#first + this.#elements.length;
  }

  #held(): T[] {
    return this.#elements.slice(this.#head - this.#first) as T[];
  }

  /**
   * Before a look at what stands in front. That stays what it is whatever is pushed behind it: the end
   * matters only where nothing of the others is left.
   */
  #readHead(): void {
    this.ready(HEAD);
    if (this.#head >= Math.min(this.#tail, this.#trialTail)) this.ready(TAIL);
  }

  async #shifted(): Promise<T | undefined> {
    return elementOf(await this.change<T | typeof NOTHING>([SHIFT], [HEAD]));
  }

  async #taken(options: { readonly signal?: AbortSignal | undefined }): Promise<T> {
    checkKeys('take', options, ['signal']);
    const signal = checkSignal(options.signal);
    for (let isBack = false; ; isBack = true) {
      // Raised while the log was asked: in the line nobody would hear of it.
      if (signal?.aborted) throw abortedError(signal);
      await this.#line.stand(signal, isBack);
      let claim: Promise<T | typeof NOTHING>;
      try {
        await this.until(() => {
          this.ready();
          return this.#isFree() || undefined;
        }, signal);
        claim = this.#claim();
      } finally {
        this.#line.leave();
      }
      const shifted = await claim;
      if (shifted !== NOTHING) return shifted;
    }
  }

  /** There is an element that nobody in this thread has asked for. */
  #isFree(): boolean {
    return this.#tail > Math.max(this.#head, this.#claimed);
  }

  /** Another thread may be faster: NOTHING. */
  async #claim(): Promise<T | typeof NOTHING> {
    this.#claimed = Math.max(this.#claimed, this.#head) + 1;
    try {
      return await this.change<T | typeof NOTHING>([SHIFT], [HEAD]);
    } catch (error) {
      // It may be there still, for others.
      this.#claimed = 0;
      throw error;
    }
  }

  #takeOut(): T {
    const index = this.#head - this.#first;
    const element = this.#elements[index] as T;
    this.#head++;
    if (this.#trialTail === Number.POSITIVE_INFINITY) this.#elements[index] = undefined;
    this.#release();
    return element;
  }

  /** Once half of the array is released: each element is moved once for one that has gone. */
  #release(): void {
    if (this.#trialTail !== Number.POSITIVE_INFINITY) return;
    const released = this.#head - this.#first;
    if (this.#head < this.#tail && released < Math.max(RELEASED_MIN, this.#elements.length / 2))
      return;
    this.#elements = this.#held();
    this.#first = this.#head;
  }
}

function elementOf<T>(shifted: T | typeof NOTHING): T | undefined {
  return shifted === NOTHING ? undefined : (shifted as T);
}
