/** Transactions, one after the other, the same ones for every store. */
import { chooseKeys, type Distribution } from './key-choice.ts';
import type { KeyStore } from './key-store.ts';

export interface TransactionPlan {
  /**
   * 'increment': one key is read, and set to one more. 'read three, write three': three keys are read, and
   * three others set to their sum (Tango, section 6.2).
   */
  readonly kind: 'increment' | 'read three, write three';
  readonly count: number;
  readonly keys: number;
  readonly distribution: Distribution;
}

/** Keys of one transaction. */
const CHOSEN = { increment: 1, 'read three, write three': 6 } as const;
const READS = 3;
/** Three values stay numbers of 31 bits, whatever is added. */
const VALUE_LIMIT = 1_000_000;

export class TransactionLoad {
  readonly #plan: TransactionPlan;
  readonly #chosen: Int32Array;

  /** `seed`: another one for each thread, not 0. */
  constructor(plan: TransactionPlan, seed: number) {
    const { kind, count, keys, distribution } = plan;
    this.#plan = plan;
    this.#chosen = chooseKeys(distribution, keys, count * CHOSEN[kind], seed);
  }

  /** Returns how often a body has run. Blocks. */
  run(store: KeyStore): number {
    const { kind, count } = this.#plan;
    const chosen = this.#chosen;
    const step = CHOSEN[kind];
    let first = 0;
    let runs = 0;
    const increment = (): void => {
      runs++;
      const key = chosen[first];
      store.put(key, (store.get(key) ?? 0) + 1);
    };
    const readAndWrite = (): void => {
      runs++;
      let sum = 1;
      for (let i = 0; i < READS; i++) sum += store.get(chosen[first + i]) ?? 0;
      for (let i = READS; i < step; i++) store.put(chosen[first + i], sum % VALUE_LIMIT);
    };
    const body = kind === 'increment' ? increment : readAndWrite;
    for (; first < count * step; first += step) store.transact(body);
    return runs;
  }
}
