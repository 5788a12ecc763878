/**
 * Places in the log that a view keeps instead of what is there, and reads on demand (Tango 2.8: the index
 * over the log). An entry is written once, so what is at a place never changes; it may be trimmed, and then
 * the view has got another place for it before (relocation.ts).
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { Position } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';
import type { EntryLoader, LoadedBatch } from './entry-loader.ts';
import { wholeRecords } from './large-record.ts';
import { type BatchRecord, RecordKind, type Update } from './record.ts';

/** Where a change is in the log. */
export interface LogReference {
  /** Of the entry. */
  readonly position: Position;
  /** Of the record among those of its entry, from 0. */
  readonly index: number;
  /** Of the change among those of its record, from 0: a transaction has several. */
  readonly update: number;
  /** The lowest position that it needs: below `position` for a change in parts. */
  readonly from: Position;
}

/** The position of what is on trial: there is none yet, and it is above every other. */
export const ON_TRIAL: Position = Number.MAX_SAFE_INTEGER;

export function isSamePlace(one: LogReference, other: LogReference): boolean {
  return (
    one.position === other.position && one.index === other.index && one.update === other.update
  );
}

/** Infinity: there is none. */
export function lowestReference(references: Iterable<LogReference> | undefined): Position {
  let lowest = Number.POSITIVE_INFINITY;
  if (references === undefined) return lowest;
  for (const { from } of references) if (from < lowest) lowest = from;
  return lowest;
}

export class ReferenceReader {
  readonly #loader: EntryLoader;
  /** Of the entry that was read last: those that were written together are mostly read together. */
  #position: Position = -1;
  #records: readonly BatchRecord[] = [];
  /** Of the entry of which one record was read last: with the next one all of it is. */
  #seen: Position = -1;

  constructor(loader: EntryLoader) {
    this.#loader = loader;
  }

  /** The change at `at`; undefined: read() has to wait for something. ERR_TRIMMED. */
  tryRead(at: LogReference): Update | undefined {
    const record = this.#tryRecord(at);
    if (record === undefined || record.kind === RecordKind.LARGE) return undefined;
    return updateOf(record, at);
  }

  /** As tryRead; waits where it has to. */
  *read(at: LogReference): Procedure<Update> {
    if (at.position !== this.#position) this.#keep(at, yield* this.#loader.load(at.position));
    const record = this.#records[at.index];
    if (record?.kind !== RecordKind.LARGE) return updateOf(record, at);
    // It has taken effect: whatever the limit is now, it was not below that.
    const [whole] = yield* wholeRecords(this.#loader, [record], 0);
    return updateOf(whole, at);
  }

  #tryRecord(at: LogReference): BatchRecord | undefined {
    const { position, index } = at;
    if (position === this.#position) return this.#records[index];
    if (position !== this.#seen) {
      this.#seen = position;
      return this.#loader.tryLoadRecord(position, index);
    }
    const batch = this.#loader.tryLoad(position);
    if (batch === undefined) return undefined;
    this.#keep(at, batch);
    return this.#records[index];
  }

  #keep(at: LogReference, batch: LoadedBatch): void {
    if (typeof batch === 'string') throw missing(at);
    this.#position = at.position;
    this.#records = batch.records;
  }
}

function updateOf(record: BatchRecord | undefined, at: LogReference): Update {
  if (record?.kind === RecordKind.UPDATE && at.update === 0) return record;
  const update = record?.kind === RecordKind.COMMIT ? record.updates[at.update] : undefined;
  if (update === undefined) throw missing(at);
  return update;
}

function missing({ position, index, update }: LogReference): TangoError {
  const text = `no change is at this place: position=${position}, index=${index}, update=${update}`;
  return new TangoError('ERR_CORRUPT', text, { position });
}
