/** A number that threads add to, and that hands out unique numbers (Tango, section 3). */
import { TangoError } from '../actors/tango-error.ts';
import { ReplicatedObject } from '../runtime/views/replicated-object.ts';

export class TangoCounter extends ReplicatedObject<number> {
  static readonly typeName = 'counter';
  #value = 0;

  /** The sum of what was added; 0 at first. Linearizable; blocks only for an unfinished entry. */
  get value(): number {
    return this.query(() => this.#value);
  }

  /** Adds `n`, a safe integer of either sign; resolves to the sum with it. */
  add(n = 1): Promise<number> {
    return this.change<number>(n);
  }

  /** As add; blocks. */
  addSync(n = 1): number {
    return this.changeSync<number>(n);
  }

  /** A number that nobody else gets: 0, 1, 2 … where the counter is used for nothing else. */
  async next(): Promise<number> {
    return (await this.add(1)) - 1;
  }

  /** As next; blocks. */
  nextSync(): number {
    return this.addSync(1) - 1;
  }

  protected override check(n: number): void {
    if (Number.isSafeInteger(n)) return;
    throw new TangoError('ERR_INVALID_ARGUMENT', `a safe integer was expected: n=${String(n)}`);
  }

  protected apply(n: number): number {
    this.#value += n;
    return this.#value;
  }

  protected checkpoint(): unknown {
    return this.#value;
  }

  protected restore(state: unknown): void {
    this.#value = state as number;
  }
}
