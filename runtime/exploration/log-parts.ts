/**
 * The memory of an explored log, in parts: each content that a part ever had has a number, and a
 * memory is a tuple of such numbers. So going back to an earlier memory copies only what differs.
 */
import { HOMES, homeIndexOf, sequencerActor, unitActor } from '../../actors/actor-ids.ts';
import { type LogBuffers, LogMemory, type LogSizes } from '../../actors/log-memory.ts';
import { firstProjection } from '../../actors/projection.ts';
import { THREAD_COUNTERS } from '../../actors/thread-counters.ts';
import { countersBytesFor, initializeCounters } from '../../shared-memory/counters.ts';
import { streamHeaderWords } from '../../shared-memory/entry-layout.ts';
import { allocateHomeTable } from '../../shared-memory/home-table.ts';
import { allocateSequencer } from '../../shared-memory/sequencer-memory.ts';
import { allocateThreadTable } from '../../shared-memory/thread-table.ts';
import {
  FLIGHTS_OFFSET,
  THREAD_RECORD_BYTES,
  THREAD_TABLE_HEADER_BYTES,
} from '../../shared-memory/thread-table-layout.ts';
import { allocateUnit } from '../../shared-memory/unit-memory.ts';
import { allocateViewTable } from '../../shared-memory/view-table.ts';
import { WORD_BYTES } from '../../shared-memory/words.ts';
import { allocateRegisters } from '../../shared-memory/write-once-registers.ts';

/** Addresses of a storage unit: more than any configuration grants. */
export const SLOTS = 16;
const K = 4;
const CHUNK_BYTES = 512;
const EPOCHS_MAX = 24;
const AREA_BYTES = 16 * 1024;
const STREAMS_MAX = 2;

export interface PartSizes {
  /** Replicas of the one chain. */
  readonly replicas: number;
  readonly spares: number;
  readonly processes: number;
}

export type MemoryId = number;
/** The content of each part, by number. */
export type Contents = readonly number[];

export class LogParts {
  readonly buffers: LogBuffers;
  /** Numbers of the parts behind the units, whose numbers are 0, 1, ... */
  readonly sequencer: number;
  readonly layoutStore: number;
  readonly threads: number;
  readonly homes: number;
  readonly #views: readonly Buffer[];
  readonly #flights: Int32Array;
  readonly #numbers: readonly Map<string, number>[];
  readonly #contents: readonly Buffer[][];
  /** What the buffers hold now; undefined: nobody knows. */
  readonly #held: (number | undefined)[];
  readonly #memories: Contents[] = [];
  readonly #ids = new Map<string, MemoryId>();

  constructor(sizes: PartSizes) {
    this.buffers = smallBuffers(sizes);
    const { units, sequencer, layoutStore, threads, homes } = this.buffers;
    const all = [...units, sequencer, layoutStore, threads, homes];
    this.sequencer = units.length;
    this.layoutStore = units.length + 1;
    this.threads = units.length + 2;
    this.homes = units.length + 3;
    this.#views = all.map((buffer) => Buffer.from(buffer));
    this.#flights = new Int32Array(threads);
    this.#numbers = all.map(() => new Map());
    this.#contents = all.map(() => []);
    this.#held = all.map(() => undefined);
  }

  /** As many bits as there are parts. */
  get everything(): number {
    return (1 << this.#views.length) - 1;
  }

  /** Announcements of a thread so far: its flights are told apart by nobody but itself. */
  setFlights(thread: number, count: number): void {
    const record = THREAD_TABLE_HEADER_BYTES + thread * THREAD_RECORD_BYTES;
    this.#flights[(record + FLIGHTS_OFFSET) / WORD_BYTES] = 2 * count;
  }

  /** Puts the contents of a memory into the buffers. */
  load(contents: Contents): void {
    for (let part = 0; part < contents.length; part++) {
      if (this.#held[part] === contents[part]) continue;
      this.#contents[part][contents[part]].copy(this.#views[part]);
      this.#held[part] = contents[part];
    }
  }

  /** Number of what a part's buffer holds now. */
  store(part: number): number {
    const view = this.#views[part];
    const held = this.#held[part];
    if (held !== undefined && view.equals(this.#contents[part][held])) return held;
    const text = view.toString('latin1');
    let number = this.#numbers[part].get(text);
    if (number === undefined) {
      number = this.#contents[part].push(Buffer.from(view)) - 1;
      this.#numbers[part].set(text, number);
    }
    this.#held[part] = number;
    return number;
  }

  /** `contents` with the parts in `touched` as the buffers have them now. */
  storeAll(contents: Contents, touched: number): Contents {
    return contents.map((number, part) => ((touched >> part) & 1 ? this.store(part) : number));
  }

  /** Somebody changes the buffers of these parts: what they hold is not known until store(). */
  changed(touched: number): void {
    for (let part = 0; part < this.#held.length; part++) {
      if ((touched >> part) & 1) this.#held[part] = undefined;
    }
  }

  memory(contents: Contents): MemoryId {
    const key = contents.join();
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.#memories.length);
    return this.#memories.push(contents) - 1;
  }

  contents(memory: MemoryId): Contents {
    return this.#memories[memory];
  }

  /** What a memory holds, part by part; without `contents` what the buffers hold. */
  bytes(contents?: Contents): Buffer[] {
    if (contents === undefined) return this.#views.map((view) => Buffer.from(view));
    return contents.map((number, part) => this.#contents[part][number]);
  }

  get memories(): number {
    return this.#memories.length;
  }
}

function smallBuffers({ replicas, spares, processes }: PartSizes): LogBuffers {
  const count = replicas + spares;
  // A thread per unit and one for the sequencer, each process, and the supervisor.
  const actorThreads = count + 1;
  const threads = actorThreads + processes + 1;
  const unit = {
    slotCount: SLOTS,
    chunkBytes: CHUNK_BYTES,
    chunkCount: processes + 3,
    headroomChunks: 1,
    streamHeaderWords: streamHeaderWords(K),
  };
  const sizes: LogSizes = {
    storageUnits: replicas,
    spareUnits: spares,
    replicas,
    logBytes: 0,
    entryBytesMax: CHUNK_BYTES,
    backpointers: K,
    actorThreads,
    attachMax: processes + 1,
  };
  const counters = new SharedArrayBuffer(countersBytesFor(THREAD_COUNTERS, 1));
  initializeCounters(counters, 0, THREAD_COUNTERS, 1);
  return {
    sizes,
    units: Array.from({ length: count }, () => allocateUnit(unit)),
    sequencer: allocateSequencer({ backpointers: K, streamsMax: STREAMS_MAX }),
    layoutStore: allocateRegisters(EPOCHS_MAX, AREA_BYTES),
    threads: allocateThreadTable(threads),
    homes: allocateHomeTable(HOMES),
    // Nobody sends or counts anything.
    mailboxes: new SharedArrayBuffer(0),
    counters,
    views: allocateViewTable(threads),
    verdicts: new SharedArrayBuffer(0),
  };
}

/** A log of one chain in its first epoch: each unit and the sequencer at home on its own thread. */
export function beginLog({ buffers }: LogParts): LogMemory {
  const memory = new LogMemory(buffers);
  const { threads, homes, layoutStore } = memory;
  const { storageUnits, replicas } = buffers.sizes;
  for (let thread = 0; thread < threads.count; thread++) threads.claim(thread, thread + 1);
  for (let unit = 0; unit < memory.unitCount; unit++)
    homes.move(homeIndexOf(unitActor(unit)), unit);
  homes.move(homeIndexOf(sequencerActor(0)), memory.unitCount);
  layoutStore.propose(firstProjection(storageUnits, replicas, sequencerActor(0)));
  memory.sequencer.setBuilt(1);
  return memory;
}
