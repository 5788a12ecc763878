/**
 * The housekeeper: what goes on in the background so that a log stays whole. One actor, on a thread of
 * its own that hosts nothing else while others live:
 *
 *   monitor      notices threads that are dead or stalled, and reconfigures at once
 *   restorer     moves actors to idle threads, fills up short chains, rebuilds their past
 *   filler       decides every position below the tail of one round earlier (hole-filler.ts)
 *   checkpoints  of the stream state, into the log
 *
 * All of it works on shared memory with a client of its own; its death only delays things, and
 * every other client can do the monitor's part.
 */
import type { Actor, ActorContext } from '../actors/actor.ts';
import type { Message } from '../actors/message.ts';
import { TangoError } from '../actors/tango-error.ts';
import type { Counts } from '../actors/thread-counters.ts';
import { HoleFiller } from './hole-filler.ts';
import type { LogClient } from './log-client.ts';
import type { Monitor } from './monitor.ts';
import type { Procedure } from './procedure.ts';
import { restore } from './restore.ts';
import { checkpointStreams } from './stream-checkpointer.ts';

/** Deaths are looked at when they are noticed; this is for stalls, and for what was not noticed. */
const MONITOR_MS = 100;
const RESTORE_MS = 100;
const CHECKPOINT_MS = 100;

/** A part of the housekeeping: a round, and a pause after it. */
interface Chore {
  readonly everyMs: number;
  round(): Procedure<void>;
  running: boolean;
  /** Something has happened during the round: another one follows at once. */
  again: boolean;
}

export class Housekeeper implements Actor {
  readonly role = 'housekeeper';
  readonly #client: LogClient;
  readonly #chores: readonly Chore[];
  #context: ActorContext | undefined;

  constructor(client: LogClient, monitor: Monitor) {
    this.#client = client;
    const filler = new HoleFiller(client);
    const chore = (everyMs: number, round: () => Procedure<void>): Chore => ({
      everyMs,
      round,
      running: false,
      again: false,
    });
    this.#chores = [
      chore(MONITOR_MS, () => monitor.round()),
      chore(RESTORE_MS, () => restore(client)),
      chore(client.times.holeFillMs, () => filler.round()),
      chore(CHECKPOINT_MS, () => checkpointStreams(client)),
    ];
  }

  start(context: ActorContext): void {
    this.#context = context;
    this.#client.start(context);
    for (const index of this.#chores.keys()) context.after(this.#chores[index].everyMs, -1 - index);
  }

  receive(message: Message): void {
    this.#client.receive(message);
  }

  /** The chores' timers are below zero, those of the client are not. */
  onTimer(timer: number): void {
    if (timer >= 0) return this.#client.onTimer(timer);
    const chore = this.#chores[-1 - timer];
    if (!chore.running) this.#run(chore);
    else chore.again = true;
  }

  /** Threads have come or gone: the monitor looks at once. */
  onMembership(): void {
    this.#client.onMembership();
    const [monitor] = this.#chores;
    if (monitor.running) monitor.again = true;
    else this.#run(monitor);
  }

  counts(): Counts {
    return { ...this.#client.counters };
  }

  #run(chore: Chore): void {
    chore.running = true;
    chore.again = false;
    const ended = (): void => {
      chore.running = false;
      this.#next(chore);
    };
    this.#client.run(chore.round(), {
      done: ended,
      failed: (error) => {
        // The log cannot do it now (it is full, or others are faster): another round follows.
        if (!(error instanceof TangoError)) throw error;
        ended();
      },
    });
  }

  #next(chore: Chore): void {
    const delayMs = chore.again ? 0 : chore.everyMs;
    this.#context?.after(delayMs, -1 - this.#chores.indexOf(chore));
  }
}
