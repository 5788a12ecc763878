/** The thread of a client whose log is disturbed: appends one at a time, and notes what it sees. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { exposeControl } from '../actors/control.ts';
import { LogMemory } from '../actors/log-memory.ts';
import { attach, type TangoHandle } from '../index.ts';
import type { LinkKind } from '../runtime/client-options.ts';
import type { SharedLog } from '../runtime/shared-log.ts';
import { processMs } from './run/silences.ts';

export interface FaultClientTask {
  readonly handle: TangoHandle;
  readonly link: LinkKind;
  readonly payloadBytes: number;
  /** Appends belong to one of these in turn. */
  readonly streams: readonly number[];
  readonly control: MessagePort;
}

/** What is to happen. */
export interface Watch {
  /** Of the thread that will die; 0: none. */
  readonly incarnation: number;
  /** Of the projection before. */
  readonly epoch: number;
}

export interface Watched {
  /** From begin() to the first append under the next projection. */
  readonly acknowledgedMs: Float64Array;
  /** NaN: nobody died. */
  readonly exitedMs: number;
  readonly projectedMs: number;
}

export interface FaultClientControl {
  ready(): void;
  /** Begins to append; resolves when that goes well for a while. */
  begin(watch: Watch): Promise<void>;
  /** Ends once an append was acknowledged under the next projection. */
  ended(): Promise<Watched>;
}

const BEGINNING_APPENDS = 50;
/** Between two appends. */
const PAUSE_MS = 0.1;
/** A look while an append waits; the cores belong to those who repair. */
const LOOK_MS = 1;

class FaultClientSide implements FaultClientControl {
  readonly #log: SharedLog;
  readonly #memory: LogMemory;
  readonly #payload: Uint8Array;
  readonly #streams: readonly number[];
  #watch: Watch = { incarnation: 0, epoch: 0 };
  #acknowledged: number[] = [];
  #exitedMs = Number.NaN;
  #projectedMs = Number.NaN;
  #ended: Promise<unknown> = Promise.resolve();
  #appending = false;

  constructor(log: SharedLog, { handle, payloadBytes, streams }: FaultClientTask) {
    this.#log = log;
    this.#memory = new LogMemory(handle.buffers);
    this.#payload = new Uint8Array(payloadBytes).fill(4);
    this.#streams = streams;
  }

  ready(): void {}

  async begin(watch: Watch): Promise<void> {
    this.#watch = watch;
    this.#acknowledged = [];
    this.#exitedMs = this.#projectedMs = Number.NaN;
    this.#appending = true;
    this.#ended = Promise.all([this.#append(), this.#observe()]);
    // Told to whoever awaits ended().
    this.#ended.catch(() => {});
    while (this.#appending && this.#acknowledged.length < BEGINNING_APPENDS) await setImmediate();
  }

  async ended(): Promise<Watched> {
    await this.#ended;
    return {
      acknowledgedMs: Float64Array.from(this.#acknowledged),
      exitedMs: this.#exitedMs,
      projectedMs: this.#projectedMs,
    };
  }

  async #append(): Promise<void> {
    const streams = this.#streams;
    try {
      for (;;) {
        const stream = streams[this.#acknowledged.length % streams.length];
        await this.#log.append(this.#payload, { streams: [stream] });
        this.#look();
        const nowMs = processMs();
        this.#acknowledged.push(nowMs);
        if (!Number.isNaN(this.#projectedMs)) return;
        while (processMs() < nowMs + PAUSE_MS) await setImmediate();
      }
    } finally {
      this.#appending = false;
    }
  }

  async #observe(): Promise<void> {
    while (this.#appending) {
      this.#look();
      await setTimeout(LOOK_MS);
    }
  }

  #look(): void {
    const { incarnation, epoch } = this.#watch;
    const { threads, layoutStore } = this.#memory;
    if (incarnation !== 0 && Number.isNaN(this.#exitedMs) && !threads.lives(incarnation)) {
      this.#exitedMs = processMs();
    }
    if (Number.isNaN(this.#projectedMs) && layoutStore.newestEpoch() > epoch) {
      this.#projectedMs = processMs();
    }
  }
}

async function run(task: FaultClientTask): Promise<void> {
  const { log } = await attach(task.handle, { link: task.link });
  exposeControl<FaultClientControl>(new FaultClientSide(log, task), task.control);
}

// Null in the main thread, which has no business here.
if (parentPort !== null) void run(workerData as FaultClientTask);
