/** The load threads of `tangolog run` as the main thread sees them, whatever they load the log with. */
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
import type { RunThreadControl, RunThreadData } from './serve-load.ts';
import type { SilencesTold } from './silences.ts';

/** A thread that has not left by then is terminated. */
const LEAVE_MS_MAX = 2000;

export interface RunThreadsOptions<Names extends readonly string[], Workload> {
  /** Of the threads; it calls serveLoad(). */
  readonly entry: URL;
  readonly tango: TangoHandle;
  readonly threads: number;
  /** What every thread must agree on; structured-cloneable. */
  readonly workload: Workload;
  /** Of their counters. */
  readonly names: Names;
}

interface RunThread<Control> {
  readonly worker: Worker;
  readonly control: Controlled<Control>;
  readonly exited: Promise<void>;
}

export class RunThreads<
  Control extends RunThreadControl,
  Workload,
  const Names extends readonly string[],
> {
  readonly #options: RunThreadsOptions<Names, Workload>;
  readonly #threads: RunThread<Control>[];
  readonly #counters: CounterTable<Names>;
  readonly #counterBytes: SharedArrayBuffer;
  readonly #latencies: SharedArrayBuffer;
  /** What a thread threw beside its answers: why it has exited. */
  #failure: unknown;

  constructor(options: RunThreadsOptions<Names, Workload>) {
    const { names, threads } = options;
    this.#options = options;
    this.#counterBytes = new SharedArrayBuffer(countersBytesFor(names, threads));
    initializeCounters(this.#counterBytes, 0, names, threads);
    this.#counters = new CounterTable(names, this.#counterBytes, 0);
    this.#latencies = new SharedArrayBuffer(threads * histogramBytesFor());
    this.#threads = Array.from({ length: threads }, (_, thread) => this.#start(thread));
  }

  /** Resolves once every thread is attached. */
  async ready(): Promise<void> {
    await this.silences();
  }

  /** Asks one thread. */
  ask<T>(thread: number, question: (control: Controlled<Control>) => Promise<T>): Promise<T> {
    return this.#told(question(this.#threads[thread].control));
  }

  /** Asks every thread: one promise each. */
  askAll<T>(question: (control: Controlled<Control>) => Promise<T>): Promise<T>[] {
    return this.#threads.map(({ control }) => this.#told(question(control)));
  }

  /** Ends a round: every thread stops once what it has under way is done. */
  async pause(): Promise<void> {
    await Promise.all(this.#controls().map((control) => this.#told(control.pause())));
  }

  /** What each thread knows of its silences, at any time. */
  silences(): Promise<SilencesTold[]> {
    return Promise.all(this.#controls().map((control) => this.#told(control.silences())));
  }

  /** What all threads have counted; late by a moment. */
  counts(): CounterValues<Names[number]> {
    return this.#counters.sum();
  }

  /** Latencies of all threads, merged. */
  latency(): Histogram {
    const all = new Histogram(new ArrayBuffer(histogramBytesFor()));
    for (let thread = 0; thread < this.#threads.length; thread++) {
      all.mergeFrom(new Histogram(this.#latencies, thread * histogramBytesFor()));
    }
    return all;
  }

  /** Ends a thread where it stands; settles after its last instruction. Then a successor may start. */
  async kill(thread: number): Promise<void> {
    const { worker, exited } = this.#threads[thread];
    await worker.terminate();
    await exited;
  }

  /** Starts a thread in the place of one that was killed. */
  succeed(thread: number): void {
    this.#threads[thread] = this.#start(thread);
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

  /** As those of any load. */
  #controls(): Controlled<RunThreadControl>[] {
    return this.#threads.map(({ control }) => control as Controlled<RunThreadControl>);
  }

  #start(thread: number): RunThread<Control> {
    const { entry, tango, workload } = this.#options;
    const { port1, port2 } = new MessageChannel();
    const counters = this.#counterBytes;
    const latencies = this.#latencies;
    const shared = { tango, workload, counters, latencies };
    const workerData: RunThreadData<Workload> = { ...shared, thread, control: port2 };
    const name = `tangolog run ${thread}`;
    const worker = new Worker(entry, { name, workerData, transferList: [port2] });
    worker.on('error', (error) => {
      this.#failure ??= error;
    });
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        port1.close();
        resolve();
      });
    });
    return { worker, control: connectControl<Control>(port1, name, exited), exited };
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
