/**
 * Reading a position (CORFU 1.6): one-sided at the tail of its chain. What the tail does not hold
 * is not complete and is never returned before it is copied down.
 */
import { TangoError } from '../actors/tango-error.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { fillPosition } from './chain.ts';
import { lostError } from './deadline.ts';
import type { LogClient } from './log-client.ts';
import { copyEntry, type LogEntry, type Position } from './log-entry.ts';
import { type Procedure, pause } from './procedure.ts';

/** How long a reader pauses between two looks at a position that is being written. */
const FIRST_PAUSE_MS = 0.02;
const PAUSE_MS_MAX = 1;

/** The entry at `position` if the whole chain holds it now; undefined while it is undecided. */
export function readComplete(client: LogClient, position: Position): LogEntry | undefined {
  for (;;) {
    const { map } = client;
    const entry = readUnderMap(client, position);
    // AFTER the read: only now it is known that the unit was the last of the chain, and not wiped.
    if (client.map === map && client.isCurrent) return entry;
    client.refreshProjection();
  }
}

function readUnderMap(client: LogClient, position: Position): LogEntry | undefined {
  const { map, memory } = client;
  // A prefix trim takes place in one step for every chain, whatever its units know of it yet.
  if (position < memory.sequencer.trimMark()) return { kind: 'trimmed', position };
  const { chain } = map.extentOf(position);
  if (chain.length === 0) return lostOrUndefined(client, position);
  const unit = chain[chain.length - 1];
  const { reader } = memory.unit(unit);
  const address = map.addressOf(position);
  switch (memory.locate(unit, address, position)) {
    case SlotOutcome.WRITTEN:
      client.counters.fetches++;
      return copyEntry(reader, address, position) ?? { kind: 'trimmed', position };
    case SlotOutcome.JUNK:
      return { kind: 'junk', position };
    case SlotOutcome.TRIMMED:
      // Else a trim is under way: filling rolls it forward.
      return isTrimmedThrough(client, position) ? { kind: 'trimmed', position } : undefined;
    default:
      return undefined;
  }
}

/** Whether no replica of `position` holds a value, or may yet: only then it is trimmed for good. */
export function isTrimmedThrough({ map, memory }: LogClient, position: Position): boolean {
  if (position < memory.sequencer.trimMark()) return true;
  const address = map.addressOf(position);
  return map.chainOf(position).every((unit) => {
    const there = memory.unit(unit).slots.look(address);
    return there === SlotOutcome.TRIMMED || there === SlotOutcome.JUNK;
  });
}

/** Beyond the tail nothing can be lost yet. */
function lostOrUndefined(client: LogClient, position: Position): undefined {
  const { map } = client;
  const isBelow = position < client.tail();
  // AFTER the tail, which may have come with another projection: there it may have a chain.
  if (isBelow && client.map === map && client.isCurrent) throw lostError(client, position);
  return undefined;
}

/**
 * Reads `position`. At or beyond the tail: ERR_UNWRITTEN, and nothing is decided. Below it: waits
 * for the writer up to `holeFillMs`, then fills (Tango: 100 ms).
 */
export function* readPosition(client: LogClient, position: Position): Procedure<LogEntry> {
  client.counters.reads++;
  const complete = readComplete(client, position);
  if (complete !== undefined) return complete;
  if (position >= client.tail()) throw unwritten(position);
  return yield* waitThenFill(client, position);
}

/** The hole-fill policy: give the writer its time, then decide. */
export function* waitThenFill(client: LogClient, position: Position): Procedure<LogEntry> {
  const fillAt = client.context.now() + client.times.holeFillMs;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    const left = fillAt - client.context.now();
    if (left <= 0) return yield* decidePosition(client, position);
    yield* pause(Math.min(pauseMs, left));
    const entry = readComplete(client, position);
    if (entry !== undefined) return entry;
    pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
  }
}

/**
 * Fills, and tells what the position holds from now on: a prefix trim may have passed it although
 * not every unit knows of it yet.
 */
export function* decidePosition(client: LogClient, position: Position): Procedure<LogEntry> {
  const entry = yield* fillPosition(client, position);
  const isTrimmed = position < client.memory.sequencer.trimMark();
  return isTrimmed ? { kind: 'trimmed', position } : entry;
}

export function unwritten(position: Position): TangoError {
  const text = `nothing is written at or beyond the tail: position=${position}`;
  return new TangoError('ERR_UNWRITTEN', text, { position });
}

/** True while the whole chain holds a value at `position` that is not trimmed. */
export function isComplete(client: LogClient, position: Position): boolean {
  const { map, memory } = client;
  const { chain } = map.extentOf(position);
  if (chain.length === 0) return false;
  const { slots } = memory.unit(chain[chain.length - 1]);
  const isHeld = slots.look(map.addressOf(position)) === SlotOutcome.WRITTEN;
  return isHeld && position >= memory.sequencer.trimMark() && client.isCurrent;
}

/**
 * True when `position` is below a prefix trim, begun or done, or when it and every position below
 * it are trimmed one by one, on every chain: a chain alone may
 * have trimmed its share of a longer run, with live positions of the others in between.
 */
export function isPrefixTrimmed(client: LogClient, position: Position): boolean {
  for (;;) {
    const { map, memory } = client;
    const mark = memory.sequencer.trimMark();
    if (position < mark) return true;
    // What is lost is not trimmed, and nobody can tell what of it was.
    const isLost = map.projection.ranges.some(
      ({ from, to = Number.POSITIVE_INFINITY, extents }) =>
        from <= position && to > mark && extents.some(({ chain }) => chain.length === 0),
    );
    if (isLost) return false;
    const isTrimmed = map
      .prefixAddresses(position + 1)
      .every(({ unit, address }) => memory.unit(unit).slots.watermark() >= address);
    // AFTER the watermarks: only now it is known that they were of these units.
    if (client.isCurrent) return isTrimmed;
    client.refreshProjection();
  }
}

/**
 * First position in [from, to) that the tail of its chain does not hold; `to` if there is none. A
 * position that is lost counts as decided: nobody will ever decide it.
 */
export function decidedRunEnd(client: LogClient, from: Position, to: Position): Position {
  const range = client.map.rangeOf(from);
  const n = range.extents.length;
  const end = Math.min(to, range.to ?? to);
  let first = end;
  for (const [i, { chain, start }] of range.extents.entries()) {
    if (chain.length === 0) continue;
    const { slots } = client.memory.unit(chain[chain.length - 1]);
    const rowFrom = Math.ceil((from - range.from - i) / n);
    const rowTo = Math.ceil((first - range.from - i) / n);
    if (rowTo <= rowFrom) continue;
    const row = slots.decidedRunEnd(start + rowFrom, start + rowTo) - start;
    if (row < rowTo) first = Math.min(first, range.from + row * n + i);
  }
  return first < end || end === to ? first : decidedRunEnd(client, end, to);
}
