/** One record of an entry, without decoding the others: for who reads a value that is in it. */
import type { Position } from '../log-entry.ts';
import { BATCH_HEADER_BYTES, type BatchRecord, decodeRecord, RecordKind } from './record.ts';
import { RecordReader } from './record-bytes.ts';

const COUNT_BYTES = 2;

/** Undefined: the entry has no record of that index. `payload` may be used again. ERR_CORRUPT. */
export function recordAt(
  payload: Uint8Array,
  position: Position,
  index: number,
): BatchRecord | undefined {
  const from = RecordReader.over(payload, position);
  from.skip(BATCH_HEADER_BYTES - COUNT_BYTES);
  if (index >= from.half()) return undefined;
  for (let i = 0; i < index; i++) skipRecord(from);
  const start = from.skip(0);
  skipRecord(from);
  return decodeRecord(payload.subarray(start, from.skip(0)), position);
}

function skipRecord(from: RecordReader): void {
  const kind = from.byte();
  switch (kind) {
    case RecordKind.UPDATE:
      return skipUpdate(from);
    case RecordKind.COMMIT:
      from.long();
      for (let reads = from.listLength(); reads > 0; reads--) {
        from.word();
        from.skipKey();
      }
      for (let updates = from.listLength(); updates > 0; updates--) skipUpdate(from);
      return;
    case RecordKind.LARGE:
      from.long();
      from.word();
      for (let parts = from.listLength(); parts > 0; parts--) from.long();
      return;
    case RecordKind.MARK:
      from.long();
      return;
    case RecordKind.PART:
    case RecordKind.CHECKPOINT:
      from.skip(from.word());
      return;
    default:
      throw from.corrupt('record');
  }
}

function skipUpdate(from: RecordReader): void {
  from.word();
  for (let keys = from.listLength(); keys > 0; keys--) from.skipKey();
  from.skip(from.word());
}
