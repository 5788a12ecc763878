/**
 * The faults of a simulated log beyond those of the world (RELIABILITY 2.3): threads die, stall and
 * are suspected, memories are lost and come back empty or stale, clocks jump, several clients
 * reconfigure at once. Swarm: each seed has some of the kinds, at random times.
 */
import { clientActor, homeIndexOf, unitActor, unitIndexOf } from '../../actors/actor-ids.ts';
import { ProjectionMap } from '../../actors/projection.ts';
import type { Random } from '../../actors/simulation/random.ts';
import type { World } from '../../actors/simulation/world.ts';
import { Quiescence } from '../../shared-memory/quiescence.ts';
import { changeAsAsked, type ProjectionChange } from '../asked-change.ts';
import type { LogClient } from '../log-client.ts';
import { type Procedure, pause } from '../procedure.ts';
import { repair } from '../repair.ts';
import { HOUSEKEEPER, type SimulatedLog } from './simulated-log.ts';
import type { Observer } from './simulated-observer.ts';
import type { SimulatedThread } from './simulated-thread.ts';

const STALL_LEAST_MS = 1;
const STALL_LONGEST_MS = 100_000;
const JUMP_LONGEST_MS = 10_000;
/** Effects after which a thread dies that is to die between two of them. */
const EFFECTS_MAX = 40;
const NEVER = Number.MAX_SAFE_INTEGER;

/** Which kinds a seed has. */
export interface ChaosPlan {
  readonly threadKills: number;
  readonly clientKills: number;
  readonly stalls: number;
  readonly suspicions: number;
  readonly lostMemories: number;
  readonly jumps: number;
  readonly reconfigurers: number;
  readonly losesSequencer: boolean;
  /** Whole chains may be lost. */
  readonly mayLose: boolean;
  /** Mean time until one of these happens, milliseconds. */
  readonly meanMs: number;
}

/** About half of the kinds, each up to three times. */
export function drawChaos(random: Random): ChaosPlan {
  const mayLose = random.chance(0.05);
  const some = (): number => (random.chance(0.5) ? 0 : 1 + random.below(3));
  return {
    threadKills: some(),
    clientKills: random.chance(0.3) ? 1 : 0,
    stalls: some(),
    suspicions: some(),
    lostMemories: random.chance(0.25) ? 1 + random.below(2) : 0,
    jumps: random.chance(0.2) ? 1 : 0,
    reconfigurers: random.chance(0.3) ? 2 + random.below(2) : 0,
    // Not both: nobody would know the tail.
    losesSequencer: !mayLose && random.chance(0.1),
    mayLose,
    meanMs: random.logarithmic(3, 300),
  };
}

export class Chaos {
  readonly #world: World;
  readonly #log: SimulatedLog;
  readonly #plan: ChaosPlan;
  readonly #random: Random;
  /** Clients that faults may hit. */
  readonly #mortals: number;
  #over = false;
  /** Memories that units have left, as they were. */
  readonly #stale = new Set<number>();

  constructor(log: SimulatedLog, observer: Observer, plan: ChaosPlan, random: Random) {
    this.#log = log;
    this.#world = log.world;
    this.#plan = plan;
    this.#random = random;
    this.#mortals = log.clients.length;
    if (plan.losesSequencer) observer.onRequired = () => this.#loseSequencer(observer);
    observer.onProjection = (before, after) => {
      this.#empty(new ProjectionMap(before), new ProjectionMap(after));
    };
  }

  /** Schedules everything; clients added later are spared. */
  begin(): void {
    const { threadKills, clientKills, stalls, suspicions, lostMemories, jumps } = this.#plan;
    this.#some(threadKills, () => this.#killThread());
    this.#some(clientKills, () => this.#killClient());
    this.#some(stalls, () => this.#stall());
    this.#some(suspicions, () => this.#suspect());
    this.#some(lostMemories, () => this.#loseMemory());
    this.#some(jumps, () => this.#jump());
    if (this.#plan.reconfigurers > 0) this.#some(1, () => this.#reconfigure());
  }

  end(): void {
    this.#over = true;
    for (const thread of this.#log.threads) {
      thread.stalledUntil = 0;
      for (const id of thread.hosted) if (!thread.dead) this.#world.killAtEffect(id, NEVER);
    }
  }

  #some(count: number, action: () => void): void {
    for (let i = 0; i < count; i++) {
      this.#world.schedule(this.#random.exponential(this.#plan.meanMs), () => {
        if (!this.#over) action();
      });
    }
  }

  #actorThread(): SimulatedThread | undefined {
    const { threads, memory } = this.#log;
    const alive = threads.slice(0, memory.sizes.actorThreads).filter((one) => !one.dead);
    return alive.length === 0 ? undefined : this.#random.pick(alive);
  }

  #killThread(): void {
    const thread = this.#actorThread();
    if (thread === undefined) return;
    const hosted = [...thread.hosted];
    if (hosted.length === 0 || this.#random.chance(0.3)) return this.#log.supervisor.kill(thread);
    const effects = 1 + this.#random.below(EFFECTS_MAX);
    this.#world.killAtEffect(this.#random.pick(hosted), effects);
  }

  #killClient(): void {
    const client = clientActor(this.#random.below(this.#mortals));
    this.#world.killAtEffect(client, 1 + this.#random.below(EFFECTS_MAX));
  }

  #stall(): void {
    const client = this.#log.threadOf(this.#random.below(this.#mortals));
    const thread = this.#random.chance(0.5) ? client : this.#actorThread();
    if (thread === undefined || thread.dead) return;
    const durationMs = this.#random.logarithmic(STALL_LEAST_MS, STALL_LONGEST_MS);
    thread.stalledUntil = this.#world.now() + durationMs;
    for (const id of thread.hosted) this.#world.stall(id, durationMs);
    this.#world.mark('thread stalled');
  }

  /** Somebody takes a thread for dead that is not. */
  #suspect(): void {
    const thread = this.#actorThread();
    if (thread === undefined) return;
    const { housekeeping, clients } = this.#log;
    const isWatched = housekeeping !== undefined && this.#world.isAlive(HOUSEKEEPER);
    const index = this.#random.below(this.#mortals);
    const client = isWatched ? housekeeping : clients[index];
    client.suspects.add(thread.index);
    this.#world.mark('thread suspected falsely');
    this.#world.schedule(this.#random.exponential(100), () => client.suspects.delete(thread.index));
    if (!isWatched) return void this.#log.run(index, repair);
    this.#world.actAfter(HOUSEKEEPER, 0, () => {
      this.#log.hosted(HOUSEKEEPER)?.within(() => client.run(repair(client), IGNORED));
    });
  }

  /** What is in a unit's memory is not to be trusted any more; another replica has it, or not. */
  #loseMemory(): void {
    const { memory } = this.#log;
    const map = this.#log.map();
    const units = map.units();
    if (units.length === 0) return;
    const unit = this.#random.pick(units);
    const chains = map.projection.ranges.flatMap(({ extents }) => extents.map((one) => one.chain));
    const own = chains.filter((chain) => chain.includes(unit));
    if (this.#plan.mayLose) {
      for (const one of own[0]) memory.unit(one).markLost();
    } else {
      const isHeld = (chain: readonly number[]): boolean =>
        chain.some((one) => one !== unit && !memory.unit(one).lost());
      // A reconfiguration under way may have chosen this very replica to be the last one.
      const isChanging = units.some((one) => memory.unit(one).slots.sealedEpoch() >= map.epoch);
      if (isChanging || !own.every(isHeld)) return;
      memory.unit(unit).markLost();
    }
    this.#world.mark('memory lost');
    // Whoever knows of it says so; anybody may act on it.
    const thread = this.#log.threads[memory.homes.home(homeIndexOf(unitActor(unit)))];
    if (thread !== undefined && this.#random.chance(0.5)) this.#log.supervisor.kill(thread);
    this.#log.run(this.#random.below(this.#mortals), repair);
  }

  /** The memory of a unit that has left comes back empty, or as it was. */
  #empty(before: ProjectionMap, after: ProjectionMap): void {
    const { memory } = this.#log;
    const indexes = new Set(after.units().map((unit) => unitIndexOf(unitActor(unit))));
    for (const index of indexes) {
      if (this.#stale.delete(index)) this.#world.mark('memory came back stale');
    }
    for (const unit of before.units()) {
      const index = unitIndexOf(unitActor(unit));
      if (indexes.has(index)) continue;
      this.#stale.add(index);
      if (!this.#random.chance(0.3)) continue;
      const quiescence = new Quiescence(memory.threads);
      quiescence.begin();
      const tenancy = memory.unit(index).tenancy();
      const look = (): void => {
        if (memory.unit(index).tenancy() !== tenancy) return;
        if (memory.unit(index).claimant() !== 0) return;
        if (!quiescence.passed()) return this.#world.schedule(1, look);
        this.#clear(index);
      };
      this.#world.schedule(1, look);
    }
  }

  #clear(index: number): void {
    const { slots, chunks } = this.#log.memory.unit(index);
    this.#stale.delete(index);
    slots.wipe(slots.watermark());
    chunks.wipe();
    this.#world.mark('memory came back empty');
  }

  /** The tail that the memory remembers is too low: the next one has to come from the heads. */
  #loseSequencer(observer: Observer): void {
    const { sequencer } = this.#log.memory;
    if (sequencer.builtEpoch() >= sequencer.requiredBuild()) return;
    const known = Math.max(sequencer.trimMark(), sequencer.decidedMark());
    const least = Math.max(this.#log.map().active.from, known);
    const tail = Math.max(least, sequencer.tail() - 1 - this.#random.below(8));
    if (tail >= sequencer.tail()) return;
    sequencer.setTail(tail);
    observer.forgetGrants(tail);
    this.#world.mark('sequencer memory lost');
  }

  #jump(): void {
    const id = this.#random.chance(0.5)
      ? HOUSEKEEPER
      : clientActor(this.#random.below(this.#mortals));
    const hosted = this.#log.hosted(id);
    if (hosted === undefined) return;
    hosted.skewMs += this.#random.logarithmic(1, JUMP_LONGEST_MS);
    this.#world.mark('clock jumped');
  }

  /** Several clients at once. */
  #reconfigure(): void {
    for (let i = 0; i < this.#plan.reconfigurers; i++) {
      this.#log.run(this.#random.below(this.#mortals), this.change());
    }
  }

  /** A change of the projection that an application might ask for. */
  change(): (client: LogClient) => Procedure<unknown> {
    const random = this.#random;
    const { replicas } = this.#log;
    const units = this.#log.map().units();
    // While a memory is lost, another replica of it is the last one.
    const mayRemove = units.length > 0 && this.#plan.lostMemories === 0;
    const remove = mayRemove ? { remove: random.pick(units) } : {};
    const change = random.pick<ProjectionChange>([
      { sequencer: 'replace' },
      // Without a sequencer nobody knows what a lost chain may have held.
      { sequencer: random.chance(0.5) || this.#plan.mayLose ? 'replace' : 'none' },
      { add: replicas },
      remove,
      remove,
      { ...remove, sequencer: 'replace' },
    ]);
    return function* (client) {
      if (!client.isCurrent) yield* pause(0);
      yield* changeAsAsked(client, change);
    };
  }
}

const IGNORED = { done: () => {}, failed: () => {} };
