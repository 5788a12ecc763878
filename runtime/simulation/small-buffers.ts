/** The memory of a simulated log: as allocateLog, without mailboxes, with room for some dozens of entries. */
import { HOMES } from '../../actors/actor-ids.ts';
import type { LogBuffers } from '../../actors/log-memory.ts';
import { THREAD_COUNTERS } from '../../actors/thread-counters.ts';
import { countersBytesFor, initializeCounters } from '../../shared-memory/counters.ts';
import { streamHeaderWords } from '../../shared-memory/entry-layout.ts';
import { allocateHomeTable } from '../../shared-memory/home-table.ts';
import { allocateSequencer } from '../../shared-memory/sequencer-memory.ts';
import { allocateThreadTable } from '../../shared-memory/thread-table.ts';
import { allocateUnit } from '../../shared-memory/unit-memory.ts';
import { allocateViewTable } from '../../shared-memory/view-table.ts';
import { LONG_BYTES } from '../../shared-memory/words.ts';
import { allocateRegisters } from '../../shared-memory/write-once-registers.ts';

export interface SmallSizes {
  readonly storageUnits: number;
  readonly spareUnits: number;
  readonly replicas: number;
  readonly actorThreads: number;
  readonly attachMax: number;
  /** K of Tango 2.4. */
  readonly backpointers: number;
  /** Addresses a storage unit holds at once; a power of two. */
  readonly slots: number;
  readonly chunks: number;
  readonly chunkBytes: number;
  /** Verdicts that are kept of commits; none if not given. */
  readonly verdicts: number;
}

/** Small, so that chunks change hands often. */
const CHUNK_BYTES = 256;
const STREAMS_MAX = 24;
const EPOCHS_MAX = 512;
const PROJECTION_BYTES = 1024;

export function smallBuffers(
  sizes: Partial<SmallSizes> &
    Pick<SmallSizes, 'storageUnits' | 'replicas' | 'actorThreads' | 'attachMax'>,
): LogBuffers {
  const { backpointers = 4, slots = 64, chunks = 64, spareUnits = 0, storageUnits } = sizes;
  const { chunkBytes = CHUNK_BYTES, verdicts = 0 } = sizes;
  const unit = {
    streamHeaderWords: streamHeaderWords(backpointers),
    slotCount: slots,
    chunkBytes,
    chunkCount: chunks,
    headroomChunks: 2,
  };
  const threads = sizes.actorThreads + sizes.attachMax;
  const counters = new SharedArrayBuffer(countersBytesFor(THREAD_COUNTERS, threads));
  initializeCounters(counters, 0, THREAD_COUNTERS, threads);
  return {
    sizes: {
      storageUnits,
      spareUnits,
      replicas: sizes.replicas,
      logBytes: chunks * chunkBytes,
      entryBytesMax: chunkBytes / 2,
      backpointers,
      actorThreads: sizes.actorThreads,
      attachMax: sizes.attachMax,
    },
    units: Array.from({ length: storageUnits + spareUnits }, () => allocateUnit(unit)),
    sequencer: allocateSequencer({ backpointers, streamsMax: STREAMS_MAX }),
    layoutStore: allocateRegisters(EPOCHS_MAX, EPOCHS_MAX * PROJECTION_BYTES),
    threads: allocateThreadTable(threads),
    homes: allocateHomeTable(HOMES),
    mailboxes: new SharedArrayBuffer(8),
    counters,
    views: allocateViewTable(threads),
    verdicts: new SharedArrayBuffer(verdicts * LONG_BYTES),
  };
}
