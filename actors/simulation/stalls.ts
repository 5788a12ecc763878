/**
 * Stalls: a thread that is not scheduled for a while, or collects garbage. An actor that stalls
 * takes no step; what becomes due for it meanwhile waits, and happens in order at the end.
 */
import { WorldEvent } from './event.ts';
import type { EventQueue } from './event-queue.ts';
import { drawStall, type Faults } from './faults.ts';
import type { Life } from './life.ts';
import type { Counts } from './options.ts';
import type { Random } from './random.ts';
import { Happening, type Trace } from './trace.ts';

/** The tie of what has waited: before everything else of that moment, in the order it came. */
const FIRST_TIE = 0;

export class Stalls {
  readonly #queue: EventQueue<WorldEvent>;
  readonly #trace: Trace;
  readonly #counts: Counts;
  readonly #random: Random;

  constructor(queue: EventQueue<WorldEvent>, trace: Trace, counts: Counts, random: Random) {
    this.#queue = queue;
    this.#trace = trace;
    this.#counts = counts;
    this.#random = random;
  }

  /**
   * True when the event was put aside because its actor stalls. An actor that does not may begin
   * to, at the rate drawn; then this event is the first that waits.
   */
  putsAside(life: Life, event: WorldEvent, now: number, faults: Faults): boolean {
    if (life.stalledUntil <= now) {
      if (!this.#random.chance(faults.stallRate)) return false;
      this.begin(life, drawStall(faults, this.#random), now);
    }
    life.backlog.push(event);
    return true;
  }

  /** Stalls the actor up to `durationMs` from now; a longer stall under way stays as it is. */
  begin(life: Life, durationMs: number, now: number): void {
    life.stalledUntil = Math.max(life.stalledUntil, now + durationMs);
    this.#counts.stalls += 1;
    this.#trace.actor(now, Happening.STALLED, life.self, durationMs);
    this.#queue.push(life.stalledUntil, FIRST_TIE, WorldEvent.wake(life));
  }

  /** The end of a stall, in time or early: what has waited is due now. */
  end(life: Life, now: number): void {
    life.stalledUntil = now;
    if (life.backlog.length === 0) return;
    this.#trace.actor(now, Happening.WOKEN, life.self, life.backlog.length);
    for (const event of life.backlog) this.#queue.push(now, FIRST_TIE, event);
    life.backlog = [];
  }
}
