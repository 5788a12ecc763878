/**
 * The owner's part in a simulated log (supervision.ts, actor-system.ts): it notices that threads have
 * exited, tells the log, and replaces actor threads once nothing is at home on them.
 */
import { clientActor, clientThreadOf, isUnitActor } from '../../actors/actor-ids.ts';
import { retireChunksOf } from '../../actors/log-memory.ts';
import type { ActorId } from '../../actors/message.ts';
import { assert } from '../../shared-memory/assert.ts';
import { NO_THREAD, type ThreadTable } from '../../shared-memory/thread-table.ts';
import { ThreadState } from '../../shared-memory/thread-table-layout.ts';
import { actorsAt } from '../homes.ts';
import { Housekeeper } from '../housekeeper.ts';
import { HOUSEKEEPER, type SimulatedLog } from './simulated-log.ts';
import { replace } from './simulated-memory.ts';
import type { SimulatedThread } from './simulated-thread.ts';

const LOOK_MS = 2;

export class Supervisor {
  readonly #log: SimulatedLog;
  /** The owner's own: never killed. */
  readonly #thread: SimulatedThread;
  /** Milliseconds until the owner repairs the log for a thread that waits; Infinity: never. */
  ownRepairMs = Number.POSITIVE_INFINITY;
  /** Client that the owner repairs with. */
  repairer: ((then: () => void) => void) | undefined;

  constructor(log: SimulatedLog, thread: SimulatedThread) {
    this.#log = log;
    this.#thread = thread;
  }

  /** After every event: where one actor of a thread was killed, the thread was. */
  look(): void {
    const { threads, world } = this.#log;
    for (const thread of threads) {
      if (thread.dead) continue;
      for (const id of thread.hosted) {
        if (world.isAlive(id)) continue;
        this.kill(thread);
        break;
      }
    }
  }

  kill(thread: SimulatedThread): void {
    if (thread.dead) return;
    assert(thread !== this.#thread, 'the owner lives as long as the log');
    thread.dead = true;
    const { world, memory } = this.#log;
    const isActorThread = thread.index < memory.sizes.actorThreads;
    const ended = isActorThread ? actorsAt(memory, this.#log.map(), thread.index) : thread.hosted;
    if (thread.hosted.has(HOUSEKEEPER)) world.mark('housekeeper killed');
    for (const id of ended) {
      const isClient = clientThreadOf(id) !== NO_THREAD;
      world.mark(isClient ? 'client killed' : isUnitActor(id) ? 'unit killed' : 'sequencer killed');
    }
    for (const id of thread.hosted) world.kill(id);
    const actors = [...ended];
    world.schedule(world.faults.detectionMs, () => this.#notice(thread, actors));
  }

  /** What the monitor asks for. */
  onStalled(index: number, incarnation: number): void {
    const { world, threads } = this.#log;
    world.mark('stalled thread suspected');
    this.#log.onSuspected(index);
    world.schedule(world.random.exponential(5), () => {
      const thread = threads[index];
      if (thread.incarnation === incarnation) this.kill(thread);
    });
  }

  /** Whoever rings a thread that is not stalled sees its heart beat. */
  beatWhenRung(table: ThreadTable): void {
    const { threads, world } = this.#log;
    replace(table, 'ring', (ring) => (index) => {
      ring(index);
      const thread = threads[Number(index)];
      const moves = !thread.dead && thread.stalledUntil <= world.now();
      if (moves) table.beat(thread.index);
    });
  }

  #notice(thread: SimulatedThread, ended: readonly ActorId[]): void {
    const log = this.#log;
    const { memory, world } = log;
    memory.threads.markExited(thread.index, thread.incarnation);
    retireChunksOf(memory, this.#thread.flight, thread.incarnation);
    const tell = (id: ActorId, told: () => void): void => {
      world.actAfter(id, 0, () => log.hosted(id)?.within(told));
    };
    for (const [index, client] of log.clients.entries()) {
      tell(clientActor(index), () => client.onMembership());
    }
    const inner = log.hosted(HOUSEKEEPER)?.inner;
    if (inner instanceof Housekeeper) tell(HOUSEKEEPER, () => inner.onMembership());
    for (const id of ended) {
      log.exited.add(id);
      log.onExited(id);
    }
    if (thread.index < memory.sizes.actorThreads) this.#replace(thread.index, 0);
  }

  /** A new thread once the place of the dead one is empty, or no other thread could take over. */
  #replace(index: number, waitedMs: number): void {
    const log = this.#log;
    const isHome = actorsAt(log.memory, log.map(), index).length > 0;
    if (!isHome || !this.#othersLive()) return log.spawn(index);
    if (waitedMs >= this.ownRepairMs && this.repairer !== undefined) {
      return this.repairer(() => this.#replaceLater(index, 0));
    }
    this.#replaceLater(index, waitedMs + LOOK_MS);
  }

  #replaceLater(index: number, waitedMs: number): void {
    this.#log.world.schedule(LOOK_MS, () => this.#replace(index, waitedMs));
  }

  #othersLive(): boolean {
    const { sizes, threads } = this.#log.memory;
    for (let thread = 0; thread < sizes.actorThreads; thread++) {
      if (threads.state(thread) === ThreadState.ALIVE) return true;
    }
    return false;
  }
}
