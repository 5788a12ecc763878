/**
 * The owner's part in keeping actor threads alive: only it can start and end them. A thread that has
 * exited gets a successor once nobody expects anything of it any more; one that the monitor found
 * stalled is ended. The monitor's own thread is watched from here.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ActorSystem } from '../actors/actor-system.ts';
import type { LogMemory } from '../actors/log-memory.ts';
import { ProjectionMap } from '../actors/projection.ts';
import type { ThreadIndex } from '../shared-memory/thread-table.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { actorsAt, anyoneLives } from './homes.ts';
import type { LogThreadData } from './log-worker.ts';
import type { MailboxLink } from './mailbox-link.ts';
import { Pulse } from './pulse.ts';
import { repair } from './repair.ts';

/** What an actor thread tells its owner: that another one should be ended. */
export interface StalledMessage {
  readonly stalled: number;
  readonly incarnation: number;
}

/** Seldom: an idle log costs next to nothing. */
const PING_MS = 500;
const LOOK_MS = 2;
/** The monitor has had its time; it may be the one that died. */
const OWN_REPAIR_MS = 20;
/** A dead sequencer's successor serves after some five. */
const REPAIR_MS = 20;

export class Supervision {
  readonly #memory: LogMemory;
  #system: ActorSystem<LogThreadData> | undefined;
  #link: MailboxLink | undefined;
  readonly #ending = new AbortController();
  #watching: NodeJS.Timeout | undefined;

  constructor(memory: LogMemory) {
    this.#memory = memory;
  }

  begin(system: ActorSystem<LogThreadData>, link: MailboxLink): void {
    this.#system = system;
    this.#link = link;
    const { threads, sizes } = this.#memory;
    const monitor = sizes.actorThreads - 1;
    const pulse = new Pulse(threads, monitor);
    this.#watching = setInterval(() => {
      const isThere = threads.state(monitor) === ThreadState.ALIVE;
      if (isThere && pulse.look() === 'stalled') void system.kill(monitor);
    }, PING_MS).unref();
  }

  end(): void {
    this.#ending.abort();
    clearInterval(this.#watching);
  }

  /**
   * Settles once no actor is at home on `thread`, or no other thread could take it in, and a little
   * later: a thread that starts takes a core for some tens of milliseconds, and repairing goes first.
   */
  async vacated(thread: ThreadIndex, closing: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([closing, this.#ending.signal]);
    for (let waitedMs = 0; !ended.aborted && this.#isHome(thread); waitedMs += LOOK_MS) {
      if (!anyoneLives(this.#memory)) return;
      // What it cannot repair now, it will be asked again.
      if (waitedMs >= OWN_REPAIR_MS) await this.#link?.run(this.#repaired()).catch(() => {});
      await pause(LOOK_MS, ended);
    }
    if (anyoneLives(this.#memory)) await pause(REPAIR_MS, ended);
  }

  onMessage({ stalled, incarnation }: StalledMessage): void {
    // The stalled one may have been replaced meanwhile.
    if (this.#memory.threads.incarnation(stalled) !== incarnation) return;
    void this.#system?.kill(stalled);
  }

  *#repaired() {
    if (this.#link !== undefined) yield* repair(this.#link.client);
  }

  #isHome(thread: ThreadIndex): boolean {
    const projection = this.#memory.layoutStore.latest();
    if (projection === undefined) return false;
    return actorsAt(this.#memory, new ProjectionMap(projection), thread).length > 0;
  }
}

/** Holds no process alive, and ends at once when the log is closed. */
async function pause(ms: number, ended: AbortSignal): Promise<void> {
  await delay(ms, undefined, { ref: false, signal: ended }).catch(() => {});
}
