/**
 * The owner's side of the actor threads: starts them, supervises them, stops them. An exit at any
 * instruction is an ordinary event: the thread table is told AFTER the exit was awaited, so nobody
 * acts on a thread that may still write.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { assert } from '../shared-memory/assert.ts';
import type { Flight } from '../shared-memory/flight.ts';
import { NO_THREAD, type ThreadIndex } from '../shared-memory/thread-table.ts';
import type { ActorThreadControl, ActorThreadData, ActorThreadStats } from './actor-thread.ts';
import { type Controlled, connectControl } from './control.ts';
import { type LogBuffers, type LogMemory, retireChunksOf } from './log-memory.ts';
import { TangoError } from './tango-error.ts';

/** An orderly stop that takes longer is ended by terminate(). */
const STOP_MS_MAX = 2000;

/** Of `node --input-type=module -e`: a thread that starts with a file does not take it. */
const EXEC_ARGV = process.execArgv.some((one) => one.startsWith('--input-type'))
  ? { execArgv: [] }
  : {};

/** A thread that dies before it is ready is started anew after this long, doubled each time. */
const RESPAWN_MS = 10;
const RESPAWN_MS_MAX = 1000;

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
  /** Of the calling thread. */
  readonly flight: Flight;
  /** The worker entry, a compiled file. */
  readonly entry: URL;
  /** What this entry wants beyond the common startup message. */
  readonly extra: Omit<Data, keyof ActorThreadData>;
  /** Told after an actor thread has exited without being asked to. */
  readonly onExit?: (thread: ThreadIndex, error: TangoError) => void;
  /**
   * Settles once nothing that the dead thread hosted is at home there any more, so that its index
   * may have a new tenant, or once `closing` is raised; without it, a thread that has exited is not
   * replaced.
   */
  readonly vacated?: (thread: ThreadIndex, closing: AbortSignal) => Promise<void>;
  /** A message that an actor thread sends to its owner. */
  readonly onMessage?: (thread: ThreadIndex, message: unknown) => void;
}

export class ActorSystem<Data extends ActorThreadData = ActorThreadData> {
  readonly #options: ActorSystemOptions<Data>;
  /** By thread index: the latest of each. */
  readonly #threads: ActorThread[] = [];
  /** Deaths of a thread before it was ready, in a row. */
  readonly #stillborn: number[] = [];
  readonly #respawns = new Set<Promise<void>>();
  /** Waits for a respawn hold no process alive, and end at once. */
  readonly #closing = new AbortController();

  private constructor(options: ActorSystemOptions<Data>) {
    this.#options = options;
  }

  /** Starts every actor thread and waits until each is ready. Nothing is left behind on failure. */
  static async start<Data extends ActorThreadData>(
    options: ActorSystemOptions<Data>,
  ): Promise<ActorSystem<Data>> {
    const system = new ActorSystem(options);
    try {
      for (let thread = 0; thread < options.memory.sizes.actorThreads; thread++) {
        system.#spawn(thread);
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
    const told = await Promise.allSettled(this.#threads.map(({ control }) => control.stats()));
    return told.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }

  /** Kills an actor thread where it stands; settles after its last instruction. */
  async kill(thread: ThreadIndex): Promise<void> {
    const found = this.#threads[thread];
    assert(found !== undefined, 'the thread hosts actors');
    await found.worker.terminate();
    await found.exited;
  }

  /** Stalls an actor thread for so long; settles once it goes on, or has been ended. */
  async stall(thread: ThreadIndex, ms: number): Promise<void> {
    const found = this.#threads[thread];
    assert(found !== undefined, 'the thread hosts actors');
    await found.control.stall(ms).catch(() => {});
  }

  /** Stops all threads: asks first, terminates what does not answer in time. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#respawns);
    await Promise.all(this.#threads.map((one) => this.#stop(one)));
  }

  /** Ends all threads at once. */
  async terminate(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#respawns);
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
    await Promise.all(this.#threads.map(({ exited }) => exited));
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  async #stop({ control, worker, exited }: ActorThread): Promise<void> {
    worker.ref();
    const late = setTimeout(() => worker.terminate(), STOP_MS_MAX);
    // A thread that is gone already needs no asking.
    await control.stop().catch(() => {});
    await exited;
    clearTimeout(late);
  }

  #spawn(thread: ThreadIndex): void {
    const { memory, buffers, entry, extra, onMessage } = this.#options;
    const { threads } = memory;
    const claimed = threads.claim(thread, thread + 1);
    assert(claimed !== NO_THREAD, 'an actor thread has an index of its own');
    const { port1, port2 } = new MessageChannel();
    const workerData = { buffers, thread, control: port2, ...extra };
    const name = `tangolog actors ${thread}`;
    const worker = this.#started(
      thread,
      port1,
      () => new Worker(entry, { name, workerData, transferList: [port2], ...EXEC_ARGV }),
    );
    const incarnation = threads.incarnation(thread);
    let failure: unknown;
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('message', (message) => onMessage?.(thread, message));
    const exited = new Promise<TangoError>((resolve) => {
      worker.once('exit', (code) => {
        port1.close();
        const error = exitError(name, code, failure);
        this.#onExit(thread, incarnation, error);
        resolve(error);
      });
    });
    const control = connectControl<ActorThreadControl>(port1, name, exited);
    this.#threads[thread] = { thread, worker, control, exited };
  }

  /** Leaves nothing behind when the system has no room for a thread: that throws. */
  #started(thread: ThreadIndex, port: MessagePort, start: () => Worker): Worker {
    try {
      return start();
    } catch (error) {
      port.close();
      this.#options.memory.threads.release(thread);
      throw error;
    }
  }

  #onExit(thread: ThreadIndex, incarnation: number, error: TangoError): void {
    const { memory, flight, onExit, vacated } = this.#options;
    memory.threads.markExited(thread, incarnation);
    retireChunksOf(memory, flight, incarnation);
    memory.threads.ringAll();
    if (this.#isClosing) return;
    onExit?.(thread, error);
    if (vacated === undefined) return;
    const respawn = this.#respawn(thread, vacated).finally(() => this.#respawns.delete(respawn));
    this.#respawns.add(respawn);
  }

  /** A new thread in the place of one that has exited. */
  async #respawn(
    thread: ThreadIndex,
    vacated: (thread: ThreadIndex, closing: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const before = this.#stillborn[thread] ?? 0;
    if (before > 0) {
      const ms = Math.min(RESPAWN_MS * 2 ** before, RESPAWN_MS_MAX);
      const { signal } = this.#closing;
      await delay(ms, undefined, { ref: false, signal }).catch(() => {});
    }
    if (!this.#isClosing) await vacated(thread, this.#closing.signal);
    if (this.#isClosing) return;
    this.#options.memory.threads.release(thread);
    this.#stillborn[thread] = before + 1;
    try {
      this.#spawn(thread);
    } catch {
      // The system has no room for a thread just now; its index is free, and tried again.
      return this.#respawn(thread, vacated);
    }
    const { worker, control } = this.#threads[thread];
    worker.unref();
    control.ready().then(
      () => {
        this.#stillborn[thread] = 0;
      },
      // Its exit is noticed like any other.
      () => {},
    );
  }
}

function exitError(name: string, code: number, cause: unknown): TangoError {
  const text = `an actor thread has exited: thread=${name}, exit code=${code}`;
  return new TangoError('ERR_ACTOR_EXITED', text, { cause });
}
