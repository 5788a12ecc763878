/**
 * The states found so far, each a row of integers: told apart exactly, in the order in which they
 * were found, each with the transition that found it first. Breadth first, so ways are shortest.
 */
const FIRST_CAPACITY = 1 << 12;
const EMPTY = 0;

export class StateTable {
  readonly #width: number;
  #rows: Int32Array;
  #parents: Int32Array;
  #ways: Int32Array;
  /** 1 + state, open addressing. */
  #index: Int32Array;
  #count = 0;

  constructor(width: number) {
    this.#width = width;
    this.#rows = new Int32Array(FIRST_CAPACITY * width);
    this.#parents = new Int32Array(FIRST_CAPACITY);
    this.#ways = new Int32Array(FIRST_CAPACITY);
    this.#index = new Int32Array(4 * FIRST_CAPACITY);
  }

  get count(): number {
    return this.#count;
  }

  /** A copy of the state's row: `into`, if that is given. */
  row(state: number, into = new Int32Array(this.#width)): Int32Array {
    const first = state * this.#width;
    for (let i = 0; i < this.#width; i++) into[i] = this.#rows[first + i];
    return into;
  }

  parent(state: number): number {
    return this.#parents[state];
  }

  way(state: number): number {
    return this.#ways[state];
  }

  /** The state of `row`, or -1 - state if it was there already. */
  add(row: Int32Array, parent: number, way: number): number {
    let at = this.#hash(row, 0) & (this.#index.length - 1);
    for (; this.#index[at] !== EMPTY; at = (at + 1) & (this.#index.length - 1)) {
      if (this.#isAt(this.#index[at] - 1, row)) return -this.#index[at];
    }
    if (this.#count === this.#parents.length) {
      this.#grow();
      return this.add(row, parent, way);
    }
    const state = this.#count++;
    this.#index[at] = state + 1;
    this.#rows.set(row, state * this.#width);
    this.#parents[state] = parent;
    this.#ways[state] = way;
    return state;
  }

  #isAt(state: number, row: Int32Array): boolean {
    const first = state * this.#width;
    for (let i = 0; i < this.#width; i++) if (this.#rows[first + i] !== row[i]) return false;
    return true;
  }

  #hash(words: Int32Array, first: number): number {
    let hash = 0x811c_9dc5;
    for (let i = 0; i < this.#width; i++) {
      hash = Math.imul(hash ^ words[first + i], 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #grow(): void {
    const capacity = 2 * this.#parents.length;
    this.#rows = grown(this.#rows, capacity * this.#width);
    this.#parents = grown(this.#parents, capacity);
    this.#ways = grown(this.#ways, capacity);
    this.#index = new Int32Array(4 * capacity);
    for (let state = 0; state < this.#count; state++) {
      let at = this.#hash(this.#rows, state * this.#width) & (this.#index.length - 1);
      while (this.#index[at] !== EMPTY) at = (at + 1) & (this.#index.length - 1);
      this.#index[at] = state + 1;
    }
  }
}

function grown(words: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(words);
  return larger;
}
