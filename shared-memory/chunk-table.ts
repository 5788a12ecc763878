/**
 * The chunks of entry bytes of one storage unit: who leases which, and when one is free again.
 *
 * Dying anywhere is harmless: a chunk stays leased until the supervisor retires it, and `used`
 * is stored before bytes below it are staged, so the next tenant starts above everything.
 */
import { assert } from './assert.ts';
import {
  CHUNK_RECORD_BYTES,
  CHUNK_STATE_OFFSET,
  CHUNK_USED_LIMIT_OFFSET,
  CHUNK_USED_OFFSET,
  ChunkState,
} from './entry-bytes-layout.ts';
import {
  CHUNK_BYTES_OFFSET,
  CHUNK_COUNT_OFFSET,
  HEADROOM_CHUNKS_OFFSET,
  RECLAIMS_OFFSET,
  UNIT_HEADER_BYTES,
} from './slots-layout.ts';
import { LONG_BYTES, loadLong, storeLong, WORD_BYTES } from './words.ts';

const RECORD_WORDS = CHUNK_RECORD_BYTES / WORD_BYTES;
const RECLAIMS = RECLAIMS_OFFSET / WORD_BYTES;
const RECORD_LONGS = CHUNK_RECORD_BYTES / LONG_BYTES;
export const NO_CHUNK = -1;

/** The chunk table of one unit; any thread. */
export class ChunkTable {
  readonly count: number;
  readonly chunkBytes: number;
  readonly #headroom: number;
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  readonly #areaOffset: number;
  readonly #chunkShift: number;

  constructor(buffer: SharedArrayBuffer, areaOffset: number) {
    this.#words = new Int32Array(buffer);
    this.#longs = new BigInt64Array(buffer, 0, Math.floor(buffer.byteLength / LONG_BYTES));
    this.count = this.#words[CHUNK_COUNT_OFFSET / WORD_BYTES];
    this.chunkBytes = this.#words[CHUNK_BYTES_OFFSET / WORD_BYTES];
    this.#headroom = this.#words[HEADROOM_CHUNKS_OFFSET / WORD_BYTES];
    this.#areaOffset = areaOffset;
    this.#chunkShift = Math.log2(this.chunkBytes);
    assert(Number.isInteger(this.#chunkShift), 'the chunk size is a power of two');
  }

  /** Byte offset of the chunk in the unit's buffer. */
  chunkOffset(chunk: number): number {
    return this.#areaOffset + chunk * this.chunkBytes;
  }

  /** The chunk that holds a byte offset of the unit's buffer. */
  chunkOf(offset: number): number {
    return (offset - this.#areaOffset) >>> this.#chunkShift;
  }

  used(chunk: number): number {
    return Atomics.load(this.#words, this.#record(chunk) + CHUNK_USED_OFFSET / WORD_BYTES);
  }

  setUsed(chunk: number, bytes: number): void {
    Atomics.store(this.#words, this.#record(chunk) + CHUNK_USED_OFFSET / WORD_BYTES, bytes);
  }

  usedLimit(chunk: number): number {
    return loadLong(this.#longs, this.#usedLimitIndex(chunk));
  }

  /**
   * Only the tenant calls it, or the supervisor for the dead; never below 1 + the highest address
   * published or under way.
   */
  setUsedLimit(chunk: number, limit: number): void {
    storeLong(this.#longs, this.#usedLimitIndex(chunk), limit);
  }

  /**
   * Leases a chunk with room for `bytes`, looking from chunk `hint` on and around; NO_CHUNK: none
   * is left. The last chunks of a unit are for `urgent` entries only, so that checkpoints still
   * fit a full log.
   */
  lease(tenant: number, bytes: number, urgent: boolean, hint = 0): number {
    const ordinary = this.count - this.#headroom;
    for (let i = 0; i < ordinary; i++) {
      const chunk = hint + i < ordinary ? hint + i : hint + i - ordinary;
      if (this.#tryLease(chunk, tenant, bytes)) return chunk;
    }
    for (let chunk = ordinary; urgent && chunk < this.count; chunk++) {
      if (this.#tryLease(chunk, tenant, bytes)) return chunk;
    }
    return NO_CHUNK;
  }

  /** True for chunks that are not kept for urgent entries. */
  isOrdinary(chunk: number): boolean {
    return chunk < this.count - this.#headroom;
  }

  /** Gives a leased chunk back; what is left of it may be leased again. */
  retire(chunk: number): void {
    Atomics.store(this.#words, this.#stateIndex(chunk), ChunkState.PARTIAL);
  }

  /** Gives back a leased chunk in which nothing was ever published since it was free. */
  free(chunk: number): void {
    this.setUsed(chunk, 0);
    storeLong(this.#longs, this.#usedLimitIndex(chunk), 0);
    Atomics.store(this.#words, this.#stateIndex(chunk), ChunkState.FREE);
    Atomics.add(this.#words, RECLAIMS, 1);
  }

  /**
   * Retires every chunk of a thread whose exit has been awaited. `limit`: no address at or above it
   * was ever granted, so no entry of the dead can still appear there.
   */
  retireAllOf(tenant: number, limit: number): void {
    assert(tenant > 0, 'a tenant is an incarnation');
    for (let chunk = 0; chunk < this.count; chunk++) {
      if (Atomics.load(this.#words, this.#stateIndex(chunk)) !== tenant) continue;
      if (this.usedLimit(chunk) > limit) this.setUsedLimit(chunk, limit);
      // No entry of it was ever shown to anybody, and no trim would come for it.
      if (this.usedLimit(chunk) === 0) this.free(chunk);
      else this.retire(chunk);
    }
  }

  /**
   * Frees retired chunks whose entries are all below `watermark`; returns how many. Only the unit's
   * actor calls it. A chunk found RECLAIMING was left by an actor that died here: it is finished, or given
   * back if its entries turn out to be needed.
   */
  reclaim(watermark: number): number {
    let freed = 0;
    for (let chunk = 0; chunk < this.count; chunk++) {
      const state = Atomics.load(this.#words, this.#stateIndex(chunk));
      if (state === ChunkState.RECLAIMING && this.usedLimit(chunk) > watermark) {
        this.retire(chunk);
        continue;
      }
      if (state === ChunkState.RECLAIMING || this.#takeToReclaim(chunk, state, watermark)) {
        this.setUsed(chunk, 0);
        storeLong(this.#longs, this.#usedLimitIndex(chunk), 0);
        Atomics.store(this.#words, this.#stateIndex(chunk), ChunkState.FREE);
        freed++;
      }
    }
    if (freed > 0) Atomics.add(this.#words, RECLAIMS, 1);
    return freed;
  }

  /** Frees every chunk: the unit's claimant, under the conditions of Slots.wipe. */
  wipe(): void {
    for (let chunk = 0; chunk < this.count; chunk++) {
      this.setUsed(chunk, 0);
      storeLong(this.#longs, this.#usedLimitIndex(chunk), 0);
      Atomics.store(this.#words, this.#stateIndex(chunk), ChunkState.FREE);
    }
    Atomics.add(this.#words, RECLAIMS, 1);
  }

  /** Grows with every reclaim that freed something: lower chunks may be free again. */
  reclaims(): number {
    return Atomics.load(this.#words, RECLAIMS);
  }

  /** Free chunks now, headroom included. May be late. */
  freeCount(): number {
    let free = 0;
    for (let chunk = 0; chunk < this.count; chunk++) {
      if (Atomics.load(this.#words, this.#stateIndex(chunk)) === ChunkState.FREE) free++;
    }
    return free;
  }

  /**
   * Bytes that `tenant` may still take for urgent entries of `bytes` each, once every address below
   * `watermark` is trimmed and reclaimed. May be late.
   */
  roomFor(tenant: number, bytes: number, watermark: number): number {
    const inFree = Math.floor(this.chunkBytes / bytes);
    let entries = 0;
    for (let chunk = 0; chunk < this.count; chunk++) {
      const state = Atomics.load(this.#words, this.#stateIndex(chunk));
      const isRetired = state === ChunkState.PARTIAL;
      if (state === ChunkState.FREE || (isRetired && this.usedLimit(chunk) <= watermark)) {
        entries += inFree;
      } else if (isRetired || state === tenant) {
        entries += Math.floor((this.chunkBytes - this.used(chunk)) / bytes);
      }
    }
    return entries * bytes;
  }

  /** Of the chunks that are kept for urgent entries. */
  get headroomBytes(): number {
    return this.#headroom * this.chunkBytes;
  }

  #tryLease(chunk: number, tenant: number, bytes: number): boolean {
    const state = Atomics.load(this.#words, this.#stateIndex(chunk));
    if (state === ChunkState.FREE) return this.#take(chunk, ChunkState.FREE, tenant);
    if (state !== ChunkState.PARTIAL || !this.#hasRoom(chunk, bytes)) return false;
    if (!this.#take(chunk, ChunkState.PARTIAL, tenant)) return false;
    if (this.#hasRoom(chunk, bytes)) return true;
    // Another tenant came and went between the two loads and left less room.
    this.retire(chunk);
    return false;
  }

  #hasRoom(chunk: number, bytes: number): boolean {
    return this.used(chunk) + bytes <= this.chunkBytes;
  }

  #takeToReclaim(chunk: number, state: number, watermark: number): boolean {
    if (state !== ChunkState.PARTIAL || this.usedLimit(chunk) > watermark) return false;
    if (!this.#take(chunk, ChunkState.PARTIAL, ChunkState.RECLAIMING)) return false;
    // A tenant may have come and gone between the two loads above and raised the limit.
    if (this.usedLimit(chunk) <= watermark) return true;
    this.retire(chunk);
    return false;
  }

  #take(chunk: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, this.#stateIndex(chunk), from, to) === from;
  }

  #record(chunk: number): number {
    return UNIT_HEADER_BYTES / WORD_BYTES + chunk * RECORD_WORDS;
  }

  #stateIndex(chunk: number): number {
    return this.#record(chunk) + CHUNK_STATE_OFFSET / WORD_BYTES;
  }

  #usedLimitIndex(chunk: number): number {
    const record = UNIT_HEADER_BYTES / LONG_BYTES + chunk * RECORD_LONGS;
    return record + CHUNK_USED_LIMIT_OFFSET / LONG_BYTES;
  }
}
