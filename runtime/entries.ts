/** Iterating over the log, or over some of its streams, in log order. */
import { TangoError } from '../actors/tango-error.ts';
import { quietTime, unlessAborted } from './abort.ts';
import {
  abortedError,
  checkKeys,
  checkPosition,
  checkSignal,
  checkStreams,
  invalid,
} from './arguments.ts';
import type { LogClient } from './log-client.ts';
import type { DataEntry, Position, StreamId } from './log-entry.ts';
import type { Procedure } from './procedure.ts';
import { isPrefixTrimmed, readComplete, readPosition } from './read.ts';
import { StreamReader } from './stream-reader.ts';

export interface EntriesOptions {
  /** First position, inclusive; default: the oldest that is not trimmed. */
  readonly from?: Position | undefined;
  /** Last position, exclusive; default: the tail when the iteration begins. */
  readonly to?: Position | undefined;
  /** Only entries of any of these streams, each once. */
  readonly streams?: readonly StreamId[] | undefined;
  /** Go on with entries that are appended later, for ever; not together with `to`. */
  readonly live?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A live iteration looks at the tail again after this long, and less often while all is quiet. */
const LIVE_PAUSE_MS = 1;
const LIVE_PAUSE_MS_MAX = 25;
const KEYS = ['from', 'to', 'streams', 'live', 'signal'];

/** Checks the options at once, reads lazily; every iterator begins anew. */
export function readEntries(access: LogAccess, options: EntriesOptions): AsyncIterable<DataEntry> {
  checkKeys('entries', options, KEYS);
  const { from, to, live = false } = options;
  if (from !== undefined) checkPosition(from, 'from');
  if (to !== undefined) checkPosition(to, 'to');
  if (typeof live !== 'boolean') throw invalid('live', live, 'a boolean');
  if (live && to !== undefined) throw invalid('to', to, 'absent from a live iteration');
  const streams = options.streams === undefined ? undefined : checkStreams(options.streams);
  const signal = checkSignal(options.signal);
  const newSource = (): Source =>
    streams === undefined ? new LogSource(access, from) : new StreamSource(access, streams, from);
  const bounds = { to, live, signal, checkOpen: access.checkOpen };
  return { [Symbol.asyncIterator]: () => iterate(access.client, newSource(), bounds) };
}

/** What an iteration needs of the log. */
export interface LogAccess {
  readonly client: LogClient;
  /** Runs a procedure; rejects with the errors of the public interface. */
  run<T>(procedure: Procedure<T>): Promise<T>;
  /** Throws once the log is closed. */
  checkOpen(): void;
}

interface Bounds {
  readonly to: Position | undefined;
  readonly live: boolean;
  readonly signal: AbortSignal | undefined;
  readonly checkOpen: () => void;
}

/** Delivers data entries below a limit, in order, each once. */
interface Source {
  /** The next data entry below `limit`, undefined when there is none now. */
  next(limit: Position): Promise<DataEntry | undefined>;
}

async function* iterate(
  client: LogClient,
  source: Source,
  { to, live, signal, checkOpen }: Bounds,
): AsyncGenerator<DataEntry> {
  const end = to === undefined ? client.tail() : Math.min(to, client.tail());
  let pauseMs = LIVE_PAUSE_MS;
  for (;;) {
    if (signal?.aborted) throw abortedError(signal);
    checkOpen();
    const entry = await unlessAborted(source.next(live ? client.tail() : end), signal);
    if (entry === undefined && !live) return;
    if (entry === undefined) {
      await quietTime(pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, LIVE_PAUSE_MS_MAX);
      continue;
    }
    pauseMs = LIVE_PAUSE_MS;
    yield entry;
  }
}

/** Every position of the log. */
class LogSource implements Source {
  readonly #access: LogAccess;
  #next: Position;

  constructor(access: LogAccess, from: Position | undefined) {
    this.#access = access;
    this.#next = from ?? oldestPosition(access.client);
  }

  async next(limit: Position): Promise<DataEntry | undefined> {
    const { client } = this.#access;
    while (this.#next < limit) {
      const position = this.#next;
      const entry =
        readComplete(client, position) ?? (await this.#access.run(readPosition(client, position)));
      if (entry.kind === 'trimmed' && isPrefixTrimmed(client, position)) {
        const text = `the log was trimmed beyond the reader: position=${position}`;
        throw new TangoError('ERR_TRIMMED', text, { position });
      }
      this.#next = position + 1;
      if (entry.kind === 'data' && entry.system === undefined) return entry;
    }
    return undefined;
  }
}

/** Some streams, merged by position. */
class StreamSource implements Source {
  readonly #access: LogAccess;
  readonly #readers: readonly StreamReader[];
  /** Every stream is synced up to here. */
  #synced: Position = -1;

  constructor(access: LogAccess, streams: readonly StreamId[], from: Position | undefined) {
    this.#access = access;
    this.#readers = streams.map((stream) => new StreamReader(access.client, stream, from));
  }

  async next(limit: Position): Promise<DataEntry | undefined> {
    for (;;) {
      const position = this.#lowest();
      if (position >= limit) {
        if (this.#synced >= limit) return undefined;
        for (const reader of this.#readers) await this.#access.run(reader.sync());
        this.#synced = limit;
        continue;
      }
      const entry = await this.#take(position);
      if (entry !== undefined) return entry;
    }
  }

  #lowest(): Position {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#readers.map((one) => one.nextPosition));
  }

  /** Advances every stream that is at `position`; undefined when junk was there. */
  async #take(position: Position): Promise<DataEntry | undefined> {
    const entry =
      readComplete(this.#access.client, position) ??
      (await this.#access.run(readPosition(this.#access.client, position)));
    for (const reader of this.#readers) reader.skipTo(position + 1);
    if (entry.kind === 'trimmed' && isPrefixTrimmed(this.#access.client, position)) {
      const text = `a stream was trimmed beyond the reader: position=${position}`;
      throw new TangoError('ERR_TRIMMED', text, { position });
    }
    return entry.kind === 'data' ? entry : undefined;
  }
}

/** The oldest position that no prefix trim has reached. */
function oldestPosition(client: LogClient): Position {
  let low = 0;
  let high = client.tail();
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (isPrefixTrimmed(client, middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
