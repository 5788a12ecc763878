/**
 * Where one thread stages entries of one storage unit: it leases a chunk and bumps its own offset,
 * so staging costs no atomic read-modify-write and nobody looks at the bytes before a slot refers
 * to them. One instance a thread and unit; never shared.
 *
 *   take ──▶ stage the bytes ──▶ willPublish ──▶ (the slot's compareExchange, here or at the actor)
 *     │                                                                        │
 *     └──────────────────────── settle: the entry's fate is known ◀────────────┘
 *
 * Invariant: a chunk stays leased while an entry taken from it is not settled; otherwise it could
 * be reclaimed and leased by another thread before this one publishes into it.
 */
import { assert } from './assert.ts';
import { type ChunkTable, NO_CHUNK } from './chunk-table.ts';

/** `used` moves in steps, so that small entries share one store. */
const USED_STEP_BYTES = 4096;
/** `used limit` of a leased chunk moves in steps, so that a run of appends shares one store. */
const LIMIT_STEP = 16;

/** What a thread needs of a place to stage entries in. */
export type StagingPlace = Pick<Staging, 'take' | 'willPublish' | 'settle' | 'yield' | 'leave'>;

/** The place of a unit that is gone: its memory is not touched any more. */
export const NOWHERE: StagingPlace = {
  take: () => 0,
  willPublish: () => {},
  settle: () => {},
  yield: () => {},
  leave: () => {},
};

export class Staging {
  readonly #table: ChunkTable;
  readonly #tenant: number;
  /** Entries taken and not settled, per chunk. */
  readonly #unsettled: Int32Array;
  /** `used limit` of the chunks this thread leases: as published, and exactly. */
  readonly #publishedLimits: Float64Array;
  readonly #usedLimits: Float64Array;
  #chunk = NO_CHUNK;
  #offset = 0;
  #end = 0;
  #usedEnd = 0;
  /** The entry taken last, as long as nothing refers to it: its bytes can be taken anew. */
  #latest = 0;
  /** The unit was full: its chunk is given back as soon as nothing of it is under way. */
  #cramped = false;
  /** Where to look for the next chunk, as long as nothing was reclaimed. */
  #hint = 0;
  #reclaims = 0;

  constructor(table: ChunkTable, tenant: number) {
    assert(tenant > 0, 'a tenant is an incarnation');
    this.#table = table;
    this.#tenant = tenant;
    this.#unsettled = new Int32Array(table.count);
    this.#publishedLimits = new Float64Array(table.count);
    this.#usedLimits = new Float64Array(table.count);
  }

  /**
   * Takes `bytes` (a multiple of 8) for one entry. Returns their byte offset in the unit's buffer,
   * or 0 when the unit has no room: then the caller should yield() in the other replicas as well.
   * `urgent` entries may use the headroom. Never blocks.
   */
  take(bytes: number, urgent: boolean): number {
    assert(bytes > 0 && bytes <= this.#table.chunkBytes, 'an entry fits a chunk');
    if (this.#offset + bytes > this.#end && !this.#lease(bytes, urgent)) return 0;
    const offset = this.#offset;
    this.#latest = offset;
    this.#offset += bytes;
    if (this.#offset > this.#usedEnd) this.#announceUsed();
    this.#unsettled[this.#chunk]++;
    return offset;
  }

  /** BEFORE a reference to `offset` leaves this thread: its chunk outlives `address`. */
  willPublish(offset: number, address: number): void {
    if (offset === this.#latest) this.#latest = 0;
    const chunk = this.#table.chunkOf(offset);
    if (address < this.#usedLimits[chunk]) return;
    this.#usedLimits[chunk] = address + 1;
    if (address < this.#publishedLimits[chunk]) return;
    // Too high is safe: if this thread dies, the chunk waits for some more addresses to be trimmed.
    this.#publishedLimits[chunk] = address + LIMIT_STEP;
    this.#table.setUsedLimit(chunk, address + LIMIT_STEP);
  }

  /** No reference to `offset` will leave this thread any more. */
  settle(offset: number): void {
    // An attempt in a full log takes nothing away from the next one.
    if (offset === this.#latest) this.#offset = offset;
    const chunk = this.#table.chunkOf(offset);
    const left = --this.#unsettled[chunk];
    assert(left >= 0, 'an entry is settled once');
    if (left > 0) return;
    if (chunk !== this.#chunk) this.#retire(chunk);
    else if (this.#cramped) this.leave();
  }

  /** In a full unit: gives the chunk back once all its entries are settled, so a trim can free it. */
  yield(): void {
    this.#cramped = true;
    if (this.#chunk !== NO_CHUNK && this.#unsettled[this.#chunk] === 0) this.leave();
  }

  /**
   * Gives the chunk back: what is left of it is for whoever needs it. Unsettled entries keep their
   * chunk until they are settled.
   */
  leave(): void {
    const chunk = this.#chunk;
    this.#chunk = NO_CHUNK;
    this.#offset = this.#end = this.#usedEnd = this.#latest = 0;
    if (chunk !== NO_CHUNK && this.#unsettled[chunk] === 0) this.#retire(chunk);
  }

  #lease(bytes: number, urgent: boolean): boolean {
    const reclaims = this.#table.reclaims();
    // The lowest free chunk is the one most likely still in a cache.
    const hint = reclaims === this.#reclaims ? this.#hint : 0;
    const chunk = this.#table.lease(this.#tenant, bytes, urgent, hint);
    if (chunk === NO_CHUNK) {
      this.yield();
      return false;
    }
    this.#cramped = false;
    this.#reclaims = reclaims;
    this.#hint = this.#table.isOrdinary(chunk) ? chunk : 0;
    this.leave();
    this.#chunk = chunk;
    const start = this.#table.chunkOffset(chunk);
    this.#offset = this.#usedEnd = start + this.#table.used(chunk);
    this.#end = start + this.#table.chunkBytes;
    this.#usedLimits[chunk] = this.#publishedLimits[chunk] = this.#table.usedLimit(chunk);
    return true;
  }

  /** Nothing of it is under way: the exact limit is known, so no trim has to wait for more. */
  #retire(chunk: number): void {
    // No entry of it was ever shown to anybody, so it needs no trim at all.
    if (this.#usedLimits[chunk] === 0) return this.#table.free(chunk);
    this.#table.setUsedLimit(chunk, this.#usedLimits[chunk]);
    this.#table.retire(chunk);
  }

  /** BEFORE the bytes are staged: a later tenant of this chunk starts above them. */
  #announceUsed(): void {
    const start = this.#table.chunkOffset(this.#chunk);
    const used = Math.ceil((this.#offset - start) / USED_STEP_BYTES) * USED_STEP_BYTES;
    this.#usedEnd = Math.min(start + used, this.#end);
    this.#table.setUsed(this.#chunk, this.#usedEnd - start);
  }
}
