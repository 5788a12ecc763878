/**
 * For tests: a client that appends records as they are made up, without a body that was run, a hold that
 * was announced or a thread that lives on: what writers leave that are slow, or dead. And what another
 * client appends can be met by entries just before it and just after it.
 */
import type { AppendCompletion } from '../runtime/append-operation.ts';
import { trimPrefix } from '../runtime/chain.ts';
import type { LinkKind } from '../runtime/client-options.ts';
import type { Position, StreamId } from '../runtime/log-entry.ts';
import type { TangoHandle } from '../runtime/open.ts';
import { attachAs } from '../runtime/open.ts';
import { Settled } from '../runtime/settled.ts';
import type { TangoParts } from '../runtime/tango.ts';
import {
  CHECKPOINTS_ID,
  type CheckpointIndex,
  encodeIndex,
  type Section,
} from '../runtime/views/checkpoint-index.ts';
import { encodeKey } from '../runtime/views/object-key.ts';
import { digestOf, encodeState } from '../runtime/views/object-state.ts';
import {
  type BatchRecord,
  type Commit,
  encodeBatch,
  encodeRecord,
  type ObjectId,
  type Read,
  RecordKind,
  type Update,
} from '../runtime/views/record.ts';
import { encodeValue } from '../runtime/views/value-codec.ts';
import { EntryKind } from '../shared-memory/entry-layout.ts';
import { Tango } from './tango.ts';

interface Around {
  readonly before?: () => void;
  readonly after?: () => void;
}

export function updateOf(object: ObjectId, operation: unknown, ...keys: unknown[]): Update {
  const bytes = encodeValue(operation, 'the change');
  const coded = { bytes, start: 0, end: bytes.length, operation: undefined };
  return { kind: RecordKind.UPDATE, object, keys: keys.map(encodeKey), ...coded };
}

/** What a transaction has read: a key, or without one the whole object. */
export function readOf(object: ObjectId, ...keys: unknown[]): Read[] {
  if (keys.length === 0) return [{ object, key: undefined }];
  return keys.map((key) => ({ object, key: encodeKey(key) }));
}

export function commitOf(snapshot: Position, reads: readonly Read[], ...updates: Update[]): Commit {
  return { kind: RecordKind.COMMIT, snapshot, reads, updates };
}

/** States of objects, as their checkpoint() tells them, and the lowest position that they refer to. */
export type States = readonly (readonly [object: ObjectId, state: unknown, lowest?: Position])[];

export class ScriptedTango extends Tango {
  readonly #parts: TangoParts;

  /** @internal Use `attachScripted`. */
  constructor(parts: TangoParts) {
    super(parts);
    this.#parts = parts;
  }

  /** Appends the records as one entry of the streams of all objects that they change; blocks. */
  write(...records: BatchRecord[]): Position {
    return this.#append(records, [...new Set(records.flatMap(objectsOf))]);
  }

  writePart(bytes: Uint8Array, streams: readonly ObjectId[] = []): Position {
    return this.#append([{ kind: RecordKind.PART, bytes }], streams);
  }

  /** Appends a record in two parts, which say nothing before a record names them. */
  writeParts(record: Commit | Update): readonly Position[] {
    const bytes = encodeRecord(record);
    const half = Math.ceil(bytes.length / 2);
    return [bytes.subarray(0, half), bytes.subarray(half)].map((piece) => this.writePart(piece));
  }

  /** Appends the record that names them. */
  writeNaming(record: Commit | Update, parts: readonly Position[]): Position {
    const { length } = encodeRecord(record);
    const snapshot = record.kind === RecordKind.COMMIT ? record.snapshot : parts[0];
    return this.#append(
      [{ kind: RecordKind.LARGE, snapshot, bytes: length, parts }],
      objectsOf(record),
    );
  }

  /** Appends a checkpoint that says what the index says, with these states. */
  writeCheckpoint(index: Omit<CheckpointIndex, 'sections'>, states: States): Position {
    const sections = states.map(([object, state, lowest]): Section => {
      const bytes = encodeState(state, 'a state', lowest === undefined ? [] : [{ from: lowest }]);
      const parts = [this.writePart(bytes)];
      const refers = lowest !== undefined && { lowest };
      return { object, bytes: bytes.length, digest: digestOf(bytes), ...refers, parts };
    });
    const record = { kind: RecordKind.CHECKPOINT, index: encodeIndex({ ...index, sections }) };
    return this.#append([record], [CHECKPOINTS_ID]);
  }

  /** Trims the prefix below `position`; blocks. */
  trim(position: Position): void {
    const { link } = this.#parts;
    link.runSync(trimPrefix(link.client, position));
  }

  /** Says that it needs `position`, until it says so of another one, or release(). */
  hold(position: Position): void {
    this.#parts.memory.views.hold(this.#parts.link.thread, position);
  }

  release(): void {
    this.#parts.memory.views.release(this.#parts.link.thread);
  }

  /** The lowest position that any thread says it needs; Infinity: none. */
  get lowestHold(): Position {
    const { views, threads } = this.#parts.memory;
    return views.lowestHold(threads.count, () => true);
  }

  /** The next mark or checkpoint record of this client has entries of others around it. */
  aroundMark(others: Around): void {
    this.aroundAppend(CHECKPOINTS_ID, others);
  }

  /** This client's next append to `stream` has something else around it. */
  aroundAppend(stream: StreamId, { before = () => {}, after = () => {} }: Around): void {
    this.#atNextAppend(stream, (append, { appended, failed }) => {
      before();
      append({
        appended: (position) => {
          after();
          appended(position);
        },
        failed,
      });
    });
  }

  /** This client's next append to `stream` is made, and fails as the caller wants it. */
  loseAppend(stream: StreamId, error: (position: Position) => Error): void {
    this.#atNextAppend(stream, (append, { failed }) => {
      append({ appended: (position) => failed(error(position)), failed });
    });
  }

  /** This client's next append to `stream` is not made. */
  refuseAppend(stream: StreamId, error: Error): void {
    this.#atNextAppend(stream, (_append, { failed }) => failed(error));
  }

  #atNextAppend(
    stream: StreamId,
    met: (append: (completion: AppendCompletion) => void, completion: AppendCompletion) => void,
  ): void {
    const { client } = this.#parts.link;
    const append = client.append.bind(client);
    client.append = (payload, streams, urgent, completion, kind) => {
      if (streams[0] !== stream) return append(payload, streams, urgent, completion, kind);
      client.append = append;
      // What is appended before it is encoded in the same place.
      const own = Uint8Array.from(payload);
      met((instead) => append(own, streams, urgent, instead, kind), {
        appended: (position) => completion.appended(position),
        failed: (error) => completion.failed(error),
      });
    };
  }

  #append(records: readonly BatchRecord[], streams: readonly ObjectId[]): Position {
    const { link } = this.#parts;
    const payload = encodeBatch(link.client.incarnation, 0, records);
    const settled = new Settled<Position>();
    const appended = (position: Position): void => settled.done(position);
    const failed = (error: unknown): void => settled.failed(error);
    link.client.append(payload, streams, true, { appended, failed }, EntryKind.OBJECTS);
    link.drive(settled.isSettled);
    return settled.take();
  }
}

export function attachScripted(
  handle: TangoHandle,
  link: LinkKind = 'direct',
): Promise<ScriptedTango> {
  return attachAs(ScriptedTango, handle, { link });
}

function objectsOf(record: BatchRecord): ObjectId[] {
  if (record.kind === RecordKind.UPDATE) return [record.object];
  return record.kind === RecordKind.COMMIT ? record.updates.map(({ object }) => object) : [];
}
