/** Whether streams were played as they are: nothing missing, nothing twice (Tango 2.4). */
import { RecordState } from '../../shared-memory/history-ring-layout.ts';
import type { LogEntry, Position } from '../log-entry.ts';
import { Found, StressKind } from './stress-history.ts';
import type { SeatRecord } from './stress-seat.ts';

/** The entries of a stream, by a scan of the batch. */
export function scannedPositions(entries: readonly LogEntry[], stream: number): Position[] {
  return entries.flatMap((entry) =>
    entry.kind === 'data' && entry.streams.includes(stream) ? [entry.position] : [],
  );
}

/**
 * What is wrong with what the cursors of all clients handed over. A cursor may begin and end
 * anywhere; between its first and its last entry it hands over every entry of the stream, once.
 */
export function checkCursors(
  records: readonly SeatRecord[],
  entries: readonly LogEntry[],
  streams: readonly number[],
): string[] {
  const scans = new Map(streams.map((stream) => [stream, scannedPositions(entries, stream)]));
  const wrong: string[] = [];
  for (const { client, stream, positions } of cursorsOf(records)) {
    const scan = scans.get(stream) ?? [];
    const first = scan.indexOf(positions[0]);
    const missed = positions.findIndex((position, i) => scan[first + i] !== position);
    if (missed < 0) continue;
    const [got, expected] = [positions[missed], scan[first + missed] ?? 'one of its entries'];
    wrong.push(`client ${client} was handed ${got} of stream ${stream}, not ${expected}`);
  }
  return wrong;
}

interface PlayedCursor {
  readonly client: number;
  readonly stream: number;
  /** Ascending: lanes that share a cursor may record in another order. */
  readonly positions: Position[];
}

/**
 * Without the cursors that a dying client was reading from: it may have been handed an entry that
 * it could not record any more.
 */
function cursorsOf(records: readonly SeatRecord[]): PlayedCursor[] {
  const cursors = new Map<string, PlayedCursor>();
  const unknown = new Set<string>();
  for (const { client, record } of records) {
    if (record.kind !== StressKind.PLAY) continue;
    const name = `${client} ${record.value}`;
    if (record.state !== RecordState.OK) unknown.add(name);
    if (record.outcome !== Found.VALUE) continue;
    const cursor = cursors.get(name) ?? { client, stream: record.key, positions: [] };
    cursor.positions.push(record.position);
    cursors.set(name, cursor);
  }
  for (const name of unknown) cursors.delete(name);
  for (const { positions } of cursors.values()) positions.sort((a, b) => a - b);
  return [...cursors.values()];
}
