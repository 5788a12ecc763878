/**
 * CORFU-Store (CORFU, NSDI 2012, section 4.1) on the log alone, with numbers as keys: values are
 * entries, a commit record names those of one put, and each client has the index that playing these
 * records gives.
 */
import type { Position, SharedLog, StreamCursor } from '../../index.ts';

/** The stream of the commit records. */
const COMMITS = 1;
const OF_COMMITS = { streams: [COMMITS] };
/** Of a commit record: a key, and the position of its value. */
const FIELD_BYTES = Float64Array.BYTES_PER_ELEMENT;
const PUT_BYTES = 2 * FIELD_BYTES;

export class CorfuStore {
  readonly #log: SharedLog;
  readonly #commits: StreamCursor;
  readonly #index = new Map<number, Position>();

  /** Below it there is nothing new: one look at the tail tells. */
  #played: Position = 0;

  /** `from`: nothing that is looked for was put before. */
  constructor(log: SharedLog, from: Position) {
    this.#log = log;
    this.#commits = log.stream(COMMITS, from);
  }

  /** The values of all keys as of one moment; blocks. One read of the log for each key. */
  multiGet(keys: readonly number[]): Uint8Array[] {
    this.play();
    return keys.map((key) => this.#value(key));
  }

  /** Sets all keys at one moment: an append for each, and one for the commit record. */
  async multiPut(keys: readonly number[], value: Uint8Array): Promise<void> {
    const positions = await Promise.all(keys.map(() => this.#log.append(value)));
    const record = new DataView(new ArrayBuffer(keys.length * PUT_BYTES));
    for (const [i, key] of keys.entries()) {
      record.setFloat64(i * PUT_BYTES, key);
      record.setFloat64(i * PUT_BYTES + FIELD_BYTES, positions[i]);
    }
    await this.#log.append(new Uint8Array(record.buffer), OF_COMMITS);
    // Whether a put has taken effect is known once its record was played.
    this.play();
  }

  /** What is new of the commit records. */
  play(): void {
    const tail = this.#log.tailSync();
    if (tail === this.#played) return;
    this.#played = tail;
    this.#commits.syncSync();
    this.#commits.playSync(({ payload }) => {
      const record = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      for (let at = 0; at < record.byteLength; at += PUT_BYTES) {
        this.#index.set(record.getFloat64(at), record.getFloat64(at + FIELD_BYTES));
      }
    });
  }

  #value(key: number): Uint8Array {
    const entry = this.#log.readSync(this.#index.get(key) ?? -1);
    if (entry.kind !== 'data') throw new Error(`a value was expected: key=${key}`);
    return entry.payload;
  }
}
