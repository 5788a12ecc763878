/** A lock for threads, with a line of those who wait, and fencing tokens (Tango, section 3). */
import { checkKeys, checkSignal } from '../runtime/arguments.ts';
import { isCorrupt, isFull } from '../runtime/views/change-errors.ts';
import type { ObjectBinding } from '../runtime/views/object-binding.ts';
import { ReplicatedObject } from '../runtime/views/replicated-object.ts';
import {
  incarnationOf,
  type SessionHolder,
  type SessionId,
  type Sessions,
} from '../runtime/views/sessions.ts';
import { EndedSessions } from './ended-sessions.ts';
import { LockHold, type LockHolder } from './lock-hold.ts';
import {
  describeOperation,
  END_SESSION,
  GIVE_UP,
  keyOf,
  type Operation,
  operationOf,
  REQUEST,
  type Request,
  TRY,
} from './lock-operation.ts';

/** What becomes of a request, but for a token. */
const WAITS = 0;
const EXPIRED = -1;

interface State {
  readonly line: readonly (readonly [session: SessionId, request: number])[];
  readonly token: number;
  readonly ended: readonly SessionId[];
}

export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * One holder at a time, in the order in which they asked; not reentrant: a thread that asks twice waits
 * for itself. The lock of a thread that closes the log, dies, or whose event loop stands for
 * `sessionTimeoutMs` is freed, as is its place in the line, by any other thread that reads the lock, or
 * waits for it, and whose event loop turns. Every operation is O(1), the end of a session O(n) in the
 * requests that wait, as is a checkpoint, and a change in a transaction. There every read conflicts with
 * every change of the lock. Errors: see TangoObject.
 */
export class TangoLock extends ReplicatedObject<Operation> implements SessionHolder {
  static readonly typeName: string = 'lock';

  /** For change feeds. */
  static readonly describe = describeOperation;

  readonly #binding: ObjectBinding;
  readonly #sessions: Sessions | undefined;
  readonly #ended: EndedSessions;
  /** By keyOf(), in order. The first one holds the lock. */
  #line = new Map<string, Request>();
  #first: Request | undefined;
  /** Of the holder, or the last one. */
  #token = 0;
  /** Of this thread. */
  #requests = 0;
  /** Of this thread's, those that nobody waits for: they may be in the line, or come into it. */
  readonly #abandoned = new Set<number>();

  /** @internal Use `tango.lock`. */
  constructor(binding: ObjectBinding) {
    super(binding);
    this.#binding = binding;
    this.#sessions = binding.sessions;
    this.#ended = new EndedSessions(binding.sessions);
  }

  /** Who holds the lock; undefined: nobody. Linearizable; blocks only for an unfinished entry. */
  get holder(): LockHolder | undefined {
    this.ready();
    const first = this.#first;
    if (first === undefined) return undefined;
    return { token: this.#token, writer: incarnationOf(first.session) };
  }

  /** How many requests wait behind the holder. */
  get waiting(): number {
    this.ready();
    return Math.max(0, this.#line.size - 1);
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

  /**
   * Takes the lock if nobody has it; resolves to undefined otherwise. Does not wait. In a transaction as
   * tryAcquireSync.
   */
  tryAcquire(): Promise<LockHold | undefined> {
    if (this.#binding.isInBody()) return Promise.resolve(this.tryAcquireSync());
    return this.#tryAcquire();
  }

  /**
   * As tryAcquire; blocks for the log. In a transaction the lock is held once that has committed; if that
   * ends with ERR_TIMEOUT, what became of it is not known, and `isHeld` of what the body was given tells.
   */
  tryAcquireSync(): LockHold | undefined {
    const dead = this.#deadHolder();
    if (dead !== undefined) this.writeSync([END_SESSION, dead, true]);
    const request = this.#newRequest();
    try {
      const token = this.changeSync<number>(operationOf(TRY, request));
      return token === EXPIRED ? this.tryAcquireSync() : this.#held(request, token);
    } catch (error) {
      if (!this.#binding.isInBody()) void this.#abandon(request, error);
      throw error;
    }
  }

  /** @internal */
  *sessions(): Iterable<SessionId> {
    for (const { session } of this.#line.values()) yield session;
  }

  /** @internal */
  endedSessions(): Iterable<SessionId> {
    return this.#ended.values();
  }

  /** @internal */
  async endSession(session: SessionId, isDead: boolean): Promise<void> {
    const isHolding = [...this.sessions()].includes(session);
    if (!isHolding && this.#ended.has(session) !== isDead) return;
    await this.change([END_SESSION, session, isDead]);
  }

  /** @internal */
  giveBack(): void {
    if (this.#abandoned.size === 0) return;
    for (const request of this.#line.values()) {
      const isOwn = this.#sessions?.isOwn(request.session);
      if (isOwn && this.#abandoned.has(request.number)) void this.#giveUp(request).catch(() => {});
    }
  }

  protected apply(operation: Operation): number | boolean {
    const [kind, session, request] = operation;
    if (kind === END_SESSION) {
      this.#ended.end(session, operation[2]);
      for (const [key, one] of this.#line) if (one.session === session) this.#line.delete(key);
      this.#passOn();
      return true;
    }
    const number = request as number;
    if (kind === GIVE_UP) {
      const wasThere = this.#line.delete(keyOf({ session, number }));
      this.#passOn();
      return wasThere;
    }
    if (this.#ended.has(session)) return EXPIRED;
    if (kind === TRY && this.#first !== undefined) return WAITS;
    const one = { session, number };
    this.#line.set(keyOf(one), one);
    this.#passOn();
    this.#sessions?.watch(this);
    return this.#first === one ? this.#token : WAITS;
  }

  protected checkpoint(): State {
    const line = Array.from(
      this.#line.values(),
      ({ session, number }) => [session, number] as const,
    );
    return { line, token: this.#token, ended: this.#ended.checkpoint() };
  }

  protected restore(state: unknown): void {
    const { line, token, ended } = state as State;
    const requests = line.map(([session, number]) => ({ session, number }));
    this.#line = new Map(requests.map((request) => [keyOf(request), request]));
    this.#first = requests[0];
    this.#token = token;
    this.#ended.restore(ended);
    this.#sessions?.watch(this);
  }

  async #acquire(signal: AbortSignal | undefined): Promise<LockHold> {
    for (;;) {
      const request = this.#newRequest();
      try {
        let token = await this.change<number>(operationOf(REQUEST, request));
        if (token === WAITS) {
          token = await this.until(() => {
            this.ready();
            return this.#answer(request);
          }, signal);
        }
        if (token !== EXPIRED) return this.#hold(request, token);
      } catch (error) {
        await this.#abandon(request, error);
        throw error;
      }
    }
  }

  async #tryAcquire(): Promise<LockHold | undefined> {
    const dead = this.#deadHolder();
    if (dead !== undefined) await this.endSession(dead, true);
    const request = this.#newRequest();
    try {
      const token = await this.change<number>(operationOf(TRY, request));
      return token === EXPIRED ? await this.#tryAcquire() : this.#held(request, token);
    } catch (error) {
      await this.#abandon(request, error);
      throw error;
    }
  }

  /** Whether it is in the line, or even holds the lock, is not known, unless `error` says so. */
  async #abandon(request: Request, error: unknown): Promise<void> {
    if (!isFull(error)) await this.#giveUp(request).catch(() => {});
  }

  async #giveUp(request: Request): Promise<boolean> {
    this.#abandoned.delete(request.number);
    try {
      return await this.change<boolean>(operationOf(GIVE_UP, request));
    } catch (error) {
      this.#giveUpLater(request, error);
      throw error;
    }
  }

  #giveUpSync(request: Request): boolean {
    try {
      return this.changeSync<boolean>(operationOf(GIVE_UP, request));
    } catch (error) {
      if (!this.#binding.isInBody()) this.#giveUpLater(request, error);
      throw error;
    }
  }

  /** In giveBack(): nobody else would. */
  #giveUpLater({ number }: Request, error: unknown): void {
    if (!isCorrupt(error)) this.#abandoned.add(number);
  }

  /** Whoever is first now holds the lock. */
  #passOn(): void {
    const before = this.#first;
    this.#first = this.#line.values().next().value;
    if (this.#first !== undefined && this.#first !== before) this.#token++;
  }

  /** Undefined: it is in the line, and not the first one. */
  #answer(request: Request): number | undefined {
    const place = this.#line.get(keyOf(request));
    if (place === undefined) return EXPIRED;
    return place === this.#first ? this.#token : undefined;
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
      () => {
        // At once: what is refused in a body fails the body.
        if (this.#binding.isInBody()) return Promise.resolve(this.#giveUpSync(request));
        return this.#giveUp(request);
      },
      () => this.#giveUpSync(request),
    );
  }

  #newRequest(): Request {
    // A view that is only read has none, and the change is refused.
    return { session: this.#sessions?.own() ?? 0, number: ++this.#requests };
  }

  /** The holder's session, when its thread has died: nobody need wait for others to notice. */
  #deadHolder(): SessionId | undefined {
    this.ready();
    const holder = this.#first?.session;
    return holder !== undefined && this.#sessions?.isDead(holder) ? holder : undefined;
  }
}
