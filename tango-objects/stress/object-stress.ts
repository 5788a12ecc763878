/**
 * The object stress: threads that use objects of one log while threads are killed and replaced, clients
 * and those that host sequencer, storage units and monitor; some are stalled. What every thread has done
 * survives in its journal, for the checkers.
 *
 *     const stress = await ObjectStress.open({ ...options, seed: 7 });
 *     const { records, digests } = await stress.round('lists', 5000);
 *     await stress.close();
 */
import { Random } from '../../actors/simulation/random.ts';
import type { LinkKind } from '../../runtime/client-options.ts';
import type { OpenOptions } from '../../runtime/open-options.ts';
import {
  LOAD_MS_MAX,
  LOAD_MS_MIN,
  planKill,
  VICTIM_KINDS,
  type VictimKind,
} from '../../runtime/stress/kill-plan.ts';
import { within } from '../../shared-memory/within.ts';
import { attach, open, type Tango } from '../tango.ts';
import { allocateJournal, JournalWriter } from './journal.ts';
import { CLIENTS, type ClientKind } from './object-clients.ts';
import type { ClientRecord } from './object-history.ts';
import { ObjectSeat } from './object-seat.ts';

export interface StressClock {
  /** Nanoseconds since `zeroSeconds` of the monotonic clock that all threads share. */
  readonly now: () => number;
  readonly zeroSeconds: number;
  readonly rest: (ms: number) => Promise<void>;
}

export interface ObjectStressOptions {
  readonly seed: number;
  /** Threads at once. */
  readonly clients: number;
  /** Operations of a thread at once. */
  readonly lanes: number;
  /** How threads reach the log, in turn. */
  readonly links: readonly LinkKind[];
  /** Milliseconds from one kill to the next, on average. */
  readonly killEveryMs: number;
  readonly log: OpenOptions;
  readonly clock: StressClock;
}

export type Fate = VictimKind | 'stall';

export interface RoundReport {
  /** What all threads have done, the dead ones included. */
  readonly records: readonly ClientRecord[];
  /** Of the views of each thread at the end, and of one that has played the log anew. */
  readonly digests: readonly string[];
  readonly fates: Readonly<Record<Fate, number>>;
  /** Milliseconds from the first operation to the last. */
  readonly ms: number;
}

const COLLECT_MS = 5;
/** An operation that is open for longer hangs; one that retries is short all the same. */
const HANG_MS = 10_000;
const STALL_CHANCE = 0.3;
const STALL_MS_MAX = 60;

export class ObjectStress {
  readonly #tango: Tango;
  readonly #options: ObjectStressOptions;
  readonly #random: Random;
  #rounds = 0;
  #spawned = 0;
  #seats: readonly ObjectSeat[] = [];
  #death: Error | undefined;

  private constructor(tango: Tango, options: ObjectStressOptions) {
    this.#tango = tango;
    this.#options = options;
    this.#random = new Random(options.seed).fork('plan');
  }

  static async open(options: ObjectStressOptions): Promise<ObjectStress> {
    return new ObjectStress(await open(options.log), options);
  }

  /**
   * With objects of its own: threads work until `operations` have ended, and one of each kind was killed.
   * Throws if a thread dies by itself, or hangs.
   */
  async round(kind: ClientKind, operations: number): Promise<RoundReport> {
    const { clients, clock } = this.#options;
    this.#rounds++;
    const fates: Record<Fate, number> = { client: 0, units: 0, sequencer: 0, monitor: 0, stall: 0 };
    const names = Array.from({ length: clients }, (_, i) => `client ${i}`);
    this.#seats = names.map((name) => {
      return new ObjectSeat(name, (error) => {
        this.#death ??= error;
      });
    });
    try {
      for (const seat of this.#seats) this.#spawn(seat, kind);
      await Promise.all(this.#seats.map((seat) => seat.working()));
      const start = clock.now();
      for (const victim of VICTIM_KINDS) fates[await this.#disturb(kind, victim)]++;
      while (this.#ended() < operations) fates[await this.#disturb(kind)]++;
      const ms = (clock.now() - start) / 1e6;
      const digests = await this.#end(kind);
      return { records: this.#seats.flatMap(({ records }) => records), digests, fates, ms };
    } finally {
      await Promise.all(this.#seats.map((seat) => seat.kill()));
    }
  }

  /** Nothing is left behind. */
  async close(): Promise<void> {
    await this.#tango.close();
  }

  #ended(): number {
    return this.#seats.reduce((sum, { records }) => sum + records.length, 0);
  }

  #spawn(seat: ObjectSeat, kind: ClientKind): void {
    const { seed, lanes, links, clock } = this.#options;
    const client = ++this.#spawned;
    seat.spawn({
      handle: this.#tango.handle,
      link: links[client % links.length],
      kind,
      seed: seed + client,
      client,
      round: this.#rounds,
      lanes,
      zeroSeconds: clock.zeroSeconds,
    });
  }

  /** Lets all work for a while; then somebody dies, or stands still. */
  async #disturb(kind: ClientKind, wanted?: VictimKind): Promise<Fate> {
    const { killEveryMs } = this.#options;
    const { kind: drawn, choice, loadMs, early } = planKill(this.#random, VICTIM_KINDS);
    const victim = wanted ?? drawn;
    const stalls = this.#random.chance(STALL_CHANCE) && wanted === undefined;
    await this.#collectFor((loadMs * 2 * killEveryMs) / (LOAD_MS_MIN + LOAD_MS_MAX));
    if (victim === 'client') {
      const seat = this.#seats[choice % this.#seats.length];
      if (!early) await seat.working();
      await seat.kill();
      this.#spawn(seat, kind);
      return victim;
    }
    const what = victim === 'units' ? this.#unitOf(choice) : servedBy(victim);
    if (stalls) await this.#tango.stall(what, 1 + (choice % STALL_MS_MAX));
    else await this.#tango.kill(what);
    return stalls ? 'stall' : victim;
  }

  #unitOf(choice: number): number {
    const { ranges } = this.#tango.log.projection();
    const units = ranges[ranges.length - 1].extents.flatMap(({ chain }) => chain);
    return units[choice % units.length];
  }

  async #collectFor(ms: number): Promise<void> {
    const { clock } = this.#options;
    const end = clock.now() + ms * 1e6;
    do {
      await clock.rest(COLLECT_MS);
      for (const seat of this.#seats) seat.collect();
      if (this.#death !== undefined) throw this.#death;
      this.#checkHangs();
    } while (clock.now() < end);
  }

  #checkHangs(): void {
    const now = this.#options.clock.now();
    for (const seat of this.#seats) {
      const hanging = seat.open().find(({ call }) => now - call > HANG_MS * 1e6);
      if (hanging === undefined) continue;
      const what = `an operation of ${seat.name} is open for more than ${HANG_MS} ms`;
      throw new Error(`${what}: ${JSON.stringify(hanging.input)}\n${this.#describe(now)}`);
    }
  }

  /** For a report: what everybody has under way, and the log. */
  #describe(now: number): string {
    const seats = this.#seats.map((seat) => {
      const open = seat.open().map(({ call, input }) => {
        return `${JSON.stringify(input)} for ${Math.round((now - call) / 1e6)} ms`;
      });
      return `${seat.describe()}: ${open.join(' · ') || 'nothing under way'}`;
    });
    const { log, busy, attached } = this.#tango.stats();
    const { tail, decidedMark, epoch } = log;
    return [
      ...seats,
      `driver: round=${this.#rounds}, busy=${busy}, attached=${attached}, spawned=${this.#spawned}`,
      `log: tail=${tail}, decided=${decidedMark}, epoch=${epoch}`,
    ].join('\n');
  }

  /** Everybody stops; what the views of each thread hold then, and those of a new one. */
  async #end(kind: ClientKind): Promise<string[]> {
    const stopped = Promise.all(this.#seats.map((seat) => seat.stop()));
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    stopped.then(over, over);
    // Whoever ends an operation needs room to say so.
    while (!isOver) await this.#collectFor(0);
    await stopped;
    await this.#collectFor(0);
    const digests = await Promise.all(this.#seats.map((seat) => seat.digest()));
    return [...digests, await this.#digestAnew(kind)];
  }

  async #digestAnew(kind: ClientKind): Promise<string> {
    const { seed, clock } = this.#options;
    await using tango = await attach(this.#tango.handle);
    const client = await CLIENTS[kind].open({
      tango,
      journal: new JournalWriter(allocateJournal(), clock.now),
      random: new Random(seed),
      client: 0,
      round: this.#rounds,
      lanes: 0,
      now: clock.now,
      rest: clock.rest,
    });
    return await within(HANG_MS, 'the digest of new views', client.digest());
  }
}

function servedBy(victim: 'sequencer' | 'monitor'): 'sequencer' | 'housekeeper' {
  return victim === 'monitor' ? 'housekeeper' : victim;
}
