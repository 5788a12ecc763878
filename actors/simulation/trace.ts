/**
 * What happened, twice: as a running hash of everything, which tells whether two runs were the
 * same, and as the last lines in words, for the message of a failure. Records are kept as numbers
 * and put into words only when somebody asks.
 */
import { highWord, lowWord } from '../../shared-memory/words.ts';
import { type ActorId, type Message, MessageType } from '../message.ts';

export const Happening = {
  STARTED: 0,
  SENT: 1,
  LOST: 2,
  DELIVERED: 3,
  VANISHED: 4,
  TIMER: 5,
  ACTED: 6,
  STALLED: 7,
  WOKEN: 8,
  KILLED: 9,
  REMOVED: 10,
  SWALLOWED: 11,
  TOLD: 12,
  REPEATED: 13,
} as const;
export type Happening = (typeof Happening)[keyof typeof Happening];

const HAPPENING_NAMES = invert(Happening);
const MESSAGE_TYPE_NAMES = invert(MessageType);

/** Columns of a record: time, happening, from, to, then the fields of the message. */
const COLUMNS = 10;
const HASH_AT_FIRST = [0x9e3779b9 | 0, 0x243f6a88];

export class Trace {
  readonly #records: Float64Array | number[];
  readonly #kept: number;
  readonly #roles = new Map<ActorId, string>();
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Uint32Array(this.#time.buffer);
  #count = 0;
  #hash1 = HASH_AT_FIRST[0];
  #hash2 = HASH_AT_FIRST[1];

  /** Keeps the last `kept` records; Infinity keeps all. */
  constructor(kept: number) {
    this.#kept = kept;
    this.#records = Number.isFinite(kept) ? new Float64Array(kept * COLUMNS) : [];
  }

  /** Every record so far, as 16 hexadecimal digits. */
  get hash(): string {
    return hex(this.#hash1) + hex(this.#hash2);
  }

  /** Names an actor in the text. */
  nameActor(id: ActorId, role: string): void {
    this.#roles.set(id, role);
  }

  /** What happened to a message. */
  message(time: number, happening: Happening, message: Message): void {
    this.#mixHead(time, happening, message.from, message.to);
    this.#mix(message.type);
    this.#mix(message.operation);
    this.#mix(lowWord(message.position));
    this.#mix(highWord(message.position));
    this.#mix(message.outcome);
    this.#mix(message.value);
    this.#mix(message.epoch);
    for (let i = 0; i < message.extraCount; i++) this.#mix(message.extra[i]);
    const at = this.#keepHead(time, happening, message.from, message.to);
    if (at < 0) return;
    const records = this.#records;
    records[at + 4] = message.type;
    records[at + 5] = message.operation;
    records[at + 6] = message.position;
    records[at + 7] = message.outcome;
    records[at + 8] = message.value;
    records[at + 9] = message.epoch;
  }

  /** What happened to an actor. `value`: a timer, or milliseconds. */
  actor(time: number, happening: Happening, id: ActorId, value = 0): void {
    this.#mixHead(time, happening, id, 0);
    this.#mix(lowWord(value));
    const at = this.#keepHead(time, happening, id, 0);
    if (at < 0) return;
    this.#records.fill(0, at + 4, at + COLUMNS);
    this.#records[at + 8] = value;
  }

  /** The kept records, the oldest first, one line each. */
  lines(): string[] {
    const kept = Math.min(this.#count, this.#kept);
    const lines: string[] = [];
    for (let i = this.#count - kept; i < this.#count; i++) lines.push(this.#line(i));
    return lines;
  }

  #line(index: number): string {
    const at = this.#place(index);
    const [time, happening, from, to, type, operation, position, outcome, value, epoch] =
      this.#records.slice(at, at + COLUMNS);
    const what = HAPPENING_NAMES.get(happening)?.toLowerCase() ?? '?';
    const head = `${time.toFixed(3).padStart(12)} ms  ${what.padEnd(9)} `;
    if (!ofMessage(happening)) return `${head} ${this.#named(from)} ${value}`;
    const name = MESSAGE_TYPE_NAMES.get(type) ?? `type ${type}`;
    const fields = { operation, epoch, position, outcome, value };
    const text = Object.entries(fields).map(([field, number]) => `${field}=${number}`);
    return `${head} ${this.#named(from)} -> ${this.#named(to)}  ${name} ${text.join(' ')}`;
  }

  #named(id: ActorId): string {
    return `${this.#roles.get(id) ?? 'actor'}#${id}`;
  }

  #place(index: number): number {
    return (Number.isFinite(this.#kept) ? index % this.#kept : index) * COLUMNS;
  }

  /** Where the rest of the record goes; -1 when nothing is kept. */
  #keepHead(time: number, happening: Happening, from: ActorId, to: ActorId): number {
    if (this.#kept === 0) return -1;
    const at = this.#place(this.#count);
    this.#count += 1;
    const records = this.#records;
    if (Array.isArray(records) && at === records.length) {
      for (let i = 0; i < COLUMNS; i++) records.push(0);
    }
    records[at] = time;
    records[at + 1] = happening;
    records[at + 2] = from;
    records[at + 3] = to;
    return at;
  }

  #mixHead(time: number, happening: Happening, from: ActorId, to: ActorId): void {
    this.#time[0] = time;
    this.#mix(this.#timeWords[0]);
    this.#mix(this.#timeWords[1]);
    this.#mix(happening);
    this.#mix(from | (to << 16));
  }

  #mix(word: number): void {
    const hash = Math.imul(this.#hash1 ^ word, 0x9e3779b1);
    this.#hash1 = hash ^ (hash >>> 15);
    this.#hash2 = Math.imul((this.#hash2 ^ (this.#hash2 >>> 13)) + word, 0x85ebca77);
  }
}

function ofMessage(happening: number): boolean {
  const isEarly = happening >= Happening.SENT && happening <= Happening.VANISHED;
  return isEarly || happening === Happening.REPEATED;
}

function invert(names: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(names).map(([name, value]) => [value, name]));
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
