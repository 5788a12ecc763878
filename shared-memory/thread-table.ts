/**
 * The thread table's verbs. A thread is an index; its incarnation tells two tenants of one index
 * apart and is never given twice.
 */
import { assert } from './assert.ts';
import {
  CLOSED_OFFSET,
  DOORBELL_OFFSET,
  FLIGHTS_OFFSET,
  HEARTBEAT_OFFSET,
  INCARNATIONS_OFFSET,
  isOn,
  MEMBERSHIP_VERSION_OFFSET,
  SLEEPS_OFFSET,
  SPELLS_OFFSET,
  SWITCHES,
  switchedOff,
  switchedOn,
  TENANT_OFFSET,
  THREAD_COUNT_OFFSET,
  THREAD_RECORD_BYTES,
  THREAD_TABLE_HEADER_BYTES,
  ThreadState,
} from './thread-table-layout.ts';
import { WORD_BYTES } from './words.ts';

/** Index of a thread in the thread table. */
export type ThreadIndex = number;

export const NO_THREAD = -1;

const word = (offset: number): number => offset / WORD_BYTES;
/** A constant: it is looked at before each read of an object. */
const CLOSED = word(CLOSED_OFFSET);

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
      const tenant = this.#at(thread, TENANT_OFFSET);
      // BEFORE a number is taken: they do not run out for threads that find no room.
      if (this.#tenant(thread) !== 0) continue;
      const incarnation = Atomics.add(this.#words, word(INCARNATIONS_OFFSET), 1) + 1;
      assert(incarnation > 0, 'incarnations do not run out');
      if (Atomics.compareExchange(this.#words, tenant, 0, incarnation) !== 0) continue;
      this.#switchAllOff(thread);
      this.#changed();
      return thread;
    }
    return NO_THREAD;
  }

  /** Makes the index free again: the thread itself leaving, or its one owner AFTER its exit. */
  release(thread: ThreadIndex): void {
    // BEFORE the index is free: from then on they belong to the next tenant.
    this.#switchAllOff(thread);
    Atomics.store(this.#words, this.#at(thread, TENANT_OFFSET), 0);
    this.#changed();
  }

  /**
   * Whoever knows of the exit of this incarnation, AFTER it: nothing it hosted will ever answer
   * again. Any number of threads may call it for one death, at any time: true for exactly one. A
   * caller that comes late, when the index has its next tenant, changes nothing.
   */
  markExited(thread: ThreadIndex, incarnation: number): boolean {
    // Seen BEFORE the tenant: if it is still this one, they are what it left, and final.
    const left = SWITCHES.map((offset) => Atomics.load(this.#words, this.#at(thread, offset)));
    if (Math.abs(this.#tenant(thread)) !== incarnation) return false;
    // Fails once the next tenant has moved the word on: a count does not come back.
    SWITCHES.forEach((offset, i) => {
      const at = this.#at(thread, offset);
      if (isOn(left[i])) Atomics.compareExchange(this.#words, at, left[i], switchedOff(left[i]));
    });
    const tenant = this.#at(thread, TENANT_OFFSET);
    const before = Atomics.compareExchange(this.#words, tenant, incarnation, -incarnation);
    if (Math.abs(before) !== incarnation) return false;
    // The second caller too: the first may have died before it told anybody.
    this.#changed();
    return before === incarnation;
  }

  state(thread: ThreadIndex): ThreadState {
    const tenant = this.#tenant(thread);
    if (tenant === 0) return ThreadState.FREE;
    return tenant > 0 ? ThreadState.ALIVE : ThreadState.EXITED;
  }

  /** Of the thread that lives here, or exited here; 0 while the index is free. */
  incarnation(thread: ThreadIndex): number {
    return Math.abs(this.#tenant(thread));
  }

  /** Incarnation of the thread that lives here; 0 when none does. */
  tenant(thread: ThreadIndex): number {
    return Math.max(0, this.#tenant(thread));
  }

  /** Whether some thread lives as `incarnation`: false from the notice of its exit on, for ever. */
  lives(incarnation: number): boolean {
    for (let thread = 0; thread < this.count; thread++) {
      if (this.#tenant(thread) === incarnation) return true;
    }
    return false;
  }

  /** The owner has begun to close the log: nothing new is begun by anybody. */
  closed(): boolean {
    return Atomics.load(this.#words, CLOSED) !== 0;
  }

  markClosed(): void {
    Atomics.store(this.#words, CLOSED, 1);
  }

  /** Grows with every claim, release and exit; reload what depends on who is alive. */
  membershipVersion(): number {
    return Atomics.load(this.#words, word(MEMBERSHIP_VERSION_OFFSET));
  }

  /**
   * The calling thread is in flight from here to leave(). Announce FIRST, then load what the change
   * depends on (sealed epoch, projection, watermark), then change: either the thread sees what was
   * stored, or whoever stored it sees the flight and waits (quiescence.ts). What a thread leaves
   * when it dies in between is cleared AFTER its exit, by markExited() or release().
   */
  announce(thread: ThreadIndex): void {
    const flights = this.#at(thread, FLIGHTS_OFFSET);
    const count = Atomics.load(this.#words, flights);
    assert(!isOn(count), 'a thread announces itself once');
    Atomics.store(this.#words, flights, switchedOn(count));
  }

  /** AFTER the last change: pairs with the load in flight(). */
  leave(thread: ThreadIndex): void {
    const flights = this.#at(thread, FLIGHTS_OFFSET);
    const count = Atomics.load(this.#words, flights);
    assert(isOn(count), 'only who is in flight leaves');
    Atomics.store(this.#words, flights, switchedOff(count));
  }

  /**
   * announce() and leave() for whoever keeps the count itself: a thread's Flight, the only writer of
   * the word while the thread lives.
   */
  setFlight(thread: ThreadIndex, count: number): void {
    Atomics.store(this.#words, this.#at(thread, FLIGHTS_OFFSET), count);
  }

  inFlight(thread: ThreadIndex): boolean {
    return isOn(this.flight(thread));
  }

  /** Counts announcements and leaves (wraps); odd while the thread is in flight. */
  flight(thread: ThreadIndex): number {
    return Atomics.load(this.#words, this.#at(thread, FLIGHTS_OFFSET));
  }

  /** Says whether the thread is turning: spinning or working, not resting. */
  setTurning(thread: ThreadIndex, turning: boolean): void {
    this.#switch(thread, SPELLS_OFFSET, turning);
  }

  /** Threads that turn now: how many want a core at the same time. May be late. */
  turningCount(): number {
    let count = 0;
    for (let thread = 0; thread < this.count; thread++) {
      if (isOn(Atomics.load(this.#words, this.#at(thread, SPELLS_OFFSET)))) count++;
    }
    return count;
  }

  /** Whether the thread has begun to turn, and has not exited: what is sent to it is taken. */
  attends(thread: ThreadIndex): boolean {
    const turning = isOn(Atomics.load(this.#words, this.#at(thread, SPELLS_OFFSET)));
    return turning || isOn(Atomics.load(this.#words, this.#at(thread, SLEEPS_OFFSET)));
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
    if (!isOn(Atomics.load(this.#words, this.#at(thread, SLEEPS_OFFSET)))) return;
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
    this.#switch(thread, SLEEPS_OFFSET, true);
    return heard;
  }

  awake(thread: ThreadIndex): void {
    this.#switch(thread, SLEEPS_OFFSET, false);
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

  #tenant(thread: ThreadIndex): number {
    return Atomics.load(this.#words, this.#at(thread, TENANT_OFFSET));
  }

  /** By the thread itself, or by the only one who may: nobody else moves the word on meanwhile. */
  #switch(thread: ThreadIndex, offset: number, on: boolean): void {
    const at = this.#at(thread, offset);
    const count = Atomics.load(this.#words, at);
    Atomics.store(this.#words, at, on ? switchedOn(count) : switchedOff(count));
  }

  #switchAllOff(thread: ThreadIndex): void {
    for (const offset of SWITCHES) this.#switch(thread, offset, false);
  }

  #changed(): void {
    Atomics.add(this.#words, word(MEMBERSHIP_VERSION_OFFSET), 1);
  }

  #at(thread: ThreadIndex, offset: number): number {
    return word(THREAD_TABLE_HEADER_BYTES + thread * THREAD_RECORD_BYTES + offset);
  }
}
