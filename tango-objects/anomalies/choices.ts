/**
 * Every way to make a few choices, one after the other: depth first, from the beginning each time.
 *
 *   const choices = new Choices();
 *   do run(choices); while (choices.next());   // run() calls choices.among(n)
 */
import { assert } from '../../shared-memory/assert.ts';

export class Choices {
  /** The options that are taken, and out of how many. */
  readonly #path: { taken: number; readonly options: number }[] = [];
  #depth = 0;

  /** An integer in [0, options). */
  among(options: number): number {
    if (this.#depth === this.#path.length) this.#path.push({ taken: 0, options });
    const choice = this.#path[this.#depth++];
    assert(choice.options === options, 'the same choices have the same consequences');
    return choice.taken;
  }

  /** Goes back to the beginning, for the next way; false after the last one. */
  next(): boolean {
    this.#depth = 0;
    while (this.#path.length > 0) {
      const last = this.#path[this.#path.length - 1];
      if (++last.taken < last.options) return true;
      this.#path.pop();
    }
    return false;
  }
}
