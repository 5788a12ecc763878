/**
 * The storage unit (CORFU 1.2): a passive keeper of write-once addresses. It knows neither chains
 * nor other units. Only this actor changes the slots of its unit, so epoch and slot are decided
 * in one step. Reads do not come here: they are one-sided.
 */
import type { Quiescence } from '../shared-memory/quiescence.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import type { ThreadTable } from '../shared-memory/thread-table.ts';
import type { UnitMemory } from '../shared-memory/unit-memory.ts';
import type { Actor, ActorContext } from './actor.ts';
import { DRAIN_CHECK_MS } from './config.ts';
import { Message, MessageType } from './message.ts';

const TIMER_SEAL = 1;
const TIMER_RECLAIM = 2;

interface PendingSeal {
  readonly from: number;
  readonly operation: number;
  readonly tenant: number;
  readonly epoch: number;
}

export interface StorageUnitOptions {
  readonly memory: UnitMemory;
  readonly threads: ThreadTable;
  readonly quiescence: Quiescence;
}

export class StorageUnit implements Actor {
  readonly role = 'storage unit';
  readonly #memory: UnitMemory;
  readonly #threads: ThreadTable;
  readonly #quiescence: Quiescence;
  readonly #reply = new Message();
  /** Seals raised but not answered: operations of the sealed epoch may still be in flight. */
  #seals: PendingSeal[] = [];
  /** Watermark up to which slots and chunks are to be reclaimed once nobody is in flight. */
  #reclaimTo = 0;
  #reclaiming = false;

  constructor(options: StorageUnitOptions) {
    this.#memory = options.memory;
    this.#threads = options.threads;
    this.#quiescence = options.quiescence;
  }

  /** A predecessor may have died between a trim and its reclaiming. */
  start(context: ActorContext): void {
    this.#reclaim(context);
  }

  receive(message: Message, context: ActorContext): void {
    const slots = this.#memory.slots;
    if (message.type === MessageType.UNIT_SEAL) return this.#seal(message, context);
    if (message.epoch <= slots.sealedEpoch()) return this.#refuse(message, context);
    switch (message.type) {
      case MessageType.UNIT_WRITE: {
        const outcome = slots.tryWrite(message.position, message.value);
        context.send(this.#reply.replyTo(message, MessageType.UNIT_WROTE, outcome));
        return;
      }
      case MessageType.UNIT_FILL: {
        const outcome = slots.tryJunk(message.position);
        context.send(this.#reply.replyTo(message, MessageType.UNIT_FILLED, outcome));
        return;
      }
      case MessageType.UNIT_TRIM: {
        const outcome = slots.tryTrim(message.position);
        this.#trimTo(slots.trimmedRunEnd(), context);
        context.send(this.#reply.replyTo(message, MessageType.UNIT_TRIMMED, outcome));
        return;
      }
      case MessageType.UNIT_TRIM_PREFIX: {
        slots.raiseWatermark(message.position);
        // Even if it was there already: a chunk may have been retired since.
        this.#reclaim(context);
        const reply = this.#reply.replyTo(message, MessageType.UNIT_TRIMMED_PREFIX, SlotOutcome.OK);
        context.send(reply);
        return;
      }
    }
  }

  onTimer(timer: number, context: ActorContext): void {
    if (timer === TIMER_SEAL) this.#answerSeals(context);
    if (timer === TIMER_RECLAIM) this.#finishReclaim(context);
  }

  /** Reply types follow their requests by one. The refusal tells the sealed epoch. */
  #refuse(message: Message, context: ActorContext): void {
    const reply = this.#reply.replyTo(message, message.type + 1, SlotOutcome.SEALED);
    reply.value = this.#memory.slots.sealedEpoch();
    context.send(reply);
  }

  /**
   * Raise the epoch FIRST, drain SECOND, read the highest address LAST (CORFU 1.2). Repeating the
   * seal of the same epoch succeeds; a lower one is refused (CORFU 1.3).
   */
  #seal(message: Message, context: ActorContext): void {
    const slots = this.#memory.slots;
    if (message.epoch < slots.sealedEpoch()) return this.#refuse(message, context);
    slots.seal(message.epoch);
    const { from, operation, tenant, epoch } = message;
    this.#seals.push({ from, operation, tenant, epoch });
    this.#answerSeals(context);
  }

  #answerSeals(context: ActorContext): void {
    const open: PendingSeal[] = [];
    for (const seal of this.#seals) {
      if (this.#threads.drained(seal.epoch)) this.#answerSeal(seal, context);
      else open.push(seal);
    }
    this.#seals = open;
    if (open.length > 0) context.after(DRAIN_CHECK_MS, TIMER_SEAL);
  }

  #answerSeal(seal: PendingSeal, context: ActorContext): void {
    const reply = this.#reply;
    reply.type = MessageType.UNIT_SEALED;
    reply.to = seal.from;
    reply.operation = seal.operation;
    reply.tenant = seal.tenant;
    reply.epoch = seal.epoch;
    reply.position = this.#memory.slots.writtenLimit();
    reply.outcome = SlotOutcome.OK;
    reply.value = seal.epoch;
    reply.extraCount = 0;
    context.send(reply);
  }

  #trimTo(watermark: number, context: ActorContext): void {
    if (watermark <= this.#memory.slots.watermark()) return;
    this.#memory.slots.raiseWatermark(watermark);
    this.#reclaim(context);
  }

  /** The watermark is raised; reclaim what is below it once earlier operations have ended. */
  #reclaim(context: ActorContext): void {
    if (this.#reclaiming) return;
    this.#reclaimTo = this.#memory.slots.watermark();
    this.#reclaiming = true;
    this.#quiescence.begin();
    this.#finishReclaim(context);
  }

  #finishReclaim(context: ActorContext): void {
    if (!this.#quiescence.passed()) return context.after(DRAIN_CHECK_MS, TIMER_RECLAIM);
    this.#reclaiming = false;
    this.#memory.slots.reclaimSlots(this.#reclaimTo);
    this.#memory.chunks.reclaim(this.#reclaimTo);
    // The watermark may have moved while operations were awaited.
    if (this.#reclaimTo < this.#memory.slots.watermark()) this.#reclaim(context);
  }
}
