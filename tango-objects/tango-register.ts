/** One value (Tango, section 3, figure 3). */
import { ReplicatedObject } from '../runtime/views/replicated-object.ts';
import { isSame } from './same-value.ts';

type Operation<T> = { readonly set: T } | { readonly expected: T | undefined; readonly value: T };

export class TangoRegister<T = unknown> extends ReplicatedObject<Operation<T>> {
  static readonly typeName = 'register';
  #value: T | undefined;

  /** The value; undefined before the first set. Linearizable; blocks only for an unfinished entry. */
  get(): T | undefined {
    return this.query(() => this.#value);
  }

  /** Resolves once the value is in the log. */
  set(value: T): Promise<void> {
    return this.write({ set: value });
  }

  /** As set; blocks. */
  setSync(value: T): void {
    this.writeSync({ set: value });
  }

  /**
   * Sets `value` if the register holds `expected` at that place in the log; resolves to whether it did.
   * Values are compared by what they hold, strictly (util.isDeepStrictEqual).
   */
  compareAndSet(expected: T | undefined, value: T): Promise<boolean> {
    return this.change({ expected, value });
  }

  /** As compareAndSet; blocks. */
  compareAndSetSync(expected: T | undefined, value: T): boolean {
    return this.changeSync({ expected, value });
  }

  protected apply(operation: Operation<T>): boolean {
    if ('set' in operation) this.#value = operation.set;
    else if (!isSame(this.#value, operation.expected)) return false;
    else this.#value = operation.value;
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
