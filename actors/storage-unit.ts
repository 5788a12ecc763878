/**
 * The storage unit's actor: takes the unit's steps for clients that send messages, and reclaims
 * what is trimmed. It knows neither chains nor other units. Reads do not come here: they are
 * one-sided. It keeps nothing that its successor would miss.
 */
import type { Quiescence } from '../shared-memory/quiescence.ts';
import type { UnitMemory } from '../shared-memory/unit-memory.ts';
import type { Actor, ActorContext } from './actor.ts';
import { DRAIN_CHECK_MS, DRAIN_CHECK_MS_MAX } from './config.ts';
import { Message, MessageType } from './message.ts';
import { leavesGarbage, serveUnit } from './unit-steps.ts';

const TIMER_RECLAIM = 1;

export interface StorageUnitOptions {
  readonly memory: UnitMemory;
  readonly quiescence: Quiescence;
  /**
   * The number of the unit's stay on this actor's thread, 0 when it lives elsewhere or is no part of the
   * log any more: only where it lives its memory is reclaimed.
   */
  readonly tenure: () => number;
}

export class StorageUnit implements Actor {
  readonly role = 'storage unit';
  readonly #memory: UnitMemory;
  readonly #quiescence: Quiescence;
  readonly #tenure: () => number;
  readonly #reply = new Message();
  /** Watermark up to which slots and chunks are to be reclaimed once nobody is in flight. */
  #reclaimTo = 0;
  #reclaiming = false;
  /** Until the next look: flights take microseconds, unless their thread waits for a core. */
  #pauseMs = 0;
  /** The stay on this thread, and the memory's tenancy, when that was noted: in another it is void. */
  #stay = 0;
  #tenancy = 0;

  constructor(options: StorageUnitOptions) {
    this.#memory = options.memory;
    this.#quiescence = options.quiescence;
    this.#tenure = options.tenure;
  }

  /** A predecessor may have died between a trim and its reclaiming. */
  start(context: ActorContext): void {
    this.#reclaim(context);
  }

  receive(message: Message, context: ActorContext): void {
    if (message.type === MessageType.UNIT_RECLAIM) return this.#reclaim(context);
    serveUnit(this.#memory, message, this.#reply);
    context.send(this.#reply);
    // Even if nothing was trimmed: a chunk may have been retired since.
    if (leavesGarbage(message.type)) this.#reclaim(context);
  }

  onTimer(_timer: number, context: ActorContext): void {
    this.#finishReclaim(context);
  }

  /** The watermark is raised; reclaim what is below it once earlier flights have ended. */
  #reclaim(context: ActorContext): void {
    const stay = this.#tenure();
    if (this.#reclaiming || stay === 0) return;
    this.#stay = stay;
    this.#tenancy = this.#memory.tenancy();
    this.#reclaimTo = this.#memory.slots.watermark();
    this.#reclaiming = true;
    this.#quiescence.begin();
    this.#pauseMs = DRAIN_CHECK_MS;
    // This thread is in flight as well, so never at once.
    context.after(0, TIMER_RECLAIM);
  }

  #finishReclaim(context: ActorContext): void {
    if (!this.#quiescence.passed()) {
      this.#pauseMs = Math.min(2 * this.#pauseMs, DRAIN_CHECK_MS_MAX);
      return context.after(this.#pauseMs, TIMER_RECLAIM);
    }
    this.#reclaiming = false;
    // In flight since before these looks: whoever wipes the memory waits for this flight, and whoever
    // serves the unit next waits for it before it reclaims. A flight during the wait was not waited for.
    if (this.#tenure() !== this.#stay || this.#memory.tenancy() !== this.#tenancy) return;
    this.#memory.slots.reclaimSlots(this.#reclaimTo);
    this.#memory.chunks.reclaim(this.#reclaimTo);
    // The watermark may have moved while flights were awaited.
    if (this.#reclaimTo < this.#memory.slots.watermark()) this.#reclaim(context);
  }
}
