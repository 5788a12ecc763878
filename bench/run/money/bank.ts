/**
 * The objects of the canonical workload, in one thread: accounts in a map, every transfer that took
 * effect in another, a counter for each teller, who moves one amount at a time, and a queue of receipts,
 * which whoever looks at the books takes out and counts.
 */
import type { Tango, TangoCounter, TangoMap, TangoQueue, TangoSnapshot } from '../../../index.ts';

/** What every thread must agree on; structured-cloneable. */
export interface MoneyWorkload {
  readonly threads: number;
  readonly accounts: number;
  /** Transfers a thread keeps under way: its tellers. */
  readonly window: number;
}

export interface Transfer {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

/** What the objects hold in one snapshot. */
export interface Books {
  /** Of all accounts. */
  readonly sum: number;
  readonly accounts: number;
  /** The lowest balance. */
  readonly lowest: number;
  readonly transfers: number;
  /** Receipts in the queue, and those that were taken out. */
  readonly receipts: number;
  /** By the tellers whose counters this thread has. */
  readonly counted: number;
  /** Of the balances in the order of the accounts. */
  readonly digest: number;
}

export const OPENING_BALANCE = 1000;
/** Accounts opened by one transaction. */
const OPENED_AT_ONCE = 200;
/** Receipts taken out by one transaction. */
const FILED_AT_ONCE = 128;

interface CommonObjects {
  readonly accounts: TangoMap<number, number>;
  readonly transfers: TangoMap<number, number>;
  readonly receipts: TangoQueue<number>;
  readonly filed: TangoCounter;
}

export class Bank {
  readonly accounts: TangoMap<number, number>;
  readonly transfers: TangoMap<number, number>;
  readonly #receipts: TangoQueue<number>;
  readonly #filed: TangoCounter;
  readonly #counters: readonly TangoCounter[];

  private constructor(
    { accounts, transfers, receipts, filed }: CommonObjects,
    counters: readonly TangoCounter[],
  ) {
    this.accounts = accounts;
    this.transfers = transfers;
    this.#receipts = receipts;
    this.#filed = filed;
    this.#counters = counters;
  }

  /** Now, or as it was; with the counters of the tellers of `threads`. */
  static async of(
    tango: Tango | TangoSnapshot,
    { window }: MoneyWorkload,
    threads: readonly number[],
  ): Promise<Bank> {
    const accounts = await tango.map<number, number>('accounts');
    const transfers = await tango.map<number, number>('transfers');
    const receipts = await tango.queue<number>('receipts');
    const filed = await tango.counter('receipts filed');
    const counters: TangoCounter[] = [];
    for (const thread of threads) {
      for (let teller = 0; teller < window; teller++) {
        counters.push(await tango.counter(`transfers of teller ${teller} of thread ${thread}`));
      }
    }
    return new Bank({ accounts, transfers, receipts, filed }, counters);
  }

  /** Opens `count` accounts, by one thread, once. */
  async open(tango: Tango, count: number): Promise<void> {
    for (let first = 0; first < count; first += OPENED_AT_ONCE) {
      await tango.transact(() => {
        for (let account = first; account < Math.min(first + OPENED_AT_ONCE, count); account++) {
          this.accounts.setSync(account, OPENING_BALANCE);
        }
      });
    }
  }

  /** The body of a transaction. False: the balance is too low, nothing is changed. */
  move({ id, from, to, amount }: Transfer, teller: number): boolean {
    const balance = this.accounts.get(from) ?? 0;
    if (balance < amount) return false;
    this.accounts.setSync(from, balance - amount);
    this.accounts.setSync(to, (this.accounts.get(to) ?? 0) + amount);
    this.transfers.setSync(id, amount);
    this.#counters[teller].addSync(1);
    this.#receipts.pushSync(id);
    return true;
  }

  /** The body of a transaction. Throws where a receipt is of a transfer that is not there. */
  file(): void {
    let filed = 0;
    while (filed < FILED_AT_ONCE) {
      const id = this.#receipts.shiftSync();
      if (id === undefined) break;
      if (!this.transfers.has(id)) throw new Error(`a receipt without a transfer: id=${id}`);
      filed++;
    }
    if (filed > 0) this.#filed.increaseSync(filed);
  }

  /** The body of a transaction: transfers are counted from none again. */
  closeBooks(): void {
    this.transfers.clearSync();
    this.#receipts.clearSync();
    this.#filed.addSync(-this.#filed.value);
  }

  /** The body of a read-only transaction. */
  read(): Books {
    let [sum, accounts, lowest, digest] = [0, 0, Number.POSITIVE_INFINITY, 0];
    for (const [account, balance] of this.accounts) {
      sum += balance;
      accounts++;
      lowest = Math.min(lowest, balance);
      digest = (Math.imul(digest, 31) + Math.imul(account + 1, 0x9e37_79b1) + balance) | 0;
    }
    const counted = this.#counters.reduce((all, { value }) => all + value, 0);
    const transfers = this.transfers.size;
    const receipts = this.#receipts.length + this.#filed.value;
    return { sum, accounts, lowest, transfers, receipts, counted, digest };
  }
}
