/**
 * The thread table's verbs. A thread is an index; its incarnation tells two tenants of one index
 * apart and is never given twice.
 */
import { assert } from './assert.ts';
import {
  CLOSED_OFFSET,
  DOORBELL_OFFSET,
  HEARTBEAT_OFFSET,
  IN_FLIGHT_OFFSET,
  INCARNATION_OFFSET,
  INCARNATIONS_OFFSET,
  MEMBERSHIP_VERSION_OFFSET,
  OPERATIONS_OFFSET,
  SLEEPING_OFFSET,
  THREAD_COUNT_OFFSET,
  THREAD_RECORD_BYTES,
  THREAD_STATE_OFFSET,
  THREAD_TABLE_HEADER_BYTES,
  ThreadState,
  TURNING_OFFSET,
} from './thread-table-layout.ts';
import { WORD_BYTES } from './words.ts';

/** Index of a thread in the thread table. */
export type ThreadIndex = number;

export const NO_THREAD = -1;

const word = (offset: number): number => offset / WORD_BYTES;

export function allocateThreadTable(threads: number): SharedArrayBuffer {
  const bytes = THREAD_TABLE_HEADER_BYTES + threads * THREAD_RECORD_BYTES;
  const buffer = new SharedArrayBuffer(bytes);
  new Int32Array(buffer)[word(THREAD_COUNT_OFFSET)] = threads;
  return buffer;
}

export class ThreadTable {
  readonly count: number;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.count = this.#words[word(THREAD_COUNT_OFFSET)];
  }

  /**
   * Claims a free index in [from, to) for the calling thread, or NO_THREAD when all are taken.
   * A thread that dies right after is cleared by the supervisor like any other.
   */
  claim(from: ThreadIndex, to: ThreadIndex): ThreadIndex {
    for (let thread = from; thread < to; thread++) {
      const state = this.#at(thread, THREAD_STATE_OFFSET);
      const incarnation = Atomics.add(this.#words, word(INCARNATIONS_OFFSET), 1) + 1;
      const before = Atomics.compareExchange(
        this.#words,
        state,
        ThreadState.FREE,
        ThreadState.ALIVE,
      );
      if (before !== ThreadState.FREE) continue;
      Atomics.store(this.#words, this.#at(thread, IN_FLIGHT_OFFSET), 0);
      Atomics.store(this.#words, this.#at(thread, SLEEPING_OFFSET), 0);
      Atomics.store(this.#words, this.#at(thread, INCARNATION_OFFSET), incarnation);
      this.#changed();
      return thread;
    }
    return NO_THREAD;
  }

  /** Makes the index free again: the thread itself leaving, or the supervisor AFTER its exit. */
  release(thread: ThreadIndex): void {
    Atomics.store(this.#words, this.#at(thread, IN_FLIGHT_OFFSET), 0);
    Atomics.store(this.#words, this.#at(thread, SLEEPING_OFFSET), 0);
    this.setTurning(thread, false);
    Atomics.store(this.#words, this.#at(thread, THREAD_STATE_OFFSET), ThreadState.FREE);
    this.#changed();
  }

  /** The supervisor, AFTER the thread's exit: nothing it hosted will ever answer again. */
  markExited(thread: ThreadIndex): void {
    Atomics.store(this.#words, this.#at(thread, IN_FLIGHT_OFFSET), 0);
    Atomics.store(this.#words, this.#at(thread, SLEEPING_OFFSET), 0);
    this.setTurning(thread, false);
    Atomics.store(this.#words, this.#at(thread, THREAD_STATE_OFFSET), ThreadState.EXITED);
    this.#changed();
  }

  state(thread: ThreadIndex): ThreadState {
    const value = Atomics.load(this.#words, this.#at(thread, THREAD_STATE_OFFSET));
    assert(value >= ThreadState.FREE && value <= ThreadState.EXITED, 'a thread state is known');
    return value as ThreadState;
  }

  incarnation(thread: ThreadIndex): number {
    return Atomics.load(this.#words, this.#at(thread, INCARNATION_OFFSET));
  }

  /** The owner has begun to close the log: nothing new is begun by anybody. */
  closed(): boolean {
    return Atomics.load(this.#words, word(CLOSED_OFFSET)) !== 0;
  }

  markClosed(): void {
    Atomics.store(this.#words, word(CLOSED_OFFSET), 1);
  }

  /** Grows with every claim, release and exit; reload what depends on who is alive. */
  membershipVersion(): number {
    return Atomics.load(this.#words, word(MEMBERSHIP_VERSION_OFFSET));
  }

  /**
   * Announces an operation on shared memory under `epoch` (> 0). Announce FIRST, then load sealed
   * epoch and watermark, then change a slot, then leave(): either the operation sees the seal, or
   * whoever sealed sees the announcement. Dying in between is cleared by the supervisor.
   */
  announce(thread: ThreadIndex, epoch: number): void {
    assert(epoch > 0, 'epoch 0 means idle');
    const operations = this.#at(thread, OPERATIONS_OFFSET);
    Atomics.store(this.#words, operations, (this.#words[operations] + 1) | 0);
    Atomics.store(this.#words, this.#at(thread, IN_FLIGHT_OFFSET), epoch);
  }

  leave(thread: ThreadIndex): void {
    Atomics.store(this.#words, this.#at(thread, IN_FLIGHT_OFFSET), 0);
  }

  /** Epoch of the operation in flight, 0 when idle. */
  inFlight(thread: ThreadIndex): number {
    return Atomics.load(this.#words, this.#at(thread, IN_FLIGHT_OFFSET));
  }

  /** Operations the thread has announced so far (wraps); read AFTER inFlight(). */
  operations(thread: ThreadIndex): number {
    return Atomics.load(this.#words, this.#at(thread, OPERATIONS_OFFSET));
  }

  /** True when no thread is in flight in epoch `epoch` or an older one: a seal has drained. */
  drained(epoch: number): boolean {
    for (let thread = 0; thread < this.count; thread++) {
      const inFlight = this.inFlight(thread);
      if (inFlight !== 0 && inFlight <= epoch) return false;
    }
    return true;
  }

  /** Says whether the thread is turning: spinning or working, not resting. */
  setTurning(thread: ThreadIndex, turning: boolean): void {
    Atomics.store(this.#words, this.#at(thread, TURNING_OFFSET), turning ? 1 : 0);
  }

  /** Threads that turn now: how many want a core at the same time. May be late. */
  turningCount(): number {
    let count = 0;
    for (let thread = 0; thread < this.count; thread++) {
      if (Atomics.load(this.#words, this.#at(thread, TURNING_OFFSET)) !== 0) count++;
    }
    return count;
  }

  beat(thread: ThreadIndex): void {
    const at = this.#at(thread, HEARTBEAT_OFFSET);
    Atomics.store(this.#words, at, (this.#words[at] + 1) | 0);
  }

  heartbeat(thread: ThreadIndex): number {
    return Atomics.load(this.#words, this.#at(thread, HEARTBEAT_OFFSET));
  }

  /** Wakes `thread` if it sleeps. Call AFTER publishing what it should find. */
  ring(thread: ThreadIndex): void {
    // Pairs with the store in prepareToSleep(): one of the two sees the other.
    if (Atomics.load(this.#words, this.#at(thread, SLEEPING_OFFSET)) === 0) return;
    const doorbell = this.#at(thread, DOORBELL_OFFSET);
    Atomics.add(this.#words, doorbell, 1);
    Atomics.notify(this.#words, doorbell);
  }

  /** Wakes everybody: something that all should look at has changed. */
  ringAll(): void {
    for (let thread = 0; thread < this.count; thread++) this.ring(thread);
  }

  /** Returns the rings heard so far. Look for work AFTER it, then sleep until a ring beyond. */
  prepareToSleep(thread: ThreadIndex): number {
    const heard = Atomics.load(this.#words, this.#at(thread, DOORBELL_OFFSET));
    Atomics.store(this.#words, this.#at(thread, SLEEPING_OFFSET), 1);
    return heard;
  }

  awake(thread: ThreadIndex): void {
    Atomics.store(this.#words, this.#at(thread, SLEEPING_OFFSET), 0);
  }

  /** Blocks until a ring beyond `heard` or the deadline. */
  sleep(thread: ThreadIndex, heard: number, timeoutMs: number): void {
    Atomics.wait(this.#words, this.#at(thread, DOORBELL_OFFSET), heard, timeoutMs);
  }

  /** Settles after a ring beyond `heard` or the deadline; undefined when the ring has come already. */
  sleepAsync(thread: ThreadIndex, heard: number, timeoutMs: number): Promise<unknown> | undefined {
    const doorbell = this.#at(thread, DOORBELL_OFFSET);
    const result = Atomics.waitAsync(this.#words, doorbell, heard, timeoutMs);
    return result.async ? result.value : undefined;
  }

  #changed(): void {
    Atomics.add(this.#words, word(MEMBERSHIP_VERSION_OFFSET), 1);
  }

  #at(thread: ThreadIndex, offset: number): number {
    return word(THREAD_TABLE_HEADER_BYTES + thread * THREAD_RECORD_BYTES + offset);
  }
}
