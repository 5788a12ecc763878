/** A thread's pending timers: a small binary heap by due time, checked by the host's turn. */

interface Pending {
  readonly dueMs: number;
  readonly actor: number;
  readonly timer: number;
}

export class Timers {
  readonly #heap: Pending[] = [];

  /** Due time of the earliest timer; Infinity without one. */
  get nextMs(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0].dueMs;
  }

  add(dueMs: number, actor: number, timer: number): void {
    const heap = this.#heap;
    heap.push({ dueMs, actor, timer });
    for (let i = heap.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (heap[parent].dueMs <= heap[i].dueMs) break;
      [heap[parent], heap[i]] = [heap[i], heap[parent]];
      i = parent;
    }
  }

  /** Takes the earliest timer that is due at `nowMs`, or undefined. */
  take(nowMs: number): Pending | undefined {
    const heap = this.#heap;
    if (heap.length === 0 || heap[0].dueMs > nowMs) return undefined;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length > 0 && last !== undefined) {
      heap[0] = last;
      this.#sink(0);
    }
    return first;
  }

  #sink(start: number): void {
    const heap = this.#heap;
    for (let i = start; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && heap[child].dueMs < heap[least].dueMs) least = child;
      }
      if (least === i) return;
      [heap[least], heap[i]] = [heap[i], heap[least]];
      i = least;
    }
  }
}
