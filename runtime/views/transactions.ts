/**
 * Runs the bodies of transactions: one snapshot each, again after a conflict, with a rest that grows,
 * and before the others when that does not help.
 */
import { TangoError } from '../../actors/tango-error.ts';
import { abortedError, invalid } from '../arguments.ts';
import type { OpenGate } from '../open-gate.ts';
import { type Procedure, pause } from '../procedure.ts';
import type { Holds } from './holds.ts';
import { lowestReference } from './log-reference.ts';
import type { Playback, RecordOutcome } from './playback.ts';
import { PRECEDENCE_AFTER, type Precedence } from './precedence.ts';
import type { Commit, ObjectRecord, Update } from './record.ts';
import {
  type CheckedTransact,
  checkResult,
  checkTransact,
  type TransactOptions,
} from './transact-options.ts';
import { type Participant, Transaction } from './transaction.ts';

/** After the first conflicts at once, then twice as long each time, and by chance. */
const AT_ONCE = 2;
const BACK_OFF_MS = 0.05;
const BACK_OFF_MS_MAX = 20;

/** What transactions need of their thread. */
export interface TransactionWorld {
  readonly gate: OpenGate;
  /** In [0, 1). */
  readonly random: () => number;
  readonly playback: Playback;
  readonly holds: Holds;
  readonly precedence: Precedence;
  /** A prefix trim has passed this position. */
  isTrimmed(position: number): boolean;
  sync(): Promise<unknown>;
  syncNow(): void;
  changed(record: ObjectRecord, asksOutcome: boolean): Promise<RecordOutcome | undefined>;
  changedSync(record: ObjectRecord, asksOutcome: boolean): RecordOutcome | undefined;
  run<T>(procedure: Procedure<T>): Promise<T>;
  runSync<T>(procedure: Procedure<T>): T;
}

interface Attempt<T> {
  readonly result: T;
  /** Undefined: nothing is changed. */
  readonly record: Commit | undefined;
  readonly snapshot: number;
}

/** What the body has read was trimmed while it ran. */
const LOST = 'lost';

export class Transactions {
  readonly #world: TransactionWorld;
  #current: Transaction | undefined;
  #isReadOnly = false;
  /** Settles when the last one in the line has ended. */
  #line: Promise<void> = Promise.resolve();

  constructor(world: TransactionWorld) {
    this.#world = world;
  }

  /** Whose body runs now. */
  get current(): Transaction | undefined {
    return this.#current;
  }

  /** See Tango.transact. Within a body it is transactSync: what fails there fails the body. */
  transact<T>(body: () => T, options?: TransactOptions): Promise<T> {
    if (this.#current !== undefined) return Promise.resolve(this.transactSync(body, options));
    return this.#transact(body, options);
  }

  async #transact<T>(body: () => T, options?: TransactOptions): Promise<T> {
    const checked = checkTransact(body, options);
    const { precedence } = this.#world;
    let leaveLine: (() => void) | undefined;
    let conflicts = 0;
    let isLost = false;
    try {
      for (; ; conflicts++) {
        if (conflicts === AT_ONCE) leaveLine = await this.#standInLine();
        this.#beforeAttempt(checked, conflicts);
        if (precedence.isOthers) await this.#world.run(precedence.makeWay());
        if (!checked.stale || isLost) await this.#world.sync();
        while (this.#isTrimmed()) await this.#world.sync();
        const attempt: Attempt<T> | typeof LOST = this.#attempt(body, checked, isLost);
        isLost = attempt === LOST;
        if (attempt === LOST) continue;
        const { result, record, snapshot } = attempt;
        if (record === undefined) return result;
        try {
          const outcome = await this.#world.changed(record, record.reads.length > 0);
          if (outcome?.committed !== false) return result;
        } finally {
          this.#world.holds.release(snapshot);
        }
        const restMs = this.#backOffMs(conflicts);
        if (restMs > 0) await this.#world.run(pause(restMs));
      }
    } finally {
      leaveLine?.();
      if (conflicts >= PRECEDENCE_AFTER) precedence.end();
    }
  }

  /** See Tango.transactSync. */
  transactSync<T>(body: () => T, options?: TransactOptions): T {
    const checked = checkTransact(body, options);
    if (this.#current !== undefined) return this.#joined(body, checked);
    const { precedence } = this.#world;
    let conflicts = 0;
    let isLost = false;
    try {
      for (; ; conflicts++) {
        this.#beforeAttempt(checked, conflicts);
        if (precedence.isOthers) this.#world.runSync(precedence.makeWay());
        if (!checked.stale || isLost) this.#world.syncNow();
        while (this.#isTrimmed()) this.#world.syncNow();
        const attempt: Attempt<T> | typeof LOST = this.#attempt(body, checked, isLost);
        isLost = attempt === LOST;
        if (attempt === LOST) continue;
        const { result, record, snapshot } = attempt;
        if (record === undefined) return result;
        try {
          const outcome = this.#world.changedSync(record, record.reads.length > 0);
          if (outcome?.committed !== false) return result;
        } finally {
          this.#world.holds.release(snapshot);
        }
        const restMs = this.#backOffMs(conflicts);
        if (restMs > 0) this.#world.runSync(pause(restMs));
      }
    } finally {
      if (conflicts >= PRECEDENCE_AFTER) precedence.end();
    }
  }

  /**
   * Transactions of this thread that have lost go on one after the other: all at once, one of them would
   * win each time. Settles when it is this one's turn, to what ends it.
   */
  async #standInLine(): Promise<() => void> {
    const before = this.#line;
    let leave = (): void => {};
    this.#line = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    return leave;
  }

  /** Within a body: keeps the change until it ends; returns its result there, if that is asked for. */
  buffer(participant: Participant, update: Update, asksResult: boolean): unknown {
    if (this.#isReadOnly) throw invalid('readOnly', true, 'false: the body changes something');
    if (asksResult) return this.#current?.changeAndRead(participant, update);
    this.#current?.change(participant, update);
    return undefined;
  }

  /** Within another's body: a part of it. If it throws, nothing of it is left. */
  #joined<T>(body: () => T, { readOnly }: CheckedTransact): T {
    const transaction = this.#current;
    const mark = transaction?.mark() ?? 0;
    const wasReadOnly = this.#isReadOnly;
    this.#isReadOnly ||= readOnly;
    try {
      return checkResult(body());
    } catch (error) {
      transaction?.goBack(mark);
      throw error;
    } finally {
      this.#isReadOnly = wasReadOnly;
    }
  }

  /** The snapshot stays held if there is a record. `wasLost`: so was the attempt before. */
  #attempt<T>(
    body: () => T,
    { readOnly }: CheckedTransact,
    wasLost: boolean,
  ): Attempt<T> | typeof LOST {
    const { holds, playback } = this.#world;
    const snapshot = playback.position;
    const transaction = new Transaction(snapshot);
    // BEFORE the body runs: what decides its commit is not trimmed meanwhile.
    holds.hold(snapshot);
    // Nor, once that has happened, what it may read from the log.
    const lowest = wasLost ? this.#lowestReference() : undefined;
    if (lowest !== undefined) holds.hold(lowest);
    // Nor does the view move, whatever the body calls.
    playback.freeze();
    let record: Commit | undefined;
    this.#current = transaction;
    this.#isReadOnly = readOnly;
    try {
      const result = checkResult(body());
      if (transaction.isLost) return LOST;
      record = transaction.hasChanges ? transaction.commit() : undefined;
      return { result, record, snapshot };
    } catch (error) {
      if (transaction.isLost) return LOST;
      throw error;
    } finally {
      this.#current = undefined;
      this.#isReadOnly = false;
      transaction.takeBack();
      playback.thaw();
      if (lowest !== undefined) holds.release(lowest);
      if (record === undefined) holds.release(snapshot);
    }
  }

  /** Of all that this thread's views keep of the log, or where they are. */
  #lowestReference(): number {
    const { players, position } = this.#world.playback;
    let lowest: number = position;
    for (const player of players.values()) {
      lowest = Math.min(lowest, lowestReference(player.references?.()));
    }
    return lowest;
  }

  /** A view that a trim has passed begins at a checkpoint first. */
  #isTrimmed(): boolean {
    return this.#world.isTrimmed(this.#world.playback.position);
  }

  #beforeAttempt({ retries, signal }: CheckedTransact, conflicts: number): void {
    const { gate, precedence } = this.#world;
    gate.check();
    if (signal?.aborted) throw abortedError(signal);
    if (conflicts > retries) {
      const text = `other transactions were first, each time: attempts=${conflicts}`;
      throw new TangoError('ERR_CONFLICT', text);
    }
    if (conflicts >= PRECEDENCE_AFTER) precedence.ask();
  }

  #backOffMs(conflicts: number): number {
    if (conflicts < AT_ONCE) return 0;
    const longest = Math.min(BACK_OFF_MS * 2 ** (conflicts - AT_ONCE), BACK_OFF_MS_MAX);
    return longest * this.#world.random();
  }
}
