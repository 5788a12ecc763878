/**
 * What a client does along a chain for others (CORFU 1.6, 1.7, 1.14): complete a value, decide a
 * hole, trim. Always head first; the head decides, whatever is below it follows.
 */
import { type UnitId, unitActor } from '../actors/actor-ids.ts';
import { MessageType } from '../actors/message.ts';
import { type ProjectionMap, rowsBefore } from '../actors/projection.ts';
import { TangoError } from '../actors/tango-error.ts';
import { assert } from '../shared-memory/assert.ts';
import { ENTRY_ALIGNMENT } from '../shared-memory/entry-layout.ts';
import { REFERENCE_SHIFT, SlotOutcome } from '../shared-memory/slots-layout.ts';
import { alignUp, WORD_BYTES } from '../shared-memory/words.ts';
import { afterRefusal, Deadline, lateError, lostError } from './deadline.ts';
import type { LogClient } from './log-client.ts';
import { copyEntry, type LogEntry, type Position } from './log-entry.ts';
import { ACTOR_EXITED, call, NO_ANSWER, type Procedure, pause } from './procedure.ts';

/**
 * Requests about one position under one projection, repeated until they are answered for good. When
 * another projection has come the caller starts over from the head, with begin().
 */
class Chain {
  readonly client: LogClient;
  readonly position: Position;
  readonly deadline: Deadline;
  units: readonly UnitId[] = [];
  address = 0;
  #map: ProjectionMap;

  constructor(client: LogClient, position: Position) {
    this.client = client;
    this.position = position;
    this.deadline = new Deadline(client);
    this.#map = client.map;
    this.begin();
  }

  /** Looks the position up in the latest projection. Throws when every replica is lost, not forgotten. */
  begin(): void {
    const { client, position } = this;
    if (!client.isCurrent) client.refreshProjection();
    this.#map = client.map;
    this.units = client.map.chainOf(position);
    this.address = client.map.addressOf(position);
    if (this.units.length === 0 && !this.isForgotten) throw lostError(client, position);
  }

  /** Below a prefix trim a projection does not say any more where positions were. */
  get isForgotten(): boolean {
    return this.units.length === 0 && this.position < this.client.memory.sequencer.trimMark();
  }

  get epoch(): number {
    return this.#map.epoch;
  }

  /**
   * Whether the projection is still the latest. What was seen of its units before is true only then:
   * else one of them may have been wiped, or may not be the last of the chain any more.
   */
  get isCurrent(): boolean {
    return this.client.map === this.#map && this.client.isCurrent;
  }

  /** Undefined: the epoch changed, the caller starts over from the head. */
  *ask(index: number, type: MessageType, value = 0): Procedure<number | undefined> {
    const { client, address, position, epoch } = this;
    const to = unitActor(this.units[index]);
    for (;;) {
      const { outcome } = yield* call({ to, type, epoch, position: address, value });
      if (outcome === SlotOutcome.SEALED || outcome === ACTOR_EXITED) {
        yield* afterRefusal(client, this.deadline, epoch, outcome, to, position);
        return undefined;
      }
      if (outcome !== NO_ANSWER) return this.isCurrent ? outcome : undefined;
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
  for (; ; chain.begin()) {
    if (chain.isForgotten) return { kind: 'trimmed', position };
    const { slots } = client.memory.unit(chain.units[0]);
    let atHead: number | undefined = slots.look(chain.address);
    if (atHead === SlotOutcome.UNWRITTEN) {
      atHead = yield* chain.ask(0, MessageType.UNIT_FILL);
      if (atHead === undefined) continue;
      if (atHead === SlotOutcome.FULL) throw noSlot(position);
      if (atHead === SlotOutcome.OK) client.counters.fills++;
    }
    const entry = yield* followHead(chain, atHead);
    if (entry !== undefined && chain.isCurrent) return entry;
    if (chain.deadline.passed) throw lateError('deciding a position', 'try again', position);
  }
}

/** Completes whatever the head of `position` holds; does nothing when it holds nothing. */
export function* completePosition(client: LogClient, position: Position): Procedure<void> {
  const chain = new Chain(client, position);
  for (; ; chain.begin()) {
    if (chain.isForgotten) return;
    const atHead = client.memory.unit(chain.units[0]).slots.look(chain.address);
    if (atHead === SlotOutcome.UNWRITTEN && chain.isCurrent) return;
    if (atHead !== SlotOutcome.UNWRITTEN && (yield* followHead(chain, atHead)) !== undefined) {
      if (chain.isCurrent) return;
    }
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
  const found = client.memory.locate(units[0], address, position);
  if (found !== SlotOutcome.WRITTEN) return undefined;
  const entry = copyEntry(reader, address, position);
  if (entry === undefined) return undefined;
  let trimmed = false;
  for (let i = 1; i < units.length; i++) {
    let there: number | undefined = client.memory.unit(units[i]).slots.look(address);
    if (there === SlotOutcome.UNWRITTEN) {
      there = yield* copyTo(chain, i);
      if (there === undefined) return undefined;
      if (there === SlotOutcome.OK) client.counters.repairs++;
    }
    if (there === SlotOutcome.JUNK) {
      // Under a later projection the head has left the chain, and its value was lost with it.
      assert(!chain.isCurrent, 'junk is never below a head that holds a value');
      return undefined;
    }
    if (there === SlotOutcome.TRIMMED) trimmed = true;
  }
  return trimmed ? yield* trimAll(chain) : entry;
}

/**
 * A replica is trimmed, others are not: a trim is under way, or its trimmer has died. It is rolled
 * forward, so that whoever has seen the trim and whoever comes later see the same.
 */
function* trimAll(chain: Chain): Procedure<LogEntry | undefined> {
  for (let i = 0; i < chain.units.length; i++) {
    const outcome = yield* trimReplica(chain, i);
    if (outcome === undefined) return undefined;
  }
  return { kind: 'trimmed', position: chain.position };
}

/** A copy of an entry that is staged and not yet referred to. Settle it, whatever comes of it. */
interface StagedCopy {
  readonly reference: number;
  settle(): void;
}

/**
 * Stages a copy of what `source` holds at `address` in the memory of `target`, within one flight;
 * undefined when the source's entry went away, or one of the units. ERR_LOG_FULL without room.
 */
export function stageCopy(
  client: LogClient,
  source: UnitId,
  target: UnitId,
  address: number,
  position: Position,
): StagedCopy | undefined {
  // No unit of the latest projection is wiped in this flight.
  if (!client.map.has(source) || !client.map.has(target) || !client.isCurrent) return undefined;
  const { reader, words } = client.memory.unit(source);
  const { chunks, words: targetWords } = client.memory.unit(target);
  const found = client.memory.locate(source, address, position);
  if (found !== SlotOutcome.WRITTEN) return undefined;
  const from = reader.entryOffset;
  const bytes = alignUp(reader.payloadOffset + reader.payloadBytes - from, ENTRY_ALIGNMENT);
  if (bytes > chunks.chunkBytes) return undefined;
  const offset = client.staging(target).take(bytes, true);
  if (offset === 0) {
    throw new TangoError('ERR_LOG_FULL', 'no room to complete a value', { position });
  }
  const settle = (): void => client.staging(target).settle(offset);
  const entry = words.subarray(from / WORD_BYTES, (from + bytes) / WORD_BYTES);
  targetWords.set(entry, offset / WORD_BYTES);
  if (!reader.confirm(address)) {
    settle();
    return undefined;
  }
  client.staging(target).willPublish(offset, address);
  return { reference: offset >>> REFERENCE_SHIFT, settle };
}

/** Copies the head's entry to replica `index`. Undefined: start over. */
function* copyTo(chain: Chain, index: number): Procedure<number | undefined> {
  const { client, position, address, units } = chain;
  if (!chain.isCurrent) return undefined;
  const copy = stageCopy(client, units[0], units[index], address, position);
  if (copy === undefined) return undefined;
  try {
    for (;;) {
      const outcome = yield* chain.ask(index, MessageType.UNIT_WRITE, copy.reference);
      if (outcome !== SlotOutcome.FULL) return outcome;
      yield* finishPrefixTrim(client, units, index, chain.epoch);
      if (chain.deadline.passed) throw noSlot(position);
      yield* pause(1);
    }
  } finally {
    copy.settle();
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
      yield* finishPrefixTrim(client, units, i, chain.epoch);
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
  yield* finishPrefixTrim(chain.client, chain.units, index, chain.epoch);
  return undefined;
}

/** Trims one position below the tail on every replica, head first; an undecided one is filled. */
export function* trimPosition(client: LogClient, position: Position): Procedure<void> {
  const entry = yield* fillPosition(client, position);
  if (entry.kind === 'trimmed') return;
  const chain = new Chain(client, position);
  // Copies FIRST: one that joins the chain later must not bring back what was trimmed in it.
  while (!chain.isForgotten) {
    if ((yield* forgetInCopies(chain)) && (yield* trimAll(chain)) !== undefined) break;
    chain.begin();
  }
  client.counters.trims++;
}

/**
 * A unit that is being rebuilt from this chain must not keep what is trimmed meanwhile, whether it
 * has its copy already or not (CORFU 1.10). False: start over.
 */
function* forgetInCopies(chain: Chain): Procedure<boolean> {
  const { client, address, epoch } = chain;
  for (const unit of copiesOf(client.map, chain.units)) {
    const request = { to: unitActor(unit), type: MessageType.UNIT_FORGET, epoch } as const;
    for (;;) {
      const { outcome } = yield* call({ ...request, position: address });
      if (outcome === SlotOutcome.SEALED || outcome === ACTOR_EXITED) {
        yield* afterRefusal(client, chain.deadline, epoch, outcome, request.to, chain.position);
        return false;
      }
      if (outcome !== NO_ANSWER) break;
      if (chain.deadline.passed) throw lateError('a trim', 'it is partly done', chain.position);
    }
  }
  return chain.isCurrent;
}

/** Units that are being rebuilt from the tail of `chain`: in a later chain of its survivors. */
function copiesOf(map: ProjectionMap, chain: readonly UnitId[]): readonly UnitId[] {
  const copies = new Set<UnitId>();
  for (const { extents } of map.projection.ranges) {
    for (const extent of extents) {
      if (!chain.every((unit) => extent.chain.includes(unit))) continue;
      for (const unit of extent.chain) if (!chain.includes(unit)) copies.add(unit);
    }
  }
  return [...copies];
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
  if (!client.isCurrent) client.refreshProjection();
  const { map } = client;
  for (const { unit, address } of prefixTrims(map, position)) {
    for (;;) {
      const to = unitActor(unit);
      const type = MessageType.UNIT_TRIM_PREFIX;
      const { outcome } = yield* call({ to, type, epoch: map.epoch, position: address });
      if (outcome === SlotOutcome.OK) break;
      if (outcome === SlotOutcome.SEALED || outcome === ACTOR_EXITED) {
        yield* afterRefusal(client, deadline, map.epoch, outcome, to, position);
        return false;
      }
      if (deadline.passed) throw lateError('a prefix trim', 'it may be partly done', position);
    }
  }
  return client.map === map && client.isCurrent;
}

/** Per unit the highest address that goes, in units that are being rebuilt as well. */
function prefixTrims(map: ProjectionMap, position: Position): { unit: UnitId; address: number }[] {
  const addresses = new Map<UnitId, number>();
  const raise = (unit: UnitId, address: number): void => {
    addresses.set(unit, Math.max(addresses.get(unit) ?? 0, address));
  };
  for (const { from, to, extents } of map.projection.ranges) {
    const end = Math.min(position, to ?? position) - from;
    for (const [i, { chain, start }] of extents.entries()) {
      const rows = rowsBefore(end, i, extents.length);
      if (rows === 0 || chain.length === 0) continue;
      for (const unit of [...chain, ...copiesOf(map, chain)]) raise(unit, start + rows);
    }
  }
  return [...addresses].map(([unit, address]) => ({ unit, address }));
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
