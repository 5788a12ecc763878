/** Appends records for the log's own work: checkpoints, and what is put into the log again. */
import { TangoError } from '../../actors/tango-error.ts';
import { ENTRY_ALIGNMENT, EntryKind, entryFootprint } from '../../shared-memory/entry-layout.ts';
import { appendEntry } from '../append-entry.ts';
import type { LogClient } from '../log-client.ts';
import type { Position, StreamId } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';
import { recut } from './large-record.ts';
import {
  BATCH_HEADER_BYTES,
  type BatchRecord,
  encodeBatch,
  encodeRecord,
  PART_OVERHEAD_BYTES,
  RecordKind,
  recordBytes,
} from './record.ts';
import { Turns } from './turns.ts';

const PART_BYTES_MIN = 16;
/** Entries that fill a chunk without much of it left. */
export const ENTRIES_PER_CHUNK = 8;
/** What an entry takes beside its payload, at most. */
const ENTRY_BYTES = entryFootprint(0, 0, 0) + ENTRY_ALIGNMENT;

export class RecordAppender {
  readonly #client: LogClient;

  constructor(client: LogClient) {
    this.#client = client;
  }

  /** Payload of the largest entry that leaves little of a chunk unused. */
  get bytesMax(): number {
    const { map, memory } = this.#client;
    const { chunkBytes } = memory.unit(map.units()[0]).chunks;
    const whole = Math.floor(chunkBytes / ENTRIES_PER_CHUNK) - ENTRY_BYTES;
    return Math.min(memory.sizes.entryBytesMax, whole);
  }

  /** One entry. ERR_ENTRY_TOO_LARGE. */
  *append(records: readonly BatchRecord[], streams: readonly StreamId[]): Procedure<Position> {
    const payload = encodeBatch(this.#client.incarnation, 0, records);
    const { entryBytesMax } = this.#client.memory.sizes;
    if (payload.length > entryBytesMax) {
      const text = `no checkpoint is written in entries of at most ${entryBytesMax} bytes`;
      throw new TangoError('ERR_ENTRY_TOO_LARGE', text);
    }
    return yield* appendEntry(this.#client, payload, streams, EntryKind.OBJECTS);
  }

  /** Bytes that a record will name, in pieces; returns where they are. */
  *parts(pieces: Iterable<Uint8Array>): Procedure<Position[]> {
    const turns = new Turns(this.#client.context);
    const parts: Position[] = [];
    for (const bytes of recut(pieces, this.bytesMax - PART_OVERHEAD_BYTES)) {
      parts.push(yield* this.append([{ kind: RecordKind.PART, bytes }], []));
      if (turns.isOver()) yield* turns.next();
    }
    return parts;
  }

  /** One record, in parts where it does not fit an entry; so is what names them, where that does not. */
  *record(record: BatchRecord, streams: readonly StreamId[]): Procedure<Position> {
    const { entryBytesMax } = this.#client.memory.sizes;
    const isSmall = recordBytes(record) + BATCH_HEADER_BYTES <= entryBytesMax;
    // Of parts as short as their positions what names them would not get shorter.
    if (isSmall || this.bytesMax - PART_OVERHEAD_BYTES <= PART_BYTES_MIN) {
      return yield* this.append([record], streams);
    }
    const bytes = encodeRecord(record);
    const parts = yield* this.parts([bytes]);
    const snapshot = record.kind === RecordKind.LARGE ? record.snapshot : parts[0];
    const large = { kind: RecordKind.LARGE, snapshot, bytes: bytes.length, parts };
    return yield* this.record(large, streams);
  }
}
