/**
 * How the monitor learns of a death although the owner's event loop may be busy: every thread of the
 * log keeps a local socket to the monitor's thread, which the system closes when the thread ends, after
 * its last instruction. The monitor itself may die: the others connect to its successor.
 *
 *   thread                                monitor
 *     │── secret, index, incarnation ───────▶│
 *     │               …                      │
 *     └── close, or death ──────────────────▶│  marks that incarnation as exited
 *
 * What was written is read although its thread has died since: from the moment that the introduction has
 * left a thread on, no death of it is missed, whether the monitor has turned to the connection or not.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ThreadIndex, ThreadTable } from '../shared-memory/thread-table.ts';
import { readLine, type SocketAddress } from './local-socket.ts';

/** The first attempt to connect anew; each further one comes after twice the time, up to the other. */
const RECONNECT_MS = 1;
const RECONNECT_MS_MAX = 20;

interface Introduction {
  readonly secret: string;
  readonly thread: ThreadIndex;
  readonly incarnation: number;
}

/** The monitor's side, for as long as its thread lives. */
export class WatchServer {
  readonly #server: Server;
  readonly #threads: ThreadTable;
  readonly #address: SocketAddress;

  constructor(address: SocketAddress, threads: ThreadTable) {
    this.#address = address;
    this.#threads = threads;
    this.#server = createServer((socket) => this.#admit(socket));
    // The one before may still hold the path: its thread has ended, the system is about to notice.
    this.#server.on('error', () => {
      setTimeout(() => this.#listen(), RECONNECT_MS_MAX).unref();
    });
    this.#listen();
    this.#server.unref();
  }

  #listen(): void {
    this.#server.listen(this.#address.path);
  }

  #admit(socket: Socket): void {
    socket.unref();
    socket.on('error', () => socket.destroy());
    readLine(socket, (line) => {
      const introduction = parse(line);
      if (introduction?.secret !== this.#address.secret) return void socket.destroy();
      socket.once('close', () => {
        const { thread, incarnation } = introduction;
        this.#threads.markExited(thread, incarnation);
        this.#threads.ringAll();
      });
      socket.resume();
    });
  }
}

function parse(line: string): Introduction | undefined {
  try {
    return JSON.parse(line) as Introduction;
  } catch {
    return undefined;
  }
}

/** A watched thread's side: connected for as long as it takes part. */
export class Watched {
  /**
   * Settles once the death of this thread will be noticed, or it has left. Before that a monitor which is
   * only starting does not know of it, and while the owner blocks nobody would. Keeps no thread alive.
   */
  readonly introduced: Promise<void>;
  readonly #address: SocketAddress;
  readonly #thread: ThreadIndex;
  readonly #incarnation: number;
  #socket: Socket | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RECONNECT_MS;
  #left = false;
  #onIntroduced: () => void = () => {};

  constructor(address: SocketAddress, thread: ThreadIndex, incarnation: number) {
    this.#address = address;
    this.#thread = thread;
    this.#incarnation = incarnation;
    this.introduced = new Promise((resolve) => {
      this.#onIntroduced = resolve;
    });
    this.#connect();
  }

  /** BEFORE the thread's index is given back, and after its last change to shared memory. */
  leave(): void {
    this.#left = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
    this.#onIntroduced();
  }

  #connect(): void {
    const { path, secret } = this.#address;
    const socket = connect(path);
    this.#socket = socket;
    socket.unref();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      if (this.#left) return;
      this.#retry = setTimeout(() => this.#connect(), this.#retryMs).unref();
      this.#retryMs = Math.min(2 * this.#retryMs, RECONNECT_MS_MAX);
    });
    const introduction: Introduction = {
      secret,
      thread: this.#thread,
      incarnation: this.#incarnation,
    };
    socket.write(`${JSON.stringify(introduction)}\n`, (error) => {
      if (error) return;
      this.#retryMs = RECONNECT_MS;
      this.#onIntroduced();
    });
    socket.resume();
  }
}
