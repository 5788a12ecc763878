/** What each load thread of `tangolog run` does first: attaches, and offers its load to the main thread. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { exposeControl } from '../../actors/control.ts';
import { attach, type Tango, type TangoHandle } from '../../index.ts';
import { type Counters, CounterTable } from '../../shared-memory/counters.ts';
import { Histogram, histogramBytesFor } from '../../shared-memory/histogram.ts';
import type { SilencesTold } from './silences.ts';

/** The startup message. */
export interface RunThreadData<Workload> {
  readonly tango: TangoHandle;
  readonly workload: Workload;
  readonly thread: number;
  readonly counters: SharedArrayBuffer;
  readonly latencies: SharedArrayBuffer;
  readonly control: MessagePort;
}

/** What the main thread may ask of any load. */
export interface LoadControl {
  /** load() resolves once what is under way has ended. */
  pause(): void;
  silences(): SilencesTold;
}

export interface RunThreadControl extends LoadControl {
  leave(): Promise<void>;
}

/** What a load is made of. */
export interface LoadParts<Workload, Name extends string> {
  readonly tango: Tango;
  readonly workload: Workload;
  readonly thread: number;
  readonly counters: Counters<Name>;
  readonly latency: Histogram;
}

/** Does not block: the open port keeps the thread. */
export async function serveLoad<Workload, const Names extends readonly string[]>(
  names: Names,
  make: (parts: LoadParts<Workload, Names[number]>) => LoadControl | Promise<LoadControl>,
): Promise<void> {
  const data = workerData as RunThreadData<Workload>;
  const { workload, thread, control } = data;
  const tango = await attach(data.tango);
  const load = await make({
    tango,
    workload,
    thread,
    counters: new CounterTable(names, data.counters, 0).countersOf(thread),
    latency: new Histogram(data.latencies, thread * histogramBytesFor()),
  });
  // The port is closed after the answer is on its way.
  const leave = () => tango.close().then(() => void setImmediate(() => control.close()));
  exposeControl<RunThreadControl>(Object.assign(load, { leave }), control);
}
