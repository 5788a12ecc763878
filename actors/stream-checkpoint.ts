/**
 * A checkpoint of the stream state as payloads of log entries (Tango 2.5 planned it): so that a new
 * sequencer need not scan the whole log. One checkpoint is a set of parts with the same base.
 *
 *   part    magic · part · parts · records      4 × 32 bit
 *           base                                1 × 64 bit
 *           records: stream, K positions        (1 + K) × 64 bit each, -1: none
 *
 * Records are taken one after another while positions are granted: each is exact for some moment at
 * or after the base. What was granted from the base on is found by the scan, unless it has become
 * junk; a position at or above it that a record has as well is the same one.
 */
const MAGIC = 0x7061_7274;
const HEADER_BYTES = 24;

export interface StreamRecord {
  readonly stream: number;
  /** Latest first; -1: none. */
  readonly positions: readonly number[];
}

export interface CheckpointPart {
  /** The tail before the first record was taken. */
  readonly base: number;
  readonly part: number;
  readonly parts: number;
  readonly records: readonly StreamRecord[];
}

/** Cuts a checkpoint into payloads of at most `bytesMax` bytes; at least one part. */
export function encodeCheckpoint(
  base: number,
  records: readonly StreamRecord[],
  backpointers: number,
  bytesMax: number,
): Uint8Array[] {
  const recordBytes = 8 * (1 + backpointers);
  const perPart = Math.max(1, Math.floor((bytesMax - HEADER_BYTES) / recordBytes));
  const parts = Math.max(1, Math.ceil(records.length / perPart));
  return Array.from({ length: parts }, (_, part) => {
    const own = records.slice(part * perPart, (part + 1) * perPart);
    const payload = new Uint8Array(HEADER_BYTES + own.length * recordBytes);
    const view = new DataView(payload.buffer);
    [MAGIC, part, parts, own.length].forEach((word, i) => {
      view.setUint32(4 * i, word, true);
    });
    view.setFloat64(16, base, true);
    let at = HEADER_BYTES;
    for (const { stream, positions } of own) {
      for (const value of [stream, ...positions]) {
        view.setFloat64(at, value, true);
        at += 8;
      }
    }
    return payload;
  });
}

/** Undefined when `payload` is no part of a checkpoint with K = `backpointers`. */
export function decodeCheckpoint(
  payload: Uint8Array,
  backpointers: number,
): CheckpointPart | undefined {
  if (payload.length < HEADER_BYTES) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const [magic, part, parts, count] = [0, 1, 2, 3].map((i) => view.getUint32(4 * i, true));
  const recordBytes = 8 * (1 + backpointers);
  if (magic !== MAGIC || part >= parts) return undefined;
  if (payload.length !== HEADER_BYTES + count * recordBytes) return undefined;
  const records: StreamRecord[] = [];
  for (let i = 0; i < count; i++) {
    const at = HEADER_BYTES + i * recordBytes;
    const positions = Array.from({ length: backpointers }, (_, j) =>
      view.getFloat64(at + 8 * (1 + j), true),
    );
    records.push({ stream: view.getFloat64(at, true), positions });
  }
  return { base: view.getFloat64(16, true), part, parts, records };
}
