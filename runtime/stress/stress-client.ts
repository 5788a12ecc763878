/**
 * What a client of the kill stress does: several lanes of operations at once, each recorded BEFORE
 * it is begun and AFTER it has ended. An error that no contract allows ends the thread, and so the
 * run.
 */
import type { Random } from '../../actors/simulation/random.ts';
import { TangoError } from '../../actors/tango-error.ts';
import {
  type HistoryRecorder,
  NO_ROOM,
  type RecordedEnd,
} from '../../shared-memory/history-ring.ts';
import { RecordState } from '../../shared-memory/history-ring-layout.ts';
import type { LogEntry, Position } from '../log-entry.ts';
import type { SharedLog, StreamCursor } from '../shared-log.ts';
import {
  ENTRY_BYTES_MAX,
  ENTRY_BYTES_MIN,
  nextValue,
  payloadOf,
  STREAMS,
  valueIn,
} from './stress-entry.ts';
import { FAILURES, Found, StressKind } from './stress-history.ts';

export interface StressClientOptions {
  readonly log: SharedLog;
  readonly recorder: HistoryRecorder;
  readonly random: Random;
  /** See firstValue. */
  readonly value: number;
  /** Where the batch begins. */
  readonly base: Position;
  /** Operations at once. */
  readonly lanes: number;
  readonly rest: (ms: number) => Promise<void>;
}

type Step = 'append' | 'append sync' | 'read' | 'fill' | 'play' | 'play sync' | 'tail';

const STEPS: readonly Step[] = [
  ...Array<Step>(8).fill('append'),
  'append sync',
  ...Array<Step>(4).fill('read'),
  'fill',
  ...Array<Step>(3).fill('play'),
  'play sync',
  'tail',
];

/** Most reads look near the tail, where entries are being written. */
const NEAR = 32;
/** Lanes rest between operations, so that threads start quickly although cores are few. */
const GOES_ON_CHANCE = 0.5;
const REST_MS = 1;
const REST_MS_SPREAD = 6;
/** A new cursor begins at most so far below the tail. */
const RECENT = 200;
/** Entries of one 'play': the others come with the next one. */
const PLAYED_MAX = 8;

/** Thrown through a playback: the entry is the next one again. */
const RING_FULL = Symbol('no room in the ring');

/** No two of a thread have the same number. */
interface NumberedCursor {
  readonly number: number;
  readonly cursor: StreamCursor;
}

export class StressClient {
  readonly #options: StressClientOptions;
  readonly #cursors = new Map<number, NumberedCursor>();
  #numbered = 0;
  #value: number;
  #base: Position;
  #paused = false;
  #lanes: Promise<unknown> = Promise.resolve();

  constructor(options: StressClientOptions) {
    this.#options = options;
    this.#value = options.value;
    this.#base = options.base;
  }

  /** Begins, or goes on after a pause. A lane that fails ends the thread. */
  start(base: Position = this.#base): void {
    this.#paused = false;
    this.#base = base;
    this.#cursors.clear();
    this.#lanes = Promise.all(Array.from({ length: this.#options.lanes }, () => this.#lane()));
  }

  /** Settles when no operation is under way any more. */
  async pause(): Promise<void> {
    this.#paused = true;
    await this.#lanes;
  }

  async #lane(): Promise<void> {
    const { random, rest } = this.#options;
    while (!this.#paused) {
      await this.#step(random.pick(STEPS));
      if (!random.chance(GOES_ON_CHANCE)) await rest(REST_MS + random.below(REST_MS_SPREAD));
    }
  }

  async #step(step: Step): Promise<void> {
    const { log, random } = this.#options;
    switch (step) {
      case 'append':
      case 'append sync':
        return this.#append(step === 'append sync');
      case 'read':
        return this.#look(StressKind.READ, this.#anyPosition(), (position) =>
          random.chance(0.2) ? log.readSync(position) : log.read(position),
        );
      case 'fill':
        return this.#look(StressKind.FILL, this.#anyPosition(), (position) =>
          random.chance(0.2) ? log.fillSync(position) : log.fill(position),
        );
      case 'play':
        return this.#play(random.pick(STREAMS));
      case 'play sync':
        return this.#playSync(random.pick(STREAMS));
      case 'tail':
        return this.#record(StressKind.TAIL, 0, 0, () => ({ position: log.tailSync() }));
    }
  }

  #append(sync: boolean): Promise<void> {
    const { log, random } = this.#options;
    this.#value = nextValue(this.#value);
    const value = this.#value;
    const bytes = ENTRY_BYTES_MIN + random.below(ENTRY_BYTES_MAX - ENTRY_BYTES_MIN + 1);
    const payload = payloadOf(value, bytes);
    const streams = STREAMS.filter(() => random.chance(0.3));
    return this.#record(StressKind.APPEND, 0, value, async () => {
      if (sync) return { position: log.appendSync(payload, { streams }) };
      return { position: await log.append(payload, { streams }) };
    });
  }

  /** Near the tail, anywhere in the batch, below it, or beyond the tail. */
  #anyPosition(): Position {
    const { log, random } = this.#options;
    const tail = log.tailSync();
    const drawn = random.next();
    if (drawn < 0.6) return Math.max(0, tail - 1 - random.below(NEAR));
    if (drawn < 0.9) return this.#base + random.below(tail - this.#base + 1);
    return drawn < 0.95 ? Math.max(0, this.#base - 1 - random.below(NEAR)) : tail + random.below(4);
  }

  #look(
    kind: number,
    position: Position,
    call: (position: Position) => LogEntry | Promise<LogEntry>,
  ): Promise<void> {
    return this.#record(kind, position, 0, async () => {
      const entry = await call(position);
      if (entry.kind === 'junk') return { outcome: Found.JUNK };
      if (entry.kind === 'trimmed') return { outcome: Found.TRIMMED };
      return { outcome: Found.VALUE, found: valueIn(entry.payload) };
    });
  }

  async #play(stream: number): Promise<void> {
    const { cursor, number } = this.#cursorOf(stream);
    await this.#record(StressKind.CURSOR, stream, 0, async () => {
      await cursor.sync();
      return {};
    });
    for (let i = 0; i < PLAYED_MAX && !this.#paused; i++) {
      let more = false;
      await this.#record(StressKind.PLAY, stream, number, async () => {
        const entry = await cursor.readnext();
        if (entry === undefined) return { outcome: Found.NOTHING };
        more = true;
        const found = valueIn(entry.payload);
        return { position: entry.position, outcome: Found.VALUE, found };
      });
      if (!more) return;
    }
  }

  #playSync(stream: number): Promise<void> {
    const { recorder } = this.#options;
    const { cursor, number } = this.#cursorOf(stream);
    return this.#record(StressKind.CURSOR, stream, 0, () => {
      cursor.syncSync();
      try {
        cursor.playSync(({ position, payload }) => {
          const record = recorder.begin(StressKind.PLAY, stream, number);
          if (record === NO_ROOM) throw RING_FULL;
          const found = valueIn(payload);
          recorder.end(record, RecordState.OK, { position, outcome: Found.VALUE, found });
        });
      } catch (error) {
        if (error !== RING_FULL) throw error;
      }
      return {};
    });
  }

  #cursorOf(stream: number): NumberedCursor {
    const { log } = this.#options;
    let found = this.#cursors.get(stream);
    if (found === undefined) {
      const cursor = log.stream(stream, Math.max(this.#base, log.tailSync() - RECENT));
      found = { number: ++this.#numbered, cursor };
      this.#cursors.set(stream, found);
    }
    return found;
  }

  /** INVOKED, then the operation, then how it ended. */
  async #record(
    kind: number,
    key: number,
    value: number,
    operation: () => RecordedEnd | Promise<RecordedEnd>,
  ): Promise<void> {
    const { recorder, rest } = this.#options;
    let record = recorder.begin(kind, key, value);
    while (record === NO_ROOM) {
      if (this.#paused) return;
      await rest(REST_MS);
      record = recorder.begin(kind, key, value);
    }
    let end: RecordedEnd;
    try {
      end = await operation();
    } catch (error) {
      return this.#failed(record, kind, error);
    }
    recorder.end(record, RecordState.OK, end);
  }

  #failed(record: number, kind: number, error: unknown): void {
    const { recorder } = this.#options;
    if (!(error instanceof TangoError)) throw error;
    if (error.code === 'ERR_UNWRITTEN' && kind !== StressKind.APPEND) {
      return recorder.end(record, RecordState.OK, { outcome: Found.UNWRITTEN });
    }
    const outcome = (FAILURES as readonly string[]).indexOf(error.code);
    if (outcome < 0) throw error;
    // An error that names a position: something may have been left there.
    const isOpen = kind === StressKind.APPEND && error.position !== undefined;
    recorder.end(record, isOpen ? RecordState.UNKNOWN : RecordState.FAIL, { outcome });
  }
}
