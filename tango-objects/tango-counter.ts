/** A number that threads add to, and that hands out unique numbers (Tango, section 3). */
import { TangoError } from '../actors/tango-error.ts';
import { checkInteger } from '../runtime/arguments.ts';
import { ReplicatedObject } from '../runtime/views/replicated-object.ts';

/**
 * A change of the counter conflicts with every read of it, and with every `add` and `next`, in transactions;
 * with `increase` it does not, which reads nothing. All of it is O(1). Errors: see TangoObject.
 */
export class TangoCounter extends ReplicatedObject<number> {
  static readonly typeName: string = 'counter';
  #value = 0;

  /** The sum of what was added; 0 at first. Linearizable; blocks only for an unfinished entry. */
  get value(): number {
    return this.query(() => this.#value);
  }

  /**
   * Adds `n`, a safe integer of either sign; resolves to the sum with it. In a transaction that reads the
   * counter: of two that add to it at the same time one runs again. Where the sum does not matter,
   * `increase` does the same without. A sum that is no safe integer is refused, ERR_INVALID_ARGUMENT,
   * and changes nothing.
   */
  add(n = 1): Promise<number> {
    return this.change<number>(n);
  }

  /** As add; blocks. */
  addSync(n = 1): number {
    return this.changeSync<number>(n);
  }

  /**
   * As add, and reads nothing: resolves once it is in the log, and makes no transaction run again that
   * does not read the sum. If the sum were no safe integer it changes nothing, and nobody is told.
   */
  increase(n = 1): Promise<void> {
    return this.write(n);
  }

  /** As increase; blocks. */
  increaseSync(n = 1): void {
    this.writeSync(n);
  }

  /** A number that nobody else gets: 0, 1, 2 … where the counter is used for nothing else. As add. */
  next(): Promise<number> {
    return this.add(1).then((sum) => sum - 1);
  }

  /** As next; blocks. */
  nextSync(): number {
    return this.addSync(1) - 1;
  }

  protected override check(n: number): void {
    checkInteger('n', n, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  }

  protected apply(n: number): number | TangoError {
    const sum = this.#value + n;
    if (!Number.isSafeInteger(sum)) {
      const text = `the sum would be no safe integer: value=${this.#value}, n=${n}`;
      return new TangoError('ERR_INVALID_ARGUMENT', text, { object: this.name });
    }
    this.#value = sum;
    return sum;
  }

  protected checkpoint(): unknown {
    return this.#value;
  }

  protected restore(state: unknown): void {
    this.#value = state as number;
  }
}
