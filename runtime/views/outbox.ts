/**
 * Changes on their way to the log. Those of one turn share entries (Tango 2.9), and one entry of a
 * thread is under way at a time: its changes take effect in the order in which they were made, and
 * whatever is made meanwhile goes together. A change that does not fit an entry goes ahead in parts.
 */
import { STREAMS_PER_ENTRY_MAX } from '../../actors/config.ts';
import { TangoError } from '../../actors/tango-error.ts';
import { EntryKind } from '../../shared-memory/entry-layout.ts';
import type { AppendCompletion } from '../append-operation.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';
import { isExit, isFull, lost, passed, untold } from './change-errors.ts';
import { type Admission, type Compaction, FULL_MS_MAX } from './compaction.ts';
import type { Holds } from './holds.ts';
import { LARGE_BYTES_MAX } from './large-record.ts';
import { PartsSender } from './parts-sender.ts';
import type { Playback, RecordOutcome } from './playback.ts';
import type { Precedence } from './precedence.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_RECORDS_MAX,
  type BatchRecord,
  encodeBatch,
  type ObjectId,
  type ObjectRecord,
  type RecordBatch,
  RecordKind,
  recordBytes,
} from './record.ts';
import type { Room } from './room.ts';
import { added, NO_ELEMENTS } from './short-list.ts';

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

/** An entry under way, or one whose outcomes are not known yet. */
class Sent implements AppendCompletion {
  readonly number: number;
  readonly changes: readonly Change[];
  readonly streams: readonly ObjectId[];
  readonly asksOutcome: boolean;
  /** It may use the headroom of the log. */
  readonly urgent: boolean;
  readonly isAdmitted: boolean;
  /** Nothing from here on is trimmed meanwhile. */
  readonly held: Position;
  /** Of its entry. */
  records: readonly BatchRecord[] = [];
  /** undefined: of a record that names parts, before it is encoded. */
  bytes: number | undefined;
  outcomes: readonly RecordOutcome[] | undefined;
  /** Nobody looks for its outcomes any more. */
  hasEnded = false;
  readonly #outbox: Outbox;

  constructor(
    outbox: Outbox,
    number: number,
    { taken, held, admission }: { taken: Taken; held: Position; admission: Admission | undefined },
  ) {
    this.#outbox = outbox;
    this.number = number;
    this.changes = taken.changes;
    this.streams = taken.streams;
    this.asksOutcome = taken.asksOutcome;
    this.bytes = taken.isLarge ? undefined : taken.bytes;
    this.urgent = admission === 'freeing';
    this.isAdmitted = admission !== undefined;
    this.held = held;
  }

  appended(position: Position): void {
    this.#outbox.appended(this, position);
  }

  failed(error: unknown): void {
    this.#outbox.failed(this, error);
  }
}

/** Changes that go together. */
interface Taken {
  readonly changes: readonly Change[];
  readonly streams: readonly ObjectId[];
  readonly asksOutcome: boolean;
  readonly bytes: number;
  /** One that does not fit an entry. */
  readonly isLarge: boolean;
}

export interface OutboxWorld {
  readonly client: LogClient;
  readonly holds: Holds;
  readonly precedence: Precedence;
  /** Of this thread; it tells of every entry that it has played (played()). */
  readonly playback: () => Playback;
  /** Something of this thread is in the log. */
  readonly arrived: () => void;
  readonly room: Room;
  readonly compaction: Pick<Compaction, 'isTight' | 'admit' | 'release' | 'makeRoom'>;
  /** Bytes by which the changes make states larger; below 0: smaller. */
  readonly growthOf: (records: readonly ObjectRecord[]) => number;
}

export class Outbox {
  readonly #client: LogClient;
  readonly #world: OutboxWorld;
  readonly #entryBytesMax: number;
  #waiting: Change[] = NO_ELEMENTS;
  /** By number, until their outcome is known or nobody asks for it. */
  readonly #sent = new Map<number, Sent>();
  #number = 0;
  #isSending = false;
  #isLooping = false;
  /** Since when the log has refused what is under way; undefined: it has not. */
  #fullSinceMs: number | undefined;

  constructor(world: OutboxWorld) {
    this.#world = world;
    this.#client = world.client;
    this.#entryBytesMax = world.client.memory.sizes.entryBytesMax;
  }

  /**
   * Takes a change; send() sends it. Throws, and takes nothing: ERR_ENTRY_TOO_LARGE,
   * ERR_TOO_MANY_STREAMS.
   */
  add(record: ObjectRecord, asksOutcome: boolean, completion: ChangeCompletion): void {
    const bytes = recordBytes(record);
    if (bytes > this.#entryBytesMax - BATCH_HEADER_BYTES) this.#checkLarge(bytes);
    const objects = objectsOf(record);
    if (objects.length > STREAMS_PER_ENTRY_MAX) {
      const text = `a change is of at most ${STREAMS_PER_ENTRY_MAX} objects: ${objects.length}`;
      throw new TangoError('ERR_TOO_MANY_STREAMS', text);
    }
    const change = { record, bytes, objects, asksOutcome, completion };
    this.#waiting = added(this.#waiting, change);
  }

  /** Sends what waits unless an entry is under way: then it follows. Does not block. */
  send(): void {
    // On the direct link the append has ended when it returns: a loop, not a recursion.
    if (this.#isLooping) return;
    this.#isLooping = true;
    try {
      while (!this.#isSending && this.#waiting.length > 0) this.#sendNext();
    } finally {
      this.#isLooping = false;
    }
  }

  /** The playback has played an entry of this thread. */
  played({ number }: RecordBatch, outcomes: readonly RecordOutcome[]): void {
    const sent = this.#sent.get(number);
    if (sent !== undefined) sent.outcomes = outcomes;
  }

  #checkLarge(bytes: number): void {
    const partsMax = Math.floor((this.#entryBytesMax - BATCH_HEADER_BYTES - LARGE_BYTES) / 8);
    const most = Math.min(LARGE_BYTES_MAX, Math.max(0, partsMax) * this.#world.room.partBytes);
    if (bytes <= most) return;
    const text = `a change is of at most ${most} bytes: bytes=${bytes}`;
    throw new TangoError('ERR_ENTRY_TOO_LARGE', text);
  }

  #sendNext(): void {
    const { client, playback, precedence } = this.#world;
    const isPassed = playback().position < client.memory.sequencer.trimMark();
    // Who wants to know what becomes of a change starts from a checkpoint first, and passes no entry.
    if (isPassed && this.#waiting.some(({ asksOutcome }) => asksOutcome)) {
      this.#sendAfter(playback().playTo(client.tail()));
    } else if (precedence.isOthers) this.#sendAfter(precedence.makeWay());
    else this.#sendWithRoom();
  }

  /** Goes on whatever the procedure ends with: the log itself says what it refuses. */
  #sendAfter(procedure: Procedure<void>): void {
    this.#isSending = true;
    const goOn = (): void => {
      this.#isSending = false;
      this.#sendWithRoom();
      this.send();
    };
    this.#client.run(procedure, { done: goOn, failed: goOn });
  }

  #sendWithRoom(): void {
    const taken = this.#takeWaiting();
    if (!taken.isLarge && !this.#world.compaction.isTight) return this.#sendOne(taken);
    this.#isSending = true;
    this.#admit(taken, (error) => this.#refuse(taken, error));
  }

  /** Sends it once there is room; what is no lack of room the log itself will say. */
  #admit(taken: Taken, refused: (error: unknown) => void): void {
    const { room, compaction, growthOf } = this.#world;
    const { bytes, isLarge, streams } = taken;
    const records = taken.changes.map(({ record }) => record);
    const demand = {
      bytes: isLarge
        ? room.ofParts(bytes) + room.ofEntry(this.#entryBytesOf(bytes), streams.length)
        : room.ofEntry(bytes, streams.length),
      isLarge,
      growth: () => growthOf(records),
    };
    const goOn = (admission: Admission): void => {
      this.#isSending = false;
      this.#sendOne(taken, admission);
      this.send();
    };
    this.#client.run(compaction.admit(demand), {
      done: goOn,
      failed: (error) => (isFull(error) ? refused(error) : goOn('usual')),
    });
  }

  /** There may be room for the first of several; if there is none, there is none for any. */
  #refuse({ changes }: Taken, error: unknown): void {
    const [first, ...others] = changes;
    if (others.length === 0) return this.#refuseAll(changes, error);
    const { objects, asksOutcome, bytes } = first;
    const alone = { changes: [first], streams: objects, asksOutcome, isLarge: false };
    const before = this.#waiting;
    this.#waiting = [...others, ...before];
    this.#admit({ ...alone, bytes: bytes + BATCH_HEADER_BYTES }, () => {
      this.#waiting.splice(0, others.length);
      this.#refuseAll(changes, error);
    });
  }

  #refuseAll(changes: readonly Change[], error: unknown): void {
    this.#isSending = false;
    for (const { completion } of changes) completion.failed(error);
    this.send();
  }

  /** Of the record that names the parts. */
  #entryBytesOf(bytes: number): number {
    return BATCH_HEADER_BYTES + LARGE_BYTES + 8 * Math.ceil(bytes / this.#world.room.partBytes);
  }

  #sendOne(taken: Taken, admission?: Admission): void {
    const { client, holds, playback } = this.#world;
    const held = taken.asksOutcome ? playback().position : client.tail();
    holds.hold(held);
    const sent = new Sent(this, ++this.#number, { taken, held, admission });
    this.#isSending = true;
    if (taken.isLarge) this.#sendParts(sent);
    else {
      sent.records = taken.changes.map(({ record }) => record);
      this.#sendRecords(sent);
    }
    // Not before: on the direct link it is mostly over.
    if (!sent.hasEnded) this.#sent.set(sent.number, sent);
  }

  #sendRecords(sent: Sent): void {
    const { number, records, bytes } = sent;
    const payload = encodeBatch(this.#client.incarnation, number, records, bytes);
    sent.bytes = payload.length;
    this.#client.append(payload, sent.streams, sent.urgent, sent, EntryKind.OBJECTS);
  }

  /** A part that fails ends it: nothing is changed. */
  #sendParts(sent: Sent): void {
    const { partBytes } = this.#world.room;
    const options = { partBytes, urgent: sent.urgent };
    const parts = new PartsSender(this.#client, sent.changes[0].record, options, {
      done: (large) => {
        this.#fullSinceMs = undefined;
        sent.records = [large];
        this.#sendRecords(sent);
      },
      failed: (error, again) => {
        if (isFull(error)) this.#retry(again, () => this.#end(sent, error));
        else this.#end(sent, isExit(error) ? error : lost(error));
      },
    });
    parts.send();
  }

  /** A full log gets the time to make room: what looks like room may not be for this entry. */
  #retry(again: () => void, giveUp: () => void): void {
    const now = this.#client.context.now();
    this.#fullSinceMs ??= now;
    if (now - this.#fullSinceMs > FULL_MS_MAX) return giveUp();
    this.#client.run(this.#world.compaction.makeRoom(), { done: again, failed: giveUp });
  }

  /** As many as fit an entry, in order; or one that does not. */
  #takeWaiting(): Taken {
    const waiting = this.#waiting;
    const [{ objects, bytes, asksOutcome }] = waiting;
    if (waiting.length > 1) return this.#takeSeveral();
    this.#waiting = NO_ELEMENTS;
    const isLarge = bytes > this.#entryBytesMax - BATCH_HEADER_BYTES;
    const own = isLarge ? bytes : bytes + BATCH_HEADER_BYTES;
    return { changes: waiting, streams: objects, asksOutcome, bytes: own, isLarge };
  }

  #takeSeveral(): Taken {
    const streams = new Set<ObjectId>();
    let bytes = BATCH_HEADER_BYTES;
    let count = 0;
    let asksOutcome = false;
    for (const change of this.#waiting) {
      let more = 0;
      for (const object of change.objects) if (!streams.has(object)) more++;
      const fits =
        bytes + change.bytes <= this.#entryBytesMax &&
        streams.size + more <= STREAMS_PER_ENTRY_MAX &&
        count < BATCH_RECORDS_MAX;
      if (!fits && count > 0) break;
      bytes += change.bytes;
      asksOutcome ||= change.asksOutcome;
      count++;
      for (const object of change.objects) streams.add(object);
      if (!fits) break;
    }
    const isLarge = bytes > this.#entryBytesMax;
    const changes = this.#waiting.splice(0, count);
    return { changes, streams: [...streams], asksOutcome, bytes, isLarge };
  }

  /** Called by an entry that is in the log. */
  appended(sent: Sent, position: Position): void {
    this.#isSending = false;
    this.#world.arrived();
    this.#fullSinceMs = undefined;
    if (sent.asksOutcome) this.#learn(sent, position);
    else {
      // If it is the next entry that concerns the views, it need not be read back later.
      if (this.#world.playback().tryPassTo(position)) this.#tryPlayOwn(sent, position);
      this.#forget(sent);
    }
    for (const { asksOutcome, completion } of sent.changes) {
      if (!asksOutcome) completion.done(undefined);
    }
    this.send();
  }

  #tryPlayOwn(sent: Sent, position: Position): boolean {
    const { number, records, bytes = 0 } = sent;
    const batch = { writer: this.#client.incarnation, number, records, bytes };
    // A read may have played it, and told its outcomes, before its writer is told.
    sent.outcomes ??= this.#world.playback().tryPlayOwn(batch, position);
    return sent.outcomes !== undefined;
  }

  /** Plays up to the entry, and tells those who ask what became of their changes. */
  #learn(sent: Sent, position: Position): void {
    const playback = this.#world.playback();
    if (playback.tryPlayTo(position) && this.#tryPlayOwn(sent, position)) {
      return this.#tell(sent, position);
    }
    this.#sent.set(sent.number, sent);
    this.#client.run(playback.playTo(position + 1), {
      done: () => this.#tell(sent, position),
      failed: (error) => {
        this.#forget(sent);
        for (const { asksOutcome, completion } of sent.changes) {
          if (asksOutcome) completion.failed(isExit(error) ? error : untold(position, error));
        }
      },
    });
  }

  #tell(sent: Sent, position: Position): void {
    this.#forget(sent);
    for (let i = 0; i < sent.changes.length; i++) {
      const { asksOutcome, completion } = sent.changes[i];
      if (!asksOutcome) continue;
      if (sent.outcomes === undefined) completion.failed(passed(position));
      else completion.done(sent.outcomes[i]);
    }
  }

  /** Called by an entry that is not in the log, or perhaps is: then a look at its position tells. */
  failed(sent: Sent, error: unknown): void {
    if (isFull(error)) {
      return this.#retry(
        () => this.#sendRecords(sent),
        () => this.#end(sent, error),
      );
    }
    const position = error instanceof TangoError ? error.position : undefined;
    if (position === undefined) return this.#end(sent, error);
    this.#client.run(this.#isAt(sent, position), {
      done: (isThere) => (isThere ? this.appended(sent, position) : this.#end(sent, lost(error))),
      failed: () => this.#end(sent, error),
    });
  }

  *#isAt({ number }: Sent, position: Position): Procedure<boolean> {
    const batch = yield* this.#world.playback().loader.load(position);
    if (typeof batch === 'string') return false;
    return batch.writer === this.#client.incarnation && batch.number === number;
  }

  #end(sent: Sent, error: unknown): void {
    this.#isSending = false;
    this.#fullSinceMs = undefined;
    this.#forget(sent);
    for (const { completion } of sent.changes) completion.failed(error);
    this.send();
  }

  #forget(sent: Sent): void {
    sent.hasEnded = true;
    if (sent.isAdmitted) this.#world.compaction.release();
    this.#sent.delete(sent.number);
    this.#world.holds.release(sent.held);
  }
}

/** Of a record that names its parts, beside their positions. */
const LARGE_BYTES = 1 + 8 + 4 + 4;

function objectsOf(record: ObjectRecord): ObjectId[] {
  if (record.kind === RecordKind.UPDATE) return [record.object];
  if (record.updates.length === 1) return [record.updates[0].object];
  return [...new Set(record.updates.map(({ object }) => object))];
}
