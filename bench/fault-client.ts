/**
 * A light, steady client for experiments that disturb a log: on a thread of its own, one append at a
 * time, some thousand a second, while the main thread kills or replaces something.
 *
 *   begin ── append · append · append ─ ─ ─ ─ ─ ─ ─ ─ ─ append ──▶ ended
 *                      disturb() │ exited │ projected │ acknowledged
 *
 * All times are of the clock of the process, as the client sees them: acknowledgements at once, the
 * rest when it looks, after each append and every millisecond while it waits.
 */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { type Controlled, connectControl } from '../actors/control.ts';
import type { FaultClientControl, FaultClientTask, Watch } from './fault-client-worker.ts';
import type { Result } from './harness/experiment.ts';
import { latencySpread } from './harness/measure.ts';
import { processMs } from './run/silences.ts';

const WORKER = new URL(
  `./fault-client-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
const NANOSECONDS_PER_MS = 1e6;

/** How one disturbance went, in milliseconds. */
export interface Disturbed {
  /** The longest time between two acknowledgements around it. */
  readonly gapMs: number;
  /** From the disturbance until the death is in the thread table; NaN: nobody died. */
  readonly noticedMs: number;
  /** From there, or from the disturbance, until the next projection is installed. */
  readonly projectedMs: number;
  /** From there to the first acknowledged append. */
  readonly resumedMs: number;
  /** When the next projection was seen, by the clock of the process. */
  readonly projectedAtMs: number;
}

export class FaultClient implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #control: Controlled<FaultClientControl>;
  readonly #exited: Promise<void>;

  private constructor(task: Omit<FaultClientTask, 'control'>) {
    const { port1, port2 } = new MessageChannel();
    const workerData: FaultClientTask = { ...task, control: port2 };
    this.#worker = new Worker(WORKER, { workerData, transferList: [port2] });
    this.#exited = new Promise((resolve, reject) => {
      this.#worker.once('error', reject);
      this.#worker.once('exit', () => resolve());
    });
    this.#exited.catch(() => {});
    this.#control = connectControl(
      port1,
      'fault client',
      this.#exited.catch(() => {}),
    );
  }

  /** A client that is attached and rests. */
  static async start(task: Omit<FaultClientTask, 'control'>): Promise<FaultClient> {
    const client = new FaultClient(task);
    await client.#control.ready();
    return client;
  }

  /** Has the client append, calls `disturb` in the middle, and returns once appends go on. */
  async during(watch: Watch, disturb: () => Promise<unknown>): Promise<Disturbed> {
    await this.#control.begin(watch);
    const startMs = processMs();
    await disturb();
    const disturbedMs = processMs();
    const { acknowledgedMs, exitedMs: seenMs, projectedMs } = await this.#control.ended();
    // The client may have looked too late; this thread knows as soon as the worker has ended, and
    // nobody proposes a projection before.
    const knownMs = Math.min(disturbedMs, projectedMs);
    const dies = watch.incarnation !== 0;
    const exitedMs = dies && !(seenMs < knownMs) ? knownMs : seenMs;
    let gapMs = 0;
    for (let i = 1; i < acknowledgedMs.length; i++) {
      if (acknowledgedMs[i] <= startMs) continue;
      gapMs = Math.max(gapMs, acknowledgedMs[i] - acknowledgedMs[i - 1]);
    }
    const lastMs = acknowledgedMs[acknowledgedMs.length - 1];
    return {
      gapMs,
      noticedMs: exitedMs - startMs,
      projectedMs: projectedMs - (Number.isNaN(exitedMs) ? startMs : exitedMs),
      resumedMs: lastMs - projectedMs,
      projectedAtMs: projectedMs,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
    await this.#exited.catch(() => {});
  }
}

/** The distribution of one part of all disturbances; a look may come too late to tell two apart. */
export function partResult(
  name: string,
  partsMs: readonly number[],
  parameters: Result['parameters'],
): Result {
  return latencySpread(
    name,
    partsMs.map((ms) => Math.max(1, ms * NANOSECONDS_PER_MS)),
    parameters,
  );
}
