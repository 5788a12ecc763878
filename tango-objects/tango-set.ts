/** A set whose members conflict one by one. */
import { checkFunction } from '../runtime/arguments.ts';
import type { FrozenState, Restoring } from '../runtime/views/object-state.ts';
import { SlicedObject, slicesOf } from '../runtime/views/sliced-object.ts';
import { KeyedMap } from './keyed-map.ts';

/** What a change does; in the log. */
const ADD = 0;
const DELETE = 1;
const CLEAR = 2;

type Operation<T> = readonly [typeof ADD | typeof DELETE, value: T] | readonly [typeof CLEAR];

/**
 * Values are equal as the keys of a TangoMap are, and stand in the order in which they were added. Reading
 * whether one is there conflicts with changes of that one only; `size` and iteration with every change.
 *
 * `has`, `size`, `add`, `delete` and `clear` are O(1), iteration O(n); a value that is no primitive is
 * encoded, which costs its size. Values that are read are the view's own, and not to be changed.
 * Errors: see TangoObject.
 */
export class TangoSet<T = unknown> extends SlicedObject<Operation<T>> {
  static readonly typeName: string = 'set';

  /** For change feeds: told whether it changed anything or not. */
  static describe(operation: unknown): unknown {
    const [kind, value] = operation as Operation<unknown>;
    if (kind === CLEAR) return { clear: true };
    return kind === ADD ? { add: value } : { delete: value };
  }

  readonly #members = new KeyedMap<T, true>();

  /** Linearizable, as every read; blocks only for an entry that its writer has not finished. */
  has(value: T): boolean {
    this.ready(value);
    return this.#members.has(value);
  }

  /** How many there are. Linearizable, as every read. */
  get size(): number {
    this.ready();
    return this.#members.size;
  }

  /** Values of one moment, whatever is changed during the iteration; as keys() and entries(). */
  values(): IterableIterator<T> {
    this.ready();
    return Array.from(this.#members, ([value]) => value)[Symbol.iterator]();
  }

  /** As values(). */
  keys(): IterableIterator<T> {
    return this.values();
  }

  /** Each value twice, as of a Set. */
  *entries(): IterableIterator<[T, T]> {
    for (const value of this.values()) yield [value, value];
  }

  /** As Set.forEach, of values(). ERR_INVALID_ARGUMENT: no function. */
  forEach(callback: (value: T, same: T, set: this) => void): void {
    checkFunction('callback', callback);
    for (const value of this.values()) callback(value, value, this);
  }

  /** As values(). */
  [Symbol.iterator](): IterableIterator<T> {
    return this.values();
  }

  /** Resolves to whether the value was absent, and is there now. */
  add(value: T): Promise<boolean> {
    return this.change([ADD, value], [value]);
  }

  /** As add; blocks. */
  addSync(value: T): boolean {
    return this.changeSync([ADD, value], [value]);
  }

  /** Resolves to whether the value was there. */
  delete(value: T): Promise<boolean> {
    return this.change([DELETE, value], [value]);
  }

  /** As delete; blocks. */
  deleteSync(value: T): boolean {
    return this.changeSync([DELETE, value], [value]);
  }

  /** Resolves once it is in the log. */
  clear(): Promise<void> {
    return this.write([CLEAR]);
  }

  /** As clear; blocks. */
  clearSync(): void {
    this.writeSync([CLEAR]);
  }

  protected apply(operation: Operation<T>): boolean | undefined {
    switch (operation[0]) {
      case CLEAR:
        this.#members.clear();
        return undefined;
      case DELETE:
        return this.#members.delete(operation[1]);
      default:
        return this.#add(operation[1]);
    }
  }

  #add(value: T): boolean {
    if (this.#members.has(value)) return false;
    this.#members.set(value, true);
    return true;
  }

  protected freeze(): FrozenState {
    const { entries, thaw } = this.#members.freeze();
    const values = function* (): Iterable<T> {
      for (const [value] of entries) yield value;
    };
    return { slices: slicesOf(values()), thaw };
  }

  protected restoring(): Restoring {
    const members = new KeyedMap<T, true>();
    return {
      take: (slice) => {
        for (const value of slice as T[]) members.set(value, true);
      },
      end: () => this.#members.become(members),
    };
  }

  protected override tryOut(): () => void {
    return this.#members.tryOut();
  }
}
