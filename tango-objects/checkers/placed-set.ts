/**
 * Which operations have been placed, and a text for it that is short because operations are numbered
 * by their calls: all below some word are placed, none above another.
 */
export class PlacedSet {
  readonly #words: Int32Array;
  /** Invariant: all words below are full, and this one is not. */
  #low = 0;
  /** Invariant: all words from here on are empty. */
  #end = 0;

  constructor(size: number) {
    this.#words = new Int32Array((size >>> 5) + 1);
  }

  has(index: number): boolean {
    return (this.#words[index >>> 5] & (1 << (index & 31))) !== 0;
  }

  add(index: number): void {
    const word = index >>> 5;
    this.#words[word] |= 1 << (index & 31);
    if (word >= this.#end) this.#end = word + 1;
    while (this.#words[this.#low] === -1) this.#low++;
  }

  remove(index: number): void {
    const word = index >>> 5;
    this.#words[word] &= ~(1 << (index & 31));
    if (word < this.#low) this.#low = word;
    while (this.#end > 0 && this.#words[this.#end - 1] === 0) this.#end--;
  }

  /** Equal for equal sets of this size, and different for different ones. */
  key(): string {
    let key = `${this.#low}`;
    for (let word = this.#low; word < this.#end; word++) key += `,${this.#words[word]}`;
    return key;
  }
}
