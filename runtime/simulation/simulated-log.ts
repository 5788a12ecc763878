/**
 * A whole log inside the simulator, for tests: the production actors and clients over small
 * buffers. Nothing is replaced but the transport, the clock, chance and the threads: these are
 * tenants of the thread table that die, are noticed, and are replaced as the owner does it.
 */
import type { Actor } from '../../actors/actor.ts';
import {
  clientActor,
  clientThreadOf,
  homeIndexOf,
  isUnitActor,
  sequencerActor,
  unitActor,
  unitIndexOf,
} from '../../actors/actor-ids.ts';
import { tenureOf } from '../../actors/adoption.ts';
import { LatestProjection } from '../../actors/layout-store.ts';
import { capacityOf, type LogBuffers, LogMemory, tailOf } from '../../actors/log-memory.ts';
import type { ActorId } from '../../actors/message.ts';
import { rebuildOf } from '../../actors/next-projection.ts';
import { placeActors, settle } from '../../actors/placement.ts';
import {
  firstProjection,
  NO_SEQUENCER,
  type Projection,
  type ProjectionMap,
} from '../../actors/projection.ts';
import { Sequencer, SequencerSteps } from '../../actors/sequencer.ts';
import type { World } from '../../actors/simulation/world.ts';
import { StorageUnit } from '../../actors/storage-unit.ts';
import { assert } from '../../shared-memory/assert.ts';
import { Quiescence } from '../../shared-memory/quiescence.ts';
import { SlotOutcome } from '../../shared-memory/slots-layout.ts';
import { NO_THREAD, type ThreadIndex } from '../../shared-memory/thread-table.ts';
import { ThreadState } from '../../shared-memory/thread-table-layout.ts';
import type { ClientTimes, LinkKind } from '../client-options.ts';
import { Housekeeper } from '../housekeeper.ts';
import { LogClient } from '../log-client.ts';
import { copyEntry, type Position } from '../log-entry.ts';
import { membershipOf } from '../membership.ts';
import { Monitor } from '../monitor.ts';
import type { Procedure } from '../procedure.ts';
import { repair } from '../repair.ts';
import { HostedActor, type Slowness, type Tears } from './hosted-actor.ts';
import { Operation, type Outcome } from './operation.ts';
import { NOBODY, worldId } from './routes.ts';
import { type MemoryNotes, SimulatedMemory } from './simulated-memory.ts';
import { Supervisor } from './simulated-supervisor.ts';
import { SimulatedThread } from './simulated-thread.ts';
import { type SmallSizes, smallBuffers } from './small-buffers.ts';

export interface SimulatedLogOptions
  extends Partial<Omit<SmallSizes, 'storageUnits' | 'spareUnits'>> {
  readonly chains?: number;
  /** Memory for further storage units. */
  readonly spares?: number;
  readonly clients?: number;
  readonly times?: Partial<ClientTimes>;
  /** How the clients reach the log, in turn; by mailbox if not given. */
  readonly links?: readonly LinkKind[];
  /** Whether a client's steps on shared memory are events of their own; true if not given. */
  readonly isPaced?: (client: number) => boolean;
  /** Clients that wait for too long reconfigure by themselves. */
  readonly repairs?: boolean;
  /** Puts an observer, or a liar, in the place of an actor; `inner` is the production one. */
  readonly wrap?: (id: ActorId, inner: Actor) => Actor;
  /** Every change of the memory is a kill point, and is told of. */
  readonly notes?: MemoryNotes;
  readonly tears?: Tears;
  readonly slowness?: Slowness;
  /** Whether the housekeeper lives on the last actor thread. */
  readonly housekeeper?: boolean;
  /** Told of each new client, the housekeeper's included. */
  readonly onClient?: (client: LogClient, id: ActorId) => void;
}

export { Operation, type Outcome } from './operation.ts';

export const SEQUENCER = sequencerActor(0);
export const HOUSEKEEPER = clientActor(0x100);
/** The sequencer's, one that hosts nothing, the housekeeper's: each memory has a thread of its own. */
const THREADS_BESIDE_UNITS = 3;
const CLIENTS_MAX = 12;
/** The owner and the bystander come before the clients. */
const OTHERS = 2;
const TIMES: ClientTimes = {
  holeFillMs: 10,
  requestMs: 50,
  operationMs: 300,
  takeoverMs: 20,
  sessionTimeoutMs: 300,
};
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class SimulatedLog {
  readonly world: World;
  readonly memory: LogMemory;
  readonly clients: LogClient[] = [];
  readonly replicas: number;
  readonly supervisor: Supervisor;
  /** A thread of the table that hosts nothing: a test may put it in flight. */
  readonly bystander: ThreadIndex;
  /** By index in the thread table: the latest of each. */
  readonly threads: SimulatedThread[] = [];
  /** Of the housekeeper that lives, or lived last. */
  housekeeping: LogClient | undefined;
  /** Actors whose end was noticed: clients, and what was at home on actor threads. */
  readonly exited = new Set<ActorId>();
  /** Called after a thread's end is noticed and cleaned up after. */
  onExited: (id: ActorId) => void = () => {};
  /** Called when the monitor takes a thread for dead. */
  onSuspected: (thread: number) => void = () => {};
  readonly #options: SimulatedLogOptions;
  readonly #buffers: LogBuffers;
  readonly #hosted = new Map<ActorId, HostedActor>();
  readonly #latest: LatestProjection;
  readonly #hasHousekeeper: boolean;

  constructor(world: World, options: SimulatedLogOptions = {}) {
    const { chains = 1, replicas = 2, clients = 2 } = options;
    this.world = world;
    this.replicas = replicas;
    this.#options = options;
    this.#hasHousekeeper = options.housekeeper ?? false;
    const storageUnits = chains * replicas;
    const spareUnits = options.spares ?? 0;
    const actorThreads = options.actorThreads ?? storageUnits + spareUnits + THREADS_BESIDE_UNITS;
    const attachMax = CLIENTS_MAX + OTHERS;
    const sizes = { ...options, storageUnits, spareUnits, replicas, actorThreads, attachMax };
    this.#buffers = smallBuffers(sizes);
    this.memory = new LogMemory(this.#buffers);
    this.#latest = new LatestProjection(this.memory.layoutStore);
    this.memory.layoutStore.propose(firstProjection(storageUnits, replicas, SEQUENCER));
    this.memory.sequencer.setBuilt(1);
    settle(this.memory.homes, placeActors(actorThreads - 1, storageUnits));
    this.supervisor = new Supervisor(this, this.#thread(actorThreads));
    for (let thread = 0; thread < actorThreads; thread++) this.spawn(thread);
    this.bystander = this.#thread(actorThreads + 1).index;
    for (let i = 0; i < clients; i++) this.addClient();
    world.onStep(() => this.supervisor.look());
  }

  /** A further client, on a thread of its own; its name in the world is clientActor(index). */
  addClient(link?: LinkKind): number {
    const index = this.clients.length;
    assert(index < CLIENTS_MAX, 'there is a thread for each client');
    const { links = ['mailbox'], isPaced = () => true, notes } = this.#options;
    const thread = this.#thread(this.memory.sizes.actorThreads + OTHERS + index);
    const id = clientActor(index);
    const watched = notes === undefined ? undefined : this.#watchedMemory(id, notes);
    const paced = isPaced(index);
    const client = this.#newClient(thread, watched, link ?? links[index % links.length], paced);
    this.clients.push(client);
    this.#options.onClient?.(client, id);
    this.#host(id, client, thread, watched);
    return index;
  }

  /** Starts an actor thread; what is at home there is hosted with its first message. */
  spawn(index: number): void {
    const { threads } = this.memory;
    if (threads.state(index) !== ThreadState.FREE) threads.release(index);
    const thread = this.#thread(index);
    if (index === this.memory.sizes.actorThreads - 1 && this.#hasHousekeeper) {
      this.#addHousekeeper(thread);
    }
  }

  /** The newest projection, as nobody in particular sees it. */
  map(): ProjectionMap {
    return this.#latest.map();
  }

  /** The thread of a client. */
  threadOf(client: number): SimulatedThread {
    return this.threads[this.memory.sizes.actorThreads + OTHERS + client];
  }

  hosted(id: ActorId): HostedActor | undefined {
    return this.#hosted.get(id);
  }

  /** Kills the thread on which `actor` is at home, now. */
  killHostOf(actor: ActorId): void {
    this.supervisor.kill(this.threads[this.memory.homes.home(homeIndexOf(actor))]);
  }

  /** Begins a procedure of a client; nothing happens when the client is dead. */
  run<T>(
    client: number,
    procedure: (client: LogClient) => Procedure<T>,
    onEnd?: (outcome: Outcome<T>) => void,
  ): Operation<T> {
    const operation = new Operation<T>(onEnd);
    const logClient = this.clients[client];
    this.act(client, () => logClient.run(procedure(logClient), operation));
    return operation;
  }

  /** Calls something of a client, as its application does. */
  act(client: number, body: () => void): void {
    const id = clientActor(client);
    this.world.act(id, () => this.#hosted.get(id)?.within(body));
  }

  /** Begins an append of `text`. */
  append(
    client: number,
    text: string,
    streams: readonly number[] = [],
    onEnd?: (outcome: Outcome<Position>) => void,
  ): Operation<Position> {
    const operation = new Operation<Position>(onEnd);
    const completion = {
      appended: (position: Position) => operation.done(position),
      failed: (error: unknown) => operation.failed(error),
    };
    const logClient = this.clients[client];
    this.act(client, () => logClient.append(encoder.encode(text), streams, false, completion));
    return operation;
  }

  /** Runs the world until the operation has ended. */
  end<T>(operation: Operation<T>): Outcome<T> {
    this.world.run({ until: () => operation.outcome !== undefined });
    assert(operation.outcome !== undefined, 'an operation ends while something is left to happen');
    return operation.outcome;
  }

  /** The same for one that has to succeed. */
  value<T>(operation: Operation<T>): T {
    const outcome = this.end(operation);
    if (outcome.kind === 'done') return outcome.value;
    throw new Error(`an operation failed: ${operation.reason}`);
  }

  /** Appends and waits for the position. */
  appended(client: number, text: string, streams: readonly number[] = []): Position {
    return this.value(this.append(client, text, streams));
  }

  /** Runs a procedure and waits for its value. */
  ran<T>(client: number, procedure: (client: LogClient) => Procedure<T>): T {
    return this.value(this.run(client, procedure));
  }

  get projection(): Projection {
    return this.map().projection;
  }

  get tail(): Position {
    return tailOf(this.memory, this.map());
  }

  /** The client with this incarnation; -1: none of the clients. */
  clientOf(incarnation: number): number {
    return this.clients.findIndex((client) => client.incarnation === incarnation);
  }

  /** Whether every death so far was noticed. */
  get areAllNoticed(): boolean {
    const { threads } = this.memory;
    return this.threads.every(
      ({ dead, index }) => !dead || threads.state(index) !== ThreadState.ALIVE,
    );
  }

  /** Whether all actors of the latest projection live on living threads, and nothing is owed. */
  get isWhole(): boolean {
    const map = this.map();
    const actors = map.units().map(unitActor);
    if (map.sequencer !== NO_SEQUENCER) actors.push(map.sequencer);
    const isServed = (actor: ActorId): boolean => {
      const home = this.memory.homes.home(homeIndexOf(actor));
      return home >= 0 && !this.threads[home].dead;
    };
    return actors.every(isServed) && rebuildOf(map.projection) === undefined;
  }

  /** Granted, and not complete on its chain. */
  isHole(position: Position): boolean {
    const map = this.map();
    const last = map.chainOf(position).at(-1);
    if (last === undefined || position >= this.tail) return false;
    const there = this.memory.unit(last).slots.look(map.addressOf(position));
    return there === SlotOutcome.UNWRITTEN;
  }

  /** What each replica holds at `position`, head first: a state, or writer and text of a value. */
  at(position: Position): string[] {
    const map = this.map();
    const address = map.addressOf(position);
    return map.chainOf(position).map((unit) => this.atAddress(unit, address, position));
  }

  atAddress(unit: number, address: number, position: Position): string {
    const { reader, slots } = this.memory.unit(unit);
    const outcome = slots.look(address);
    if (outcome === SlotOutcome.UNWRITTEN) return 'unwritten';
    if (outcome === SlotOutcome.JUNK) return 'junk';
    if (outcome === SlotOutcome.TRIMMED) return 'trimmed';
    reader.locate(address, position);
    const entry = copyEntry(reader, address, position);
    assert(entry !== undefined, 'nobody trims while a test looks');
    const { thread, sequence } = entry.writer;
    return `${thread}/${sequence}:${decoder.decode(entry.payload)}`;
  }

  /** The world's name for whoever serves `to` now; brings the actor to life where it is at home. */
  #route(to: ActorId): ActorId {
    if (clientThreadOf(to) !== NO_THREAD) return to;
    const home = this.memory.homes.home(homeIndexOf(to));
    const thread = home < 0 ? undefined : this.threads[home];
    if (thread === undefined) return NOBODY;
    const id = worldId(to, thread.index);
    if (!thread.dead && !thread.hosted.has(id)) this.#adopt(to, id, thread);
    return id;
  }

  #adopt(actor: ActorId, id: ActorId, thread: SimulatedThread): void {
    const { notes } = this.#options;
    const watched = notes === undefined ? undefined : this.#watchedMemory(id, notes);
    const memory = watched?.memory ?? this.memory;
    const latest = new LatestProjection(memory.layoutStore);
    const tenure = tenureOf(memory, latest, actor, thread.index);
    const inner = isUnitActor(actor)
      ? new StorageUnit({
          memory: memory.unit(unitIndexOf(actor)),
          quiescence: new Quiescence(memory.threads),
          tenure,
        })
      : new Sequencer(this.#steps(memory, thread.incarnation));
    this.#host(id, this.#options.wrap?.(actor, inner) ?? inner, thread, watched);
  }

  #steps(memory: LogMemory, incarnation: number): SequencerSteps {
    const latest = new LatestProjection(memory.layoutStore);
    const capacity = capacityOf(memory, () => latest.map());
    return new SequencerSteps(memory.sequencer, capacity, incarnation);
  }

  #addHousekeeper(thread: SimulatedThread): void {
    const { notes } = this.#options;
    const watched = notes === undefined ? undefined : this.#watchedMemory(HOUSEKEEPER, notes);
    const client = this.#newClient(thread, watched, 'direct', true);
    this.housekeeping = client;
    this.#options.onClient?.(client, HOUSEKEEPER);
    const monitor = new Monitor({
      client,
      thread: thread.index,
      onStalled: (stalled, incarnation) => this.supervisor.onStalled(stalled, incarnation),
    });
    this.supervisor.beatWhenRung(client.memory.threads);
    this.#host(HOUSEKEEPER, new Housekeeper(client, monitor), thread, watched);
  }

  #newClient(
    thread: SimulatedThread,
    watched: SimulatedMemory | undefined,
    link: LinkKind,
    paced: boolean,
  ): LogClient {
    const memory = watched?.memory ?? new LogMemory(this.#buffers);
    const { flight, incarnation } = thread;
    const times = { ...TIMES, ...this.#options.times };
    const membership = membershipOf(memory);
    const repairs = this.#options.repairs ? { repair } : {};
    return new LogClient({
      ...{ memory, incarnation, times, flight, link, membership, paced },
      ...repairs,
    });
  }

  #watchedMemory(id: ActorId, notes: MemoryNotes): SimulatedMemory {
    return new SimulatedMemory(this.#buffers, id, () => this.world.effect(id), notes);
  }

  #host(
    id: ActorId,
    inner: Actor,
    thread: SimulatedThread,
    memory: SimulatedMemory | undefined,
  ): void {
    const route = (to: ActorId): ActorId => this.#route(to);
    const { tears, slowness } = this.#options;
    const hosted = new HostedActor({ inner, thread, route, memory, tears, slowness });
    thread.hosted.add(id);
    this.#hosted.set(id, hosted);
    this.world.add(id, hosted);
  }

  #thread(index: number): SimulatedThread {
    const isAlive = (id: ActorId): boolean => this.world.isAlive(id);
    const thread = new SimulatedThread(this.memory.threads, index, isAlive);
    this.threads[index] = thread;
    return thread;
  }
}
