/**
 * The objects of one thread: their views, which one playback keeps at one position, the changes on
 * their way to the log, and the transaction whose body is running.
 */
import { TangoError } from '../../actors/tango-error.ts';
import { abortedError, checkInteger, checkKeys, checkSignal, invalid } from '../arguments.ts';
import type { Position } from '../log-entry.ts';
import type { MailboxLink } from '../mailbox-link.ts';
import type { OpenGate } from '../open-gate.ts';
import { type Procedure, pause } from '../procedure.ts';
import { Settled } from '../settled.ts';
import { DIRECTORY_ID, Directory } from './directory.ts';
import { encodeKey } from './object-key.ts';
import { Outbox } from './outbox.ts';
import { Playback, type Player, type RecordOutcome } from './playback.ts';
import type { ObjectId, ObjectRecord, Update } from './record.ts';
import type { ObjectBinding, ObjectType } from './replicated-object.ts';
import { type Participant, Transaction } from './transaction.ts';

export interface TransactOptions {
  /** Conflicts before ERR_CONFLICT; default 100. */
  readonly retries?: number;
  /** The body changes nothing: a change in it is ERR_INVALID_ARGUMENT. */
  readonly readOnly?: boolean;
  /** Reads the view as it is, without a look at the log. */
  readonly stale?: boolean;
  /** Looked at before every attempt. */
  readonly signal?: AbortSignal;
}

interface CheckedTransact {
  readonly retries: number;
  readonly readOnly: boolean;
  readonly stale: boolean;
  readonly signal: AbortSignal | undefined;
}

const RETRIES = 100;
const TRANSACT_KEYS = ['retries', 'readOnly', 'stale', 'signal'];
/** After the first conflicts at once, then twice as long each time, and by chance. */
const AT_ONCE = 2;
const BACK_OFF_MS = 0.05;
const BACK_OFF_MS_MAX = 20;
const NAME_BYTES_MAX = 1024;

interface Hosted {
  readonly type: ObjectType<unknown>;
  readonly object: unknown;
}

export class Views {
  readonly #link: MailboxLink;
  readonly #random: () => number;
  readonly #gate: OpenGate;
  readonly #playback: Playback;
  readonly #outbox: Outbox;
  readonly #directory: Directory;
  readonly #hosted = new Map<ObjectId, Hosted>();
  readonly #hosting = new Map<string, Promise<unknown>>();
  #transaction: Transaction | undefined;
  #isReadOnly = false;
  #sendsSoon = false;

  /** `random` in [0, 1). */
  constructor(link: MailboxLink, random: () => number, gate: OpenGate) {
    this.#link = link;
    this.#random = random;
    this.#gate = gate;
    this.#outbox = new Outbox(link.client, () => this.#playback);
    this.#playback = new Playback(link.client, (batch, outcomes) => {
      if (batch.writer === link.client.incarnation) this.#outbox.played(batch, outcomes);
    });
    this.#directory = new Directory(this.#bindingOf(DIRECTORY_ID, 'the directory', this.#playback));
  }

  /**
   * The object of that name in this thread, the same one each time; creates it if there is none.
   * Plays its history. Rejects with ERR_TYPE_MISMATCH, ERR_INVALID_ARGUMENT, ERR_TRIMMED,
   * ERR_LOG_FULL, ERR_CLOSED.
   */
  async object<O>(type: ObjectType<O>, name: string): Promise<O> {
    this.#gate.check();
    if (typeof type !== 'function') throw invalid('type', type, 'a class of objects');
    if (typeof name !== 'string' || Buffer.byteLength(name) > NAME_BYTES_MAX) {
      throw invalid('name', name, `a string of at most ${NAME_BYTES_MAX} bytes`);
    }
    if (this.#transaction !== undefined) throw inBody('an object is opened');
    // One after the other: the second finds what the first has hosted.
    const before = this.#hosting.get(name);
    const hosting = (before ?? Promise.resolve())
      .catch(() => {})
      .then(() => this.#host(type, name));
    this.#hosting.set(name, hosting);
    try {
      return (await hosting) as O;
    } finally {
      if (this.#hosting.get(name) === hosting) this.#hosting.delete(name);
    }
  }

  /** Brings every view of this thread up to what had returned before; resolves to how far. */
  async sync(): Promise<Position> {
    this.#gate.check();
    await this.#run(this.#playback.playTo(this.#link.client.tail()));
    return this.#playback.position;
  }

  /** See Tango.transact. */
  async transact<T>(body: () => T, options: TransactOptions = {}): Promise<T> {
    const checked = checkTransact(body, options);
    if (this.#transaction !== undefined) return this.#joined(body);
    for (let conflicts = 0; ; conflicts++) {
      this.#beforeAttempt(checked, conflicts);
      if (!checked.stale) await this.sync();
      const { result, record } = this.#attempt(body, checked);
      if (record === undefined) return result;
      if ((await this.#changed(record, record.reads.length > 0))?.committed !== false)
        return result;
      const restMs = this.#backOffMs(conflicts);
      if (restMs > 0) await this.#run(pause(restMs));
    }
  }

  /** See Tango.transactSync. */
  transactSync<T>(body: () => T, options: TransactOptions = {}): T {
    const checked = checkTransact(body, options);
    if (this.#transaction !== undefined) return this.#joined(body);
    for (let conflicts = 0; ; conflicts++) {
      this.#beforeAttempt(checked, conflicts);
      if (!checked.stale) this.#catchUp();
      const { result, record } = this.#attempt(body, checked);
      if (record === undefined) return result;
      if (this.#changedSync(record, record.reads.length > 0)?.committed !== false) return result;
      const restMs = this.#backOffMs(conflicts);
      if (restMs > 0) this.#runSync(pause(restMs));
    }
  }

  async #host<O>(type: ObjectType<O>, name: string): Promise<O> {
    const typeName = type.typeName ?? type.name;
    const entry = this.#directory.find(name) ?? (await this.#directory.create(name, typeName));
    if (entry.type !== typeName) {
      const text = `the object is of another type: name=${name}, type=${entry.type}`;
      throw new TangoError('ERR_TYPE_MISMATCH', text, { object: name });
    }
    const known = this.#hosted.get(entry.id);
    if (known !== undefined) {
      if (known.type === type) return known.object as O;
      const text = `the object is open as another class: name=${name}, class=${known.type.name}`;
      throw new TangoError('ERR_TYPE_MISMATCH', text, { object: name });
    }
    const object = await this.#replayed(type, entry.id, name);
    this.#hosted.set(entry.id, { type, object });
    return object;
  }

  /** A view of the object at the position of all others. */
  async #replayed<O>(type: ObjectType<O>, id: ObjectId, name: string): Promise<O> {
    for (;;) {
      const past = new Playback(this.#link.client);
      let player: Player | undefined;
      const host = (one: Player): void => {
        player = one;
        past.host(id, one);
      };
      const object = new type(this.#bindingOf(id, name, { host: (_id, one) => host(one) }));
      const { position } = this.#playback;
      if (this.#playback.versionsOf(id).latest >= 0) await this.#run(past.playTo(position));
      // Others were read meanwhile, and this one changed: once more, over more of the log.
      if (this.#playback.versionsOf(id).latest >= position) continue;
      if (player === undefined) throw invalid('type', type, 'a class that extends TangoObject');
      this.#playback.host(id, player);
      return object;
    }
  }

  #bindingOf(id: ObjectId, name: string, playback: Pick<Playback, 'host'>): ObjectBinding {
    let participant: Participant | undefined;
    const own = (): Participant => {
      if (participant === undefined) throw new Error('an object is bound when it is made');
      return participant;
    };
    return {
      id,
      name,
      bind: (player, one) => {
        participant = one;
        playback.host(id, player);
      },
      read: (key) => {
        if (this.#transaction === undefined) this.#catchUp();
        else this.#transaction.read(own(), key === undefined ? undefined : encodeKey(key));
      },
      change: (update, asksResult) => this.#change(own(), update, asksResult),
      changeSync: (update, asksResult) => this.#changeNow(own(), update, asksResult),
      transact: (body) => this.transact(body),
      transactSync: (body) => this.transactSync(body),
    };
  }

  /** Nothing new in the log: two looks at shared memory. */
  #catchUp(): void {
    this.#gate.check();
    const tail = this.#link.client.tail();
    if (tail > this.#playback.position) this.#runSync(this.#playback.playTo(tail));
  }

  async #change(participant: Participant, update: Update, asksResult: boolean): Promise<unknown> {
    if (this.#transaction !== undefined) return this.#buffer(participant, update, asksResult);
    return resultOf(await this.#changed(update, asksResult));
  }

  #changeNow(participant: Participant, update: Update, asksResult: boolean): unknown {
    if (this.#transaction !== undefined) return this.#buffer(participant, update, asksResult);
    return resultOf(this.#changedSync(update, asksResult));
  }

  #buffer(participant: Participant, update: Update, asksResult: boolean): unknown {
    if (this.#isReadOnly) throw invalid('readOnly', true, 'false: the body changes something');
    if (asksResult) return this.#transaction?.changeAndRead(participant, update);
    this.#transaction?.change(participant, update);
    return undefined;
  }

  /** Sent at the end of the turn, together with what else the turn changes. */
  #changed(record: ObjectRecord, asksOutcome: boolean): Promise<RecordOutcome | undefined> {
    return new Promise((done, reject) => {
      this.#gate.check();
      const failed = (error: unknown): void => reject(this.#gate.translated(error));
      this.#outbox.add(record, asksOutcome, { done, failed });
      if (this.#sendsSoon) return;
      this.#sendsSoon = true;
      queueMicrotask(() => {
        this.#sendsSoon = false;
        this.#outbox.send();
        this.#link.kick();
      });
    });
  }

  #changedSync(record: ObjectRecord, asksOutcome: boolean): RecordOutcome | undefined {
    this.#gate.check();
    const settled = new Settled<RecordOutcome | undefined>();
    this.#outbox.add(record, asksOutcome, settled);
    this.#outbox.send();
    this.#link.drive(settled.isSettled);
    return this.#gate.runSync(() => settled.take());
  }

  #run<T>(procedure: Procedure<T>): Promise<T> {
    return this.#gate.run(this.#link.run(procedure));
  }

  #runSync<T>(procedure: Procedure<T>): T {
    return this.#gate.runSync(() => this.#link.runSync(procedure));
  }

  /** Within another's body: a part of it. If it throws, nothing of it is left. */
  #joined<T>(body: () => T): T {
    const transaction = this.#transaction;
    const mark = transaction?.mark() ?? 0;
    try {
      return checkResult(body());
    } catch (error) {
      transaction?.goBack(mark);
      throw error;
    }
  }

  #attempt<T>(body: () => T, { readOnly }: CheckedTransact) {
    const transaction = new Transaction(this.#playback.position);
    this.#transaction = transaction;
    this.#isReadOnly = readOnly;
    try {
      const result = checkResult(body());
      return { result, record: transaction.hasChanges ? transaction.commit() : undefined };
    } finally {
      this.#transaction = undefined;
      this.#isReadOnly = false;
      transaction.takeBack();
    }
  }

  #beforeAttempt({ retries, signal }: CheckedTransact, conflicts: number): void {
    this.#gate.check();
    if (signal?.aborted) throw abortedError(signal);
    if (conflicts > retries) {
      const text = `other transactions were first, each time: attempts=${conflicts}`;
      throw new TangoError('ERR_CONFLICT', text);
    }
  }

  #backOffMs(conflicts: number): number {
    if (conflicts < AT_ONCE) return 0;
    const longest = Math.min(BACK_OFF_MS * 2 ** (conflicts - AT_ONCE), BACK_OFF_MS_MAX);
    return longest * this.#random();
  }
}

function resultOf(outcome: RecordOutcome | undefined): unknown {
  return outcome?.committed ? outcome.results[0] : undefined;
}

/** A body that goes on later would do so without its snapshot. */
function checkResult<T>(result: T): T {
  const { then } = (result ?? {}) as { then?: unknown };
  if (typeof then !== 'function') return result;
  if (result instanceof Promise) result.catch(() => {});
  throw new TangoError('ERR_ASYNC_TRANSACTION', 'the body of a transaction returns a promise');
}

function checkTransact(body: unknown, options: TransactOptions): CheckedTransact {
  if (typeof body !== 'function') throw invalid('body', body, 'a function');
  checkKeys('transact', options, TRANSACT_KEYS);
  const { readOnly = false, stale = false } = options;
  if (typeof readOnly !== 'boolean') throw invalid('readOnly', readOnly, 'a boolean');
  if (typeof stale !== 'boolean') throw invalid('stale', stale, 'a boolean');
  const retries = checkInteger('retries', options.retries ?? RETRIES, 0, 1_000_000);
  return { retries, readOnly, stale, signal: checkSignal(options.signal) };
}

function inBody(what: string): TangoError {
  return new TangoError('ERR_UNSUPPORTED', `${what} before a transaction, not in its body`);
}
