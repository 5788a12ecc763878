/** For tests: a worker thread that attaches to a log and does what the test asks for. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { TangoError } from '../actors/tango-error.ts';
import { within } from '../shared-memory/within.ts';
import type { LogEntry, Position } from './log-entry.ts';
import { attach, type TangoHandle } from './open.ts';
import type { AppendOptions } from './shared-log.ts';
import type { Tango, TangoStats } from './tango.ts';

/** How a load ended: the code of the error, and what was acknowledged before. */
export interface LoadEnd {
  readonly code: string;
  readonly positions: readonly Position[];
}

interface Commands {
  attach(): Promise<void>;
  close(): Promise<void>;
  /** Appends one after the other, the text and the number as payload. */
  append(count: number, text: string, options?: AppendOptions): Promise<Position[]>;
  appendSync(count: number, text: string): Position[];
  read(position: Position): Promise<LogEntry>;
  readSync(position: Position): LogEntry;
  /** `position:text` of every entry of the log. */
  texts(): Promise<string[]>;
  tail(): Promise<[fast: Position, slow: Position]>;
  stats(): TangoStats;
  /** Begins to append with 32 under way, until the first error. */
  startLoad(bytes: number): void;
  loadEnd(): Promise<LoadEnd>;
  /** As startLoad, blocking; what it returns is known when it has ended. */
  loadSync(bytes: number): LoadEnd;
  /** Attaches, appends, closes, `count` times. */
  cycle(count: number): Promise<void>;
  /** Listens to the test no longer: only the attachment is left. */
  detach(): void;
}

type CommandName = keyof Commands;

interface Request {
  readonly id: number;
  readonly name: CommandName;
  readonly args: readonly unknown[];
}

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: unknown;
}

const CALL_MS_MAX = 60_000;

/** The test's side. */
export class AttachedWorker {
  readonly worker: Worker;
  readonly exited: Promise<number>;
  readonly #calls = new Map<number, PromiseWithResolvers>();
  #next = 1;

  constructor(handle: TangoHandle) {
    this.worker = new Worker(new URL(import.meta.url), { workerData: { tango: handle } });
    this.exited = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        for (const { reject } of this.#calls.values()) reject(new Error('the worker has exited'));
        resolve(code);
      });
    });
    this.worker.on('error', (error) => {
      for (const { reject } of this.#calls.values()) reject(error);
    });
    this.worker.on('message', ({ id, value, error }: Reply) => {
      const waiting = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(TangoError.from(error));
    });
  }

  /** A worker that is attached. */
  static async start(handle: TangoHandle): Promise<AttachedWorker> {
    const started = new AttachedWorker(handle);
    await started.call('attach');
    return started;
  }

  call<K extends CommandName>(
    name: K,
    ...args: Parameters<Commands[K]>
  ): Promise<Awaited<ReturnType<Commands[K]>>> {
    const id = this.#next++;
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
    });
    this.worker.postMessage({ id, name, args } satisfies Request);
    return within(CALL_MS_MAX, `the worker's ${name}`, answered) as Promise<
      Awaited<ReturnType<Commands[K]>>
    >;
  }

  /** Ends the thread where it stands. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }
}

interface PromiseWithResolvers {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

const LOAD_WINDOW = 32;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The thread's side. */
class WorkerSide implements Commands {
  readonly #handle: TangoHandle;
  #tango: Tango | undefined;
  #load: Promise<LoadEnd> | undefined;

  constructor(handle: TangoHandle) {
    this.#handle = handle;
  }

  get #open(): Tango {
    if (this.#tango === undefined) throw new Error('the worker is attached');
    return this.#tango;
  }

  async attach(): Promise<void> {
    this.#tango = await attach(this.#handle);
  }

  async close(): Promise<void> {
    await this.#open.close();
  }

  async append(count: number, text: string, options?: AppendOptions): Promise<Position[]> {
    const positions: Position[] = [];
    for (let i = 0; i < count; i++) {
      positions.push(await this.#open.log.append(encoder.encode(`${text}${i}`), options));
    }
    return positions;
  }

  appendSync(count: number, text: string): Position[] {
    const { log } = this.#open;
    return Array.from({ length: count }, (_, i) => log.appendSync(encoder.encode(`${text}${i}`)));
  }

  async read(position: Position): Promise<LogEntry> {
    return this.#open.log.read(position);
  }

  readSync(position: Position): LogEntry {
    return this.#open.log.readSync(position);
  }

  async texts(): Promise<string[]> {
    const texts: string[] = [];
    for await (const entry of this.#open.log.entries()) {
      if (entry.kind === 'data') texts.push(`${entry.position}:${decoder.decode(entry.payload)}`);
    }
    return texts;
  }

  async tail(): Promise<[Position, Position]> {
    const { log } = this.#open;
    return [await log.tail(), await log.tail({ slow: true })];
  }

  stats(): TangoStats {
    return this.#open.stats();
  }

  startLoad(bytes: number): void {
    this.#load = this.#runLoad(new Uint8Array(bytes).fill(7));
  }

  async #runLoad(payload: Uint8Array): Promise<LoadEnd> {
    const positions: Position[] = [];
    let code = '';
    const lane = async (): Promise<void> => {
      try {
        while (code === '') positions.push(await this.#open.log.append(payload));
      } catch (error) {
        code ||= TangoError.from(error).code;
      }
    };
    await Promise.all(Array.from({ length: LOAD_WINDOW }, lane));
    return { code, positions };
  }

  async loadEnd(): Promise<LoadEnd> {
    if (this.#load === undefined) throw new Error('a load was started');
    return this.#load;
  }

  loadSync(bytes: number): LoadEnd {
    const payload = new Uint8Array(bytes).fill(7);
    const positions: Position[] = [];
    try {
      for (;;) positions.push(this.#open.log.appendSync(payload));
    } catch (error) {
      return { code: TangoError.from(error).code, positions };
    }
  }

  async cycle(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const tango = await attach(this.#handle);
      if (i % 10 === 0) await tango.log.append(encoder.encode('cycle'));
      await tango.close();
    }
  }

  detach(): void {
    parentPort?.unref();
  }
}

function serve(side: WorkerSide): void {
  const methods = side as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
  parentPort?.on('message', async ({ id, name, args }: Request) => {
    let reply: Reply;
    try {
      reply = { id, value: await methods[name](...args) };
    } catch (error) {
      reply = { id, error: TangoError.from(error).toJSON() };
    }
    parentPort?.postMessage(reply);
  });
}

// The test imports AttachedWorker, and runs in the main thread of its process.
if (!isMainThread) serve(new WorkerSide((workerData as { tango: TangoHandle }).tango));
