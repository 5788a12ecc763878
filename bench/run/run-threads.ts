/** The load threads of `tangolog run` as the main thread sees them. */
import { extname } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { type Controlled, connectControl } from '../../actors/control.ts';
import type { TangoHandle } from '../../index.ts';
import {
  CounterTable,
  type CounterValues,
  countersBytesFor,
  initializeCounters,
} from '../../shared-memory/counters.ts';
import { Histogram, histogramBytesFor } from '../../shared-memory/histogram.ts';
import type { RunThreadControl, RunThreadData } from './run-worker.ts';
import type { SilencesTold } from './silences.ts';
import { type Appended, COUNTER_NAMES, type Played, type Workload } from './workload.ts';

/** Named once: right in source and in dist. */
const RUN_WORKER = new URL(`./run-worker${extname(import.meta.url)}`, import.meta.url);
/** A thread that has not left by then is terminated. */
const LEAVE_MS_MAX = 2000;

interface RunThread {
  readonly worker: Worker;
  readonly control: Controlled<RunThreadControl>;
  readonly exited: Promise<void>;
}

export class RunThreads {
  readonly #threads: readonly RunThread[];
  readonly #counters: CounterTable<typeof COUNTER_NAMES>;
  readonly #latencies: SharedArrayBuffer;
  /** What a thread threw beside its answers: why it has exited. */
  #failure: unknown;

  constructor(tango: TangoHandle, workload: Workload) {
    const counters = new SharedArrayBuffer(countersBytesFor(COUNTER_NAMES, workload.threads));
    initializeCounters(counters, 0, COUNTER_NAMES, workload.threads);
    this.#counters = new CounterTable(COUNTER_NAMES, counters, 0);
    this.#latencies = new SharedArrayBuffer(workload.threads * histogramBytesFor());
    const shared = { tango, workload, counters, latencies: this.#latencies };
    this.#threads = Array.from({ length: workload.threads }, (_, thread) => {
      return this.#start(thread, shared);
    });
  }

  /** Begins a round: one promise a thread, settled when it has stopped appending. */
  load(): Promise<Appended>[] {
    return this.#threads.map(({ control }) => this.#told(control.load()));
  }

  /** Ends a round: every thread stops once its appends under way are done. */
  async pause(): Promise<void> {
    await Promise.all(this.#threads.map(({ control }) => this.#told(control.pause())));
  }

  /** Every thread plays its streams to the tail. */
  catchUp(): Promise<Played[][]> {
    return Promise.all(this.#threads.map(({ control }) => this.#told(control.catchUp())));
  }

  /** What each thread knows of its silences, at any time. */
  silences(): Promise<SilencesTold[]> {
    return Promise.all(this.#threads.map(({ control }) => this.#told(control.silences())));
  }

  /** What all threads have counted; late by a moment. */
  counts(): CounterValues<(typeof COUNTER_NAMES)[number]> {
    return this.#counters.sum();
  }

  /** Append latencies of all threads, merged. */
  latency(): Histogram {
    const all = new Histogram(new ArrayBuffer(histogramBytesFor()));
    for (let thread = 0; thread < this.#threads.length; thread++) {
      all.mergeFrom(new Histogram(this.#latencies, thread * histogramBytesFor()));
    }
    return all;
  }

  /** Every thread detaches and ends by itself; one that will not is terminated. */
  async leave(): Promise<void> {
    await Promise.all(
      this.#threads.map(async ({ control, worker, exited }) => {
        const late = setTimeout(() => worker.terminate(), LEAVE_MS_MAX);
        // A thread that is gone already has left.
        await control.leave().catch(() => {});
        await exited;
        clearTimeout(late);
      }),
    );
  }

  /** Ends all threads where they stand; settles after their last instruction. */
  async terminate(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
    await Promise.all(this.#threads.map(({ exited }) => exited));
  }

  #start(thread: number, shared: Omit<RunThreadData, 'thread' | 'control'>): RunThread {
    const { port1, port2 } = new MessageChannel();
    const workerData: RunThreadData = { ...shared, thread, control: port2 };
    const name = `tangolog run ${thread}`;
    const worker = new Worker(RUN_WORKER, { name, workerData, transferList: [port2] });
    worker.on('error', (error) => {
      this.#failure ??= error;
    });
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        port1.close();
        resolve();
      });
    });
    return { worker, control: connectControl<RunThreadControl>(port1, name, exited), exited };
  }

  /** When a thread has exited, what it threw says more than that it is gone. */
  async #told<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#failure ?? error;
    }
  }
}
