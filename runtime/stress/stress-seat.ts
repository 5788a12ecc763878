/**
 * The place of one client: a ring that outlives the threads that take it one after the other, and
 * the thread that has it now.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { assert } from '../../shared-memory/assert.ts';
import {
  allocateHistoryRing,
  type BegunRecord,
  HistoryCollector,
  type HistoryRecord,
} from '../../shared-memory/history-ring.ts';
import { RecordState } from '../../shared-memory/history-ring-layout.ts';
import { within } from '../../shared-memory/within.ts';
import type { Position } from '../log-entry.ts';
import type { StressClientData, StressCommand, StressReport } from './stress-client-worker.ts';
import { kindName } from './stress-history.ts';

const ENTRY = new URL(`./stress-client-worker${extname(import.meta.url)}`, import.meta.url);
/** Enough for what a client does between two looks; then it waits. */
const RING_RECORDS = 8192;
/** Of starting a thread, ending one, and of the operations under way when a client pauses. */
const SEAT_MS_MAX = 15_000;

/** A record, and the incarnation that left it. */
export interface SeatRecord {
  readonly client: number;
  readonly record: HistoryRecord;
}

export type SeatData = Omit<StressClientData, 'ring'>;

export class StressSeat {
  readonly name: string;
  readonly #ring = allocateHistoryRing(RING_RECORDS);
  readonly #collector = new HistoryCollector(this.#ring);
  readonly #onDeath: (error: Error) => void;
  #records: SeatRecord[] = [];
  #worker: Worker | undefined;
  #client = 0;
  #working: Promise<void> = Promise.resolve();
  #isWorking = false;
  #paused: (() => void) | undefined;
  #failure: unknown;
  #exited: Promise<void> = Promise.resolve();
  #killing = false;

  /** `onDeath`: the thread has ended and nobody had asked it to. */
  constructor(name: string, onDeath: (error: Error) => void) {
    this.name = name;
    this.#onDeath = onDeath;
  }

  /** Starts a thread as incarnation `client`; the one before has exited. Does not wait for it. */
  spawn(client: number, data: SeatData): void {
    assert(this.#worker === undefined, 'a seat has one thread at a time');
    const workerData: StressClientData = { ...data, ring: this.#ring };
    const worker = new Worker(ENTRY, { name: `${this.name} as ${client}`, workerData });
    this.#client = client;
    this.#worker = worker;
    this.#isWorking = false;
    this.#killing = false;
    this.#working = new Promise((resolve) => {
      worker.on('message', (report: StressReport) => {
        if (report === 'paused') return this.#paused?.();
        this.#isWorking = true;
        resolve();
      });
    });
    worker.on('error', (error) => {
      this.#failure = error;
    });
    this.#exited = new Promise((resolve) => {
      worker.once('exit', (code) => {
        if (!this.#killing) this.#died(code);
        resolve();
      });
    });
  }

  /** Settles once the thread is attached and has begun; rejects when it exits instead. */
  working(): Promise<void> {
    return this.#answered('to work', this.#working);
  }

  /** Ends the thread where it stands; what it was doing: names of kinds, 'starting' or 'idle'. */
  async kill(): Promise<string[]> {
    const worker = this.#worker;
    assert(worker !== undefined, 'there is somebody to be killed');
    this.#killing = true;
    await within(SEAT_MS_MAX, `the exit of ${this.name}`, worker.terminate());
    await this.#exited;
    this.#worker = undefined;
    if (this.#failure !== undefined) this.#died(0);
    // The exit was awaited: nobody writes to the ring.
    const records = this.#collector.collectDead();
    this.#keep(records);
    const open = records.filter(({ state }) => state === RecordState.INVOKED);
    if (open.length > 0) return open.map(({ kind }) => kindName(kind));
    return [this.#isWorking ? 'idle' : 'starting'];
  }

  /** Ends the thread, if there is one; for the end of the run. */
  async end(): Promise<void> {
    this.#killing = true;
    await this.#worker?.terminate();
  }

  /** Makes room in the ring; not while its thread is being killed, which collects as well. */
  collect(): void {
    if (!this.#killing) this.#keep(this.#collector.collect());
  }

  /** Ends all operations of the living client, and begins none until resume(). */
  async pause(): Promise<void> {
    await this.working();
    const paused = new Promise<void>((resolve) => {
      this.#paused = resolve;
    });
    this.#tell({ pause: true });
    await this.#answered('to pause', paused);
    this.collect();
    assert(this.open().length === 0, 'a client that has paused has nothing under way');
  }

  resume(base: Position): void {
    this.#tell({ resume: base });
  }

  /** Everything collected since the last call. */
  take(): SeatRecord[] {
    const taken = this.#records;
    this.#records = [];
    return taken;
  }

  /** What the thread has under way; nothing of a dead one. */
  open(): BegunRecord[] {
    return this.#worker === undefined || this.#killing ? [] : this.#collector.open();
  }

  /** For a report: who is there and what it does. */
  describe(now: number): string {
    const state = this.#worker === undefined ? 'dead' : this.#isWorking ? 'working' : 'starting';
    const open = this.open().map(({ kind, key, value, call }) => {
      return `${kindName(kind)} key=${key} value=${value} for ${Math.round((now - call) / 1e6)} ms`;
    });
    return `${this.name} as ${this.#client}, ${state}: ${open.join(' · ') || 'nothing under way'}`;
  }

  /** An error of its own, even if it was killed in the next moment. */
  #died(code: number): void {
    const text = `${this.name} has died by itself: exit code=${code}, ${this.#failure}`;
    this.#onDeath(new Error(text, { cause: this.#failure }));
  }

  async #answered(what: string, answer: Promise<void>): Promise<void> {
    const exit = this.#exited.then(() => {
      throw new Error(`${this.name} has exited`);
    });
    await within(SEAT_MS_MAX, `${this.name} ${what}`, Promise.race([answer, exit]));
  }

  #tell(command: StressCommand): void {
    this.#worker?.postMessage(command);
  }

  #keep(records: readonly HistoryRecord[]): void {
    for (const record of records) this.#records.push({ client: this.#client, record });
  }
}
