/** One look at a position, for whoever plays the log: what is there, and a copy of its payload. */
import { streamOfHeader } from '../../actors/stream-header.ts';
import { TangoError } from '../../actors/tango-error.ts';
import { EntryKind } from '../../shared-memory/entry-layout.ts';
import type { EntryReader } from '../../shared-memory/entry-reader.ts';
import { SlotOutcome } from '../../shared-memory/slots-layout.ts';
import { lostError } from '../deadline.ts';
import type { LogClient } from '../log-client.ts';
import type { Position, StreamId } from '../log-entry.ts';
import { PlayedEntryPlace } from '../played-entry.ts';
import type { Procedure } from '../procedure.ts';
import { isTrimmedThrough, readPosition } from '../read.ts';
import { type BatchRecord, decodeBatch, type RecordBatch } from './record.ts';
import { recordAt } from './record-scan.ts';

/** 'undecided': reading the position ends that. */
type Loaded = 'records' | 'nothing' | 'foreign' | 'undecided' | 'again';

/** Records; 'nothing': no entry of objects; 'foreign': one, but of none of the streams asked for. */
export type LoadedBatch = RecordBatch | 'nothing' | 'foreign';

/** Streams, by what an entry's header names. */
export interface StreamSet {
  has(stream: StreamId): boolean;
}

export class EntryLoader {
  readonly #client: LogClient;
  readonly #place: PlayedEntryPlace;

  constructor(client: LogClient) {
    this.#client = client;
    this.#place = new PlayedEntryPlace(client.memory.sizes.entryBytesMax);
  }

  /**
   * What is at `position`, which is below the tail; undefined while nothing can be said: wait() ends
   * that. Without `streams`: of any. ERR_TRIMMED below a prefix trim, ERR_CORRUPT.
   */
  tryLoad(position: Position, streams?: StreamSet): LoadedBatch | undefined {
    for (;;) {
      const loaded = this.#load(position, streams);
      if (loaded === 'records') return decodeBatch(this.#place.payload, position);
      if (loaded === 'nothing' || loaded === 'foreign') return loaded;
      if (loaded === 'undecided') return undefined;
      this.#client.refreshProjection();
    }
  }

  /** As tryLoad, of one record: undefined as well where there is none of that index. */
  tryLoadRecord(position: Position, index: number): BatchRecord | undefined {
    for (;;) {
      const loaded = this.#load(position, undefined);
      if (loaded === 'records') return recordAt(this.#place.payload, position, index);
      if (loaded !== 'again') return undefined;
      this.#client.refreshProjection();
    }
  }

  /** Waits for the writer of `position` up to `holeFillMs`, then decides it. */
  *wait(position: Position): Procedure<void> {
    yield* readPosition(this.#client, position);
  }

  /** As tryLoad; waits where it has to. */
  *load(position: Position, streams?: StreamSet): Procedure<LoadedBatch> {
    for (;;) {
      const loaded = this.tryLoad(position, streams);
      if (loaded !== undefined) return loaded;
      yield* this.wait(position);
    }
  }

  #load(position: Position, streams: StreamSet | undefined): Loaded {
    const client = this.#client;
    const { map, memory } = client;
    if (position < memory.sequencer.trimMark()) throw trimmedError(position);
    const { chain } = map.extentOf(position);
    if (chain.length === 0) throw lostError(client, position);
    const unit = chain[chain.length - 1];
    const { reader } = memory.unit(unit);
    const address = map.addressOf(position);
    const outcome = memory.locate(unit, address, position);
    if (outcome === SlotOutcome.UNWRITTEN) return 'undecided';
    if (outcome === SlotOutcome.TRIMMED) {
      if (!isTrimmedThrough(client, position)) return 'undecided';
      if (client.isCurrent) throw trimmedError(position);
      return 'again';
    }
    const isWritten = outcome === SlotOutcome.WRITTEN;
    const isObjects = isWritten && reader.kind === EntryKind.OBJECTS;
    const isWanted = isObjects && isOf(reader, streams);
    const isWhole = isWanted
      ? this.#place.load(reader, address, position)
      : !isWritten || reader.confirm(address);
    // AFTER the read: only now it is known that the unit was the last of the chain, and not wiped.
    if (!isWhole || !client.isCurrent) return 'again';
    if (isWanted) return 'records';
    return isObjects ? 'foreign' : 'nothing';
  }
}

function isOf(reader: EntryReader, streams: StreamSet | undefined): boolean {
  if (streams === undefined) return true;
  for (let i = 0; i < reader.streamCount; i++) {
    if (streams.has(streamOfHeader(reader.words, reader.streamHeader(i)))) return true;
  }
  return false;
}

export function trimmedError(position: Position): TangoError {
  const text = `a part of the log that objects need was trimmed: position=${position}`;
  return new TangoError('ERR_TRIMMED', text, { position });
}

export function isTrimmedError(error: unknown): boolean {
  return error instanceof TangoError && error.code === 'ERR_TRIMMED';
}
