/** Who waits in this thread for the same, one after the other: only who is in front has to look for it. */
import { whenAborted } from '../runtime/abort.ts';
import { abortedError } from '../runtime/arguments.ts';

export class WaitingLine {
  /** Whose turn it is stands in front of these. */
  readonly #waiting: (() => void)[] = [];
  #isTurn = false;

  /**
   * Resolves when it is one's turn, which lasts until leave(). Rejects with ERR_ABORTED, and one stands there
   * no more. `isBack`: whose turn it was before is the next.
   */
  stand(signal: AbortSignal | undefined, isBack: boolean): Promise<void> {
    if (!this.#isTurn) {
      this.#isTurn = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const come = (): void => {
        stay();
        resolve();
      };
      const stay = whenAborted(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(come), 1);
        reject(abortedError(signal as AbortSignal));
      });
      if (isBack) this.#waiting.unshift(come);
      else this.#waiting.push(come);
    });
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isTurn = false;
    else next();
  }
}
