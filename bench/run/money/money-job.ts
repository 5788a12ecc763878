/**
 * The main job: threads move money between accounts in transactions, while others look at the sum.
 *
 *   load ──▶ pause ──▶ whole ──▶ the same in every thread ──▶ transfers, balances ──▶ forget them ──▶ load …
 *
 * Threads of the log are killed in the middle of the load (faults.ts), and one that moves money. A round
 * ends when time is over, when a journal is full, or on a signal.
 */
import { extname } from 'node:path';
import { LogMemory } from '../../../actors/log-memory.ts';
import { type Tango, TangoError } from '../../../index.ts';
import { latencyOf } from '../../harness/measure.ts';
import { humanise } from '../../harness/table.ts';
import { Faults } from '../faults.ts';
import { LoadTime } from '../load-time.ts';
import { Progress, type ProgressStream, RateMeter } from '../progress.ts';
import { fullnessOf, openRunLog, type RunLogOptions } from '../run-log.ts';
import { RunThreads } from '../run-threads.ts';
import { Bank, type Books, type MoneyWorkload } from './bank.ts';
import {
  checkBalances,
  checkBooks,
  checkCounted,
  checkSame,
  checkTransfers,
} from './check-money.ts';
import { COUNTER_NAMES, type MoneyLoadControl } from './money-load.ts';
import type { MoneyReport } from './money-report.ts';
import { JOURNAL_TRANSFERS_MAX, type KnownTransfer, TransferJournal } from './transfer-journal.ts';

export type MoneyRunOptions = RunLogOptions & MoneyWorkload;

/** Named once: right in source and in dist. */
const ENTRY = new URL(`./money-load-worker${extname(import.meta.url)}`, import.meta.url);
/** Positions of a round at which the books are read again, the last one at its end. */
const HISTORY_LOOKS = 4;
/** A log has room for so many bytes for each transfer that a round remembers. */
const LOG_BYTES_A_TRANSFER = 512;
/** The largest change: some hundred accounts are opened. */
export const MONEY_ENTRY_BYTES = 16 * 1024;

/** Runs until time is over or `stop` is raised; rejects when a check or a thread fails. */
export async function runMoneyJob(
  options: MoneyRunOptions,
  stream: ProgressStream,
  stop: AbortSignal,
): Promise<MoneyReport> {
  await using tango = await openRunLog(options, MONEY_ENTRY_BYTES);
  const threads = Array.from({ length: options.threads }, (_, thread) => thread);
  const bank = await Bank.of(tango, options, threads);
  await bank.open(tango, options.accounts);
  const job = new MoneyJob(tango, bank, options, stop);
  const progress = new Progress(stream, () => job.describe());
  try {
    return await job.run();
  } finally {
    progress.stop();
    await job.end();
  }
}

class MoneyJob {
  readonly #tango: Tango;
  readonly #bank: Bank;
  readonly #memory: LogMemory;
  readonly #options: MoneyRunOptions;
  readonly #time: LoadTime;
  readonly #threads: RunThreads<MoneyLoadControl, MoneyWorkload, typeof COUNTER_NAMES>;
  readonly #faults: Faults;
  readonly #rate = new RateMeter();
  #phase: 'load' | 'verify' = 'load';
  #rounds = 0;
  /** Transfers of a thread in a round: all that are remembered take a small part of the log. */
  readonly #journalTransfers: number;
  /** Of the round. */
  #journals: TransferJournal[] = [];
  #journalCount = 0;
  #loading: Promise<void>[] = [];
  #countedBefore = 0;
  /** Position with which the round begins. */
  #from = 0;
  #balancesBefore: ReadonlyMap<number, number>;
  /** Snapshots that this thread has looked at. */
  #snapshots = 0;
  #looking: Promise<void> | undefined;
  #failure: unknown;
  /** Of a thread that moves money; 0: not yet. Milliseconds of load. */
  #killedMs = 0;
  #succession: Promise<void> | undefined;
  #moved = 0;
  #unknown = 0;
  #landed = 0;
  /** Positions of the past at which the books were right. */
  #history = 0;

  constructor(tango: Tango, bank: Bank, options: MoneyRunOptions, stop: AbortSignal) {
    this.#tango = tango;
    this.#bank = bank;
    this.#memory = new LogMemory(tango.handle.buffers);
    this.#options = options;
    this.#time = new LoadTime(options.seconds, stop);
    this.#balancesBefore = new Map(bank.accounts);
    const { threads, accounts, window, logBytes } = options;
    const most = Math.floor(logBytes / (LOG_BYTES_A_TRANSFER * threads));
    this.#journalTransfers = Math.min(most, JOURNAL_TRANSFERS_MAX);
    const workload: MoneyWorkload = { threads, accounts, window };
    const names = COUNTER_NAMES;
    this.#threads = new RunThreads({ entry: ENTRY, tango: tango.handle, threads, workload, names });
    const loadMs = this.#time.wholeMs;
    const silences = () => this.#threads.silences();
    const parts = { tango, memory: this.#memory, loadMs, silences };
    this.#faults = new Faults(parts, options.faults);
  }

  async run(): Promise<MoneyReport> {
    await this.#threads.ready();
    this.#from = await this.#tango.sync();
    for (;;) {
      await this.#loadRound();
      await this.#faults.settled();
      this.#phase = 'verify';
      await this.#verify();
      this.#rounds++;
      if (this.#time.isOver) break;
      await this.#forgetRound();
      this.#phase = 'load';
    }
    await this.#threads.leave();
    return this.#report();
  }

  /** No thread is left, whatever happened. */
  async end(): Promise<void> {
    await this.#threads.terminate();
  }

  describe(): string {
    const { moved, attempts, refused, snapshots } = this.#threads.counts();
    const aborted = attempts > 0 ? (100 * (attempts - moved - refused)) / attempts : 0;
    const { news } = this.#faults;
    return [
      `${(this.#time.elapsedMs / 1000).toFixed(1).padStart(5)} s`,
      this.#phase.padEnd(6),
      ...(news === '' ? [] : [news]),
      `${humanise(this.#rate.perSecond(moved), 'transfers/s').padStart(9)} transfers`,
      `${Math.max(aborted, 0).toFixed(1)} % aborted`,
      `sum ${(this.#options.accounts * 1000).toLocaleString('en')}`,
      `${humanise(snapshots + this.#snapshots, '')} snapshots`,
      `log ${Math.round(fullnessOf(this.#tango, this.#memory) * 100)} % full`,
    ].join('   ');
  }

  /** Lets the threads move money until the round is to end. */
  async #loadRound(): Promise<void> {
    this.#journals = [];
    this.#loading = [];
    this.#time.begin();
    let ended = false;
    const onEnd = (): void => {
      ended = true;
    };
    for (let thread = 0; thread < this.#options.threads; thread++) this.#load(thread, onEnd);
    await this.#time.watch(() => {
      // One death after the other: the gap that one leaves is of all threads that were there before.
      if (this.#succession === undefined) this.#faults.look(this.#time.elapsedMs);
      if (!this.#faults.isUnderWay) this.#killOne(onEnd);
      this.#lookAtBooks();
      return ended || this.#failure !== undefined;
    });
    await this.#succession;
    // Whoever failed is heard below.
    await this.#threads.pause().catch(() => {});
    await Promise.all(this.#loading);
    this.#time.end();
    await this.#looking;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #load(thread: number, onEnd: () => void): void {
    const journal = TransferJournal.allocate(this.#journalCount++, this.#journalTransfers);
    this.#journals.push(journal);
    const loading = this.#threads.ask(thread, (control) => {
      return control.load(journal.number, journal.buffer);
    });
    this.#loading[thread] = loading;
    // One that has failed, or has a full journal, ends the round of all; one that was killed does not.
    const ended = (): void => {
      if (this.#loading[thread] === loading) onEnd();
    };
    loading.then(ended, ended);
  }

  /** Half way into the load the last thread dies, whatever it is doing; a successor takes its place. */
  #killOne(onEnd: () => void): void {
    const { elapsedMs, wholeMs } = this.#time;
    if (!this.#options.faults || this.#killedMs > 0 || elapsedMs < wholeMs / 2) return;
    this.#killedMs = elapsedMs;
    const thread = this.#options.threads - 1;
    // Its load ends with it: that is no failure.
    this.#loading[thread] = Promise.resolve();
    this.#succession = this.#succeed(thread, onEnd).finally(() => {
      this.#succession = undefined;
    });
    this.#succession.catch((error) => {
      this.#failure ??= error;
    });
  }

  async #succeed(thread: number, onEnd: () => void): Promise<void> {
    await this.#threads.kill(thread);
    this.#threads.succeed(thread);
    await this.#threads.ready();
    this.#load(thread, onEnd);
  }

  /** A look of this thread at all objects, while others change them; one at a time. */
  #lookAtBooks(): void {
    this.#looking ??= this.#readBooks()
      .then((books) => {
        checkBooks(books, this.#options.accounts, 'a snapshot of the main thread');
        checkCounted(books, this.#countedBefore, 'a snapshot of the main thread');
        this.#snapshots++;
      })
      .catch((error) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#looking = undefined;
      });
  }

  #readBooks(): Promise<Books> {
    return this.#tango.transact(() => this.#bank.read(), { readOnly: true });
  }

  /** Nobody moves money. */
  async #verify(): Promise<void> {
    const { accounts } = this.#options;
    const books = await this.#readBooks();
    checkBooks(books, accounts, 'the end, in the main thread');
    checkCounted(books, this.#countedBefore, 'the end, in the main thread');
    const others = await Promise.all(this.#threads.askAll((control) => control.books()));
    for (const [thread, other] of others.entries()) {
      const where = `the end, in thread ${thread}`;
      checkBooks(other, accounts, where);
      checkSame(other, books, where);
    }
    const balances = new Map(this.#bank.accounts);
    const transfers = new Map(this.#bank.transfers);
    const known = this.#journals.flatMap((journal) => [...journal]);
    const { moved, unknown, landed } = checkTransfers(known, { transfers });
    checkBalances(known, { before: this.#balancesBefore, balances, transfers }, 'the end');
    await this.#verifyHistory(known);
    this.#moved += moved;
    this.#unknown += unknown;
    this.#landed += landed;
    this.#balancesBefore = balances;
    this.#countedBefore = books.counted;
  }

  /** The books as they were in the course of the round, where the log still reaches back to that. */
  async #verifyHistory(known: readonly KnownTransfer[]): Promise<void> {
    const to = await this.#tango.sync();
    for (let look = 1; look <= HISTORY_LOOKS; look++) {
      const position = this.#from + Math.floor(((to - this.#from) * look) / HISTORY_LOOKS);
      const where = `history, position ${position}`;
      const past = await this.#bankAt(position);
      if (past === undefined) continue;
      checkBooks(past.read(), this.#options.accounts, where);
      const balances = new Map(past.accounts);
      const transfers = new Map(past.transfers);
      checkBalances(known, { before: this.#balancesBefore, balances, transfers }, where);
      this.#history++;
    }
  }

  /** Undefined: compaction has passed that position. */
  async #bankAt(position: number): Promise<Bank | undefined> {
    try {
      return await Bank.of(await this.#tango.at(position), this.#options, []);
    } catch (error) {
      if (error instanceof TangoError && error.code === 'ERR_TRIMMED') return undefined;
      throw error;
    }
  }

  /** What was verified is not kept: a run of any length has bounded state. */
  async #forgetRound(): Promise<void> {
    await this.#tango.transact(() => this.#bank.closeBooks());
    this.#from = await this.#tango.sync();
  }

  #report(): MoneyReport {
    const { moved, refused, conflicts, attempts, snapshots } = this.#threads.counts();
    const isSpared = this.#options.faults && this.#killedMs === 0;
    return {
      stoppedEarly: this.#time.stoppedEarly,
      seconds: this.#time.elapsedMs / 1000,
      rounds: this.#rounds,
      moved,
      refused,
      conflicts,
      attempts,
      latency: latencyOf(this.#threads.latency()),
      verified: this.#moved,
      unknown: this.#unknown,
      landed: this.#landed,
      snapshots: snapshots + this.#snapshots,
      threads: this.#options.threads + 1,
      history: this.#history,
      accounts: this.#options.accounts,
      killedMs: this.#killedMs,
      faults: this.#faults.inflicted,
      spared: [...this.#faults.spared, ...(isSpared ? ['a thread that moves money'] : [])],
    };
  }
}
