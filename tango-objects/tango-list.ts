/** A list by index, as an array (Tango, section 3). */
import { TangoError } from '../actors/tango-error.ts';
import { checkFunction, checkInteger } from '../runtime/arguments.ts';
import type { ObjectBinding } from '../runtime/views/object-binding.ts';
import type { FrozenState, Restoring } from '../runtime/views/object-state.ts';
import { SlicedObject, slicesOf } from '../runtime/views/sliced-object.ts';
import { CountedTree } from './counted-tree.ts';
import {
  APPEND,
  type AtIndex,
  CLEAR,
  DELETE,
  describeOperation,
  INSERT,
  type Operation,
  SET,
} from './list-operation.ts';
import { isSame } from './same-value.ts';

/** Where the list ends; elements are keys by their index. */
const END = 'end';

/** A slice of more elements reads the whole list: a transaction names all that it has read. */
const SLICE_KEYS_MAX = 64;

/** What a change has come to that would have been outside of the list: its length. */
class Outside {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }
}

/**
 * Reading and changing one element are O(log n), a slice is that and its length, iteration O(n). Transactions
 * conflict like this:
 *
 * - append conflicts with no other append, and like clear it reads nothing;
 * - at and set of an element conflict with every set of that element, and not with appends; of one that their
 *   own body has appended, and at beyond the end, also with appends; so do at of a negative index, length and
 *   push, which read the length and conflict with every change of it;
 * - slice conflicts as at of each of its elements; of more than 64 of them as iteration;
 * - insert, delete and clear change every index, and conflict with every read;
 * - insert, delete and iteration read everything, and conflict with every change.
 *
 * Errors: see TangoObject.
 */
export class TangoList<T = unknown> extends SlicedObject<Operation<T>> {
  static readonly typeName: string = 'list';

  static readonly describe = describeOperation;

  readonly #binding: ObjectBinding;
  #elements = new CountedTree<T>();
  /** From here on elements are appended on trial. */
  #trialEnd = Number.POSITIVE_INFINITY;

  /** @internal Use `tango.list`. */
  constructor(binding: ObjectBinding) {
    super(binding);
    this.#binding = binding;
  }

  /**
   * The element; a negative index counts from the end. undefined outside of the list. Linearizable, as
   * every read; blocks only for an entry that its writer has not finished. ERR_INVALID_ARGUMENT: no integer.
   */
  at(index: number): T | undefined {
    checkAnyInteger('index', index);
    this.#readElement(index);
    const from = index < 0 ? this.#elements.length + index : index;
    return from >= 0 && from < this.#elements.length ? this.#elements.at(from) : undefined;
  }

  /** How many elements there are. Linearizable, as every read. */
  get length(): number {
    this.ready(END);
    return this.#elements.length;
  }

  /** Elements of [start, end), as Array.slice. ERR_INVALID_ARGUMENT: no integers. */
  slice(start = 0, end?: number): T[] {
    checkAnyInteger('start', start);
    if (end !== undefined) checkAnyInteger('end', end);
    this.#readSlice(start, end);
    const { length } = this.#elements;
    return this.#elements.slice(within(start, length), within(end ?? length, length));
  }

  /** The first index of a value that holds the same (util.isDeepStrictEqual); -1: there is none. O(n). */
  indexOf(value: T): number {
    return this.toArray().findIndex((element) => isSame(element, value));
  }

  /** Whether a value that holds the same is there; as indexOf. */
  includes(value: T): boolean {
    return this.indexOf(value) >= 0;
  }

  /** All elements, of one moment; the array is the caller's. O(n). */
  toArray(): T[] {
    this.ready();
    return this.#elements.slice();
  }

  /** Elements of one moment, whatever is changed during the iteration; as entries() and toArray(). */
  values(): IterableIterator<T> {
    return this.toArray()[Symbol.iterator]();
  }

  /** Indexes and elements of one moment, whatever is changed during the iteration. */
  entries(): IterableIterator<[number, T]> {
    return this.toArray().entries();
  }

  /** As Array.forEach, of entries(). ERR_INVALID_ARGUMENT: no function. */
  forEach(callback: (value: T, index: number, list: this) => void): void {
    checkFunction('callback', callback);
    for (const [index, value] of this.entries()) callback(value, index, this);
  }

  /** As values(). */
  [Symbol.iterator](): IterableIterator<T> {
    return this.values();
  }

  /** Adds values at the end, together; resolves to the length with them. */
  push(...values: T[]): Promise<number> {
    return this.change<number>([APPEND, ...values], [END]);
  }

  /** As push; blocks. */
  pushSync(...values: T[]): number {
    return this.changeSync<number>([APPEND, ...values], [END]);
  }

  /** As push, and tells no length: resolves once they are in the log. */
  append(...values: T[]): Promise<void> {
    return this.write([APPEND, ...values], [END]);
  }

  /** As append; blocks. */
  appendSync(...values: T[]): void {
    this.writeSync([APPEND, ...values], [END]);
  }

  /**
   * Puts `value` in front of the element at `index`, in [0, length]. Rejects with ERR_INVALID_ARGUMENT,
   * and nothing is changed, if the list at that place in the log is shorter; as set() and delete().
   */
  insert(index: number, value: T): Promise<void> {
    if (this.#binding.isInBody()) return Promise.resolve(this.insertSync(index, value));
    return this.#changedAt<void>([INSERT, index, value], []);
  }

  /** As insert; blocks. */
  insertSync(index: number, value: T): void {
    this.#changeAt<void>([INSERT, index, value], []);
  }

  /** Replaces the element at `index`, in [0, length). Errors as insert. */
  set(index: number, value: T): Promise<void> {
    if (this.#binding.isInBody()) return Promise.resolve(this.setSync(index, value));
    return this.#changedAt<void>([SET, index, value], [index]);
  }

  /** As set; blocks. */
  setSync(index: number, value: T): void {
    this.#changeAt<void>([SET, index, value], [index]);
  }

  /** Takes the element at `index`, in [0, length), out; resolves to it. Errors as insert. */
  delete(index: number): Promise<T> {
    if (this.#binding.isInBody()) return Promise.resolve(this.deleteSync(index));
    return this.#changedAt<T>([DELETE, index], []);
  }

  /** As delete; blocks. */
  deleteSync(index: number): T {
    return this.#changeAt<T>([DELETE, index], []);
  }

  /** Takes all elements out; resolves once that is in the log. */
  clear(): Promise<void> {
    return this.write([CLEAR]);
  }

  /** As clear; blocks. */
  clearSync(): void {
    this.writeSync([CLEAR]);
  }

  protected override check(operation: Operation<T>): void {
    if (operation[0] === APPEND || operation[0] === CLEAR) return;
    checkInteger('index', operation[1], 0, Number.MAX_SAFE_INTEGER);
  }

  protected apply(operation: Operation<T>): unknown {
    switch (operation[0]) {
      case APPEND:
        for (let i = 1; i < operation.length; i++) this.#elements.push(operation[i] as T);
        return this.#elements.length;
      case CLEAR:
        this.#elements = new CountedTree();
        return undefined;
      default:
        return this.#makeAt(operation);
    }
  }

  protected freeze(): FrozenState {
    const elements = this.#elements;
    this.#elements = elements.fork();
    return { slices: slicesOf(elements.values()) };
  }

  protected restoring(): Restoring {
    const elements = new CountedTree<T>();
    return {
      take: (slice) => {
        for (const element of slice as T[]) elements.push(element);
      },
      end: () => {
        this.#elements = elements;
      },
    };
  }

  protected override tryOut(): () => void {
    const elements = this.#elements;
    this.#elements = elements.fork();
    this.#trialEnd = elements.length;
    return () => {
      this.#elements = elements;
      this.#trialEnd = Number.POSITIVE_INFINITY;
    };
  }

  #makeAt(operation: AtIndex<T>): T | Outside | undefined {
    if (!this.#isWithin(operation)) return new Outside(this.#elements.length);
    const [kind, index, value] = operation;
    if (kind === DELETE) return this.#elements.delete(index);
    if (kind === SET) this.#elements.set(index, value as T);
    else this.#elements.insert(index, value as T);
    return undefined;
  }

  #isWithin([kind, index]: AtIndex<T>): boolean {
    const { length } = this.#elements;
    return index < length || (kind === INSERT && index === length);
  }

  async #changedAt<R>(operation: AtIndex<T>, keys: readonly unknown[]): Promise<R> {
    return this.#within<R>(operation[1], await this.change(operation, keys));
  }

  /** In a body it is refused BEFORE it is a part of the transaction. */
  #changeAt<R>(operation: AtIndex<T>, keys: readonly unknown[]): R {
    if (this.#binding.isInBody()) {
      this.check(operation);
      if (operation[0] === SET) this.#readElement(operation[1]);
      else this.ready();
      if (!this.#isWithin(operation)) throw this.#outside(operation[1], this.#elements.length);
    }
    return this.#within<R>(operation[1], this.changeSync(operation, keys));
  }

  #within<R>(index: number, result: unknown): R {
    if (result instanceof Outside) throw this.#outside(index, result.length);
    return result as R;
  }

  #outside(index: number, length: number): TangoError {
    const text = `index must be within the list: index=${index}, length=${length}`;
    return new TangoError('ERR_INVALID_ARGUMENT', text, { object: this.name });
  }

  /** What was there when the body began stays where it is, whatever is appended: its end does not matter. */
  #readElement(index: number): void {
    this.ready(index < 0 ? END : index);
    // Without a transaction each of them moves the view, and one is enough.
    if (!this.#binding.isInBody()) return;
    const { length } = this.#elements;
    if (index >= Math.min(length, this.#trialEnd)) this.ready(END);
    else if (index < 0 && length + index >= 0) this.ready(length + index);
  }

  #readSlice(start: number, end: number | undefined): void {
    if (!this.#binding.isInBody()) return this.ready();
    this.ready(start < 0 || end === undefined || end < 0 ? END : start);
    const { length } = this.#elements;
    const from = within(start, length);
    const to = within(end ?? length, length);
    if (to - from > SLICE_KEYS_MAX) return this.ready();
    for (let index = from; index < to; index++) this.ready(index);
    if ((end ?? length) > Math.min(length, this.#trialEnd)) this.ready(END);
  }
}

/** As Array.slice takes it. */
function within(index: number, length: number): number {
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length);
}

function checkAnyInteger(name: string, value: unknown): void {
  checkInteger(name, value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}
