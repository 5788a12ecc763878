/** A lock for threads, with a line of those who wait, and fencing tokens (Tango, section 3). */
import { checkKeys, checkSignal } from '../runtime/arguments.ts';
import { type ObjectBinding, ReplicatedObject } from '../runtime/views/replicated-object.ts';
import {
  incarnationOf,
  type SessionHolder,
  type SessionId,
  type Sessions,
} from '../runtime/views/sessions.ts';
import { EndedSessions } from './ended-sessions.ts';

/** What a change does; in the log. */
const REQUEST = 0;
const TRY = 1;
const GIVE_UP = 2;
const END_SESSION = 3;

/** Numbers of requests are a thread's own. */
type Operation =
  | readonly [typeof REQUEST | typeof TRY | typeof GIVE_UP, session: SessionId, request: number]
  | readonly [typeof END_SESSION, session: SessionId, isDead: boolean];

/** What becomes of a request, but for a token. */
const WAITS = 0;
const EXPIRED = -1;

interface Request {
  readonly session: SessionId;
  readonly number: number;
}

interface State {
  readonly line: readonly (readonly [session: SessionId, request: number])[];
  readonly token: number;
  readonly ended: readonly SessionId[];
}

export interface LockHolder {
  /** Of the lock's holders each has a greater one than those before: 1, 2, 3 … */
  readonly token: number;
  /** The thread that holds the lock, as `LogEntry.writer`. */
  readonly writer: number;
}

export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A lock that is held: `await using hold = await lock.acquire()`. */
export class LockHold implements AsyncDisposable {
  /**
   * Fencing token: hand it to whatever is not in this log and let it refuse a token less than one that it
   * has seen, as a thread that has stood still may not know yet that it holds the lock no more.
   */
  readonly token: number;
  readonly #isHeld: () => boolean;
  readonly #release: () => Promise<boolean>;
  readonly #releaseSync: () => boolean;

  /** @internal Use `acquire` or `tryAcquire`. */
  constructor(
    token: number,
    isHeld: () => boolean,
    release: () => Promise<boolean>,
    releaseSync: () => boolean,
  ) {
    this.token = token;
    this.#isHeld = isHeld;
    this.#release = release;
    this.#releaseSync = releaseSync;
  }

  /** Linearizable: neither released, nor lost with the thread's session. */
  get isHeld(): boolean {
    return this.#isHeld();
  }

  /** Frees the lock; resolves to whether it was still held. May be called twice. */
  release(): Promise<boolean> {
    return this.#release();
  }

  /** As release; blocks. */
  releaseSync(): boolean {
    return this.#releaseSync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#release();
  }
}

/**
 * One holder at a time, in the order in which they asked; not reentrant: a thread that asks twice waits
 * for itself. The lock of a thread that closes the log, dies, or whose event loop stands for
 * `sessionTimeoutMs` is freed, as is its place in the line, by any other thread that has the lock open
 * and whose event loop turns. Every operation is O(n) in the requests that wait. In a transaction every
 * read conflicts with every change of the lock.
 */
export class TangoLock extends ReplicatedObject<Operation> implements SessionHolder {
  static readonly typeName = 'lock';

  /** For change feeds. */
  static describe(operation: unknown): unknown {
    const [kind, session] = operation as Operation;
    const what = ['request', 'try', 'giveUp', 'endSession'][kind];
    return { [what]: incarnationOf(session) };
  }

  readonly #sessions: Sessions | undefined;
  readonly #ended: EndedSessions;
  /** The first one holds the lock. */
  #line: Request[] = [];
  /** Of the holder, or the last one. */
  #token = 0;
  /** Of this thread. */
  #requests = 0;

  /** @internal Use `tango.lock`. */
  constructor(binding: ObjectBinding) {
    super(binding);
    this.#sessions = binding.sessions;
    this.#ended = new EndedSessions(binding.sessions);
  }

  /** Who holds the lock; undefined: nobody. Linearizable; blocks only for an unfinished entry. */
  get holder(): LockHolder | undefined {
    this.ready();
    if (this.#line.length === 0) return undefined;
    return { token: this.#token, writer: incarnationOf(this.#line[0].session) };
  }

  /** How many requests wait behind the holder. */
  get waiting(): number {
    this.ready();
    return Math.max(0, this.#line.length - 1);
  }

  /**
   * Waits in line for the lock and resolves once this thread holds it. Rejects with ERR_ABORTED (out of the
   * line then), ERR_CLOSED, ERR_TIMEOUT, ERR_LOG_FULL; throws ERR_INVALID_ARGUMENT, and ERR_UNSUPPORTED in
   * the body of a transaction. Keeps the thread alive meanwhile.
   */
  acquire(options: AcquireOptions = {}): Promise<LockHold> {
    checkKeys('acquire', options, ['signal']);
    const signal = checkSignal(options.signal);
    // At once: what is refused in a body fails the body.
    this.outsideBody('a lock is acquired');
    return this.#acquire(signal);
  }

  /** Takes the lock if nobody has it; resolves to undefined otherwise. Does not wait. */
  async tryAcquire(): Promise<LockHold | undefined> {
    const dead = this.#deadHolder();
    if (dead !== undefined) await this.endSession(dead, true);
    const request = this.#newRequest();
    return this.#held(request, await this.change<number>(operationOf(TRY, request)));
  }

  /** As tryAcquire; blocks for the log. In a transaction the lock is held once that has committed. */
  tryAcquireSync(): LockHold | undefined {
    const dead = this.#deadHolder();
    if (dead !== undefined) this.writeSync([END_SESSION, dead, true]);
    const request = this.#newRequest();
    return this.#held(request, this.changeSync<number>(operationOf(TRY, request)));
  }

  /** @internal */
  *sessions(): Iterable<SessionId> {
    for (const { session } of this.#line) yield session;
  }

  /** @internal */
  endedSessions(): Iterable<SessionId> {
    return this.#ended.values();
  }

  /** @internal */
  async endSession(session: SessionId, isDead: boolean): Promise<void> {
    const isHolding = this.#line.some((one) => one.session === session);
    if (!isHolding && this.#ended.has(session) !== isDead) return;
    await this.change([END_SESSION, session, isDead]);
  }

  protected apply(operation: Operation): number | boolean {
    const [kind, session, request] = operation;
    if (kind === END_SESSION) {
      this.#ended.end(session, operation[2]);
      this.#keep((one) => one.session !== session);
      return true;
    }
    const number = request as number;
    if (kind === GIVE_UP) {
      return this.#keep((one) => one.session !== session || one.number !== number);
    }
    if (this.#ended.has(session)) return EXPIRED;
    if (kind === TRY && this.#line.length > 0) return WAITS;
    this.#line.push({ session, number });
    this.#sessions?.watch(this);
    if (this.#line.length > 1) return WAITS;
    return ++this.#token;
  }

  protected checkpoint(): State {
    const line = this.#line.map(({ session, number }) => [session, number] as const);
    return { line, token: this.#token, ended: this.#ended.checkpoint() };
  }

  protected restore(state: unknown): void {
    const { line, token, ended } = state as State;
    this.#line = line.map(([session, number]) => ({ session, number }));
    this.#token = token;
    this.#ended.restore(ended);
    this.#sessions?.watch(this);
  }

  async #acquire(signal: AbortSignal | undefined): Promise<LockHold> {
    for (;;) {
      const request = this.#newRequest();
      try {
        let token = await this.change<number>(operationOf(REQUEST, request));
        if (token === WAITS) token = await this.until(() => this.#answer(request), signal);
        if (token !== EXPIRED) return this.#hold(request, token);
      } catch (error) {
        // Whether it is in the line, or even holds the lock, is not known.
        await this.change(operationOf(GIVE_UP, request)).catch(() => {});
        throw error;
      }
    }
  }

  /** Whoever is first then holds the lock; false: all are kept. */
  #keep(isKept: (request: Request) => boolean): boolean {
    const before = this.#line;
    this.#line = before.filter(isKept);
    if (this.#line.length > 0 && this.#line[0] !== before[0]) this.#token++;
    return this.#line.length < before.length;
  }

  /** Undefined: it is in the line, and not the first one. */
  #answer({ session, number }: Request): number | undefined {
    const place = this.#line.findIndex((one) => one.session === session && one.number === number);
    if (place < 0) return EXPIRED;
    return place === 0 ? this.#token : undefined;
  }

  #held(request: Request, token: number): LockHold | undefined {
    return token > WAITS ? this.#hold(request, token) : undefined;
  }

  #hold(request: Request, token: number): LockHold {
    return new LockHold(
      token,
      () => {
        this.ready();
        return this.#answer(request) === token;
      },
      () => this.change<boolean>(operationOf(GIVE_UP, request)),
      () => this.changeSync<boolean>(operationOf(GIVE_UP, request)),
    );
  }

  #newRequest(): Request {
    // A view that is only read has none, and the change is refused.
    return { session: this.#sessions?.own() ?? 0, number: ++this.#requests };
  }

  /** The holder's session, when its thread has died: nobody need wait for others to notice. */
  #deadHolder(): SessionId | undefined {
    this.ready();
    const holder = this.#line[0]?.session;
    return holder !== undefined && this.#sessions?.isDead(holder) ? holder : undefined;
  }
}

function operationOf(
  kind: typeof REQUEST | typeof TRY | typeof GIVE_UP,
  request: Request,
): Operation {
  return [kind, request.session, request.number];
}
