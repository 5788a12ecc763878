/**
 * A program's threads and memory as a machine that takes one step at a time, and takes it back.
 * A choice is which thread goes on, is killed for good, or has its deadline.
 */
import { type HistoryNode, ThreadHistory } from './thread-history.ts';
import { type Access, addressOf, assertNoConstant, isPlain, mayWrite } from './watched-memory.ts';

export type ThreadState = 'live' | 'ended' | 'killed';

/** What a program's checks see of a thread. */
export interface ThreadView {
  readonly state: ThreadState;
  readonly outcome: unknown;
  readonly notes: readonly unknown[];
}

export interface Glance {
  thread(name: string): ThreadView;
  /** Deadlines that have passed so far. */
  readonly deadlines: number;
  readonly kills: number;
}

export interface Region {
  readonly buffer: SharedArrayBuffer;
  readonly from: number;
  readonly to: number;
}

export interface Program {
  /** By name; each builds its own views. */
  readonly threads: Readonly<Record<string, () => unknown>>;
  /** Threads that begin once those named have ended or were killed, as after an awaited exit. */
  readonly startsAfter?: Readonly<Record<string, readonly string[]>>;
  /** Threads that may be killed; all of them if absent. */
  readonly killable?: readonly string[];
  /** Where reading races with writing on purpose (seqlock): what was read is confirmed later. */
  readonly racyReads?: readonly Region[];
  /** Throws if the state is bad; called in each state. The memory may be looked at directly. */
  readonly always?: (glance: Glance) => void;
  /** The same, for states in which nothing can happen any more. */
  readonly atEnd?: (glance: Glance) => void;
}

export const Act = { STEP: 0, KILL: 1, DEADLINE: 2 } as const;

export interface Choice {
  readonly thread: number;
  readonly act: (typeof Act)[keyof typeof Act];
}

/** Queued up by Atomics.wait and not notified yet. */
interface Waiter {
  readonly thread: number;
  readonly at: number;
}

interface Thread {
  readonly name: string;
  readonly history: ThreadHistory;
  readonly after: readonly number[];
  readonly killable: boolean;
  node: HistoryNode;
  state: ThreadState;
}

export interface Undo {
  readonly thread: number;
  readonly node: HistoryNode;
  readonly state: ThreadState;
  readonly waiters: readonly Waiter[];
  readonly deadlines: number;
  readonly hashes: readonly [number, number];
  readonly access: Access | undefined;
  readonly low: number;
  readonly high: number;
}

export interface Limits {
  readonly kills: number;
  /** A deadline may pass at any time, or only when nothing else can happen. */
  readonly deadlines: 'any time' | 'when stuck';
}

export class Machine implements Glance {
  readonly threads: readonly Thread[];
  readonly #program: Program;
  readonly #racy: readonly { from: number; to: number }[];
  readonly #limits: Limits;
  #waiters: readonly Waiter[] = [];
  #hashes: readonly [number, number] = [0, 0];
  deadlines = 0;

  constructor(program: Program, limits: Limits) {
    const names = Object.keys(program.threads);
    this.#program = program;
    this.#limits = limits;
    this.#racy = (program.racyReads ?? []).map(({ buffer, from, to }) => {
      return { from: addressOf(buffer, from), to: addressOf(buffer, to) };
    });
    this.threads = names.map((name) => {
      const history = new ThreadHistory(program.threads[name]);
      const after = (program.startsAfter?.[name] ?? []).map((other) => names.indexOf(other));
      const killable = program.killable?.includes(name) ?? true;
      const state = history.root.pending === undefined ? 'ended' : 'live';
      return { name, history, after, killable, node: history.root, state };
    });
  }

  get kills(): number {
    return this.threads.filter((thread) => thread.state === 'killed').length;
  }

  thread(name: string): ThreadView {
    const found = this.threads.find((thread) => thread.name === name);
    if (found === undefined) throw new Error(`no thread is called ${name}`);
    return { state: found.state, outcome: found.node.outcome, notes: found.node.notes };
  }

  /** Times that a thread's function was run. */
  get replays(): number {
    return this.threads.reduce((sum, thread) => sum + thread.history.count, 0);
  }

  /** Steps first, in the order of the threads; then deadlines, then kills. */
  choices(): Choice[] {
    const found: Choice[] = [];
    this.threads.forEach((_thread, thread) => {
      if (this.#canStep(thread)) found.push({ thread, act: Act.STEP });
    });
    const steps = found.length;
    if (steps === 0 || this.#limits.deadlines === 'any time') {
      for (const { thread } of this.#waiters) {
        const settles = this.threads[thread].node.pending?.kind === 'settle';
        if (settles) found.push({ thread, act: Act.DEADLINE });
      }
    }
    if (found.length === 0 || this.kills >= this.#limits.kills) return found;
    this.threads.forEach(({ state, killable }, thread) => {
      const may = state === 'live' && killable && this.#hasStarted(thread);
      if (may) found.push({ thread, act: Act.KILL });
    });
    return found;
  }

  canStep(thread: number): boolean {
    return this.#canStep(thread);
  }

  /** Everything that the future depends on, the checks included. */
  key(): string {
    const [a, b] = this.#hashes;
    let key = `${a},${b},${this.deadlines}`;
    for (const { node, state } of this.threads)
      key += `,${state === 'killed' ? '!' : ''}${node.id}`;
    for (const waiter of this.#waiters) key += `;${waiter.thread}`;
    return key;
  }

  /** Does it. Throws what the thread throws, or what the checks say of the new state. */
  apply(choice: Choice): Undo {
    const thread = this.threads[choice.thread];
    const access = choice.act === Act.KILL ? undefined : thread.node.pending;
    const undo = this.#undoOf(choice.thread, access);
    if (access === undefined) {
      thread.state = 'killed';
      this.#waiters = this.#waiters.filter((waiter) => waiter.thread !== choice.thread);
    } else {
      const result = this.#perform(choice, access);
      this.#rehash(access, undo);
      thread.node = thread.history.after(thread.node, result);
      if (thread.node.pending === undefined) thread.state = 'ended';
    }
    return undo;
  }

  revert(undo: Undo): void {
    const thread = this.threads[undo.thread];
    thread.node = undo.node;
    thread.state = undo.state;
    this.#waiters = undo.waiters;
    this.#hashes = undo.hashes;
    this.deadlines = undo.deadlines;
    if (undo.access === undefined) return;
    const { words, word, bytes } = undo.access;
    words[word] = undo.low;
    if (bytes > 4) words[word + 1] = undo.high;
  }

  /** Throws if the state is a violation. `atEnd`: nothing can happen any more. */
  check(atEnd: boolean): void {
    for (const { name, node } of this.threads) {
      if (node.error === undefined) continue;
      const what = node.error instanceof Error ? node.error.message : String(node.error);
      throw new Error(`${name} failed: ${what}`);
    }
    this.#program.always?.(this);
    if (atEnd) this.#program.atEnd?.(this);
  }

  /**
   * Throws if two threads could now touch the same bytes at the same time, one of them plainly and
   * one of them writing. Over all states this finds every data race that any execution has.
   */
  checkRaces(): void {
    for (let i = 1; i < this.threads.length; i++) {
      if (!this.#canStep(i)) continue;
      for (let j = 0; j < i; j++) {
        if (this.#canStep(j)) this.#checkPair(i, j);
      }
    }
  }

  /** True for an access that may race with a write. */
  isRacyRead(access: Access): boolean {
    if (mayWrite(access)) return false;
    return this.#racy.some(({ from, to }) => access.at >= from && access.at < to);
  }

  #checkPair(i: number, j: number): void {
    const [a, b] = [this.threads[i].node.pending, this.threads[j].node.pending];
    if (a === undefined || b === undefined || (!isPlain(a) && !isPlain(b))) return;
    if (a.at >= b.at + b.bytes || b.at >= a.at + a.bytes || (!mayWrite(a) && !mayWrite(b))) return;
    if (this.isRacyRead(a) || this.isRacyRead(b)) return;
    const [one, other] = [this.threads[i].name, this.threads[j].name];
    throw new Error(`data race: ${a.kind} by ${one} and ${b.kind} by ${other}`);
  }

  #hasStarted(thread: number): boolean {
    return this.threads[thread].after.every((other) => this.threads[other].state !== 'live');
  }

  #canStep(thread: number): boolean {
    const { state, node } = this.threads[thread];
    if (state !== 'live' || !this.#hasStarted(thread)) return false;
    if (node.pending?.kind !== 'settle') return true;
    return !this.#waiters.some((waiter) => waiter.thread === thread);
  }

  #perform(choice: Choice, access: Access): unknown {
    assertNoConstant(access);
    const { thread, act } = choice;
    if (act === Act.DEADLINE) {
      this.#waiters = this.#waiters.filter((waiter) => waiter.thread !== thread);
      this.deadlines++;
      return 'timed-out';
    }
    const result = access.perform();
    if (access.kind === 'enqueue' && result === 'queued') {
      this.#waiters = [...this.#waiters, { thread, at: access.at }];
    }
    return access.kind === 'notify' ? this.#notify(access.at, Number(access.operand)) : result;
  }

  /** First come, first served. */
  #notify(at: number, most: number): number {
    const woken = new Set(this.#waiters.filter((waiter) => waiter.at === at).slice(0, most));
    if (woken.size > 0) this.#waiters = this.#waiters.filter((waiter) => !woken.has(waiter));
    return woken.size;
  }

  #undoOf(thread: number, access: Access | undefined): Undo {
    const { node, state } = this.threads[thread];
    const low = access === undefined ? 0 : access.words[access.word];
    const high = access !== undefined && access.bytes > 4 ? access.words[access.word + 1] : 0;
    const [waiters, hashes, deadlines] = [this.#waiters, this.#hashes, this.deadlines];
    return { thread, node, state, waiters, hashes, deadlines, access, low, high };
  }

  #rehash(access: Access, undo: Undo): void {
    const { words, word, at, bytes } = access;
    let [a, b] = this.#hashes;
    const flip = (address: number, value: number): void => {
      a ^= mix(address, value, 0x9e37_79b9);
      b ^= mix(address, value, 0x85eb_ca6b);
    };
    const base = at >> 2;
    if (words[word] !== undo.low) {
      flip(base, undo.low);
      flip(base, words[word]);
    }
    if (bytes > 4 && words[word + 1] !== undo.high) {
      flip(base + 1, undo.high);
      flip(base + 1, words[word + 1]);
    }
    this.#hashes = [a, b];
  }
}

/** A hash of one word at its place; that of the memory is the exclusive or of all. */
function mix(address: number, value: number, seed: number): number {
  let mixed = Math.imul(address ^ seed, 0xc2b2_ae35) ^ Math.imul(value, seed | 1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b_3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a_2d39);
  return mixed ^ (mixed >>> 15);
}
