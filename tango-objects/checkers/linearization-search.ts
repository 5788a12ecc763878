/**
 * The search for an order of one partition's operations (Wing and Gong 1993, Lowe 2017), in the manner
 * of Porcupine. The calls and returns that are left stand in a list by time; any call before the first
 * return may be next. What is placed is lifted out, and put back when nothing fits behind it.
 *
 * Operations that never returned stand beside the list: they force nobody, so they are tried only when
 * nothing else fits, and the search is done when the list is empty.
 */
import { EventList } from './event-list.ts';
import { eventsInOrder } from './event-order.ts';
import type { Model, Operation } from './linearizability.ts';
import { PlacedSet } from './placed-set.ts';
import { isSameValue } from './value-key.ts';

/** A Set holds no more. */
const MEMO_ENTRIES_MAX = 2 ** 24 - 1;

/** An order, from its last operation backwards: it is kept by keeping its end. */
export interface Placed<State, Input, Output> {
  readonly operation: Operation<Input, Output>;
  readonly before: Placed<State, Input, Output> | undefined;
  /** How many up to here returned. */
  readonly returned: number;
  readonly state: State;
  /** Its call in the list, or ~index of one that never returned. */
  readonly place: number;
}

export interface SearchResult<State, Input, Output> {
  readonly verdict: 'ok' | 'violation' | 'unknown';
  readonly steps: number;
  /** The longest order found; undefined where nothing can be first. */
  readonly last: Placed<State, Input, Output> | undefined;
  /** Returned operations of which one had to be next, were it not for those that never returned. */
  readonly candidates: readonly Operation<Input, Output>[];
}

export class LinearizationSearch<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #accepts: (expected: Output, output: Output) => boolean;
  /** By their calls, as #pending. */
  readonly #returned: Operation<Input, Output>[] = [];
  readonly #pending: Operation<Input, Output>[] = [];
  /** Nodes of the list, where their calls would be. */
  readonly #pendingCalls: number[] = [];
  readonly #list: EventList;
  readonly #placed: PlacedSet;
  readonly #placedPending: PlacedSet;
  /** What was placed and the state after it: another way to the same leads to the same. */
  readonly #seen = new Set<string>();
  readonly #initial: State;
  #last: Placed<State, Input, Output> | undefined;
  #steps = 0;
  #longest: Placed<State, Input, Output> | undefined;
  #candidates: Operation<Input, Output>[] = [];

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[]) {
    this.#model = model;
    this.#accepts = model.accepts?.bind(model) ?? isSameValue;
    this.#initial = model.init();
    const events = eventsInOrder(operations);
    const callers = new Int32Array(events.length + 1).fill(-1);
    const numbers = new Int32Array(operations.length);
    for (const [i, event] of events.entries()) {
      const index = event >>> 1;
      const operation = operations[index];
      if (operation.return === Infinity) {
        this.#pending.push(operation);
        this.#pendingCalls.push(i + 1);
        continue;
      }
      if (event % 2 === 0) numbers[index] = this.#returned.push(operation) - 1;
      callers[i + 1] = numbers[index];
    }
    this.#list = new EventList(callers);
    this.#placed = new PlacedSet(this.#returned.length);
    this.#placedPending = new PlacedSet(this.#pending.length);
  }

  /** Gives up, as 'unknown', once the model has taken about `stepsMax` steps. */
  run(stepsMax: number): SearchResult<State, Input, Output> {
    const list = this.#list;
    let at = list.first;
    let pendingIndex = 0;
    while (!list.isEmpty) {
      if (this.#steps >= stepsMax || this.#seen.size >= MEMO_ENTRIES_MAX) {
        return this.#result('unknown');
      }
      if (list.isCall(at)) {
        at = this.#place(at) ? list.first : list.after(at);
        continue;
      }
      // The operation that returns here has to be placed now, unless others come first.
      if (this.#placePending(at, pendingIndex)) {
        at = list.first;
        pendingIndex = 0;
        continue;
      }
      this.#keepLongest(at);
      const undone = this.#last;
      if (undone === undefined) return this.#result('violation');
      this.#undo(undone);
      at = undone.place >= 0 ? list.after(undone.place) : list.firstReturn();
      pendingIndex = undone.place >= 0 ? 0 : ~undone.place + 1;
    }
    return this.#result('ok');
  }

  #result(verdict: 'ok' | 'violation' | 'unknown'): SearchResult<State, Input, Output> {
    if (this.#returnedSoFar() >= (this.#longest?.returned ?? 0)) {
      if (verdict !== 'violation') this.#longest = this.#last;
    }
    const candidates = verdict === 'violation' ? this.#candidates : [];
    return { verdict, steps: this.#steps, last: this.#longest, candidates };
  }

  get #state(): State {
    return this.#last === undefined ? this.#initial : this.#last.state;
  }

  #returnedSoFar(): number {
    return this.#last?.returned ?? 0;
  }

  /** Whether the call's operation gave what the model gives, and leads to something new. */
  #place(call: number): boolean {
    const index = this.#list.callerOf(call);
    const operation = this.#returned[index];
    const { state, output } = this.#model.step(this.#state, operation.input);
    this.#steps++;
    if (!this.#accepts(output, operation.output as Output)) return false;
    this.#placed.add(index);
    if (!this.#isNew(state)) {
      this.#placed.remove(index);
      return false;
    }
    this.#list.lift(call);
    this.#push(operation, state, call, 1);
    return true;
  }

  /** Places the first operation from `index` on that was called before `node` and never returned. */
  #placePending(node: number, index: number): boolean {
    const before = this.#state;
    for (; this.#pendingCalls[index] < node; index++) {
      if (this.#placedPending.has(index)) continue;
      const { state } = this.#model.step(before, this.#pending[index].input);
      this.#steps++;
      // What changes nothing may as well not have happened.
      if (this.#model.key(state) === this.#model.key(before)) continue;
      this.#placedPending.add(index);
      if (this.#isNew(state)) {
        this.#push(this.#pending[index], state, ~index, 0);
        return true;
      }
      this.#placedPending.remove(index);
    }
    return false;
  }

  #push(operation: Operation<Input, Output>, state: State, place: number, counts: number): void {
    const returned = this.#returnedSoFar() + counts;
    this.#last = { operation, before: this.#last, returned, state, place };
  }

  #undo({ place, before }: Placed<State, Input, Output>): void {
    this.#last = before;
    if (place < 0) {
      this.#placedPending.remove(~place);
      return;
    }
    this.#list.unlift(place);
    this.#placed.remove(this.#list.callerOf(place));
  }

  #isNew(state: State): boolean {
    const before = this.#seen.size;
    this.#seen.add(`${this.#placed.key()}|${this.#placedPending.key()}|${this.#model.key(state)}`);
    return this.#seen.size > before;
  }

  /** Among orders of one length the one found first. */
  #keepLongest(node: number): void {
    const first = this.#candidates.length === 0;
    if (!first && this.#returnedSoFar() <= (this.#longest?.returned ?? 0)) return;
    this.#longest = this.#last;
    this.#candidates = [];
    for (let at = this.#list.first; at !== node; at = this.#list.after(at)) {
      this.#candidates.push(this.#returned[this.#list.callerOf(at)]);
    }
  }
}
