/**
 * A whole log inside the simulator, for tests: the production actors and clients over small
 * buffers. Nothing is replaced but the transport, the clock and chance.
 */
import type { Actor } from '../../actors/actor.ts';
import { clientActor, sequencerActor, unitActor } from '../../actors/actor-ids.ts';
import { LatestProjection } from '../../actors/layout-store.ts';
import { capacityOf, type LogBuffers, LogMemory, retireChunksOf } from '../../actors/log-memory.ts';
import type { ActorId } from '../../actors/message.ts';
import { firstProjection } from '../../actors/projection.ts';
import { Sequencer } from '../../actors/sequencer.ts';
import type { World } from '../../actors/simulation/world.ts';
import { StorageUnit } from '../../actors/storage-unit.ts';
import { TangoError, type TangoErrorCode } from '../../actors/tango-error.ts';
import { THREAD_COUNTERS } from '../../actors/thread-counters.ts';
import { assert } from '../../shared-memory/assert.ts';
import { countersBytesFor, initializeCounters } from '../../shared-memory/counters.ts';
import { streamHeaderWords } from '../../shared-memory/entry-layout.ts';
import { Quiescence } from '../../shared-memory/quiescence.ts';
import { allocateSequencer } from '../../shared-memory/sequencer-memory.ts';
import { SlotOutcome } from '../../shared-memory/slots-layout.ts';
import { allocateThreadTable } from '../../shared-memory/thread-table.ts';
import { allocateUnit } from '../../shared-memory/unit-memory.ts';
import { allocateRegisters } from '../../shared-memory/write-once-registers.ts';
import type { ClientTimes } from '../client-options.ts';
import { LogClient } from '../log-client.ts';
import { copyEntry, type Position } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';

export interface SimulatedLogOptions {
  readonly chains?: number;
  readonly replicas?: number;
  readonly clients?: number;
  /** K of Tango 2.4. */
  readonly backpointers?: number;
  /** Addresses a storage unit holds at once; a power of two. */
  readonly slots?: number;
  readonly chunks?: number;
  readonly times?: Partial<ClientTimes>;
  /** Puts an observer, or a liar, in the place of an actor; `inner` is the production one. */
  readonly wrap?: (id: ActorId, inner: Actor) => Actor;
}

/** How an operation ended, as plain data. */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly code: TangoErrorCode; readonly position?: Position };

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
const EPOCHS_MAX = 100;
const TIMES: ClientTimes = { holeFillMs: 10, requestMs: 50, operationMs: 300 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class SimulatedLog {
  readonly world: World;
  readonly memory: LogMemory;
  readonly clients: LogClient[] = [];
  readonly units: StorageUnit[] = [];
  readonly replicas: number;
  /** Actors whose end the supervisor has told of. */
  readonly exited = new Set<ActorId>();
  /** Called after an actor's end is told of and cleaned up after. */
  onExited: (id: ActorId) => void = () => {};
  readonly #times: ClientTimes;

  constructor(world: World, options: SimulatedLogOptions = {}) {
    const { chains = 1, replicas = 2, clients = 2, wrap = (_id, inner) => inner } = options;
    this.world = world;
    this.replicas = replicas;
    this.#times = { ...TIMES, ...options.times };
    this.memory = new LogMemory(smallBuffers(chains * replicas, clients + 1, options));
    this.memory.layoutStore.propose(firstProjection(chains * replicas, replicas, SEQUENCER));
    this.memory.sequencer.setServingEpoch(1);
    const latest = new LatestProjection(this.memory.layoutStore);
    const capacity = capacityOf(this.memory, () => latest.map());
    world.add(SEQUENCER, wrap(SEQUENCER, new Sequencer(this.memory.sequencer, capacity)));
    for (let unit = 0; unit < this.memory.unitCount; unit++) {
      const { threads } = this.memory;
      const quiescence = new Quiescence(threads);
      const storageUnit = new StorageUnit({ memory: this.memory.unit(unit), threads, quiescence });
      this.units.push(storageUnit);
      world.add(unitActor(unit), wrap(unitActor(unit), storageUnit));
    }
    for (let i = 0; i < clients; i++) this.addClient();
    world.onKilled((id) => this.#cleanUpAfter(id));
  }

  /** A further client, with an incarnation of its own. */
  addClient(): number {
    const index = this.clients.length;
    const client = new LogClient({
      memory: this.memory,
      incarnation: index + 1,
      times: this.#times,
      isReachable: (actor) => !this.exited.has(actor),
    });
    this.clients.push(client);
    this.world.add(clientActor(index), client);
    return index;
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

  get tail(): Position {
    return this.memory.sequencer.tail();
  }

  /** What each replica holds at `position`, head first: a state, or writer and text of a value. */
  at(position: Position): string[] {
    const { map } = this.clients[0];
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
  #cleanUpAfter(id: ActorId): void {
    this.exited.add(id);
    this.clients.forEach((client, index) => {
      const actor = clientActor(index);
      if (actor === id) {
        retireChunksOf(this.memory, client.incarnation);
      } else this.world.act(actor, () => client.onMembership());
    });
    this.onExited(id);
  }
}

/** As allocateLog, without mailboxes and with room for some dozens of entries: cheap to make. */
function smallBuffers(units: number, threads: number, options: SimulatedLogOptions): LogBuffers {
  const { backpointers = 4, slots = 64, chunks = 64 } = options;
  const unit = {
    streamHeaderWords: streamHeaderWords(backpointers),
    slotCount: slots,
    chunkBytes: CHUNK_BYTES,
    chunkCount: chunks,
    headroomChunks: 2,
  };
  const counters = new SharedArrayBuffer(countersBytesFor(THREAD_COUNTERS, threads));
  initializeCounters(counters, 0, THREAD_COUNTERS, threads);
  return {
    sizes: {
      storageUnits: units,
      logBytes: chunks * CHUNK_BYTES,
      entryBytesMax: CHUNK_BYTES / 2,
      backpointers,
      actorThreads: 1,
      attachMax: threads,
    },
    units: Array.from({ length: units }, () => allocateUnit(unit)),
    sequencer: allocateSequencer({ backpointers, streamsMax: STREAMS_MAX }),
    layoutStore: allocateRegisters(EPOCHS_MAX, EPOCHS_MAX * 512),
    threads: allocateThreadTable(threads),
    mailboxes: new SharedArrayBuffer(8),
    counters,
  };
}
