/**
 * Notices that an actor thread is dead, or stalled, and has the log reconfigured without it. A death
 * is in the thread table; a stall is a thread that was rung and whose heartbeat has not moved.
 */
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import type { LogClient } from './log-client.ts';
import type { Procedure } from './procedure.ts';
import { Pulse } from './pulse.ts';
import { reconfigure } from './reconfigure.ts';
import { diagnose, isSealed, repair } from './repair.ts';

const PING_MS = 250;

export interface MonitorOptions {
  readonly client: LogClient;
  /** The monitor's own. */
  readonly thread: ThreadIndex;
  /** Told of a thread that is taken for dead: it should be ended. */
  readonly onStalled: (thread: ThreadIndex, incarnation: number) => void;
}

export class Monitor {
  readonly #client: LogClient;
  readonly #thread: ThreadIndex;
  readonly #onStalled: MonitorOptions['onStalled'];
  readonly #pulses = new Map<ThreadIndex, Pulse>();
  #pingedMs = Number.NEGATIVE_INFINITY;
  /** The epoch that was seen sealed, and since when. */
  #sealedEpoch = 0;
  #sealedMs = 0;

  constructor({ client, thread, onStalled }: MonitorOptions) {
    this.#client = client;
    this.#thread = thread;
    this.#onStalled = onStalled;
  }

  /** One look at everything; reconfigures if need be. */
  *round(): Procedure<void> {
    this.#ping();
    yield* reconfigure(this.#client, diagnose);
    if (this.#isSealedForLong()) yield* repair(this.#client);
  }

  #ping(): void {
    const client = this.#client;
    const now = client.context.now();
    if (now - this.#pingedMs < PING_MS) return;
    this.#pingedMs = now;
    const { threads, sizes } = client.memory;
    for (let thread = 0; thread < sizes.actorThreads; thread++) {
      if (thread !== this.#thread && threads.state(thread) === ThreadState.ALIVE) {
        this.#takePulse(thread);
      } else client.suspects.delete(thread);
    }
  }

  #takePulse(thread: ThreadIndex): void {
    const { suspects, memory } = this.#client;
    const { threads } = memory;
    const pulse = this.#pulses.get(thread) ?? new Pulse(threads, thread);
    this.#pulses.set(thread, pulse);
    const incarnation = threads.incarnation(thread);
    const seen = pulse.look();
    if (seen === 'alive') suspects.delete(thread);
    if (seen !== 'stalled') return;
    suspects.add(thread);
    this.#onStalled(thread, incarnation);
  }

  /** A reconfiguration that goes on for this long has lost whoever began it. */
  #isSealedForLong(): boolean {
    const client = this.#client;
    if (!isSealed(client)) return false;
    const now = client.context.now();
    const { epoch } = client.map;
    if (this.#sealedEpoch !== epoch) {
      this.#sealedEpoch = epoch;
      this.#sealedMs = now;
    }
    return now - this.#sealedMs >= client.times.takeoverMs;
  }
}
