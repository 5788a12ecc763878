/**
 * What a client does along a chain for others (CORFU 1.6, 1.7, 1.14): complete a value, decide a
 * hole, trim. Always head first; the head decides, whatever is below it follows.
 */
import { type UnitId, unitActor } from '../actors/actor-ids.ts';
import { MessageType } from '../actors/message.ts';
import { TangoError } from '../actors/tango-error.ts';
import { assert } from '../shared-memory/assert.ts';
import { ENTRY_ALIGNMENT } from '../shared-memory/entry-layout.ts';
import { REFERENCE_SHIFT, SlotOutcome } from '../shared-memory/slots-layout.ts';
import { alignUp, WORD_BYTES } from '../shared-memory/words.ts';
import { Deadline, exited, lateError, newerProjection } from './deadline.ts';
import type { LogClient } from './log-client.ts';
import { copyEntry, type LogEntry, type Position } from './log-entry.ts';
import { ACTOR_EXITED, call, NO_ANSWER, type Procedure, pause } from './procedure.ts';

/** Requests about one address, repeated until they are answered for good. */
class Chain {
  readonly client: LogClient;
  readonly position: Position;
  readonly deadline: Deadline;

  constructor(client: LogClient, position: Position) {
    this.client = client;
    this.position = position;
    this.deadline = new Deadline(client);
  }

  get units(): readonly UnitId[] {
    return this.client.map.chainOf(this.position);
  }

  get address(): number {
    return this.client.map.addressOf(this.position);
  }

  /** Undefined: the epoch changed, the caller starts over from the head. */
  *ask(index: number, type: MessageType, value = 0): Procedure<number | undefined> {
    const { client, address, position } = this;
    for (;;) {
      const { epoch } = client.map;
      const to = unitActor(this.units[index]);
      const { outcome } = yield* call({ to, type, epoch, position: address, value });
      if (outcome === ACTOR_EXITED) throw exited('a storage unit', epoch, position);
      if (outcome === SlotOutcome.SEALED) {
        yield* newerProjection(client, this.deadline, position);
        return undefined;
      }
      if (outcome !== NO_ANSWER) return outcome;
      if (this.deadline.passed)
        throw lateError('a storage unit', 'its answer is missing', position);
    }
  }
}

/**
 * Decides `position`, which is below the tail: completes what its head holds, or makes it junk.
 * Returns what it holds from now on. A filler that loses the head to a writer adopts its value.
 */
export function* fillPosition(client: LogClient, position: Position): Procedure<LogEntry> {
  const chain = new Chain(client, position);
  for (;;) {
    const { slots } = client.memory.unit(chain.units[0]);
    let atHead: number | undefined = slots.look(chain.address);
    if (atHead === SlotOutcome.UNWRITTEN) {
      atHead = yield* chain.ask(0, MessageType.UNIT_FILL);
      if (atHead === undefined) continue;
      if (atHead === SlotOutcome.FULL) throw noSlot(position);
      if (atHead === SlotOutcome.OK) client.counters.fills++;
    }
    const entry = yield* followHead(chain, atHead);
    if (entry !== undefined) return entry;
    if (chain.deadline.passed) throw lateError('deciding a position', 'try again', position);
  }
}

/** Completes whatever the head of `position` holds; does nothing when it holds nothing. */
export function* completePosition(client: LogClient, position: Position): Procedure<void> {
  const chain = new Chain(client, position);
  for (;;) {
    const atHead = client.memory.unit(chain.units[0]).slots.look(chain.address);
    if (atHead === SlotOutcome.UNWRITTEN) return;
    if ((yield* followHead(chain, atHead)) !== undefined) return;
    if (chain.deadline.passed) throw lateError('completing a value', 'try again', position);
  }
}

/** Makes the rest of the chain follow a decided head. Undefined: start over. */
function* followHead(chain: Chain, atHead: number): Procedure<LogEntry | undefined> {
  const { position } = chain;
  switch (atHead) {
    case SlotOutcome.WRITTEN:
      return yield* copyDown(chain);
    case SlotOutcome.OK:
    case SlotOutcome.JUNK:
      return (yield* pushDown(chain, MessageType.UNIT_FILL))
        ? { kind: 'junk', position }
        : undefined;
    case SlotOutcome.TRIMMED:
      return (yield* trimDown(chain)) ? { kind: 'trimmed', position } : undefined;
    default:
      assert(false, `a head is decided: outcome=${atHead}`);
  }
}

/** Copies the head's value to every replica that lacks it, in chain order. */
function* copyDown(chain: Chain): Procedure<LogEntry | undefined> {
  const { client, position } = chain;
  const { units, address } = chain;
  const { reader } = client.memory.unit(units[0]);
  if (reader.locate(address, position) !== SlotOutcome.WRITTEN) return undefined;
  const entry = copyEntry(reader, address, position);
  if (entry === undefined) return undefined;
  for (let i = 1; i < units.length; i++) {
    const there = client.memory.unit(units[i]).slots.look(address);
    if (there === SlotOutcome.WRITTEN || there === SlotOutcome.TRIMMED) continue;
    assert(there !== SlotOutcome.JUNK, 'junk is never below a head that holds a value');
    const outcome = yield* copyTo(chain, i);
    if (outcome === undefined) return undefined;
    assert(outcome !== SlotOutcome.JUNK, 'junk is never below a head that holds a value');
    if (outcome === SlotOutcome.OK) client.counters.repairs++;
  }
  return entry;
}

/** Stages a copy of the head's entry in replica `index` and writes it there. */
function* copyTo(chain: Chain, index: number): Procedure<number | undefined> {
  const { client, position, address, units } = chain;
  const { reader, words } = client.memory.unit(units[0]);
  const target = client.memory.unit(units[index]);
  const staging = client.staging(units[index]);
  if (reader.locate(address, position) !== SlotOutcome.WRITTEN) return undefined;
  const from = reader.entryOffset;
  const bytes = alignUp(reader.payloadOffset + reader.payloadBytes - from, ENTRY_ALIGNMENT);
  if (bytes > target.chunks.chunkBytes) return undefined;
  const offset = staging.take(bytes, true);
  if (offset === 0)
    throw new TangoError('ERR_LOG_FULL', 'no room to complete a value', { position });
  const source = words.subarray(from / WORD_BYTES, (from + bytes) / WORD_BYTES);
  target.words.set(source, offset / WORD_BYTES);
  if (!reader.confirm(address)) {
    staging.settle(offset);
    return undefined;
  }
  staging.willPublish(offset, address);
  try {
    for (;;) {
      const reference = offset >>> REFERENCE_SHIFT;
      const outcome = yield* chain.ask(index, MessageType.UNIT_WRITE, reference);
      if (outcome !== SlotOutcome.FULL) return outcome;
      yield* finishPrefixTrim(client, units, index, client.map.epoch);
      if (chain.deadline.passed) throw noSlot(position);
      yield* pause(1);
    }
  } finally {
    staging.settle(offset);
  }
}

/** Pushes junk down to the tail. False: start over. */
function* pushDown(chain: Chain, type: MessageType): Procedure<boolean> {
  const { client, units, address } = chain;
  for (let i = 1; i < units.length; i++) {
    if (client.memory.unit(units[i]).slots.look(address) === SlotOutcome.JUNK) continue;
    const outcome = yield* chain.ask(i, type);
    if (outcome === undefined) return false;
    if (outcome === SlotOutcome.FULL) {
      yield* finishPrefixTrim(client, units, i, client.map.epoch);
      yield* pause(1);
      return false;
    }
    // A value below junk: the head was not junk from the start, a trim is under way there.
    if (outcome === SlotOutcome.WRITTEN) return false;
  }
  return true;
}

/** A trim stopped half-way: finishes it on every replica below the head. False: start over. */
function* trimDown(chain: Chain): Procedure<boolean> {
  for (let i = 1; i < chain.units.length; i++) {
    const outcome = yield* trimReplica(chain, i);
    if (outcome === undefined) return false;
  }
  return true;
}

function* trimReplica(chain: Chain, index: number): Procedure<number | undefined> {
  const { slots } = chain.client.memory.unit(chain.units[index]);
  if (slots.look(chain.address) === SlotOutcome.TRIMMED) return SlotOutcome.OK;
  const outcome = yield* chain.ask(index, MessageType.UNIT_TRIM);
  if (outcome !== SlotOutcome.UNWRITTEN) return outcome;
  // Only a prefix trim overtakes a writer. Filling here would show junk where the writer's value
  // was, if only for a moment; the head's watermark decides and trims in one step.
  yield* finishPrefixTrim(chain.client, chain.units, index, chain.client.map.epoch);
  return undefined;
}

/** Trims one position below the tail on every replica, head first; an undecided one is filled. */
export function* trimPosition(client: LogClient, position: Position): Procedure<void> {
  const entry = yield* fillPosition(client, position);
  if (entry.kind === 'trimmed') return;
  const chain = new Chain(client, position);
  for (let i = 0; i < chain.units.length; ) {
    const outcome = yield* trimReplica(chain, i);
    // A new epoch: from the head again, trimming is idempotent.
    i = outcome === undefined ? 0 : i + 1;
  }
  client.counters.trims++;
}

/** Trims every position below `position` (at most the tail) on every replica, head first. */
export function* trimPrefix(client: LogClient, position: Position): Procedure<void> {
  const deadline = new Deadline(client);
  client.memory.sequencer.raiseTrimMark(position);
  while (!(yield* trimPrefixOnce(client, position, deadline)));
  client.memory.sequencer.raiseDecidedMark(position);
  client.counters.trims++;
}

function* trimPrefixOnce(
  client: LogClient,
  position: Position,
  deadline: Deadline,
): Procedure<boolean> {
  const { map } = client;
  for (const { unit, address } of map.prefixAddresses(position)) {
    for (;;) {
      const to = unitActor(unit);
      const type = MessageType.UNIT_TRIM_PREFIX;
      const { outcome } = yield* call({ to, type, epoch: map.epoch, position: address });
      if (outcome === SlotOutcome.OK) break;
      if (outcome === ACTOR_EXITED) throw exited('a storage unit', map.epoch, position);
      if (outcome === SlotOutcome.SEALED) {
        yield* newerProjection(client, deadline);
        return false;
      }
      if (deadline.passed) throw lateError('a prefix trim', 'it may be partly done', position);
    }
  }
  return true;
}

/**
 * A prefix trim has reached the head but not replica `index`: hands the head's watermark down to
 * it, leaving none out in between. Returns early when one does not answer; the caller comes back.
 */
export function* finishPrefixTrim(
  client: LogClient,
  chain: readonly UnitId[],
  index: number,
  epoch: number,
): Procedure<void> {
  const position = client.memory.unit(chain[0]).slots.watermark();
  const type = MessageType.UNIT_TRIM_PREFIX;
  for (let i = 1; i <= index; i++) {
    if (client.memory.unit(chain[i]).slots.watermark() >= position) continue;
    const { outcome } = yield* call({ to: unitActor(chain[i]), type, epoch, position });
    if (outcome !== SlotOutcome.OK) return;
  }
}

function noSlot(position: Position): TangoError {
  const text = `the position is outside the memory of its chain: position=${position}`;
  return new TangoError('ERR_LOG_FULL', text, { position });
}
