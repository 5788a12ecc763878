/** What a blocked thread waits for: a value or an error, told once by whoever ends the operation. */
export class Settled<T> {
  #settled = false;
  #value: T | undefined;
  #error: unknown;
  #hasFailed = false;
  readonly isSettled = (): boolean => this.#settled;

  /** For the next operation. */
  begin(): void {
    this.#settled = this.#hasFailed = false;
    this.#value = this.#error = undefined;
  }

  done(value: T): void {
    this.#settled = true;
    this.#value = value;
  }

  failed(error: unknown): void {
    this.#settled = this.#hasFailed = true;
    this.#error = error;
  }

  /** The value, or throws the error. */
  take(): T {
    if (this.#hasFailed) throw this.#error;
    if (!this.#settled) throw new Error('an operation ends before its own deadline');
    return this.#value as T;
  }
}
