/**
 * A whole log inside the simulator, for tests: the production actors and clients over small
 * buffers. Nothing is replaced but the transport, the clock and chance.
 */
import type { Actor } from '../../actors/actor.ts';
import {
  clientActor,
  HOMES,
  sequencerActor,
  type UnitId,
  unitIndex,
} from '../../actors/actor-ids.ts';
import { type LogBuffers, LogMemory, retireChunksOf } from '../../actors/log-memory.ts';
import type { ActorId } from '../../actors/message.ts';
import { rebuildOf } from '../../actors/next-projection.ts';
import { firstProjection, type Projection, ProjectionMap } from '../../actors/projection.ts';
import type { World } from '../../actors/simulation/world.ts';
import { TangoError, type TangoErrorCode } from '../../actors/tango-error.ts';
import { THREAD_COUNTERS } from '../../actors/thread-counters.ts';
import { assert } from '../../shared-memory/assert.ts';
import { countersBytesFor, initializeCounters } from '../../shared-memory/counters.ts';
import { streamHeaderWords } from '../../shared-memory/entry-layout.ts';
import { Flight } from '../../shared-memory/flight.ts';
import { allocateHomeTable } from '../../shared-memory/home-table.ts';
import { allocateSequencer } from '../../shared-memory/sequencer-memory.ts';
import { SlotOutcome } from '../../shared-memory/slots-layout.ts';
import { allocateThreadTable } from '../../shared-memory/thread-table.ts';
import { allocateUnit } from '../../shared-memory/unit-memory.ts';
import { allocateRegisters } from '../../shared-memory/write-once-registers.ts';
import type { ClientTimes, LinkKind } from '../client-options.ts';
import { Housekeeper } from '../housekeeper.ts';
import { LogClient } from '../log-client.ts';
import { copyEntry, type Position } from '../log-entry.ts';
import { membershipOf } from '../membership.ts';
import { Monitor } from '../monitor.ts';
import type { Procedure } from '../procedure.ts';
import { repair } from '../repair.ts';
import { actorThreadsFor, HOUSEKEEPER, SimulatedThreads } from './simulated-threads.ts';
export interface SimulatedLogOptions {
  readonly chains?: number;
  readonly replicas?: number;
  readonly clients?: number;
  /** K of Tango 2.4. */
  readonly backpointers?: number;
  /** Addresses a storage unit holds at once; a power of two. */
  readonly slots?: number;
  readonly chunks?: number;
  /** Memory for further storage units. */
  readonly spares?: number;
  /** How the clients reach the log, in turn; default: by mailbox. */
  readonly links?: readonly LinkKind[];
  /** Clients that wait for too long reconfigure by themselves. */
  readonly repairs?: boolean;
  /** The housekeeper lives; then the world is never idle. */
  readonly housekeeper?: boolean;
  readonly times?: Partial<ClientTimes>;
  /** Puts an observer, or a liar, in the place of an actor; `inner` is the production one. */
  readonly wrap?: (id: ActorId, inner: Actor) => Actor;
}
/** A position, its chain, and which replica a memory is. */
export interface Place {
  readonly position: Position;
  readonly chain: readonly UnitId[];
  readonly index: number;
}

/** How an operation ended, as plain data. */
export type Outcome<T> =
  | {
      readonly kind: 'done';
      readonly value: T;
    }
  | {
      readonly kind: 'failed';
      readonly code: TangoErrorCode;
      readonly position?: Position;
    };
/** An operation under way; `outcome` is set when it has ended. */
export class Operation<T> {
  outcome: Outcome<T> | undefined;
  readonly #onEnd: ((outcome: Outcome<T>) => void) | undefined;

  constructor(onEnd?: (outcome: Outcome<T>) => void) {
    this.#onEnd = onEnd;
  }

  done(value: T): void {
    this.#end({ kind: 'done', value });
  }
  /** An error without a code is a bug: it fails the run. */
  failed(error: unknown): void {
    if (!(error instanceof TangoError)) throw error;
    const { code, position } = error;
    this.#end(
      position === undefined ? { kind: 'failed', code } : { kind: 'failed', code, position },
    );
  }

  #end(outcome: Outcome<T>): void {
    assert(this.outcome === undefined, 'an operation ends once');
    this.outcome = outcome;
    this.#onEnd?.(outcome);
  }
}
export const SEQUENCER = sequencerActor(0);
/** Small, so that chunks change hands often. */
const CHUNK_BYTES = 256;
const STREAMS_MAX = 24;
const EPOCHS_MAX = 400;
const TIMES: ClientTimes = { holeFillMs: 10, requestMs: 50, operationMs: 600, takeoverMs: 40 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();
export class SimulatedLog {
  readonly world: World;
  readonly memory: LogMemory;
  readonly clients: LogClient[] = [];
  readonly replicas: number;
  /** Actors whose end the supervisor has told of. */
  readonly exited = new Set<ActorId>();
  /** Called after an actor's end is told of and cleaned up after. */
  onExited: (id: ActorId) => void = () => {};
  /** A thread of the table that hosts nothing: a test may put it in flight. */
  readonly bystander: number;
  readonly #times: ClientTimes;
  readonly #threads: SimulatedThreads;
  readonly #repairs: boolean;
  readonly #links: readonly LinkKind[];

  constructor(world: World, options: SimulatedLogOptions = {}) {
    const {
      chains = 1,
      replicas = 2,
      clients = 2,
      spares = 0,
      wrap = (_id, inner) => inner,
    } = options;
    this.world = world;
    this.replicas = replicas;
    this.#times = { ...TIMES, ...options.times };
    this.#repairs = options.repairs ?? false;
    this.#links = options.links ?? ['mailbox'];
    const units = chains * replicas;
    this.memory = new LogMemory(smallBuffers(units, spares, clients + CLIENTS_LATER, options));
    const { actorThreads } = this.memory.sizes;
    this.memory.layoutStore.propose(firstProjection(units, replicas, SEQUENCER));
    this.memory.sequencer.setBuilt(1);
    for (let i = 0; i < clients; i++) this.addClient();
    this.bystander = actorThreads + clients + CLIENTS_LATER - 2;
    this.#threads = new SimulatedThreads({
      world,
      memory: this.memory,
      wrap,
      housekeeper: options.housekeeper ? () => this.#newHousekeeper() : undefined,
      onGone: (id) => this.#tellMembership(id),
    });
    world.onKilled((id) => this.#killed(id));
  }
  /** A further client, on a thread of its own; its incarnation is its number + 1 for the first ones. */
  addClient(): number {
    const index = this.clients.length;
    const { threads, sizes } = this.memory;
    const thread = threads.claim(sizes.actorThreads + index, threads.count);
    const link = this.#links[index % this.#links.length];
    const client = this.#newClient(thread, link);
    this.clients.push(client);
    this.world.add(clientActor(index), client);
    return index;
  }
  /** The client with this incarnation; -1: none of the clients. */
  clientOf(incarnation: number): number {
    return this.clients.findIndex((client) => client.incarnation === incarnation);
  }
  /** Whether every actor of the latest projection lives, and nothing is owed to a spare. */
  get isWhole(): boolean {
    const projection = this.memory.layoutStore.latest();
    if (projection === undefined || this.#threads.isAnyMissing()) return false;
    return rebuildOf(projection) === undefined;
  }

  #newClient(thread: number, link: LinkKind): LogClient {
    const { memory } = this;
    return new LogClient({
      memory,
      incarnation: memory.threads.incarnation(thread),
      times: this.#times,
      flight: new Flight(memory.threads, thread),
      link,
      membership: membershipOf(memory),
      ...(this.#repairs && { repair }),
      paced: true,
    });
  }

  #newHousekeeper(): Housekeeper {
    const thread = this.memory.sizes.actorThreads - 1;
    const client = this.#newClient(thread, 'direct');
    const onStalled = (stalled: number): void => {
      this.world.mark('stalled thread suspected');
      this.#threads.kill(stalled);
    };
    return new Housekeeper(client, new Monitor({ client, thread, onStalled }));
  }
  /** Begins a procedure of a client; nothing happens when the client is dead. */
  run<T>(
    client: number,
    procedure: (client: LogClient) => Procedure<T>,
    onEnd?: (outcome: Outcome<T>) => void,
  ): Operation<T> {
    const operation = new Operation<T>(onEnd);
    this.world.act(clientActor(client), () => {
      const logClient = this.clients[client];
      logClient.run(procedure(logClient), operation);
    });
    return operation;
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
    this.world.act(clientActor(client), () => {
      this.clients[client].append(encoder.encode(text), streams, false, completion);
    });
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
    throw new Error(`an operation failed: code=${outcome.code}, position=${outcome.position}`);
  }
  /** Appends and waits for the position. */
  appended(client: number, text: string, streams: readonly number[] = []): Position {
    return this.value(this.append(client, text, streams));
  }
  /** Runs a procedure and waits for its value. */
  ran<T>(client: number, procedure: (client: LogClient) => Procedure<T>): T {
    return this.value(this.run(client, procedure));
  }

  /** What the latest projection keeps at an address of a memory. */
  placeAt(index: number, address: number): Place | undefined {
    for (const range of this.projection.ranges) {
      const n = range.extents.length;
      for (const [i, { chain, start }] of range.extents.entries()) {
        const row = address - start;
        const position = range.from + row * n + i;
        const at = chain.findIndex((unit) => unitIndex(unit) === index);
        if (at < 0 || row < 0 || position >= (range.to ?? Number.POSITIVE_INFINITY)) continue;
        return { position, chain, index: at };
      }
    }
    return undefined;
  }

  get projection(): Projection {
    const projection = this.memory.layoutStore.latest();
    assert(projection !== undefined, 'the first projection is installed');
    return projection;
  }

  get tail(): Position {
    this.clients[0].refreshProjection();
    return this.clients[0].tail();
  }
  /** What each replica holds at `position`, head first: a state, or writer and text of a value. */
  at(position: Position): string[] {
    const map = new ProjectionMap(this.projection);
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
  /** What the supervisor does once a thread has exited. */
  #killed(id: ActorId): void {
    this.exited.add(id);
    const index = id - clientActor(0);
    const client = this.clients[index];
    if (client === undefined) this.#threads.noticed(id);
    else {
      const { threads, sizes } = this.memory;
      threads.markExited(sizes.actorThreads + index, client.incarnation);
      retireChunksOf(this.memory, this.#threads.flight, client.incarnation);
      this.#tellMembership(id);
    }
    this.onExited(id);
  }

  #tellMembership(gone: ActorId): void {
    this.clients.forEach((client, index) => {
      const actor = clientActor(index);
      if (actor !== gone) this.world.act(actor, () => client.onMembership());
    });
    const { housekeeper } = this.#threads;
    if (housekeeper !== undefined) this.world.act(HOUSEKEEPER, () => housekeeper.onMembership());
  }
}
/** Threads for clients that are added after the first ones, and one that hosts nothing. */
const CLIENTS_LATER = 5;
/** As allocateLog, without mailboxes and with room for some dozens of entries: cheap to make. */
function smallBuffers(
  units: number,
  spares: number,
  clients: number,
  options: SimulatedLogOptions,
): LogBuffers {
  const { backpointers = 4, slots = 64, chunks = 64 } = options;
  const unit = {
    streamHeaderWords: streamHeaderWords(backpointers),
    slotCount: slots,
    chunkBytes: CHUNK_BYTES,
    chunkCount: chunks,
    headroomChunks: 2,
  };
  const actorThreads = actorThreadsFor(units + spares);
  const threads = actorThreads + clients;
  const counters = new SharedArrayBuffer(countersBytesFor(THREAD_COUNTERS, threads));
  initializeCounters(counters, 0, THREAD_COUNTERS, threads);
  return {
    sizes: {
      storageUnits: units,
      spareUnits: spares,
      replicas: options.replicas ?? 2,
      logBytes: chunks * CHUNK_BYTES,
      entryBytesMax: CHUNK_BYTES / 2,
      backpointers,
      actorThreads,
      attachMax: clients,
    },
    units: Array.from({ length: units + spares }, () => allocateUnit(unit)),
    sequencer: allocateSequencer({ backpointers, streamsMax: STREAMS_MAX }),
    layoutStore: allocateRegisters(EPOCHS_MAX, EPOCHS_MAX * 1024),
    threads: allocateThreadTable(threads),
    homes: allocateHomeTable(HOMES),
    mailboxes: new SharedArrayBuffer(8),
    counters,
  };
}
