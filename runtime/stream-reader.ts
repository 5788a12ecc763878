/**
 * One stream, read in order (Tango 2.4): sync() learns the stream's positions by striding over its
 * backpointers, next() reads them. sync before next is what makes it linearizable; next alone
 * never contacts the sequencer.
 */
import type { UnitId } from '../actors/actor-ids.ts';
import { MessageType } from '../actors/message.ts';
import { NO_SEQUENCER } from '../actors/projection.ts';
import { SEQUENCER_BUSY } from '../actors/sequencer.ts';
import { Backpointers, streamOfHeader } from '../actors/stream-header.ts';
import { TangoError } from '../actors/tango-error.ts';
import type { EntryReader } from '../shared-memory/entry-reader.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import {
  afterRefusal,
  Deadline,
  freeSequencer,
  lateError,
  lostError,
  Patience,
} from './deadline.ts';
import type { LogClient } from './log-client.ts';
import type { DataEntry, Position, StreamId } from './log-entry.ts';
import { type PlayedEntry, PlayedEntryPlace } from './played-entry.ts';
import { ACTOR_EXITED, call, NO_ANSWER, type Procedure, pause } from './procedure.ts';
import { isComplete, isPrefixTrimmed, isTrimmedThrough, readPosition } from './read.ts';

/** How long a call waits before it looks again whether the one before has ended. */
const TURN_PAUSE_MS = 0.05;

/** What a walk met at a position: backpointers to go on with, nothing of use, or the trim. */
type Met = 'linked' | 'nothing' | 'trimmed';
/** What a look at a position has loaded; 'open': not decided, or not trimmed on every replica. */
type Loaded = 'entry' | 'nothing' | 'open';

export class StreamReader {
  readonly stream: StreamId;
  readonly #client: LogClient;
  readonly #pointers: Backpointers;
  /** Positions known and not read, ascending from #next. Junk may be among them. */
  #positions: Position[] = [];
  #next = 0;
  /** Every position of the stream up to here is, or was, in the list. */
  #known: Position;
  /** A call is under way. */
  #occupied = false;
  /** The list has a beginning: a trim that reaches above it would be a gap. */
  #anchored: boolean;

  /** `from`: first position of interest; without it whatever is not trimmed. */
  constructor(client: LogClient, stream: StreamId, from?: Position) {
    this.#client = client;
    this.stream = stream;
    this.#pointers = new Backpointers(client.memory.sizes.backpointers);
    this.#known = (from ?? 0) - 1;
    this.#anchored = from !== undefined;
  }

  /** The position next() would try first; Infinity when nothing is known beyond what was read. */
  get nextPosition(): Position {
    return this.#next < this.#positions.length
      ? this.#positions[this.#next]
      : Number.POSITIVE_INFINITY;
  }

  /** Passes over known positions below `position`: the caller has read them. */
  skipTo(position: Position): void {
    while (this.nextPosition < position) this.#next++;
  }

  /** Entries a position among its last ones, in [0, 1]; asks the sequencer and learns nothing. */
  *density(): Procedure<number> {
    const tail = yield* this.#askTails();
    const { count, positions } = this.#pointers;
    return count === 0 ? 0 : count / (tail - positions[count - 1]);
  }

  /** Known positions below `limit`, ascending; the caller reads them. Junk may be among them. */
  takeKnown(limit: Position): Position[] {
    const known: Position[] = [];
    for (; this.nextPosition < limit; this.#next++) known.push(this.nextPosition);
    return known;
  }

  /**
   * Learns every position the stream has below the tail and returns the last one, or -1 when it
   * has none. ERR_TRIMMED when a part of the stream not yet read was trimmed.
   */
  *sync(): Procedure<Position> {
    return yield* this.#alone(this.#learn());
  }

  /** The next entry of the stream, junk skipped; undefined when nothing more is known. */
  *next(): Procedure<DataEntry | undefined> {
    return yield* this.#alone(this.#readNext());
  }

  /**
   * Hands every known entry to `handler` in log order, junk skipped, and returns how many there
   * were. The entry is valid during the call only. Waits for an entry that is being written. An
   * entry at which the handler throws counts as not read.
   */
  *play(handler: (entry: PlayedEntry) => void): Procedure<number> {
    return yield* this.#alone(this.#playAll(handler));
  }

  /** Runs `call` when the one before has ended: each sees what the other has left. */
  *#alone<T>(call: Procedure<T>): Procedure<T> {
    while (this.#occupied) yield* pause(TURN_PAUSE_MS);
    this.#occupied = true;
    try {
      return yield* call;
    } finally {
      this.#occupied = false;
    }
  }

  *#playAll(handler: (entry: PlayedEntry) => void): Procedure<number> {
    const played = new PlayedEntryPlace(this.#client.memory.sizes.entryBytesMax);
    let count = 0;
    try {
      while (this.#next < this.#positions.length) {
        const loaded = this.#tryLoadNext(played);
        if (loaded === 'open') yield* this.#decideNext();
        if (loaded !== 'entry') continue;
        this.#handOver(played, handler);
        count++;
      }
      return count;
    } finally {
      this.#client.counters.fetches += count;
    }
  }

  *#learn(): Procedure<Position> {
    const tail = yield* this.#askTails();
    const found: Position[] = [];
    yield* this.#walk(tail, found);
    // Where a reader begins, what was trimmed before is no gap.
    while (!this.#anchored && found.length > 0 && this.#isTrimmed(found[found.length - 1])) {
      found.pop();
    }
    this.#dropRead();
    for (let i = found.length - 1; i >= 0; i--) this.#positions.push(found[i]);
    if (tail - 1 > this.#known) this.#known = tail - 1;
    this.#anchored = true;
    const last = this.#positions.length - 1;
    return last < 0 ? -1 : this.#positions[last];
  }

  *#readNext(): Procedure<DataEntry | undefined> {
    const client = this.#client;
    while (this.#next < this.#positions.length) {
      const position = this.#positions[this.#next];
      const kept = client.cache.get(position);
      const cached = kept !== undefined && isComplete(client, position) ? kept : undefined;
      const entry = cached ?? (yield* readPosition(client, position));
      if (entry.kind === 'trimmed') this.#passTrimmed(position);
      this.#next++;
      if (entry.kind !== 'data') continue;
      if (cached === undefined) client.cache.put(entry);
      return entry;
    }
    return undefined;
  }

  /** Loads the entry at #next into `played` and advances, unless it is open: reading it ends that. */
  #tryLoadNext(played: PlayedEntryPlace): Loaded {
    const client = this.#client;
    const { map, memory } = client;
    const position = this.#positions[this.#next];
    if (position < memory.sequencer.trimMark()) {
      this.#passTrimmed(position);
      this.#next++;
      return 'nothing';
    }
    const unit = this.#tailOf(position);
    const { reader } = memory.unit(unit);
    const address = map.addressOf(position);
    const outcome = memory.locate(unit, address, position);
    if (this.#isOpen(position, outcome)) return 'open';
    const complete =
      outcome === SlotOutcome.WRITTEN &&
      played.load(reader, address, position) &&
      position >= memory.sequencer.trimMark();
    // Of a unit that may not have been the last of its chain any more: look again.
    if (!client.isCurrent) {
      client.refreshProjection();
      return 'nothing';
    }
    if (!complete && outcome !== SlotOutcome.JUNK) this.#passTrimmed(position);
    this.#next++;
    return complete ? 'entry' : 'nothing';
  }

  /** Decided then, and looked at once more; unless a prefix trim has passed it by. */
  *#decideNext(): Procedure<void> {
    const position = this.#positions[this.#next];
    const entry = yield* readPosition(this.#client, position);
    if (entry.kind === 'trimmed') this.#passTrimmed(position);
  }

  /** The handler may use this cursor itself; if it throws, the entry is the next one again. */
  #handOver(played: PlayedEntry, handler: (entry: PlayedEntry) => void): void {
    const positions = this.#positions;
    const next = this.#next;
    this.#occupied = false;
    try {
      // It may take any time, and nobody's seal should wait for it.
      this.#client.outside(() => handler(played));
    } catch (error) {
      if (this.#positions === positions && this.#next === next) this.#next--;
      throw error;
    }
    this.#occupied = true;
  }

  /** A position trimmed alone is passed over; one below a prefix trim is a gap. */
  #passTrimmed(position: Position): void {
    if (this.#isTrimmed(position)) throw trimmedError(this.stream, position);
  }

  #isTrimmed(position: Position): boolean {
    return isPrefixTrimmed(this.#client, position);
  }

  #dropRead(): void {
    if (this.#next === 0) return;
    this.#positions = this.#positions.slice(this.#next);
    this.#next = 0;
  }

  /** Asks the sequencer for the tail and the backpointers an entry there would get. */
  *#askTails(): Procedure<Position> {
    const client = this.#client;
    const deadline = new Deadline(client);
    const patience = new Patience(client);
    for (;;) {
      const { epoch, sequencer } = client.map;
      if (sequencer === NO_SEQUENCER) {
        const text = 'streams need a sequencer, and the log works without one';
        throw new TangoError('ERR_UNSUPPORTED', text);
      }
      const type = MessageType.SEQUENCER_TAILS;
      const told = yield* call({ to: sequencer, type, epoch, extra: [this.stream] });
      if (told.outcome === SlotOutcome.OK) {
        this.#pointers.decode(told.extra, 0, told.position);
        return told.position;
      }
      if (told.outcome === SlotOutcome.SEALED || told.outcome === ACTOR_EXITED) {
        yield* afterRefusal(client, deadline, epoch, told.outcome, sequencer);
      }
      if (told.outcome === SEQUENCER_BUSY) yield* freeSequencer(deadline, patience);
      if (told.outcome === NO_ANSWER && deadline.passed) {
        throw lateError('the sequencer', 'its answer is missing');
      }
    }
  }

  /** Collects positions above #known, descending, starting with #pointers. */
  *#walk(tail: Position, found: Position[]): Procedure<void> {
    const pointers = this.#pointers;
    let lowest = tail;
    for (;;) {
      for (let i = 0; i < pointers.count; i++) {
        const position = pointers.positions[i];
        if (position <= this.#known) return;
        if (position >= lowest) continue;
        found.push(position);
        lowest = position;
      }
      if (pointers.complete) return;
      const met = yield* this.#stride(lowest);
      if (met === 'linked') continue;
      if (met === 'trimmed') return this.#endAtTrim(lowest);
      // Every pointer leads to junk: look at each position further down (Tango 2.6).
      lowest = yield* this.#scanDown(lowest, found);
      if (lowest < 0) return;
    }
  }

  /** Loads the pointers of the oldest position that has some. */
  *#stride(lowest: Position): Procedure<Met> {
    const { positions, count } = this.#pointers;
    const candidates = positions.slice(0, count);
    for (let i = count - 1; i >= 0; i--) {
      const met = yield* this.#load(candidates[i]);
      if (met === 'trimmed') return met;
      // Its pointers must lead below what is listed, or the chain is cut here as well.
      if (met === 'linked' && this.#leadsBelow(lowest)) return met;
    }
    return 'nothing';
  }

  #leadsBelow(lowest: Position): boolean {
    const { positions, count, complete } = this.#pointers;
    return complete || (count > 0 && positions[count - 1] < lowest);
  }

  /** Looks for an entry of the stream below `lowest`; returns its position, or -1 at the end. */
  *#scanDown(lowest: Position, found: Position[]): Procedure<Position> {
    for (let position = lowest - 1; position > this.#known; position--) {
      const met = yield* this.#load(position);
      if (met === 'trimmed') {
        this.#endAtTrim(position);
        return -1;
      }
      if (met === 'nothing') continue;
      found.push(position);
      return position;
    }
    return -1;
  }

  /** Decodes this stream's header of the entry at `position` into #pointers. */
  *#load(position: Position): Procedure<Met> {
    const client = this.#client;
    for (;;) {
      if (position < client.memory.sequencer.trimMark()) return 'trimmed';
      const unit = this.#tailOf(position);
      const { reader } = client.memory.unit(unit);
      const address = client.map.addressOf(position);
      const outcome = client.memory.locate(unit, address, position);
      if (this.#isOpen(position, outcome)) {
        const entry = yield* readPosition(client, position);
        if (entry.kind !== 'trimmed') continue;
        return this.#isTrimmed(position) ? 'trimmed' : 'nothing';
      }
      const linked = outcome === SlotOutcome.WRITTEN && this.#decodeHeader(reader, position);
      const confirmed = outcome === SlotOutcome.WRITTEN && reader.confirm(address);
      if (!client.isCurrent) {
        client.refreshProjection();
        continue;
      }
      if (outcome === SlotOutcome.JUNK) return 'nothing';
      if (confirmed) return linked ? 'linked' : 'nothing';
      return isPrefixTrimmed(client, position) ? 'trimmed' : 'nothing';
    }
  }

  /** Not decided, or not trimmed on every replica: reading it ends that. */
  #isOpen(position: Position, outcome: SlotOutcome): boolean {
    if (outcome === SlotOutcome.UNWRITTEN) return true;
    return outcome === SlotOutcome.TRIMMED && !isTrimmedThrough(this.#client, position);
  }

  /** The tail replica. Throws when every replica is lost. */
  #tailOf(position: Position): UnitId {
    const { chain } = this.#client.map.extentOf(position);
    if (chain.length === 0) throw lostError(this.#client, position);
    return chain[chain.length - 1];
  }

  #decodeHeader(reader: EntryReader, position: Position): boolean {
    for (let i = 0; i < reader.streamCount; i++) {
      const at = reader.streamHeader(i);
      if (streamOfHeader(reader.words, at) !== this.stream) continue;
      this.#pointers.decode(reader.words, at, position);
      return true;
    }
    return false;
  }

  /** History ends at a prefix trim: normal for a reader that begins, a gap for one that goes on. */
  #endAtTrim(position: Position): void {
    if (this.#anchored && this.#known + 1 <= position) {
      throw trimmedError(this.stream, position);
    }
  }
}

function trimmedError(stream: StreamId, position: Position): TangoError {
  const text = `the stream was trimmed beyond the reader: stream=${stream}, position=${position}`;
  return new TangoError('ERR_TRIMMED', text, { position });
}
