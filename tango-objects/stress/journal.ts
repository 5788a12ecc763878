/**
 * What one thread has done, in shared memory that survives it: it says what it is about to do BEFORE it
 * does it, and what came of it afterwards; another thread collects. A mailbox of values as V8 serializes
 * them, since inputs and outputs are of any kind and length.
 *
 *     const writer = new JournalWriter(buffer, now);        // in the thread
 *     const number = writer.begin({ type: 'get' });
 *     writer.end(number, 'ok', value);
 *
 *     new JournalReader(buffer).collect();                  // anywhere else, by one thread
 *
 * A successor starts AFTER the exit of its predecessor was awaited and the journal collected with
 * collectDead().
 */
import { deserialize, serialize } from 'node:v8';
import { MailboxReceiver, MailboxSender, NO_RECORD } from '../../shared-memory/mailbox.ts';
import { mailboxBytesFor } from '../../shared-memory/mailbox-layout.ts';

/** The journal is full of what was not collected yet: the operation must wait. */
export const NO_ROOM = -1;

export type Outcome = 'ok' | 'fail' | 'unknown';

/** An operation that has begun. */
export interface Begun {
  readonly call: number;
  readonly input: unknown;
}

/** An operation, and what came of it. */
export interface Recorded extends Begun {
  /** Infinity: the thread died before it had ended. */
  readonly return: number;
  readonly outcome: Outcome;
  readonly output?: unknown;
}

interface Line {
  readonly number: number;
  readonly time: number;
  readonly input?: unknown;
  /** Absent in the line that begins the operation. */
  readonly outcome?: Outcome;
  readonly output?: unknown;
}

const RING_WORDS = 2 ** 17;
const WORD_BYTES = 4;
/** Its length in words, as every record's, and the length of the line in bytes. */
const HEAD_WORDS = 2;

export function allocateJournal(): SharedArrayBuffer {
  return new SharedArrayBuffer(mailboxBytesFor(RING_WORDS));
}

/** The side of the thread whose journal it is. */
export class JournalWriter {
  readonly #bytes: Buffer;
  readonly #sender: MailboxSender;
  readonly #now: () => number;
  #number = 0;

  /** `now`: a clock that all threads share. */
  constructor(buffer: SharedArrayBuffer, now: () => number) {
    this.#bytes = Buffer.from(buffer);
    this.#sender = new MailboxSender(new Int32Array(buffer), 0, RING_WORDS);
    this.#now = now;
  }

  /** Call it BEFORE the operation. NO_ROOM: nothing was said. Does not block. */
  begin(input: unknown): number {
    const number = this.#number + 1;
    if (!this.#say({ number, time: this.#now(), input })) return NO_ROOM;
    this.#number = number;
    return number;
  }

  /** Call it AFTER the operation; `time` is when it had ended. False: no room, nothing was said. */
  end(number: number, time: number, outcome: Outcome, output?: unknown): boolean {
    return this.#say({ number, time, outcome, output });
  }

  #say(line: Line): boolean {
    const bytes = serialize(line);
    const index = this.#sender.claim(HEAD_WORDS + Math.ceil(bytes.length / WORD_BYTES));
    if (index === NO_RECORD) return false;
    this.#sender.words[index + 1] = bytes.length;
    bytes.copy(this.#bytes, (index + HEAD_WORDS) * WORD_BYTES);
    this.#sender.publish();
    return true;
  }
}

/** The other side; one thread at a time. */
export class JournalReader {
  readonly #bytes: Buffer;
  readonly #receiver: MailboxReceiver;
  readonly #open = new Map<number, Begun>();

  constructor(buffer: SharedArrayBuffer) {
    this.#bytes = Buffer.from(buffer);
    this.#receiver = new MailboxReceiver(new Int32Array(buffer), 0, RING_WORDS);
  }

  /** Operations that have ended since the last call, in the order of their ends. */
  collect(): Recorded[] {
    const ended: Recorded[] = [];
    for (;;) {
      const index = this.#receiver.next();
      if (index === NO_RECORD) break;
      const start = (index + HEAD_WORDS) * WORD_BYTES;
      const length = this.#receiver.words[index + 1];
      const bytes = Buffer.from(this.#bytes.subarray(start, start + length));
      const line: Line = deserialize(bytes);
      const { number, time, input, outcome, output } = line;
      if (outcome === undefined) {
        this.#open.set(number, { call: time, input });
        continue;
      }
      const begun = this.#open.get(number);
      if (begun === undefined) throw new Error(`an operation ends that never began: ${number}`);
      this.#open.delete(number);
      ended.push({ ...begun, return: time, outcome, output });
    }
    this.#receiver.release();
    return ended;
  }

  /** The thread's exit was awaited: what it had under way may have happened or not. */
  collectDead(): Recorded[] {
    const ended = this.collect();
    for (const begun of this.#open.values()) {
      ended.push({ ...begun, return: Number.POSITIVE_INFINITY, outcome: 'unknown' });
    }
    this.#open.clear();
    return ended;
  }

  /** What the thread had under way when collect() was called last. */
  open(): Begun[] {
    return [...this.#open.values()];
  }
}
