/**
 * What a storage unit does with a request (CORFU 1.2), as a step over shared memory without a state
 * of its own: the unit's actor takes it for a client, or a client takes it itself.
 *
 * Whoever takes it is in flight since before it: either the step sees a seal, or the sealer waits
 * for the step (RELIABILITY D1). So epoch and slot are decided in one action with respect to seal.
 */
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import type { UnitMemory } from '../shared-memory/unit-memory.ts';
import { type Message, MessageType } from './message.ts';

/** Fills `reply`. The request's `position` is an address. Never blocks. */
export function serveUnit(memory: UnitMemory, request: Message, reply: Message): void {
  const { slots } = memory;
  if (request.type === MessageType.UNIT_SEAL) return seal(memory, request, reply);
  // Reply types follow their requests by one.
  reply.replyTo(request, request.type + 1, SlotOutcome.SEALED);
  const sealed = slots.sealedEpoch();
  if (request.epoch <= sealed) {
    reply.value = sealed;
    return;
  }
  switch (request.type) {
    case MessageType.UNIT_WRITE:
      reply.outcome = slots.tryWrite(request.position, request.value);
      return;
    case MessageType.UNIT_FILL:
      reply.outcome = slots.tryJunk(request.position);
      return;
    case MessageType.UNIT_TRIM:
      reply.outcome = slots.tryTrim(request.position);
      slots.raiseWatermark(slots.trimmedRunEnd());
      return;
    case MessageType.UNIT_FORGET:
      reply.outcome = slots.forget(request.position);
      return;
    case MessageType.UNIT_TRIM_PREFIX:
      slots.raiseWatermark(request.position);
      reply.outcome = SlotOutcome.OK;
      return;
  }
}

/** Whether a request leaves memory that the unit's actor should reclaim. */
export function leavesGarbage(type: number): boolean {
  return type === MessageType.UNIT_TRIM || type === MessageType.UNIT_TRIM_PREFIX;
}

/**
 * Raises the sealed epoch; repeating it succeeds, a lower one is refused (CORFU 1.3). The highest
 * address is the sealer's to read, once everybody in flight has left: the answer is no drain.
 */
function seal({ slots }: UnitMemory, request: Message, reply: Message): void {
  slots.seal(request.epoch);
  const sealed = slots.sealedEpoch();
  const outcome = sealed > request.epoch ? SlotOutcome.SEALED : SlotOutcome.OK;
  reply.replyTo(request, MessageType.UNIT_SEALED, outcome);
  reply.value = sealed;
}
