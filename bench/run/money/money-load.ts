/**
 * What a thread of `tangolog run` does: its tellers move money between accounts, each one amount at a
 * time, in transactions; now and then one looks at the sum of all accounts.
 */
import { setImmediate } from 'node:timers/promises';
import { TangoError } from '../../../index.ts';
import type { LoadParts, RunThreadControl } from '../serve-load.ts';
import { Silences, type SilencesTold } from '../silences.ts';
import { Bank, type Books, type MoneyWorkload, type Transfer } from './bank.ts';
import { checkBooks } from './check-money.ts';
import { TransferJournal, TransferState } from './transfer-journal.ts';

/** `attempts`: of transactions, each time that a body has run. */
export const COUNTER_NAMES = ['moved', 'refused', 'conflicts', 'attempts', 'snapshots'] as const;
export type MoneyLoadParts = LoadParts<MoneyWorkload, (typeof COUNTER_NAMES)[number]>;
export type MoneyLoadControl = RunThreadControl & Pick<MoneyLoad, 'load' | 'books'>;

const AMOUNT_MAX = 100;
/** Transfers of a teller from one look at all accounts to the next. */
const LOOK_EVERY = 64;
const NANOSECONDS_PER_MS = 1e6;

export class MoneyLoad {
  readonly #parts: MoneyLoadParts;
  readonly #bank: Bank;
  readonly #silences = new Silences();
  #loading = false;

  private constructor(parts: MoneyLoadParts, bank: Bank) {
    this.#parts = parts;
    this.#bank = bank;
  }

  static async start(parts: MoneyLoadParts): Promise<MoneyLoad> {
    return new MoneyLoad(parts, await Bank.of(parts.tango, parts.workload, [parts.thread]));
  }

  /** Moves money until pause(), or until the journal is full; nothing is under way then. */
  async load(number: number, buffer: SharedArrayBuffer): Promise<void> {
    const journal = new TransferJournal(number, buffer);
    this.#silences.begin(performance.now());
    this.#loading = true;
    const tellers = Array.from({ length: this.#parts.workload.window }, (_, i) => i);
    try {
      await Promise.all(tellers.map((teller) => this.#serve(teller, journal)));
    } finally {
      this.#loading = false;
    }
    this.#parts.counters.publish();
  }

  pause(): void {
    this.#loading = false;
  }

  silences(): SilencesTold {
    return this.#silences.tell();
  }

  /** What this thread holds at the end of the log. */
  books(): Promise<Books> {
    return this.#parts.tango.transact(() => this.#bank.read(), { readOnly: true });
  }

  async #serve(teller: number, journal: TransferJournal): Promise<void> {
    for (let count = 1; this.#loading; count++) {
      const [from, to] = this.#draw();
      const transfer = journal.begin(from, to, 1 + Math.floor(Math.random() * AMOUNT_MAX));
      if (transfer === undefined) {
        this.#loading = false;
        return;
      }
      await this.#move(transfer, teller, journal);
      if (count % LOOK_EVERY === 0) await this.#look();
    }
  }

  async #move(transfer: Transfer, teller: number, journal: TransferJournal): Promise<void> {
    const { tango, counters, latency } = this.#parts;
    const startMs = performance.now();
    let isMoved = false;
    try {
      isMoved = await tango.transact(() => {
        counters.add(ATTEMPTS, 1);
        return this.#bank.move(transfer, teller);
      });
    } catch (error) {
      const state = stateAfter(error);
      journal.end(transfer, state);
      if (state === TransferState.CONFLICT) counters.add(CONFLICTS, 1);
      return;
    }
    journal.end(transfer, isMoved ? TransferState.MOVED : TransferState.REFUSED);
    counters.add(isMoved ? MOVED : REFUSED, 1);
    // Each time: a thread that is killed has counted what it was told.
    counters.publish();
    if (!isMoved) return void (await setImmediate());
    const endMs = performance.now();
    latency.record((endMs - startMs) * NANOSECONDS_PER_MS);
    this.#silences.acknowledged(endMs);
  }

  async #look(): Promise<void> {
    const { tango, counters, workload, thread } = this.#parts;
    checkBooks(await this.books(), workload.accounts, `a snapshot of thread ${thread}`);
    counters.add(SNAPSHOTS, 1);
    try {
      await tango.transact(() => this.#bank.file());
    } catch (error) {
      // Others file as well; what is not known to be filed is looked at the next time.
      stateAfter(error);
    }
  }

  /** Two accounts. */
  #draw(): [from: number, to: number] {
    const { accounts } = this.#parts.workload;
    const from = Math.floor(Math.random() * accounts);
    const to = Math.floor(Math.random() * (accounts - 1));
    return [from, to < from ? to : to + 1];
  }
}

const [MOVED, REFUSED, CONFLICTS, ATTEMPTS, SNAPSHOTS] = COUNTER_NAMES.map((_, index) => index);

/** Of errors that a death in the log allows; any other ends the thread. */
function stateAfter(error: unknown): TransferState {
  if (!(error instanceof TangoError)) throw error;
  if (error.code === 'ERR_CONFLICT') return TransferState.CONFLICT;
  if (error.code !== 'ERR_TIMEOUT' && error.code !== 'ERR_ACTOR_EXITED') throw error;
  return TransferState.UNKNOWN;
}
