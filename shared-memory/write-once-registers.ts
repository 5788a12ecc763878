/**
 * Write-once registers of text, for any thread (CORFU 1.9: "write(i) fails if present"). The text
 * is staged in bytes of its own; one compareExchange both decides the winner and publishes.
 */
import { assert } from './assert.ts';
import {
  AREA_BYTES_OFFSET,
  BYTES_TAKEN_OFFSET,
  HIGHEST_OFFSET,
  REGISTER_COUNT_OFFSET,
  REGISTERS_OFFSET,
} from './register-layout.ts';
import { alignUp, WORD_BYTES } from './words.ts';

const BYTES_TAKEN = BYTES_TAKEN_OFFSET / WORD_BYTES;
const HIGHEST = HIGHEST_OFFSET / WORD_BYTES;

export function allocateRegisters(registers: number, areaBytes: number): SharedArrayBuffer {
  const area = alignUp(areaBytes, WORD_BYTES);
  const buffer = new SharedArrayBuffer(REGISTERS_OFFSET + registers * WORD_BYTES + area);
  const words = new Int32Array(buffer);
  words[REGISTER_COUNT_OFFSET / WORD_BYTES] = registers;
  words[AREA_BYTES_OFFSET / WORD_BYTES] = area;
  return buffer;
}

export class WriteOnceRegisters {
  readonly count: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly areaBytes: number;
  readonly #areaOffset: number;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.count = this.#words[REGISTER_COUNT_OFFSET / WORD_BYTES];
    this.areaBytes = this.#words[AREA_BYTES_OFFSET / WORD_BYTES];
    this.#areaOffset = REGISTERS_OFFSET + this.count * WORD_BYTES;
  }

  /** Of the area: texts take them for good. */
  get bytesLeft(): number {
    return this.areaBytes - Atomics.load(this.#words, BYTES_TAKEN);
  }

  /** Whether a register is written; cheaper than reading it. */
  has(index: number): boolean {
    if (index < 0 || index >= this.count) return false;
    return Atomics.load(this.#words, REGISTERS_OFFSET / WORD_BYTES + index) !== 0;
  }

  /** The text of a register, or undefined while it is absent. */
  read(index: number): string | undefined {
    if (index < 0 || index >= this.count) return undefined;
    // Pairs with the compareExchange in write().
    const word = Atomics.load(this.#words, REGISTERS_OFFSET / WORD_BYTES + index);
    if (word === 0) return undefined;
    const start = this.#areaOffset + word - 1;
    const length = this.#words[start / WORD_BYTES];
    // Decoders refuse shared bytes; slice makes them private.
    const text = this.#bytes.slice(start + WORD_BYTES, start + WORD_BYTES + length);
    return new TextDecoder().decode(text);
  }

  /**
   * Writes an absent register. 'written': this call won; 'present': somebody else's text is
   * there and stays; 'full': no bytes or no such register are left, nothing was written.
   */
  write(index: number, text: string): 'written' | 'present' | 'full' {
    if (index < 0 || index >= this.count) return 'full';
    if (this.has(index)) return 'present';
    const encoded = new TextEncoder().encode(text);
    const size = WORD_BYTES + alignUp(encoded.length, WORD_BYTES);
    const taken = this.#takeBytes(size);
    if (taken < 0) return 'full';
    const start = this.#areaOffset + taken;
    this.#words[start / WORD_BYTES] = encoded.length;
    this.#bytes.set(encoded, start + WORD_BYTES);
    const register = REGISTERS_OFFSET / WORD_BYTES + index;
    // Linearisation point. Publishes the staged text; pairs with the load in read().
    if (Atomics.compareExchange(this.#words, register, 0, taken + 1) !== 0) return 'present';
    this.#raiseHighest(index);
    return 'written';
  }

  /** Takes bytes of the area for good; -1 when so many are not left. */
  #takeBytes(size: number): number {
    let taken = Atomics.load(this.#words, BYTES_TAKEN);
    while (taken + size <= this.areaBytes) {
      const before = Atomics.compareExchange(this.#words, BYTES_TAKEN, taken, taken + size);
      if (before === taken) return taken;
      taken = before;
    }
    return -1;
  }

  /**
   * Highest register that anybody has acted on: a writer that died may have left one above it.
   * One load, for whoever asks whether what it knows is still the latest.
   */
  highestHint(): number {
    return Atomics.load(this.#words, HIGHEST);
  }

  /**
   * The highest written register of a gapless sequence, from the hint up. Raises the hint: nobody
   * acts on a register that a load of the hint does not show.
   */
  highest(): number {
    let index = this.highestHint();
    while (this.has(index + 1)) index++;
    this.#raiseHighest(index);
    return index;
  }

  #raiseHighest(index: number): void {
    let seen = Atomics.load(this.#words, HIGHEST);
    while (seen < index) {
      const before = Atomics.compareExchange(this.#words, HIGHEST, seen, index);
      if (before === seen) break;
      seen = before;
    }
    assert(this.highestHint() >= index, 'the hint never falls');
  }
}
