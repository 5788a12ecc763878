/** One value (Tango, section 3, figure 3). */
import { ReplicatedObject } from '../runtime/views/replicated-object.ts';
import { isSame } from './same-value.ts';

/** The value to set, and what must be there before. */
type Operation<T> = readonly [value: T] | readonly [value: T, expected: T | undefined];

/**
 * All of it is O(1) beside the encoding of the value; compareAndSet compares two, which costs their size.
 * Errors: see TangoObject.
 */
export class TangoRegister<T = unknown> extends ReplicatedObject<Operation<T>> {
  static readonly typeName: string = 'register';

  /** For change feeds. */
  static describe(operation: unknown): unknown {
    const [value, expected] = operation as Operation<unknown>;
    return (operation as unknown[]).length === 1 ? { set: value } : { expected, set: value };
  }

  #value: T | undefined;

  /** The value; undefined before the first set. Linearizable; blocks only for an unfinished entry. */
  get(): T | undefined {
    return this.query(() => this.#value);
  }

  /** Resolves once the value is in the log. */
  set(value: T): Promise<void> {
    return this.write([value]);
  }

  /** As set; blocks. */
  setSync(value: T): void {
    this.writeSync([value]);
  }

  /**
   * Sets `value` if the register holds `expected` at that place in the log; resolves to whether it did.
   * Values are compared by what they hold, strictly (util.isDeepStrictEqual).
   */
  compareAndSet(expected: T | undefined, value: T): Promise<boolean> {
    return this.change([value, expected]);
  }

  /** As compareAndSet; blocks. */
  compareAndSetSync(expected: T | undefined, value: T): boolean {
    return this.changeSync([value, expected]);
  }

  protected apply(operation: Operation<T>): boolean {
    if (operation.length === 2 && !isSame(this.#value, operation[1])) return false;
    this.#value = operation[0];
    return true;
  }

  protected checkpoint(): unknown {
    return this.#value;
  }

  protected restore(state: unknown): void {
    this.#value = state as T | undefined;
  }

  /** The value is never changed in place. */
  protected override tryOut(): () => void {
    const value = this.#value;
    return () => {
      this.#value = value;
    };
  }
}
