/**
 * Finishes a disturbed append: the reaction table of CORFU 1.5. What an answer means depends on
 * where in the chain it was given; the writer's identity in the entry, never its bytes, tells its
 * own value from another's.
 */
import { unitActor } from '../actors/actor-ids.ts';
import { MessageType } from '../actors/message.ts';
import { TOO_MANY_STREAMS, URGENT } from '../actors/sequencer.ts';
import { TangoError } from '../actors/tango-error.ts';
import { assert } from '../shared-memory/assert.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import type { AppendOperation } from './append-operation.ts';
import { completePosition, fillPosition, finishPrefixTrim } from './chain.ts';
import { Deadline, exited, lateError, newerProjection } from './deadline.ts';
import type { LogClient } from './log-client.ts';
import { ACTOR_EXITED, call, NO_ANSWER, type Procedure, pause } from './procedure.ts';

/** The answer that was not OK. */
export interface Disturbance {
  readonly outcome: number;
  /** Of a SEALED answer: the sealed epoch. */
  readonly value: number;
}

/** 'done': at its position on the whole chain. 'lost': another's value, or junk, is there. */
type Fate = 'done' | 'lost';

/** Resumes `append` after `disturbance`; returns when it is in the log, throws when it is not. */
export function* finishAppend(
  client: LogClient,
  append: AppendOperation,
  disturbance: Disturbance,
): Procedure<void> {
  const deadline = new Deadline(client);
  let pending: Disturbance | undefined = disturbance;
  for (;;) {
    if (!append.hasToken) yield* takeToken(client, append, deadline, pending);
    const answered: Disturbance | undefined = append.hasToken ? pending : undefined;
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
  let answer = disturbance;
  for (;;) {
    if (answer !== undefined) {
      switch (answer.outcome) {
        case SlotOutcome.SEALED:
          yield* newerProjection(client, deadline);
          break;
        case SlotOutcome.FULL:
          throw new TangoError('ERR_LOG_FULL', 'the log has no room: trim, or open a larger one');
        case TOO_MANY_STREAMS:
          throw new TangoError('ERR_TOO_MANY_STREAMS', 'the log has no room for more streams');
        case ACTOR_EXITED:
          throw exited('the sequencer', client.map.epoch);
        case NO_ANSWER:
          if (deadline.passed) throw lateError('a token', 'nothing was appended');
          break;
      }
    }
    const { map } = client;
    const granted = yield* call({
      to: map.sequencer,
      type: MessageType.SEQUENCER_NEXT,
      epoch: map.epoch,
      value: append.urgent ? URGENT : 0,
      extra: append.streams.subarray(0, append.header.streamCount),
    });
    if (granted.outcome !== SlotOutcome.OK) {
      answer = granted;
      continue;
    }
    if (append.grant(granted.position, granted.extra)) return;
    throw new TangoError('ERR_LOG_FULL', 'the log has no room for the entry');
  }
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
  while (append.index < append.extent.chain.length) {
    const { chain } = append.extent;
    const atHead = append.index === 0;
    if (answer === undefined) {
      answer = yield* call({
        to: unitActor(chain[append.index]),
        type: MessageType.UNIT_WRITE,
        epoch: append.header.epoch,
        position: append.address,
        value: append.reference,
      });
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
          yield* newerProjection(client, deadline);
          return 'lost';
        }
        yield* newerProjection(client, deadline, append.header.position);
        return yield* settle(client, append);
      case SlotOutcome.FULL:
        if (atHead) throw new TangoError('ERR_LOG_FULL', 'the position is outside the memory');
        if (deadline.passed) throw unknownFate(append, 'a storage unit has no slot for it');
        yield* finishPrefixTrim(client, chain, append.index, append.header.epoch);
        yield* pause(1);
        break;
      case NO_ANSWER:
        uncertain ||= atHead;
        if (deadline.passed) throw unknownFate(append, 'a storage unit does not answer');
        break;
      case ACTOR_EXITED:
        throw exited('a storage unit', append.header.epoch, append.header.position);
      default:
        assert(false, `a write is answered with a known outcome: ${outcome}`);
    }
  }
  return 'done';
}

/** True when the value at the head of the position is this append's own. Completes another's. */
function* isOurs(client: LogClient, append: AppendOperation): Procedure<boolean> {
  const { reader } = client.memory.unit(append.extent.chain[0]);
  const { header, address } = append;
  if (reader.locate(address, header.position) === SlotOutcome.WRITTEN) {
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
 * A new epoch began while the head may hold our value. A position at or above the new tail was
 * never reached; below it, filling decides, and the writer's identity tells what it decided.
 */
function* settle(client: LogClient, append: AppendOperation): Procedure<Fate> {
  const { position, writerThread, writerSequence } = append.header;
  if (position >= client.memory.sequencer.tail()) return 'lost';
  const entry = yield* fillPosition(client, position);
  if (entry.kind === 'trimmed') throw unknownFate(append, 'it was trimmed meanwhile');
  if (entry.kind === 'junk') return 'lost';
  const { writer } = entry;
  return writer.thread === writerThread && writer.sequence === writerSequence ? 'done' : 'lost';
}

function unknownFate(append: AppendOperation, why: string): TangoError {
  const { position, epoch } = append.header;
  const text = `not known whether the entry is in the log: position=${position}, ${why}`;
  return new TangoError('ERR_TIMEOUT', text, { position, epoch });
}
