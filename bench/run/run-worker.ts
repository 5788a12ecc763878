/** Entry of a load thread of `tangolog run`: attaches, and does what the main thread says. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { exposeControl } from '../../actors/control.ts';
import { attach, type TangoHandle } from '../../index.ts';
import { CounterTable } from '../../shared-memory/counters.ts';
import { Histogram, histogramBytesFor } from '../../shared-memory/histogram.ts';
import { COUNTER_NAMES, Load, type Workload } from './workload.ts';

/** The startup message. */
export interface RunThreadData {
  readonly tango: TangoHandle;
  readonly workload: Workload;
  readonly thread: number;
  readonly counters: SharedArrayBuffer;
  readonly latencies: SharedArrayBuffer;
  readonly control: MessagePort;
}

/** What the main thread may ask. */
export interface RunThreadControl extends Pick<Load, 'load' | 'pause' | 'catchUp' | 'silences'> {
  leave(): Promise<void>;
}

const data = workerData as RunThreadData;
const { tango, workload, thread, control } = data;
void start();

async function start(): Promise<void> {
  const attached = await attach(tango);
  const load = new Load({
    log: attached.log,
    workload,
    thread,
    counters: new CounterTable(COUNTER_NAMES, data.counters, 0).countersOf(thread),
    latency: new Histogram(data.latencies, thread * histogramBytesFor()),
  });
  // The open port keeps this thread; it is closed after the answer is on its way.
  const leave = () => attached.close().then(() => void setImmediate(() => control.close()));
  exposeControl<RunThreadControl>(Object.assign(load, { leave }), control);
}
