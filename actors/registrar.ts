/**
 * How threads attach, and how the owner learns that one is gone although it only holds a cloned
 * handle: each attached thread keeps a local socket to the owner. The owner claims an index on
 * connection and gives it back on close, which the system does for a thread that dies, after its
 * last instruction. So there is no moment at which a death leaks an index.
 *
 *   thread                      owner
 *     │── secret ─────────────────▶│
 *     │◀── index, incarnation ─────│  (or an error, then the end)
 *     │            …               │
 *     └── close, or death ────────▶│  retires its chunks, frees the index
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Flight } from '../shared-memory/flight.ts';
import { NO_THREAD, type ThreadIndex } from '../shared-memory/thread-table.ts';
import { newAddress, readLine, type SocketAddress } from './local-socket.ts';
import { type LogMemory, retireChunksOf } from './log-memory.ts';
import { TangoError } from './tango-error.ts';

export interface Registration {
  readonly thread: ThreadIndex;
  readonly incarnation: number;
}

type Answer = Registration | { readonly error: unknown };

/** The owner's side. */
export class Registrar {
  readonly address: SocketAddress;
  readonly #server: Server;
  /** Every open connection: of threads that are registered, and of those that are not (yet). */
  readonly #sockets = new Set<Socket>();
  readonly #memory: LogMemory;
  readonly #flight: Flight;
  readonly #firstClient: ThreadIndex;
  #attached = 0;
  #closed = false;

  private constructor(server: Server, memory: LogMemory, flight: Flight, firstClient: ThreadIndex) {
    this.#server = server;
    this.#memory = memory;
    this.#flight = flight;
    this.#firstClient = firstClient;
    this.address = newAddress();
    server.on('connection', (socket) => this.#admit(socket));
  }

  /**
   * Listens; does not keep the process alive. Indexes from `firstClient` on are given out.
   * `flight`: of the calling thread.
   */
  static async listen(
    memory: LogMemory,
    flight: Flight,
    firstClient: ThreadIndex,
  ): Promise<Registrar> {
    const server = createServer();
    const registrar = new Registrar(server, memory, flight, firstClient);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(registrar.address.path, resolve);
    });
    server.unref();
    return registrar;
  }

  /** Threads attached now. */
  get attached(): number {
    return this.#attached;
  }

  /** Stops listening and lets every attached thread know by closing its socket. */
  async close(): Promise<void> {
    this.#closed = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #admit(socket: Socket): void {
    socket.unref();
    // A peer that vanishes ends in 'close' like one that leaves.
    socket.on('error', () => socket.destroy());
    // A connection that came while the server was closing: nobody would end it.
    if (this.#closed) return void socket.destroy();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    readLine(socket, (line) => {
      const answer = line === this.address.secret ? this.#claim() : refusal();
      const text = `${JSON.stringify(answer)}\n`;
      // Who is refused has no reason to stay, whether it closes its end or not.
      if ('error' in answer) return void socket.end(text, () => socket.destroy());
      this.#attached++;
      socket.once('close', () => this.#gone(answer));
      socket.write(text);
    });
  }

  #claim(): Answer {
    const { threads } = this.#memory;
    const thread = threads.claim(this.#firstClient, threads.count);
    if (thread !== NO_THREAD) return { thread, incarnation: threads.incarnation(thread) };
    const most = threads.count - this.#firstClient + 1;
    const text = `no thread index is left: attachMax=${most}, the owner included`;
    return { error: new TangoError('ERR_TOO_MANY_THREADS', text).toJSON() };
  }

  /** The thread is past its last instruction. */
  #gone({ thread, incarnation }: Registration): void {
    this.#attached--;
    this.#memory.threads.markExited(thread, incarnation);
    retireChunksOf(this.#memory, this.#flight, incarnation);
    this.#memory.threads.release(thread);
    this.#memory.threads.ringAll();
  }
}

/** An attached thread's side: what keeps its registration. */
export class Attachment {
  readonly registration: Registration;
  readonly #socket: Socket;

  private constructor(socket: Socket, registration: Registration) {
    this.#socket = socket;
    this.registration = registration;
  }

  /**
   * Registers the calling thread. ERR_TOO_MANY_THREADS, or ERR_CLOSED when the owner has closed.
   * `onClosed` is called when the owner goes; not after leave().
   */
  static async register(address: SocketAddress, onClosed: () => void): Promise<Attachment> {
    const socket = connect(address.path);
    const answer = await new Promise<Answer>((resolve, reject) => {
      const closed = (cause?: unknown): void => {
        socket.destroy();
        reject(new TangoError('ERR_CLOSED', 'the log is closed', { cause }));
      };
      socket.once('error', closed);
      socket.once('close', () => closed());
      readLine(socket, (line) => {
        try {
          resolve(JSON.parse(line) as Answer);
        } catch (cause) {
          closed(cause);
        }
      });
      socket.write(`${address.secret}\n`);
    });
    if ('error' in answer) {
      socket.destroy();
      throw TangoError.from(answer.error);
    }
    socket.removeAllListeners('close');
    socket.removeAllListeners('error');
    socket.on('error', () => socket.destroy());
    socket.once('close', onClosed);
    socket.resume();
    // The registration alone keeps no thread alive.
    socket.unref();
    return new Attachment(socket, answer);
  }

  /** Gives the index back; settles once the socket is closed. */
  async leave(): Promise<void> {
    this.#socket.removeAllListeners('close');
    if (this.#socket.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.ref();
      this.#socket.destroy();
    });
  }
}

function refusal(): Answer {
  return { error: new TangoError('ERR_INVALID_ARGUMENT', 'the handle is of this log').toJSON() };
}
