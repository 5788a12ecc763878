/**
 * The owner's side of the actor threads: starts them, supervises them, stops them. An exit at any
 * instruction is an ordinary event: the thread table is told AFTER the exit was awaited, so nobody
 * acts on a thread that may still write.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { assert } from '../shared-memory/assert.ts';
import { NO_THREAD, type ThreadIndex } from '../shared-memory/thread-table.ts';
import type { ActorThreadControl, ActorThreadData, ActorThreadStats } from './actor-thread.ts';
import { type Controlled, connectControl } from './control.ts';
import { type LogBuffers, type LogMemory, retireChunksOf } from './log-memory.ts';
import type { Placement } from './placement.ts';
import { TangoError } from './tango-error.ts';

/** An orderly stop that takes longer is ended by terminate(). */
const STOP_MS_MAX = 2000;

/** Of `node --input-type=module -e`: a thread that starts with a file does not take it. */
const EXEC_ARGV = process.execArgv.some((one) => one.startsWith('--input-type'))
  ? { execArgv: [] }
  : {};

interface ActorThread {
  readonly thread: ThreadIndex;
  readonly worker: Worker;
  readonly control: Controlled<ActorThreadControl>;
  /** Settles with the reason. */
  readonly exited: Promise<TangoError>;
}

export interface ActorSystemOptions<Data extends ActorThreadData> {
  readonly buffers: LogBuffers;
  readonly memory: LogMemory;
  readonly placement: Placement;
  /** The worker entry, a compiled file. */
  readonly entry: URL;
  /** What this entry wants beyond the common startup message. */
  readonly extra: Omit<Data, keyof ActorThreadData>;
  /** Told after an actor thread has exited without being asked to. */
  readonly onExit?: (thread: ThreadIndex, error: TangoError) => void;
}

export class ActorSystem {
  readonly #memory: LogMemory;
  readonly #threads: ActorThread[] = [];
  #closing = false;

  private constructor(memory: LogMemory) {
    this.#memory = memory;
  }

  /** Starts every actor thread and waits until each is ready. Nothing is left behind on failure. */
  static async start<Data extends ActorThreadData>(
    options: ActorSystemOptions<Data>,
  ): Promise<ActorSystem> {
    const system = new ActorSystem(options.memory);
    try {
      for (let thread = 0; thread < options.placement.actorThreads; thread++) {
        system.#threads.push(system.#spawn(thread, options));
      }
      await Promise.all(system.#threads.map(({ control }) => control.ready()));
      // From here on only the owner's own work keeps the process alive.
      for (const { worker } of system.#threads) worker.unref();
      return system;
    } catch (error) {
      await system.terminate();
      throw error;
    }
  }

  /** Figures of every live actor thread. */
  async stats(): Promise<ActorThreadStats[]> {
    return Promise.all(this.#threads.map(({ control }) => control.stats()));
  }

  /** Kills an actor thread where it stands; settles after its last instruction. */
  async kill(thread: ThreadIndex): Promise<void> {
    const found = this.#threads.find((one) => one.thread === thread);
    assert(found !== undefined, 'the thread hosts actors');
    await found.worker.terminate();
    await found.exited;
  }

  /** Stops all threads: asks first, terminates what does not answer in time. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#threads.map((one) => this.#stop(one)));
  }

  /** Ends all threads at once. */
  async terminate(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
    await Promise.all(this.#threads.map(({ exited }) => exited));
  }

  async #stop({ control, worker, exited }: ActorThread): Promise<void> {
    worker.ref();
    const late = setTimeout(() => worker.terminate(), STOP_MS_MAX);
    // A thread that is gone already needs no asking.
    await control.stop().catch(() => {});
    await exited;
    clearTimeout(late);
  }

  #spawn<Data extends ActorThreadData>(
    thread: ThreadIndex,
    options: ActorSystemOptions<Data>,
  ): ActorThread {
    const { threads } = this.#memory;
    const claimed = threads.claim(thread, thread + 1);
    assert(claimed !== NO_THREAD, 'an actor thread has an index of its own');
    const { port1, port2 } = new MessageChannel();
    const { buffers, placement, entry, extra } = options;
    const workerData = { buffers, placement, thread, control: port2, ...extra };
    const name = `tangolog actors ${thread}`;
    const worker = new Worker(entry, { name, workerData, transferList: [port2], ...EXEC_ARGV });
    const incarnation = threads.incarnation(thread);
    let failure: unknown;
    worker.on('error', (error) => {
      failure = error;
    });
    const exited = new Promise<TangoError>((resolve) => {
      worker.once('exit', (code) => {
        port1.close();
        this.#onExit(thread, incarnation);
        const error = exitError(name, code, failure);
        if (!this.#closing) options.onExit?.(thread, error);
        resolve(error);
      });
    });
    const control = connectControl<ActorThreadControl>(port1, name, exited);
    return { thread, worker, control, exited };
  }

  #onExit(thread: ThreadIndex, incarnation: number): void {
    const { threads } = this.#memory;
    retireChunksOf(this.#memory, incarnation);
    threads.markExited(thread);
    threads.ringAll();
  }
}

function exitError(name: string, code: number, cause: unknown): TangoError {
  const text = `an actor thread has exited: thread=${name}, exit code=${code}`;
  return new TangoError('ERR_ACTOR_EXITED', text, { cause });
}
