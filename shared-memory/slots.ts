/**
 * The write-once slots of one storage unit (CORFU 1.2) and the words that govern them.
 *
 * The view holds no mutable state: any thread builds one on the same buffer. Looking is for every
 * thread. Changing is for the thread of the unit's actor, which decides epoch and slot in one step,
 * or for a thread that has announced itself in the thread table before it looked at epoch and
 * watermark: a slot gets its next lap only after everybody announced has left.
 */
import { assert } from './assert.ts';
import {
  CLAIM_LIMIT_OFFSET,
  FIRST_REFERENCE,
  RECLAIMED_LIMIT_OFFSET,
  SEALED_EPOCH_OFFSET,
  SLOT_COUNT_OFFSET,
  SlotOutcome,
  SlotWord,
  WATERMARK_OFFSET,
} from './slots-layout.ts';
import { LONG_BYTES, loadLong, raiseLong, storeLong, WORD_BYTES } from './words.ts';

const SEALED_EPOCH = SEALED_EPOCH_OFFSET / WORD_BYTES;
const WATERMARK = WATERMARK_OFFSET / LONG_BYTES;
const CLAIM_LIMIT = CLAIM_LIMIT_OFFSET / LONG_BYTES;
const RECLAIMED_LIMIT = RECLAIMED_LIMIT_OFFSET / LONG_BYTES;

/** Addresses that become claimable at once: the limit is raised once for all of them. */
const CLAIM_BLOCK = 16;

export class Slots {
  /** Addresses the unit can hold at once; a power of two. */
  readonly count: number;
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  readonly #first: number;
  readonly #mask: number;

  constructor(buffer: SharedArrayBuffer, slotsOffset: number) {
    this.#words = new Int32Array(buffer);
    this.#longs = new BigInt64Array(buffer, 0, Math.floor(buffer.byteLength / LONG_BYTES));
    this.count = this.#words[SLOT_COUNT_OFFSET / WORD_BYTES];
    this.#first = slotsOffset / WORD_BYTES;
    this.#mask = this.count - 1;
    assert(this.count > 0 && (this.count & this.#mask) === 0, 'the slot count is a power of two');
  }

  /** Pairs with the compareExchange of tryWrite: whoever sees a reference sees the entry's bytes. */
  load(address: number): number {
    return Atomics.load(this.#words, this.#first + ((address | 0) & this.#mask));
  }

  /** Every address below it is trimmed. Never decreases. */
  watermark(): number {
    return loadLong(this.#longs, WATERMARK);
  }

  /** 1 + the highest address ever claimed, junk and trimmed ones counted. */
  writtenLimit(): number {
    let limit = this.#claimLimit();
    const end = this.watermark();
    while (limit > end && this.load(limit - 1) === SlotWord.UNWRITTEN) limit--;
    // AFTER the slots: a reclaim clears them once the watermark has passed them.
    return Math.max(limit, this.watermark());
  }

  /**
   * No address at or above it is claimed. Raised BEFORE the claim, and never above the address limit:
   * the slot of an address below it is free for this lap.
   */
  #claimLimit(): number {
    return loadLong(this.#longs, CLAIM_LIMIT);
  }

  /** First address that does not fit yet: its slot may still serve an address one lap below. */
  addressLimit(): number {
    return loadLong(this.#longs, RECLAIMED_LIMIT) + this.count;
  }

  sealedEpoch(): number {
    return Atomics.load(this.#words, SEALED_EPOCH);
  }

  /** What is at `address` now. May be late, except that a decided address stays decided. */
  look(address: number): SlotOutcome {
    // BEFORE the slot: it may still serve an address one lap below.
    if (address >= this.addressLimit()) return SlotOutcome.UNWRITTEN;
    const word = this.load(address);
    // AFTER the slot: the watermark is raised before the slot can serve the next lap.
    if (address < this.watermark()) return SlotOutcome.TRIMMED;
    return outcomeOf(word);
  }

  /** First unwritten address in [from, to), or `to`. */
  decidedRunEnd(from: number, to: number): number {
    let address = Math.max(from, Math.min(this.watermark(), to));
    const limit = Math.min(to, this.addressLimit());
    while (address < limit && this.load(address) !== SlotWord.UNWRITTEN) address++;
    return address;
  }

  /** Publishes the staged entry at `reference` if `address` is unwritten. */
  tryWrite(address: number, reference: number): SlotOutcome {
    assert(reference >= FIRST_REFERENCE, 'a reference is no state word');
    return this.#claim(address, reference);
  }

  /**
   * As tryWrite, for an address whose position was granted in this flight: it was not trimmed before,
   * and if a prefix trim passes it meanwhile, its slot is not reclaimed before the flight has ended.
   */
  tryWriteGranted(address: number, reference: number): SlotOutcome {
    assert(reference >= FIRST_REFERENCE, 'a reference is no state word');
    if (address >= this.#claimLimit() && !this.#admit(address)) return this.#refusal(address);
    return this.#decide(address, reference);
  }

  /** Decides `address` as junk if it is unwritten (CORFU 1.7). Takes no entry bytes. */
  tryJunk(address: number): SlotOutcome {
    return this.#claim(address, SlotWord.JUNK);
  }

  /** Forgets what is at `address`. UNWRITTEN: nothing to forget, the caller fills first. */
  tryTrim(address: number): SlotOutcome {
    if (address < this.watermark()) return SlotOutcome.OK;
    if (address >= this.addressLimit()) return SlotOutcome.UNWRITTEN;
    const slot = this.#first + ((address | 0) & this.#mask);
    let seen = Atomics.load(this.#words, slot);
    while (seen !== SlotWord.TRIMMED) {
      if (seen === SlotWord.UNWRITTEN) return SlotOutcome.UNWRITTEN;
      const before = Atomics.compareExchange(this.#words, slot, seen, SlotWord.TRIMMED);
      if (before === seen) break;
      seen = before;
    }
    return SlotOutcome.OK;
  }

  /**
   * Forgets `address` even if nothing is there yet: for a unit that is being rebuilt, whose copy
   * of the entry may still come.
   */
  forget(address: number): SlotOutcome {
    const outcome = this.#claim(address, SlotWord.TRIMMED);
    return outcome === SlotOutcome.FULL ? outcome : this.tryTrim(address);
  }

  /** One past the last trimmed address of the decided run that starts at the watermark (CORFU 1.2). */
  trimmedRunEnd(): number {
    let address = this.watermark();
    let end = address;
    const limit = this.addressLimit();
    for (; address < limit; address++) {
      const word = this.load(address);
      if (word === SlotWord.TRIMMED) end = address + 1;
      else if (word !== SlotWord.JUNK) break;
    }
    return end;
  }

  /** Everything below `address` is trimmed from here on. Linearisation point of a prefix trim. */
  raiseWatermark(address: number): void {
    raiseLong(this.#longs, WATERMARK, address);
  }

  /**
   * Gives the slots of addresses below `limit` to the next lap.
   * Invariant: limit is at or below the watermark, and nobody who loaded an older watermark is in flight.
   */
  reclaimSlots(limit: number): void {
    const from = loadLong(this.#longs, RECLAIMED_LIMIT);
    assert(limit <= this.watermark(), 'only trimmed addresses are reclaimed');
    if (limit <= from) return;
    this.#clear(from, limit);
    // Publishes the cleared slots; pairs with the load in addressLimit().
    storeLong(this.#longs, RECLAIMED_LIMIT, limit);
  }

  /**
   * Raises the sealed epoch; from here on requests with epoch <= `epoch` are refused (CORFU 1.2).
   * Any thread may seal, several at once: it never decreases. Pairs with the load of sealedEpoch()
   * that follows an announcement: either that sees the seal, or quiescence sees the announcement.
   */
  seal(epoch: number): void {
    let seen = this.sealedEpoch();
    while (seen < epoch) {
      const before = Atomics.compareExchange(this.#words, SEALED_EPOCH, seen, epoch);
      if (before === seen) break;
      seen = before;
    }
  }

  /** Whether slots below the watermark wait to be given to the next lap. */
  get owesReclaim(): boolean {
    return loadLong(this.#longs, RECLAIMED_LIMIT) < this.watermark();
  }

  /**
   * Makes every address from `watermark` on unwritten and everything below trimmed. Only the
   * unit's claimant, while no projection names the unit and nobody is in flight who saw one that
   * did. Dying in between leaves work for the next claimant, who wipes again.
   */
  wipe(watermark: number): void {
    const from = loadLong(this.#longs, RECLAIMED_LIMIT);
    this.#clear(from, Math.max(from, this.#claimLimit()));
    storeLong(this.#longs, CLAIM_LIMIT, watermark);
    storeLong(this.#longs, RECLAIMED_LIMIT, watermark);
    storeLong(this.#longs, WATERMARK, watermark);
  }

  #clear(from: number, to: number): void {
    const slots = Math.min(to - from, this.count);
    const start = (from | 0) & this.#mask;
    const untilEnd = Math.min(slots, this.count - start);
    this.#words.fill(SlotWord.UNWRITTEN, this.#first + start, this.#first + start + untilEnd);
    this.#words.fill(SlotWord.UNWRITTEN, this.#first, this.#first + slots - untilEnd);
  }

  #claim(address: number, word: number): SlotOutcome {
    if (address >= this.#claimLimit() && !this.#admit(address)) return this.#refusal(address);
    if (address < this.watermark()) return SlotOutcome.TRIMMED;
    return this.#decide(address, word);
  }

  #decide(address: number, word: number): SlotOutcome {
    const slot = this.#first + ((address | 0) & this.#mask);
    // Linearisation point. Publishes the staged bytes; pairs with load().
    const before = Atomics.compareExchange(this.#words, slot, SlotWord.UNWRITTEN, word);
    return before === SlotWord.UNWRITTEN ? SlotOutcome.OK : outcomeOf(before);
  }

  /**
   * Raises the claim limit above `address`, a few addresses at once; false: its slot is not free yet.
   * A thread that dies before its claim leaves the limit too high, never too low.
   */
  #admit(address: number): boolean {
    const most = this.addressLimit();
    if (address >= most) return false;
    const block = address - (address % CLAIM_BLOCK) + CLAIM_BLOCK;
    raiseLong(this.#longs, CLAIM_LIMIT, Math.min(block, most));
    return true;
  }

  /** Why no slot serves the address: a prefix trim that is not reclaimed yet may have passed it. */
  #refusal(address: number): SlotOutcome {
    return address < this.watermark() ? SlotOutcome.TRIMMED : SlotOutcome.FULL;
  }
}

function outcomeOf(word: number): SlotOutcome {
  if (word === SlotWord.UNWRITTEN) return SlotOutcome.UNWRITTEN;
  if (word === SlotWord.JUNK) return SlotOutcome.JUNK;
  if (word === SlotWord.TRIMMED) return SlotOutcome.TRIMMED;
  return SlotOutcome.WRITTEN;
}
