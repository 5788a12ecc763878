/**
 * What a thread of `tangolog run --workload log` does: appends entries to its own stream and to shared
 * ones, and plays streams back while others write.
 *
 * An entry's bytes and streams follow from (thread, sequence), so that whoever meets it can tell
 * what it should be without a memory of what was written.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { StreamCursor, TangoError } from '../../../index.ts';
import type { LoadParts, RunThreadControl } from '../serve-load.ts';
import { Silences, type SilencesTold } from '../silences.ts';

/** What every thread must agree on; structured-cloneable. */
export interface LogWorkload {
  readonly threads: number;
  readonly entryBytes: number;
  /** Appends a thread keeps under way. */
  readonly window: number;
  readonly sharedStreams: number;
}

/** The smallest payload: it tells thread and sequence. */
export const ENTRY_BYTES_MIN = 16;
export const COUNTER_NAMES = ['appended', 'played'] as const;
export type LogLoadParts = LoadParts<LogWorkload, (typeof COUNTER_NAMES)[number]>;

const FIRST_SHARED_STREAM = 1000;
/** Entries a player takes before the appends of its thread go on. */
const PLAY_BATCH = 64;
/** How long a player rests when nothing is new. */
const PLAY_PAUSE_MS = 1;
const NANOSECONDS_PER_MS = 1e6;

/** What one thread has appended in a round. */
export interface Appended {
  /** Number of the first append of the round; the thread's first one has number 1. */
  readonly first: number;
  /** Positions of the acknowledged appends, NOT_APPENDED for those the full log refused. */
  readonly positions: Float64Array;
}

export const NOT_APPENDED = -1;

/** What one thread has played of one stream in a round. */
export interface Played {
  readonly stream: number;
  readonly count: number;
  /** Of the positions in the order they were played: see `digestOf`. */
  readonly digest: number;
}

export function ownStream(thread: number): number {
  return thread;
}

export function streamsOfRun({ threads, sharedStreams }: LogWorkload): number[] {
  const own = Array.from({ length: threads }, (_, thread) => ownStream(thread));
  const shared = Array.from({ length: sharedStreams }, (_, i) => FIRST_SHARED_STREAM + i);
  return [...own, ...shared];
}

/** Every stream is played by one thread: its own stream by the next one. */
export function streamsPlayedBy(workload: LogWorkload, thread: number): number[] {
  return streamsOfRun(workload).filter((stream, i) => {
    const player = stream < FIRST_SHARED_STREAM ? stream + 1 : i;
    return player % workload.threads === thread;
  });
}

/** The streams of an entry: none, its thread's, a shared one, or several. */
export function streamsOf(workload: LogWorkload, thread: number, sequence: number): number[] {
  const { sharedStreams } = workload;
  const own = ownStream(thread);
  const pick = (mix(thread, sequence) >>> 0) % sharedStreams;
  const shared = FIRST_SHARED_STREAM + pick;
  switch (sequence % 8) {
    case 0:
      return [];
    case 1:
    case 2:
    case 3:
      return [own];
    case 4:
      return [shared];
    case 5:
    case 6:
      return [own, shared];
    default: {
      const next = FIRST_SHARED_STREAM + ((pick + 1) % sharedStreams);
      return next === shared ? [shared, own] : [next, own, shared];
    }
  }
}

/** Makes payloads, one at a time, in a buffer of its own. */
export class Payloads {
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(entryBytes: number) {
    this.#words = new Uint32Array(Math.ceil(entryBytes / 4));
    this.#bytes = new Uint8Array(this.#words.buffer, 0, entryBytes);
  }

  /** Valid until the next call. */
  make(thread: number, sequence: number): Uint8Array {
    const words = this.#words;
    words[0] = thread;
    words[1] = sequence;
    words[2] = sequence / 2 ** 32;
    let state = mix(thread, sequence) | 1;
    for (let i = 3; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
    return this.#bytes;
  }
}

/** Thread and sequence as a payload tells them. */
export function identityOf(payload: Uint8Array): { thread: number; sequence: number } {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const sequence = view.getUint32(4, true) + view.getUint32(8, true) * 2 ** 32;
  return { thread: view.getUint32(0, true), sequence };
}

export function digestOf(digest: number, position: number): number {
  return (Math.imul(digest, 31) + position) | 0;
}

function mix(thread: number, sequence: number): number {
  let hash = Math.imul(thread + 1, 0x9e37_79b1) ^ Math.imul(sequence + 1, 0x85eb_ca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  return hash ^ (hash >>> 13);
}

/** What the main thread may ask. */
export type LogLoadControl = RunThreadControl & Pick<LogLoad, 'load' | 'catchUp'>;

/** The load of one thread. Driven by the main thread in rounds: load, pause, catchUp. */
export class LogLoad {
  readonly #parts: LogLoadParts;
  readonly #payloads: Payloads;
  readonly #players: readonly StreamPlayer[];
  readonly #silences = new Silences();
  #loading = false;
  #sequence = 1;
  #positions: number[] = [];

  constructor(parts: LogLoadParts) {
    this.#parts = parts;
    this.#payloads = new Payloads(parts.workload.entryBytes);
    this.#players = streamsPlayedBy(parts.workload, parts.thread).map(
      (stream) => new StreamPlayer(stream, parts),
    );
  }

  /** Appends and plays until pause() or until the log is full; no append is under way then. */
  async load(): Promise<Appended> {
    const first = this.#sequence;
    this.#positions = [];
    this.#silences.begin(performance.now());
    this.#loading = true;
    const lanes = Array.from({ length: this.#parts.workload.window }, () => this.#appendOn(first));
    try {
      await Promise.all([...lanes, this.#playOn()]);
    } finally {
      this.#loading = false;
    }
    this.#parts.counters.publish();
    return { first, positions: Float64Array.from(this.#positions) };
  }

  pause(): void {
    this.#loading = false;
  }

  /** When none of this thread's appends was acknowledged. */
  silences(): SilencesTold {
    return this.#silences.tell();
  }

  /** Plays every stream to the tail; nobody appends meanwhile. Forgets the round. */
  async catchUp(): Promise<Played[]> {
    const played: Played[] = [];
    for (const player of this.#players) {
      await player.sync();
      while ((await player.playSome(PLAY_BATCH)) > 0) await setImmediate();
      played.push(player.endRound());
    }
    this.#parts.counters.publish();
    return played;
  }

  /** One append after the other: `window` of these are under way. */
  async #appendOn(first: number): Promise<void> {
    const { tango, workload, thread, counters, latency } = this.#parts;
    const appended = counters.index('appended');
    while (this.#loading) {
      const sequence = this.#sequence++;
      this.#positions[sequence - first] = NOT_APPENDED;
      const streams = streamsOf(workload, thread, sequence);
      const startMs = performance.now();
      try {
        const payload = this.#payloads.make(thread, sequence);
        this.#positions[sequence - first] = await tango.log.append(payload, { streams });
      } catch (error) {
        // Refused: nothing was appended. The main thread makes room.
        if ((error as TangoError).code !== 'ERR_LOG_FULL') throw error;
        this.#loading = false;
        return;
      }
      const endMs = performance.now();
      latency.record((endMs - startMs) * NANOSECONDS_PER_MS);
      this.#silences.acknowledged(endMs);
      counters.add(appended, 1);
    }
  }

  async #playOn(): Promise<void> {
    while (this.#loading) {
      let played = 0;
      for (const player of this.#players) {
        await player.sync();
        for (let batch = 1; this.#loading && batch > 0; ) {
          batch = await player.playSome(PLAY_BATCH);
          played += batch;
          await setImmediate();
        }
      }
      this.#parts.counters.publish();
      if (played === 0) await setTimeout(PLAY_PAUSE_MS);
    }
  }
}

/** Plays one stream and looks at what it gets: right stream, right order, right bytes. */
class StreamPlayer {
  readonly #stream: number;
  readonly #cursor: StreamCursor;
  readonly #payloads: Payloads;
  readonly #counters: LogLoadParts['counters'];
  readonly #counter: number;
  #last = -1;
  #count = 0;
  #digest = 0;

  constructor(stream: number, { tango, workload, counters }: LogLoadParts) {
    this.#stream = stream;
    this.#cursor = tango.log.stream(stream);
    this.#payloads = new Payloads(workload.entryBytes);
    this.#counters = counters;
    this.#counter = counters.index('played');
  }

  async sync(): Promise<void> {
    await this.#cursor.sync();
  }

  /** Up to `count` of the known entries; resolves to how many there were. */
  async playSome(count: number): Promise<number> {
    for (let played = 0; played < count; played++) {
      // Not the blocking twin: while the writer of the next entry is still at it, this thread appends.
      const entry = await this.#cursor.readnext();
      if (entry?.kind !== 'data') return played;
      const { position, payload, streams } = entry;
      if (position <= this.#last) {
        throw this.#wrong(position, `a position above ${this.#last}`, 'an older one');
      }
      if (!streams.includes(this.#stream)) {
        throw this.#wrong(position, 'an entry of the stream', `one of ${streams.join(', ')}`);
      }
      const { thread, sequence } = identityOf(payload);
      if (Buffer.compare(payload, this.#payloads.make(thread, sequence)) !== 0) {
        throw this.#wrong(position, `the bytes of thread ${thread}, #${sequence}`, 'others');
      }
      this.#last = position;
      this.#count++;
      this.#digest = digestOf(this.#digest, position);
      this.#counters.add(this.#counter, 1);
    }
    return count;
  }

  endRound(): Played {
    const played = { stream: this.#stream, count: this.#count, digest: this.#digest };
    this.#count = this.#digest = 0;
    return played;
  }

  #wrong(position: number, expected: string, found: string): Error {
    const where = `position=${position}, stream=${this.#stream}, played`;
    return new Error(`${where}: expected ${expected}, found ${found}`);
  }
}
