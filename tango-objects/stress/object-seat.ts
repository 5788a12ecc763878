/** The place of one client: a journal that outlives the threads that take it one after the other. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { within } from '../../shared-memory/within.ts';
import { allocateJournal, type Begun, JournalReader, type Recorded } from './journal.ts';
import type { ClientRecord } from './object-history.ts';
import type { ObjectCommand, ObjectReport, ObjectWorkerData } from './object-stress-worker.ts';

const ENTRY = new URL(`./object-stress-worker${extname(import.meta.url)}`, import.meta.url);
/** Of starting a thread, of ending one, and of its answers. */
const SEAT_MS_MAX = 30_000;

export type SeatData = Omit<ObjectWorkerData, 'journal'>;

export class ObjectSeat {
  readonly name: string;
  readonly #journal = allocateJournal();
  readonly #reader = new JournalReader(this.#journal);
  readonly #onDeath: (error: Error) => void;
  readonly #records: ClientRecord[] = [];
  #worker: Worker | undefined;
  #client = 0;
  #isKilled = false;
  #failure: unknown;
  #exited: Promise<void> = Promise.resolve();
  #working: Promise<unknown> = Promise.resolve();
  #answer: ((report: ObjectReport) => void) | undefined;

  /** `onDeath`: the thread has ended and nobody had asked it to. */
  constructor(name: string, onDeath: (error: Error) => void) {
    this.name = name;
    this.#onDeath = onDeath;
  }

  /** Everything that the threads of the seat have done, in the order of its end. */
  get records(): readonly ClientRecord[] {
    return this.#records;
  }

  /** Starts a thread; the one before has exited. Does not wait for it. */
  spawn(data: SeatData): void {
    const workerData: ObjectWorkerData = { ...data, journal: this.#journal };
    const worker = new Worker(ENTRY, { name: `${this.name} as ${data.client}`, workerData });
    this.#client = data.client;
    this.#worker = worker;
    this.#isKilled = false;
    worker.on('message', (report: ObjectReport) => this.#answer?.(report));
    worker.on('error', (error) => {
      this.#failure = error;
    });
    this.#exited = new Promise((resolve) => {
      worker.once('exit', (code) => {
        if (!this.#isKilled) this.#died(code);
        resolve();
      });
    });
    this.#working = this.#answered('to begin');
    // It may be killed before; whoever awaits it hears of that.
    this.#working.catch(() => {});
  }

  /** Settles once the thread has begun to work; rejects when it exits instead. */
  async working(): Promise<void> {
    await this.#working;
  }

  /** Ends the thread where it stands; settles when all that it has left is collected. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    const ended = Promise.resolve(this.#worker?.terminate());
    await within(SEAT_MS_MAX, `the exit of ${this.name}`, ended);
    await this.#exited;
    this.#worker = undefined;
    if (this.#failure !== undefined) this.#died(0);
    this.#keep(this.#reader.collectDead());
  }

  /** Makes room in the journal; not while the thread is being killed. */
  collect(): void {
    if (!this.#isKilled) this.#keep(this.#reader.collect());
  }

  /** What the thread has under way. */
  open(): Begun[] {
    return this.#isKilled ? [] : this.#reader.open();
  }

  /** For a report: which of its threads has the seat. */
  describe(): string {
    return `${this.name} as ${this.#client}, ${this.#records.length} operations have ended`;
  }

  /** Ends all operations of the thread and begins none. `collect` it meanwhile. */
  async stop(): Promise<void> {
    await this.working();
    await this.#ask('stop');
  }

  /** Of the views of the thread, at the end of the log. */
  async digest(): Promise<string> {
    const answer = await this.#ask('digest');
    if (typeof answer === 'string') throw new Error(`${this.name} tells no digest: ${answer}`);
    return answer.digest;
  }

  #ask(command: ObjectCommand): Promise<ObjectReport> {
    const answered = this.#answered(`its answer to ${command}`);
    this.#worker?.postMessage(command);
    return answered;
  }

  #answered(what: string): Promise<ObjectReport> {
    const answer = new Promise<ObjectReport>((resolve) => {
      this.#answer = resolve;
    });
    const exit = this.#exited.then(() => {
      throw new Error(`${this.name} has exited: ${this.#failure}`);
    });
    return within(SEAT_MS_MAX, `${this.name}: ${what}`, Promise.race([answer, exit]));
  }

  /** An error of its own, even if it was killed in the next moment. */
  #died(code: number): void {
    const text = `${this.name} has died by itself: exit code=${code}, ${this.#failure}`;
    this.#onDeath(new Error(text, { cause: this.#failure }));
  }

  #keep(records: readonly Recorded[]): void {
    for (const record of records) this.#records.push({ ...record, client: this.#client });
  }
}
