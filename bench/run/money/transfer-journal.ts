/**
 * What one thread knows of its transfers, in shared memory that survives it. Each is there BEFORE its
 * transaction begins, and says afterwards what came of it. Whoever else reads waits until the thread has
 * paused, or has exited.
 *
 *   transfer   state · from · to · amount      words
 */
import type { Transfer } from './bank.ts';

/** BEGUN: nobody knows, its thread was killed. */
export const TransferState = { BEGUN: 1, MOVED: 2, REFUSED: 3, CONFLICT: 4, UNKNOWN: 5 } as const;
export type TransferState = (typeof TransferState)[keyof typeof TransferState];

/** Transfers of a journal at most: of one thread in one round. */
export const JOURNAL_TRANSFERS_MAX = 2 ** 17;
const TRANSFER_WORDS = 4;
const WORD_BYTES = 4;

export interface KnownTransfer extends Transfer {
  readonly state: TransferState;
}

export class TransferJournal {
  readonly buffer: SharedArrayBuffer;
  /** No two journals of a run have the same: the first part of their ids. */
  readonly number: number;
  readonly #words: Int32Array;
  readonly #capacity: number;
  #count = 0;

  constructor(number: number, buffer: SharedArrayBuffer) {
    this.number = number;
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#capacity = this.#words.length / TRANSFER_WORDS;
  }

  /** With room for `capacity` transfers. */
  static allocate(number: number, capacity: number): TransferJournal {
    const bytes = capacity * TRANSFER_WORDS * WORD_BYTES;
    return new TransferJournal(number, new SharedArrayBuffer(bytes));
  }

  /** Undefined: the journal is full. */
  begin(from: number, to: number, amount: number): Transfer | undefined {
    if (this.#count === this.#capacity) return undefined;
    const index = this.#count++;
    const at = index * TRANSFER_WORDS;
    this.#words[at + 1] = from;
    this.#words[at + 2] = to;
    this.#words[at + 3] = amount;
    this.#words[at] = TransferState.BEGUN;
    return { id: this.number * JOURNAL_TRANSFERS_MAX + index, from, to, amount };
  }

  end({ id }: Transfer, state: TransferState): void {
    this.#words[(id % JOURNAL_TRANSFERS_MAX) * TRANSFER_WORDS] = state;
  }

  /** All transfers, in the order in which they began. */
  *[Symbol.iterator](): IterableIterator<KnownTransfer> {
    for (let index = 0; index < this.#capacity; index++) {
      const at = index * TRANSFER_WORDS;
      const [state, from, to, amount] = this.#words.subarray(at, at + TRANSFER_WORDS);
      if (state === 0) return;
      const id = this.number * JOURNAL_TRANSFERS_MAX + index;
      yield { id, from, to, amount, state: state as TransferState };
    }
  }
}
