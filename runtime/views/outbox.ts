/**
 * Changes on their way to the log. Those of one turn share entries (Tango 2.9), and one entry of a
 * thread is under way at a time: its changes take effect in the order in which they were made, and
 * whatever is made meanwhile goes together.
 */
import { STREAMS_PER_ENTRY_MAX } from '../../actors/config.ts';
import { TangoError } from '../../actors/tango-error.ts';
import { EntryKind } from '../../shared-memory/entry-layout.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import type { Playback, RecordOutcome } from './playback.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_RECORDS_MAX,
  encodeBatch,
  isCommit,
  type ObjectId,
  type ObjectRecord,
  type RecordBatch,
  recordBytes,
} from './record.ts';

/** How a change is told what became of it. */
export interface ChangeCompletion {
  /** `outcome`: undefined when the change did not ask for it. On every replica. */
  done(outcome: RecordOutcome | undefined): void;
  failed(error: unknown): void;
}

interface Change {
  readonly record: ObjectRecord;
  readonly bytes: number;
  readonly objects: readonly ObjectId[];
  /** It wants to know its outcome, which playing its entry tells. */
  readonly asksOutcome: boolean;
  readonly completion: ChangeCompletion;
}

interface Sent {
  readonly changes: readonly Change[];
  outcomes: readonly RecordOutcome[] | undefined;
}

export class Outbox {
  readonly #client: LogClient;
  readonly #playback: () => Playback;
  readonly #waiting: Change[] = [];
  /** By number, until their outcome is known or nobody asks for it. */
  readonly #sent = new Map<number, Sent>();
  #number = 0;
  #isSending = false;

  /** `playback`: of this thread; it tells of every entry that it has played (played()). */
  constructor(client: LogClient, playback: () => Playback) {
    this.#client = client;
    this.#playback = playback;
  }

  /** Changes that wait, or are under way. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && !this.#isSending;
  }

  /**
   * Takes a change; send() sends it. Throws, and takes nothing: ERR_ENTRY_TOO_LARGE,
   * ERR_TOO_MANY_STREAMS.
   */
  add(record: ObjectRecord, asksOutcome: boolean, completion: ChangeCompletion): void {
    const bytes = recordBytes(record);
    const most = this.#client.memory.sizes.entryBytesMax - BATCH_HEADER_BYTES;
    if (bytes > most) {
      const text = `a change fits one entry: bytes=${bytes}, at most ${most} (entryBytesMax)`;
      throw new TangoError('ERR_ENTRY_TOO_LARGE', text);
    }
    const objects = objectsOf(record);
    if (objects.length > STREAMS_PER_ENTRY_MAX) {
      const text = `a change is of at most ${STREAMS_PER_ENTRY_MAX} objects: ${objects.length}`;
      throw new TangoError('ERR_TOO_MANY_STREAMS', text);
    }
    this.#waiting.push({ record, bytes, objects, asksOutcome, completion });
  }

  /** Sends what waits unless an entry is under way: then it follows. Does not block. */
  send(): void {
    // On the direct link the append has ended when it returns: a loop, not a recursion.
    while (!this.#isSending && this.#waiting.length > 0) this.#sendNext();
  }

  /** The playback has played an entry of this thread. */
  played({ number }: RecordBatch, outcomes: readonly RecordOutcome[]): void {
    const sent = this.#sent.get(number);
    if (sent !== undefined) sent.outcomes = outcomes;
  }

  #sendNext(): void {
    const number = ++this.#number;
    const { changes, streams } = this.#takeWaiting();
    const records = changes.map(({ record }) => record);
    const payload = encodeBatch({ writer: this.#client.incarnation, number, records });
    const sent: Sent = { changes, outcomes: undefined };
    this.#sent.set(number, sent);
    this.#isSending = true;
    const completion = {
      appended: (position: Position) => this.#appended(number, sent, position),
      failed: (error: unknown) => this.#failed(number, sent, error),
    };
    this.#client.append(payload, streams, false, completion, EntryKind.OBJECTS);
  }

  /** As many as fit an entry, in order. */
  #takeWaiting(): { changes: Change[]; streams: ObjectId[] } {
    const { entryBytesMax } = this.#client.memory.sizes;
    const streams = new Set<ObjectId>();
    let bytes = BATCH_HEADER_BYTES;
    let count = 0;
    for (const change of this.#waiting) {
      const more = change.objects.filter((object) => !streams.has(object)).length;
      const fits =
        bytes + change.bytes <= entryBytesMax &&
        streams.size + more <= STREAMS_PER_ENTRY_MAX &&
        count < BATCH_RECORDS_MAX;
      if (!fits) break;
      bytes += change.bytes;
      count++;
      for (const object of change.objects) streams.add(object);
    }
    return { changes: this.#waiting.splice(0, count), streams: [...streams] };
  }

  #appended(number: number, sent: Sent, position: Position): void {
    this.#isSending = false;
    if (sent.changes.some(({ asksOutcome }) => asksOutcome)) this.#learn(number, sent, position);
    else this.#sent.delete(number);
    for (const { asksOutcome, completion } of sent.changes) {
      if (!asksOutcome) completion.done(undefined);
    }
    this.send();
  }

  /** Plays up to the entry, and tells those who ask what became of their changes. */
  #learn(number: number, sent: Sent, position: Position): void {
    this.#client.run(this.#playback().playTo(position + 1), {
      done: () => {
        this.#sent.delete(number);
        this.#tell(sent, 'asked');
      },
      failed: (error) => {
        this.#sent.delete(number);
        for (const { asksOutcome, completion } of sent.changes) {
          if (asksOutcome) completion.failed(error);
        }
      },
    });
  }

  #tell(sent: Sent, who: 'asked' | 'all'): void {
    for (const [i, { asksOutcome, completion }] of sent.changes.entries()) {
      if (asksOutcome) completion.done(sent.outcomes?.[i]);
      else if (who === 'all') completion.done(undefined);
    }
  }

  /** An error with a position: the entry may be there. Playing it decides that for everybody. */
  #failed(number: number, sent: Sent, error: unknown): void {
    const position = error instanceof TangoError ? error.position : undefined;
    if (position === undefined) return this.#end(number, sent, error);
    this.#client.run(this.#playback().playTo(position + 1), {
      done: () => {
        if (sent.outcomes === undefined) return this.#end(number, sent, lost(error));
        this.#isSending = false;
        this.#sent.delete(number);
        this.#tell(sent, 'all');
        this.send();
      },
      failed: () => this.#end(number, sent, error),
    });
  }

  #end(number: number, sent: Sent, error: unknown): void {
    this.#isSending = false;
    this.#sent.delete(number);
    for (const { completion } of sent.changes) completion.failed(error);
    this.send();
  }
}

/** The position is decided, and holds something else: now it is known. */
function lost(cause: unknown): TangoError {
  const text = 'the log took too long, and the change is not in it';
  return new TangoError('ERR_TIMEOUT', text, { cause });
}

function objectsOf(record: ObjectRecord): ObjectId[] {
  if (!isCommit(record)) return [record.object];
  return [...new Set(record.updates.map(({ object }) => object))];
}
