/**
 * The actor threads of a simulated log: which actor lives where, what dies together, and what comes
 * back. Actors are adopted by the thread that the table of homes names, as in production.
 */
import type { Actor } from '../../actors/actor.ts';
import {
  clientActor,
  homeIndexOf,
  isUnitActor,
  sequencerActor,
  unitActor,
  unitIndexOf,
} from '../../actors/actor-ids.ts';
import { LatestProjection } from '../../actors/layout-store.ts';
import { capacityOf, type LogMemory, retireChunksOf } from '../../actors/log-memory.ts';
import type { ActorId } from '../../actors/message.ts';
import { NO_SEQUENCER } from '../../actors/projection.ts';
import { Sequencer, SequencerSteps } from '../../actors/sequencer.ts';
import type { World } from '../../actors/simulation/world.ts';
import { StorageUnit } from '../../actors/storage-unit.ts';
import { Flight } from '../../shared-memory/flight.ts';
import { Quiescence } from '../../shared-memory/quiescence.ts';
import { ThreadState } from '../../shared-memory/thread-table-layout.ts';
import type { Housekeeper } from '../housekeeper.ts';

/** The housekeeper's place in the world; no other thread's index is near. */
export const HOUSEKEEPER = clientActor(500);
/** From the notice of a thread's end to its successor's first step. */
const RESPAWN_MS = 30;
const LOOK_MS = 5;

/** One for the sequencer, one for each memory, one that hosts nothing, and the housekeeper's. */
export function actorThreadsFor(memories: number): number {
  return memories + 3;
}

export interface SimulatedThreadsOptions {
  readonly world: World;
  readonly memory: LogMemory;
  readonly wrap: (id: ActorId, inner: Actor) => Actor;
  readonly housekeeper: (() => Housekeeper) | undefined;
  /** Told after a thread's end was noticed and entered into the table. */
  readonly onGone: (id: ActorId) => void;
}

export class SimulatedThreads {
  /** Of the owner, who cleans up. */
  readonly flight: Flight;
  housekeeper: Housekeeper | undefined;
  readonly #options: SimulatedThreadsOptions;
  readonly #latest: LatestProjection;
  /** Where each living actor lives. */
  readonly #hosted = new Map<ActorId, number>();
  /** Threads that have ended, and actors that ended with them: not noticed yet. */
  readonly #ended = new Map<number, ActorId[]>();

  constructor(options: SimulatedThreadsOptions) {
    this.#options = options;
    const { memory, world } = options;
    const { actorThreads } = memory.sizes;
    this.#latest = new LatestProjection(memory.layoutStore);
    const owner = memory.threads.claim(memory.threads.count - 1, memory.threads.count);
    this.flight = new Flight(memory.threads, owner);
    for (let thread = 0; thread < actorThreads; thread++) this.#claim(thread);
    memory.homes.move(homeIndexOf(sequencerActor(0)), 0);
    for (let unit = 0; unit < memory.sizes.storageUnits; unit++) {
      memory.homes.move(homeIndexOf(unitActor(unit)), 1 + unit);
    }
    this.#look();
    world.onStep(() => this.#look());
  }

  /** Whether an actor of the latest projection is nowhere. */
  isAnyMissing(): boolean {
    return this.#actors().some((actor) => !this.#options.world.isAlive(actor));
  }

  /** Ends a thread: everything that lives there dies now, and is noticed some time later. */
  kill(thread: number): void {
    for (const [actor, home] of this.#hosted) {
      if (home === thread) this.#options.world.kill(actor);
    }
  }

  /** The end of the thread where `id` lived is noticed. */
  noticed(id: ActorId): void {
    this.#look();
    const found = [...this.#ended].find(([, actors]) => actors.includes(id));
    if (found === undefined) return;
    const [thread] = found;
    this.#ended.delete(thread);
    const { memory, onGone } = this.#options;
    const incarnation = memory.threads.incarnation(thread);
    if (!memory.threads.markExited(thread, incarnation)) return;
    retireChunksOf(memory, this.flight, incarnation);
    this.#respawn(thread, RESPAWN_MS);
    onGone(id);
  }

  #respawn(thread: number, delayMs: number): void {
    const { world, memory } = this.#options;
    world.schedule(delayMs, () => {
      const isHome = this.#actors().some((one) => memory.homes.home(homeIndexOf(one)) === thread);
      if (isHome && this.#anyoneLives()) return this.#respawn(thread, LOOK_MS);
      memory.threads.release(thread);
      this.#claim(thread);
      this.#look();
    });
  }

  #claim(thread: number): void {
    const { threads } = this.#options.memory;
    threads.claim(thread, thread + 1);
    // It attends from its first step on.
    threads.setTurning(thread, true);
    if (thread === this.#options.memory.sizes.actorThreads - 1) this.#hostHousekeeper(thread);
  }

  #hostHousekeeper(thread: number): void {
    this.housekeeper = this.#options.housekeeper?.();
    if (this.housekeeper === undefined) return;
    this.#hosted.set(HOUSEKEEPER, thread);
    this.#options.world.add(HOUSEKEEPER, this.housekeeper);
  }

  #anyoneLives(): boolean {
    const { memory } = this.#options;
    for (let thread = 0; thread < memory.sizes.actorThreads; thread++) {
      if (memory.threads.state(thread) === ThreadState.ALIVE) return true;
    }
    return false;
  }

  /** Who dies takes its thread along; who is at home somewhere and lives nowhere is adopted. */
  #look(): void {
    const { world } = this.#options;
    for (const [actor, thread] of this.#hosted) {
      if (!world.isAlive(actor)) this.#endThread(thread);
    }
    for (const actor of this.#actors()) {
      if (!this.#hosted.has(actor)) this.#adopt(actor);
    }
  }

  #endThread(thread: number): void {
    const { world } = this.#options;
    const actors: ActorId[] = [];
    for (const [actor, home] of [...this.#hosted]) {
      if (home !== thread) continue;
      this.#hosted.delete(actor);
      actors.push(actor);
      if (actor === HOUSEKEEPER) this.housekeeper = undefined;
      world.remove(actor);
    }
    if (actors.length > 0) this.#ended.set(thread, [...(this.#ended.get(thread) ?? []), ...actors]);
  }

  #adopt(actor: ActorId): void {
    const { world, memory, wrap } = this.#options;
    const thread = memory.homes.home(homeIndexOf(actor));
    if (thread < 0 || memory.threads.state(thread) !== ThreadState.ALIVE) return;
    if (this.#ended.has(thread)) return;
    this.#hosted.set(actor, thread);
    world.add(actor, wrap(actor, this.#newActor(actor, thread)));
  }

  #newActor(actor: ActorId, thread: number): Actor {
    const { memory } = this.#options;
    if (!isUnitActor(actor)) {
      const capacity = capacityOf(memory, () => this.#latest.map());
      const incarnation = memory.threads.incarnation(thread);
      return new Sequencer(new SequencerSteps(memory.sequencer, capacity, incarnation));
    }
    return new StorageUnit({
      memory: memory.unit(unitIndexOf(actor)),
      quiescence: new Quiescence(memory.threads),
      isHome: () => memory.homes.home(homeIndexOf(actor)) === thread,
    });
  }

  #actors(): ActorId[] {
    const map = this.#latest.map();
    const actors = map.units().map(unitActor);
    if (map.sequencer !== NO_SEQUENCER) actors.push(map.sequencer);
    return actors;
  }
}
