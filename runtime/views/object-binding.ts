/** What an object and who hosts it know of each other. */
import { TangoError } from '../../actors/tango-error.ts';
import type { LogReference } from './log-reference.ts';
import type { FrozenBytes } from './object-state.ts';
import type { Player, RecordOutcome } from './playback.ts';
import type { ObjectId, Update } from './record.ts';
import type { Sessions } from './sessions.ts';
import type { Participant } from './transaction.ts';

/** The view of an object, for who plays the log. */
export interface ObjectPlayer extends Player {
  freeze(): FrozenBytes;
  /** Why the view is not to be trusted any more; undefined: it is. */
  failure(): TangoError | undefined;
  /** From now on every read throws `error`. */
  fail(error: TangoError): void;
}

/** What connects an object with the log. Made by `tango.object`. */
export interface ObjectBinding {
  readonly id: ObjectId;
  readonly name: string;
  /** As `tango.object` was called with; undefined: without any. */
  readonly options: unknown;
  /** Sessions of threads; undefined where nothing is changed: in history. */
  readonly sessions: Sessions | undefined;
  /** Hands over the object's view: the binding alone may change it. */
  bind(player: ObjectPlayer, participant: Participant): void;
  /** Before a read of what `key` stands for; undefined: of the whole object. */
  read(key: unknown): void;
  /** The body of a transaction runs: nothing that it calls can be waited for. */
  isInBody(): boolean;
  /** Resolves to undefined when the result is not asked for. */
  change(update: Update, asksResult: boolean): Promise<RecordOutcome | undefined>;
  changeSync(update: Update, asksResult: boolean): unknown;
  transact<T>(body: () => T): Promise<T>;
  transactSync<T>(body: () => T): T;
  /** Resolves to what `read` finds after a change, as soon as it finds something. */
  until<T>(read: () => T | undefined, signal?: AbortSignal): Promise<T>;
  /** Of this thread's log client, never given twice; 0 where nothing is changed. */
  readonly writer: number;
  /** The change at a place in the log; undefined: it is trimmed. */
  updateAt(at: LogReference): Update | undefined;
  /** Resolves after everybody else has had a turn. */
  turn(): Promise<void>;
}

export function inBody(what: string): TangoError {
  return new TangoError('ERR_UNSUPPORTED', `${what} before a transaction, not in its body`);
}
