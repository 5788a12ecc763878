/**
 * The calls and returns that a search has still to explain: a doubly linked list by time, whose nodes
 * keep their links while they are out, so that they go back where they were (Knuth's dancing links).
 */

/** Before the first node; nodes are numbered from 1 by time. */
const HEAD = 0;

export class EventList {
  /** Of a call its return, of a return 0. */
  readonly #returnOf: Int32Array;
  readonly #callers: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  /** `callers[node]` is whose event it is, or -1 for a node that is not in the list. */
  constructor(callers: Int32Array) {
    const nodes = callers.length;
    this.#callers = callers;
    this.#returnOf = new Int32Array(nodes);
    this.#next = new Int32Array(nodes);
    this.#previous = new Int32Array(nodes);
    const calls = new Map<number, number>();
    let last = HEAD;
    for (let node = 1; node < nodes; node++) {
      const caller = callers[node];
      if (caller < 0) continue;
      const call = calls.get(caller);
      if (call === undefined) calls.set(caller, node);
      else this.#returnOf[call] = node;
      this.#next[last] = node;
      this.#previous[node] = last;
      last = node;
    }
    this.#next[last] = HEAD;
    this.#previous[HEAD] = last;
  }

  get isEmpty(): boolean {
    return this.#next[HEAD] === HEAD;
  }

  get first(): number {
    return this.#next[HEAD];
  }

  after(node: number): number {
    return this.#next[node];
  }

  isCall(node: number): boolean {
    return this.#returnOf[node] !== 0;
  }

  callerOf(node: number): number {
    return this.#callers[node];
  }

  /** In a list that is not empty. */
  firstReturn(): number {
    let node = this.first;
    while (this.isCall(node)) node = this.#next[node];
    return node;
  }

  /** Takes a call and its return out. */
  lift(call: number): void {
    this.#unlink(call);
    this.#unlink(this.#returnOf[call]);
  }

  /** Undoes the last lift that is not undone; its return went last, so it comes first. */
  unlift(call: number): void {
    this.#link(this.#returnOf[call]);
    this.#link(call);
  }

  #unlink(node: number): void {
    this.#next[this.#previous[node]] = this.#next[node];
    this.#previous[this.#next[node]] = this.#previous[node];
  }

  #link(node: number): void {
    this.#next[this.#previous[node]] = node;
    this.#previous[this.#next[node]] = node;
  }
}
