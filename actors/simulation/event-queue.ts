/**
 * The queue of what is still to happen: a binary heap ordered by (time, tie, sequence). The tie is
 * random, so that things due at the same moment happen in any order; the sequence makes the order
 * total, so that the same seed gives the same run. Comparing looks at three arrays of numbers and
 * allocates nothing.
 */

const CAPACITY_AT_FIRST = 64;

export class EventQueue<Event> {
  #times = new Float64Array(CAPACITY_AT_FIRST);
  #ties = new Uint32Array(CAPACITY_AT_FIRST);
  #sequences = new Float64Array(CAPACITY_AT_FIRST);
  readonly #events: Event[] = [];
  #size = 0;
  #pushed = 0;

  get size(): number {
    return this.#size;
  }

  /** The time of the next event; Infinity when there is none. */
  get nextTime(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#times[0];
  }

  /** Events with equal time and equal `tie` (an unsigned 32-bit word) leave as they came. */
  push(time: number, tie: number, event: Event): void {
    if (this.#size === this.#times.length) this.#grow();
    const sequence = this.#pushed++;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#after(parent, time, tie, sequence)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, time, tie, sequence, event);
  }

  /** Takes the next event; undefined when there is none. */
  pop(): Event | undefined {
    if (this.#size === 0) return undefined;
    const next = this.#events[0];
    const last = --this.#size;
    if (last > 0) this.#sinkFromTop(last);
    this.#events.length = last;
    return next;
  }

  /** Finds the place for the event at `last`, starting with the free place at the top. */
  #sinkFromTop(last: number): void {
    const time = this.#times[last];
    const tie = this.#ties[last];
    const sequence = this.#sequences[last];
    const event = this.#events[last];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      const right = child + 1;
      if (right < last && this.#comesBefore(right, child)) child = right;
      if (this.#after(child, time, tie, sequence)) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, time, tie, sequence, event);
  }

  #comesBefore(left: number, right: number): boolean {
    return this.#after(right, this.#times[left], this.#ties[left], this.#sequences[left]);
  }

  /** True when the event at `at` comes after the key given. */
  #after(at: number, time: number, tie: number, sequence: number): boolean {
    if (this.#times[at] !== time) return this.#times[at] > time;
    if (this.#ties[at] !== tie) return this.#ties[at] > tie;
    return this.#sequences[at] > sequence;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from], this.#ties[from], this.#sequences[from], this.#events[from]);
  }

  #put(at: number, time: number, tie: number, sequence: number, event: Event): void {
    this.#times[at] = time;
    this.#ties[at] = tie;
    this.#sequences[at] = sequence;
    this.#events[at] = event;
  }

  #grow(): void {
    const capacity = this.#times.length * 2;
    const times = new Float64Array(capacity);
    const ties = new Uint32Array(capacity);
    const sequences = new Float64Array(capacity);
    times.set(this.#times);
    ties.set(this.#ties);
    sequences.set(this.#sequences);
    this.#times = times;
    this.#ties = ties;
    this.#sequences = sequences;
  }
}
