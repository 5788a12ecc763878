/**
 * The shared memory of one log: the buffers that cross threads, and a thread's views on them.
 * Everything is allocated at open, so that a thread attaches by structured clone alone.
 */
import { CounterTable, countersBytesFor, initializeCounters } from '../shared-memory/counters.ts';
import { entryFootprint } from '../shared-memory/entry-layout.ts';
import type { Flight } from '../shared-memory/flight.ts';
import { allocateHomeTable, HomeTable } from '../shared-memory/home-table.ts';
import { type GridSizes, gridBytesFor, MailboxGrid } from '../shared-memory/mailbox-grid.ts';
import { allocateSequencer, SequencerMemory } from '../shared-memory/sequencer-memory.ts';
import type { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { allocateThreadTable, ThreadTable } from '../shared-memory/thread-table.ts';
import { allocateUnit, UnitMemory, unitSizes } from '../shared-memory/unit-memory.ts';
import { allocateVerdicts, VerdictCache } from '../shared-memory/verdict-cache.ts';
import { allocateViewTable, ViewTable } from '../shared-memory/view-table.ts';
import { WriteOnceRegisters } from '../shared-memory/write-once-registers.ts';
import { HOMES, type UnitId, unitId, unitIndex, unitTenancy } from './actor-ids.ts';
import { MAILBOX_WORDS, STREAMS_MAX, STREAMS_PER_ENTRY_MAX } from './config.ts';
import { allocateLayoutStore, LayoutStore } from './layout-store.ts';
import { NO_SEQUENCER, ProjectionMap, rowsBefore } from './projection.ts';
import type { LogCapacity } from './sequencer.ts';
import { THREAD_COUNTERS } from './thread-counters.ts';

/** What decides the sizes; all numbers are integers within the ranges of `open`. */
export interface LogSizes {
  readonly storageUnits: number;
  /** Further units' memory: for replacement and growth. */
  readonly spareUnits: number;
  /** Length of a whole chain. */
  readonly replicas: number;
  /** Bytes of one storage unit. */
  readonly logBytes: number;
  /** Bytes of the largest payload. */
  readonly entryBytesMax: number;
  readonly backpointers: number;
  /** Threads for actors; the last one is the housekeeper's. */
  readonly actorThreads: number;
  /** Threads that can be attached at once, the owner included. */
  readonly attachMax: number;
}

/** Structured-cloneable. */
export interface LogBuffers {
  readonly sizes: LogSizes;
  readonly units: readonly SharedArrayBuffer[];
  readonly sequencer: SharedArrayBuffer;
  readonly layoutStore: SharedArrayBuffer;
  readonly threads: SharedArrayBuffer;
  readonly homes: SharedArrayBuffer;
  readonly mailboxes: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly views: SharedArrayBuffer;
  readonly verdicts: SharedArrayBuffer;
}

export function footprintMax(sizes: LogSizes): number {
  return entryFootprint(sizes.entryBytesMax, STREAMS_PER_ENTRY_MAX, sizes.backpointers);
}

function gridSizes(sizes: LogSizes): GridSizes {
  const threads = sizes.actorThreads + sizes.attachMax;
  return { actorThreads: sizes.actorThreads, threads, ringWords: MAILBOX_WORDS };
}

export interface AllocateOptions {
  /** Streams that can exist at once. */
  readonly streamsMax?: number;
}

export function allocateLog(sizes: LogSizes, options: AllocateOptions = {}): LogBuffers {
  const unit = unitSizes(sizes.logBytes, footprintMax(sizes), sizes.backpointers);
  const streamsMax = options.streamsMax ?? STREAMS_MAX;
  return {
    sizes,
    units: Array.from({ length: sizes.storageUnits + sizes.spareUnits }, () => allocateUnit(unit)),
    sequencer: allocateSequencer({ backpointers: sizes.backpointers, streamsMax }),
    layoutStore: allocateLayoutStore(),
    threads: allocateThreadTable(sizes.actorThreads + sizes.attachMax),
    homes: allocateHomeTable(HOMES),
    mailboxes: new SharedArrayBuffer(gridBytesFor(gridSizes(sizes))),
    counters: allocateCounters(sizes.actorThreads + sizes.attachMax),
    views: allocateViewTable(sizes.actorThreads + sizes.attachMax),
    verdicts: allocateVerdicts(),
  };
}

function allocateCounters(threads: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(countersBytesFor(THREAD_COUNTERS, threads));
  initializeCounters(buffer, 0, THREAD_COUNTERS, threads);
  return buffer;
}

/** One thread's views. */
export class LogMemory {
  readonly sizes: LogSizes;
  readonly sequencer: SequencerMemory;
  readonly layoutStore: LayoutStore;
  readonly threads: ThreadTable;
  readonly homes: HomeTable;
  readonly counters: CounterTable<typeof THREAD_COUNTERS>;
  readonly views: ViewTable;
  readonly verdicts: VerdictCache;
  readonly #units: readonly UnitMemory[];
  readonly #buffers: LogBuffers;

  constructor(buffers: LogBuffers) {
    this.#buffers = buffers;
    this.sizes = buffers.sizes;
    this.#units = buffers.units.map((buffer) => new UnitMemory(buffer));
    this.sequencer = new SequencerMemory(buffers.sequencer);
    this.layoutStore = new LayoutStore(new WriteOnceRegisters(buffers.layoutStore));
    this.threads = new ThreadTable(buffers.threads);
    this.homes = new HomeTable(buffers.homes);
    this.counters = new CounterTable(THREAD_COUNTERS, buffers.counters, 0);
    this.views = new ViewTable(buffers.views);
    this.verdicts = new VerdictCache(buffers.verdicts);
  }

  /** The memory of a unit, or of whoever is its tenant by now; also by its plain index. */
  unit(unit: UnitId): UnitMemory {
    return this.#units[unitIndex(unit)];
  }

  /**
   * Locates an entry at the unit's `address` by its reader (EntryReader.locate); UNWRITTEN once the
   * memory is another unit's: whoever asks must look where the entry is now.
   */
  locate(unit: UnitId, address: number, position: number): SlotOutcome {
    return this.unit(unit).reader.locate(address, position, unitTenancy(unit));
  }

  /** The id of the unit that the memory at `index` is tenanted by, or was last. */
  unitAt(index: number): UnitId {
    return unitId(index, this.#units[index].tenancy());
  }

  /** Units' memories, spare ones included. */
  get unitCount(): number {
    return this.#units.length;
  }

  grid(): MailboxGrid {
    return new MailboxGrid(this.#buffers.mailboxes, gridSizes(this.sizes));
  }
}

/**
 * Gives the chunks of a thread back whose exit has been awaited. What it had in flight lies below
 * the tail, and nothing of it is taken up at or above. Only in units of the latest projection: any
 * other memory is wiped before it is used again, maybe now.
 */
export function retireChunksOf(memory: LogMemory, flight: Flight, incarnation: number): void {
  flight.enter();
  try {
    const projection = memory.layoutStore.latest();
    if (projection === undefined) return;
    const map = new ProjectionMap(projection);
    // Both: a sequencer that is to be built anew may not know all that it has granted.
    const tail = Math.max(tailOf(memory, map), slowTailOf(memory, map));
    const limits = new Map<UnitId, number>();
    for (const { from, to = tail, extents } of projection.ranges) {
      for (const [i, { chain, start }] of extents.entries()) {
        // Where a unit begins above the tail, too: below that it may hold copies (rebuild.ts).
        const limit = start + rowsBefore(Math.min(to, tail) - from, i, extents.length);
        for (const unit of chain) limits.set(unit, Math.max(limits.get(unit) ?? 0, limit));
      }
    }
    for (const unit of map.units()) {
      memory.unit(unit).chunks.retireAllOf(incarnation, limits.get(unit) ?? 0);
    }
  } finally {
    flight.leave();
  }
}

/**
 * Next position that nobody was granted: the sequencer's tail. Without a sequencer, and until a new
 * one is built, it may know less than what is written: then the slow tail as well (CORFU 1.13).
 */
export function tailOf(memory: LogMemory, map: ProjectionMap): number {
  const granted = memory.sequencer.tail();
  return knowsTail(memory, map) ? granted : Math.max(granted, slowTailOf(memory, map));
}

/** Whether the sequencer of this projection knows all that was granted: from then on, until the next one. */
export function knowsTail({ sequencer }: LogMemory, map: ProjectionMap): boolean {
  return map.sequencer !== NO_SEQUENCER && sequencer.builtEpoch() >= sequencer.requiredBuild();
}

/** One past the highest position written anywhere in the active range (CORFU 1.13). */
export function slowTailOf(memory: LogMemory, map: ProjectionMap): number {
  return map.tailFrom((unit) => memory.unit(unit).slots.writtenLimit());
}

/** Positions that fit the memory now, from the units' own words: no message needed. */
export function capacityOf(memory: LogMemory, mapNow: () => ProjectionMap): LogCapacity {
  const limit = (reserve: (slots: number) => number): number =>
    mapNow().limitFrom((unit) => {
      const { slots } = memory.unit(unit);
      return slots.addressLimit() - reserve(slots.count);
    });
  return {
    limit: () => limit((slots) => Math.ceil(slots / 16)),
    urgentLimit: () => limit(() => 0),
  };
}
