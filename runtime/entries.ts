/** Iterating over the log, or over some of its streams, in log order. */
import { TangoError } from '../actors/tango-error.ts';
import {
  abortedError,
  checkKeys,
  checkPosition,
  checkSignal,
  checkStreams,
  invalid,
} from './arguments.ts';
import type { LogClient } from './log-client.ts';
import type { LogEntry, Position, StreamId } from './log-entry.ts';
import type { MailboxLink } from './mailbox-link.ts';
import { isPrefixTrimmed, readComplete, readPosition } from './read.ts';
import { StreamReader } from './stream-reader.ts';

export interface EntriesOptions {
  /** First position, inclusive; default: the oldest that is not trimmed. */
  readonly from?: Position;
  /** Last position, exclusive; default: the tail when the iteration begins. */
  readonly to?: Position;
  /** Only entries of any of these streams, each once. */
  readonly streams?: readonly StreamId[];
  /** Go on with entries that are appended later, for ever; not together with `to`. */
  readonly live?: boolean;
  readonly signal?: AbortSignal;
}

/** How often a live iteration looks at the tail when nothing is new. */
const LIVE_POLL_MS = 2;
const KEYS = ['from', 'to', 'streams', 'live', 'signal'];

/** Checks the options at once, reads lazily. `checkOpen` throws once the log is closed. */
export function readEntries(
  link: MailboxLink,
  options: EntriesOptions,
  checkOpen: () => void,
): AsyncIterable<LogEntry> {
  checkKeys('entries', options, KEYS);
  const { from, to, live = false } = options;
  if (from !== undefined) checkPosition(from, 'from');
  if (to !== undefined) checkPosition(to, 'to');
  if (typeof live !== 'boolean') throw invalid('live', live, 'a boolean');
  if (live && to !== undefined) throw invalid('to', to, 'absent from a live iteration');
  const streams = options.streams === undefined ? undefined : checkStreams(options.streams);
  const signal = checkSignal(options.signal);
  const source =
    streams === undefined ? new LogSource(link, from) : new StreamSource(link, streams, from);
  return {
    [Symbol.asyncIterator]: () => iterate(link, source, { to, live, signal, checkOpen }),
  };
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
  next(limit: Position): Promise<LogEntry | undefined>;
}

async function* iterate(
  link: MailboxLink,
  source: Source,
  { to, live, signal, checkOpen }: Bounds,
): AsyncGenerator<LogEntry> {
  const { sequencer } = link.client.memory;
  const end = to === undefined ? sequencer.tail() : Math.min(to, sequencer.tail());
  for (;;) {
    if (signal?.aborted) throw abortedError(signal);
    checkOpen();
    const entry = await source.next(live ? sequencer.tail() : end);
    if (entry !== undefined) yield entry;
    else if (live) await quietTime(signal);
    else return;
  }
}

/** Every position of the log. */
class LogSource implements Source {
  readonly #link: MailboxLink;
  #next: Position;

  constructor(link: MailboxLink, from: Position | undefined) {
    this.#link = link;
    this.#next = from ?? oldestPosition(link.client);
  }

  async next(limit: Position): Promise<LogEntry | undefined> {
    const { client } = this.#link;
    while (this.#next < limit) {
      const position = this.#next;
      const entry =
        readComplete(client, position) ?? (await this.#link.run(readPosition(client, position)));
      if (entry.kind === 'trimmed' && isPrefixTrimmed(client, position)) {
        const text = `the log was trimmed beyond the reader: position=${position}`;
        throw new TangoError('ERR_TRIMMED', text, { position });
      }
      this.#next = position + 1;
      if (entry.kind === 'data') return entry;
    }
    return undefined;
  }
}

/** Some streams, merged by position. */
class StreamSource implements Source {
  readonly #link: MailboxLink;
  readonly #readers: readonly StreamReader[];
  /** Every stream is synced up to here. */
  #synced: Position = -1;

  constructor(link: MailboxLink, streams: readonly StreamId[], from: Position | undefined) {
    this.#link = link;
    this.#readers = streams.map((stream) => new StreamReader(link.client, stream, from));
  }

  async next(limit: Position): Promise<LogEntry | undefined> {
    for (;;) {
      const position = this.#lowest();
      if (position >= limit) {
        if (this.#synced >= limit) return undefined;
        for (const reader of this.#readers) await this.#link.run(reader.sync());
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
  async #take(position: Position): Promise<LogEntry | undefined> {
    const entry =
      readComplete(this.#link.client, position) ??
      (await this.#link.run(readPosition(this.#link.client, position)));
    for (const reader of this.#readers) reader.skipTo(position + 1);
    if (entry.kind === 'trimmed') {
      const text = `a stream was trimmed beyond the reader: position=${position}`;
      throw new TangoError('ERR_TRIMMED', text, { position });
    }
    return entry.kind === 'data' ? entry : undefined;
  }
}

/** The oldest position that no prefix trim has reached. */
function oldestPosition(client: LogClient): Position {
  let low = 0;
  let high = client.memory.sequencer.tail();
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (isPrefixTrimmed(client, middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function quietTime(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, LIVE_POLL_MS);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}
