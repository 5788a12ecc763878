/**
 * Finishes a disturbed append: the reaction table of CORFU 1.5. What an answer means depends on
 * where in the chain it was given; the writer's identity in the entry, never its bytes, tells its
 * own value from another's.
 */
import { unitActor } from '../actors/actor-ids.ts';
import { MessageType } from '../actors/message.ts';
import { NO_SEQUENCER } from '../actors/projection.ts';
import { SEQUENCER_BUSY, TOO_MANY_STREAMS, URGENT } from '../actors/sequencer.ts';
import { TangoError } from '../actors/tango-error.ts';
import { assert } from '../shared-memory/assert.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import type { AppendOperation } from './append-operation.ts';
import { completePosition, fillPosition, finishPrefixTrim } from './chain.ts';
import {
  afterRefusal,
  Deadline,
  freeSequencer,
  lateError,
  lostError,
  newerProjection,
  Patience,
} from './deadline.ts';
import type { LogClient } from './log-client.ts';
import type { LogEntry } from './log-entry.ts';
import { ACTOR_EXITED, call, NO_ANSWER, type Procedure, pause } from './procedure.ts';

/** The answer that was not OK. */
export interface Disturbance {
  readonly outcome: number;
  /** Of the request that was answered so. */
  readonly epoch: number;
}

/** 'done': at its position on the whole chain. 'lost': another's value, or junk, is there. */
type Fate = 'done' | 'lost';

/** Resumes `append` after `disturbance`; returns when it is in the log, throws when it is not. */
export function* finishAppend(
  client: LogClient,
  append: AppendOperation,
  disturbance: Disturbance,
): Procedure<void> {
  if (append.isStagingGone) throw noRoom(append);
  const deadline = new Deadline(client);
  let pending: Disturbance | undefined = disturbance;
  for (;;) {
    // A disturbance of the token says nothing about a write.
    const answered = append.hasToken ? pending : undefined;
    if (!append.hasToken) yield* takeToken(client, append, deadline, pending);
    const fate = yield* writeChain(client, append, deadline, answered);
    if (fate === 'done') return;
    // The position went to somebody else: the entry needs a new one.
    append.hasToken = false;
    pending = undefined;
  }
}

function* takeToken(
  client: LogClient,
  append: AppendOperation,
  deadline: Deadline,
  disturbance: Disturbance | undefined,
): Procedure<void> {
  const patience = new Patience(client);
  let answer = disturbance;
  for (;;) {
    if (answer !== undefined) yield* reactToRefusal(client, answer, deadline, patience);
    const { map } = client;
    if (map.sequencer === NO_SEQUENCER) return takeNext(client, append);
    const granted = yield* call({
      to: map.sequencer,
      type: MessageType.SEQUENCER_NEXT,
      epoch: map.epoch,
      value: append.urgent ? URGENT : 0,
      extra: append.streams.subarray(0, append.header.streamCount),
    });
    if (granted.outcome !== SlotOutcome.OK) {
      answer = { outcome: granted.outcome, epoch: map.epoch };
      continue;
    }
    // A token is valid for writes in its own epoch only (CORFU 1.12): one that a reconfiguration has
    // overtaken goes to the filler.
    if (client.map !== map) {
      answer = { outcome: SlotOutcome.SEALED, epoch: map.epoch };
      continue;
    }
    if (append.grant(granted.position, granted.extra)) return;
    throw noRoom(append);
  }
}

/** What a refused token means: returns when it is worth another try. */
function* reactToRefusal(
  client: LogClient,
  { outcome, epoch }: Disturbance,
  deadline: Deadline,
  patience: Patience,
): Procedure<void> {
  switch (outcome) {
    case SlotOutcome.SEALED:
    case ACTOR_EXITED:
      return yield* afterRefusal(client, deadline, epoch, outcome, client.map.sequencer);
    case SEQUENCER_BUSY:
      return yield* freeSequencer(deadline, patience);
    case SlotOutcome.FULL: {
      const { extents, from } = client.map.active;
      if (extents.some(({ chain }) => chain.length === 0)) throw lostError(client, from);
      throw new TangoError('ERR_LOG_FULL', 'the log has no room: trim, or open a larger one');
    }
    case TOO_MANY_STREAMS:
      throw new TangoError('ERR_TOO_MANY_STREAMS', 'the log has no room for more streams');
    case NO_ANSWER:
      if (deadline.passed) throw lateError('a token', 'nothing was appended');
  }
}

/** Without a sequencer: the first position that nobody has written (CORFU 1.12, probing). */
function takeNext(client: LogClient, append: AppendOperation): void {
  if (append.header.streamCount > 0) {
    const text = 'streams need a sequencer, and the log works without one';
    throw new TangoError('ERR_UNSUPPORTED', text);
  }
  const position = Math.max(client.tail(), append.probedTo);
  append.probedTo = position + 1;
  if (!append.grant(position, NO_HEADERS)) throw noRoom(append);
}

const NO_HEADERS = new Int32Array(0);

function noRoom(append: AppendOperation): TangoError {
  return append.isStagingGone
    ? new TangoError('ERR_ACTOR_EXITED', 'the storage units that held the entry are gone')
    : new TangoError('ERR_LOG_FULL', 'the log has no room for the entry');
}

/** `answered`: what the write of replica `append.index` was answered already, if it was sent. */
function* writeChain(
  client: LogClient,
  append: AppendOperation,
  deadline: Deadline,
  answered: Disturbance | undefined,
): Procedure<Fate> {
  /** A write to the head was sent and its fate is not known. */
  let uncertain = false;
  let answer = answered;
  if (append.extent.chain.length === 0) {
    // A range that lost a chain ends above the tail: what was granted there takes part in nothing.
    if (append.header.position < client.map.active.from) return 'lost';
    throw lostError(client, append.header.position);
  }
  while (append.index < append.extent.chain.length) {
    const { chain } = append.extent;
    const { epoch } = append.header;
    const atHead = append.index === 0;
    if (answer === undefined) {
      const { outcome } = yield* call({
        to: unitActor(chain[append.index]),
        type: MessageType.UNIT_WRITE,
        epoch,
        position: append.address,
        value: append.reference,
      });
      answer = { outcome, epoch };
    }
    const { outcome } = answer;
    answer = undefined;
    switch (outcome) {
      case SlotOutcome.OK:
        append.index++;
        break;
      case SlotOutcome.WRITTEN:
        // Below the head only our own value can be there: a reader or a filler copied it.
        if (atHead && !(yield* isOurs(client, append))) return 'lost';
        append.index++;
        break;
      case SlotOutcome.JUNK:
        assert(atHead, 'junk is never below a head that holds a value');
        return 'lost';
      case SlotOutcome.TRIMMED:
        // Below the head: our value was completed by another and trimmed; the append took place.
        if (!atHead) append.index++;
        else if (!uncertain) return 'lost';
        else throw unknownFate(append, 'it was trimmed meanwhile');
        break;
      case SlotOutcome.SEALED:
        if (atHead && !uncertain) {
          yield* newerProjection(client, deadline, epoch);
          return 'lost';
        }
        yield* newerProjection(client, deadline, epoch, append.header.position);
        return yield* settle(client, append, deadline);
      case SlotOutcome.FULL:
        if (atHead) throw new TangoError('ERR_LOG_FULL', 'the position is outside the memory');
        if (deadline.passed) throw unknownFate(append, 'a storage unit has no slot for it');
        yield* finishPrefixTrim(client, chain, append.index, epoch);
        yield* pause(1);
        break;
      case NO_ANSWER:
        uncertain ||= atHead;
        if (deadline.passed) throw unknownFate(append, 'a storage unit does not answer');
        break;
      case ACTOR_EXITED:
        // Its last message may have been served: what the position holds tells.
        yield* afterRefusal(
          client,
          deadline,
          epoch,
          outcome,
          unitActor(chain[append.index]),
          append.header.position,
        );
        return yield* settle(client, append, deadline);
      default:
        assert(false, `a write is answered with a known outcome: ${outcome}`);
    }
  }
  return 'done';
}

/** True when the value at the head of the position is this append's own. Completes another's. */
function* isOurs(client: LogClient, append: AppendOperation): Procedure<boolean> {
  const { header, address } = append;
  const head = append.extent.chain[0];
  const { reader } = client.memory.unit(head);
  const outcome = client.map.has(head)
    ? client.memory.locate(head, address, header.position)
    : undefined;
  if (outcome === SlotOutcome.WRITTEN) {
    const same =
      reader.writerThread === header.writerThread &&
      reader.writerSequence === header.writerSequence;
    if (reader.confirm(address)) {
      if (!same) yield* completePosition(client, header.position);
      return same;
    }
  }
  // Trimmed while we looked, after being written by somebody: whose it was cannot be told.
  throw unknownFate(append, 'it was trimmed meanwhile');
}

/**
 * A new epoch began, or the unit's thread has exited, while the head may hold our value (RELIABILITY
 * D6). A position at or above the new tail was never reached; below it, filling decides, and the
 * writer's identity tells what it decided.
 */
function* settle(client: LogClient, append: AppendOperation, deadline: Deadline): Procedure<Fate> {
  const { position, writerThread, writerSequence } = append.header;
  yield* knownTail(client, append, deadline);
  if (position >= client.tail()) return 'lost';
  const entry = yield* decided(client, append);
  if (entry.kind === 'trimmed') throw unknownFate(append, 'it was trimmed meanwhile');
  if (entry.kind === 'junk') return 'lost';
  const { writer } = entry;
  return writer.thread === writerThread && writer.sequence === writerSequence ? 'done' : 'lost';
}

/** A head that holds the value while the next replica has no room says neither yes nor no. */
function* decided(client: LogClient, append: AppendOperation): Procedure<LogEntry> {
  try {
    return yield* fillPosition(client, append.header.position);
  } catch (error) {
    const isFull = error instanceof TangoError && error.code === 'ERR_LOG_FULL';
    throw isFull ? unknownFate(append, 'no room to complete it') : error;
  }
}

/** Waits for a sequencer that is being built: before, its tail says nothing. */
function* knownTail(
  client: LogClient,
  append: AppendOperation,
  deadline: Deadline,
): Procedure<void> {
  const { sequencer } = client.memory;
  const patience = new Patience(client);
  while (sequencer.builtEpoch() < sequencer.requiredBuild()) {
    if (client.map.sequencer === NO_SEQUENCER) return;
    if (deadline.passed) throw unknownFate(append, 'the sequencer is not built');
    yield* freeSequencer(deadline, patience);
  }
}

function unknownFate(append: AppendOperation, why: string): TangoError {
  const { position, epoch } = append.header;
  const text = `not known whether the entry is in the log: position=${position}, ${why}`;
  return new TangoError('ERR_TIMEOUT', text, { position, epoch });
}
