/**
 * The memory of one storage unit: sizes, allocation, and the views on its parts.
 * bytesFor → initialize once → `new UnitMemory(buffer)` in each thread.
 */
import { assert } from './assert.ts';
import { ChunkTable } from './chunk-table.ts';
import { CHUNK_RECORD_BYTES } from './entry-bytes-layout.ts';
import { streamHeaderWords } from './entry-layout.ts';
import { EntryReader } from './entry-reader.ts';
import { Slots } from './slots.ts';
import {
  CHUNK_BYTES_OFFSET,
  CHUNK_COUNT_OFFSET,
  CLAIMANT_OFFSET,
  HEADROOM_CHUNKS_OFFSET,
  LOST_OFFSET,
  SLOT_COUNT_OFFSET,
  STREAM_HEADER_WORDS_OFFSET,
  TENANCY_OFFSET,
  UNIT_HEADER_BYTES,
} from './slots-layout.ts';
import { alignUp, CACHE_LINE_BYTES, ceilPowerOfTwo, WORD_BYTES } from './words.ts';

export const UNIT_BYTES_MIN = 64 * 1024;
/** Byte offsets stay in 31 bits. */
export const UNIT_BYTES_MAX = 0x7fff_f000;
const CHUNK_BYTES_USUAL = 256 * 1024;
const CHUNKS_USUAL = 64;
const BYTES_PER_SLOT = 64;

export interface UnitSizes {
  /** Words of one stream header (entry-layout.ts). */
  readonly streamHeaderWords: number;
  readonly slotCount: number;
  readonly chunkBytes: number;
  readonly chunkCount: number;
  /** Chunks that only urgent entries may use. */
  readonly headroomChunks: number;
}

/**
 * Divides `unitBytes` into slots and chunks so that an entry of `footprintMax` bytes fits a chunk.
 * Throws InvariantError when not even two such chunks fit.
 */
export function unitSizes(unitBytes: number, footprintMax: number, backpointers = 4): UnitSizes {
  const usual = Math.min(CHUNK_BYTES_USUAL, ceilPowerOfTwo(unitBytes / CHUNKS_USUAL));
  const chunkBytes = Math.max(ceilPowerOfTwo(footprintMax), usual);
  const slotCount = Math.max(64, ceilPowerOfTwo(unitBytes / BYTES_PER_SLOT) / 2);
  const fixedBytes = UNIT_HEADER_BYTES + slotCount * WORD_BYTES + 2 * CACHE_LINE_BYTES;
  const chunkCount = Math.floor((unitBytes - fixedBytes) / (chunkBytes + CHUNK_RECORD_BYTES));
  assert(
    chunkCount >= 2,
    `two chunks fit a unit: unitBytes=${unitBytes}, chunkBytes=${chunkBytes}`,
  );
  const headroomChunks = Math.max(1, Math.floor(chunkCount / 16));
  return {
    slotCount,
    chunkBytes,
    chunkCount,
    headroomChunks,
    streamHeaderWords: streamHeaderWords(backpointers),
  };
}

function slotsOffset(chunkCount: number): number {
  return UNIT_HEADER_BYTES + chunkCount * CHUNK_RECORD_BYTES;
}

function areaOffset(sizes: { slotCount: number; chunkCount: number }): number {
  const end = slotsOffset(sizes.chunkCount) + sizes.slotCount * WORD_BYTES;
  return alignUp(end, CACHE_LINE_BYTES);
}

export function unitBytesFor(sizes: UnitSizes): number {
  return areaOffset(sizes) + sizes.chunkCount * sizes.chunkBytes;
}

/** Writes the sizes into a zero-filled buffer; once, before any view exists. */
export function initializeUnit(buffer: SharedArrayBuffer, sizes: UnitSizes): void {
  assert(buffer.byteLength >= unitBytesFor(sizes), 'the buffer holds what the sizes ask for');
  const words = new Int32Array(buffer, 0, UNIT_HEADER_BYTES / WORD_BYTES);
  words[SLOT_COUNT_OFFSET / WORD_BYTES] = sizes.slotCount;
  words[CHUNK_BYTES_OFFSET / WORD_BYTES] = sizes.chunkBytes;
  words[CHUNK_COUNT_OFFSET / WORD_BYTES] = sizes.chunkCount;
  words[HEADROOM_CHUNKS_OFFSET / WORD_BYTES] = sizes.headroomChunks;
  words[STREAM_HEADER_WORDS_OFFSET / WORD_BYTES] = sizes.streamHeaderWords;
}

export function allocateUnit(sizes: UnitSizes): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(unitBytesFor(sizes));
  initializeUnit(buffer, sizes);
  return buffer;
}

const TENANCY = TENANCY_OFFSET / WORD_BYTES;
const CLAIMANT = CLAIMANT_OFFSET / WORD_BYTES;
const LOST = LOST_OFFSET / WORD_BYTES;

/** One thread's views on a unit. */
export class UnitMemory {
  readonly slots: Slots;
  readonly chunks: ChunkTable;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly reader: EntryReader;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    const chunkCount = this.words[CHUNK_COUNT_OFFSET / WORD_BYTES];
    const slotCount = this.words[SLOT_COUNT_OFFSET / WORD_BYTES];
    this.slots = new Slots(buffer, slotsOffset(chunkCount));
    this.chunks = new ChunkTable(buffer, areaOffset({ slotCount, chunkCount }));
    const headerWords = this.words[STREAM_HEADER_WORDS_OFFSET / WORD_BYTES];
    this.reader = new EntryReader(this.slots, this.words, this.bytes, headerWords);
  }

  /** How often the memory was wiped: tells its tenants, the unit ids, apart. */
  tenancy(): number {
    return Atomics.load(this.words, TENANCY);
  }

  /** Incarnation of the thread that prepares this memory for a unit to come; 0: nobody. */
  claimant(): number {
    return Atomics.load(this.words, CLAIMANT);
  }

  /**
   * Claims the memory for `incarnation` if `expected` holds it: 0, or a claimant that is dead.
   * What was prepared before counts for nothing: each claim ends in a wipe of its own.
   */
  claim(expected: number, incarnation: number): boolean {
    return Atomics.compareExchange(this.words, CLAIMANT, expected, incarnation) === expected;
  }

  /** Ends the claim of `incarnation`. */
  unclaim(incarnation: number): void {
    Atomics.compareExchange(this.words, CLAIMANT, incarnation, 0);
  }

  /** Whether what is here is gone or cannot be trusted: no unit is revived on it, only wiped. */
  lost(): boolean {
    return Atomics.load(this.words, LOST) !== 0;
  }

  markLost(): void {
    Atomics.store(this.words, LOST, 1);
  }

  /**
   * Begins a tenancy: an empty unit whose addresses start at `watermark`, sealed up to `epoch`.
   * Returns the tenancy. Only the claimant, under the conditions of Slots.wipe.
   */
  wipe(watermark: number, epoch: number): number {
    // FIRST: whoever still believes in the tenant before can tell.
    const tenancy = Atomics.add(this.words, TENANCY, 1) + 1;
    this.slots.seal(epoch);
    this.slots.wipe(watermark);
    this.chunks.wipe();
    Atomics.store(this.words, LOST, 0);
    return tenancy;
  }
}
