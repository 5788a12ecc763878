/**
 * Every way in which the processes of a small log can go: production procedures and production
 * steps, one access to one shared object at a time, and a death at every point. Breadth first, each
 * state once: the first violation found is one of the shortest.
 */
import type { LogMemory } from '../../actors/log-memory.ts';
import { retireChunksOf } from '../../actors/log-memory.ts';
import { Flight } from '../../shared-memory/flight.ts';
import { checkEnd, checkResult, checkStep, checkView } from './invariants.ts';
import { beginLog, type Contents, LogParts, type MemoryId } from './log-parts.ts';
import { type LogView, viewOf } from './log-view.ts';
import type { ProcessSpec } from './process.ts';
import { type NodeId, ProcessTree } from './process-tree.ts';
import { StateTable } from './state-table.ts';

export interface Configuration {
  readonly name: string;
  readonly replicas: number;
  readonly spares?: number;
  readonly processes: readonly ProcessSpec[];
  /** How many processes may be killed between two steps. */
  readonly kills?: number;
  /** How many may be killed in the sequencer's critical section. */
  readonly sequencerCrashes?: number;
  /** Units whose thread may exit, one of them. */
  readonly unitCrashes?: readonly number[];
  /** Changes the log before anything begins. */
  readonly prepare?: (memory: LogMemory) => void;
  /** Whether some process may wait for ever: for one that was killed. */
  readonly mayStall?: boolean;
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** States that nothing follows. */
  readonly ends: number;
  /** Of these, the ones in which a process still waits. */
  readonly stalls: number;
  readonly memories: number;
  readonly nodes: number;
  /** Steps made by production code, replays not counted. */
  readonly steps: number;
  readonly violation: Violation | undefined;
}

export interface Violation {
  readonly what: string;
  /** Names of the transitions, for replay(). */
  readonly trace: readonly string[];
  readonly words: readonly string[];
}

/** A step of a process, and the memory after it. */
export interface Walk {
  readonly process: number;
  readonly isOver: boolean;
  readonly bytes: readonly Buffer[];
}

/** What can happen to a process. */
const Way = { STEP: 0, OVER: 1, DIES: 2, DIES_ENTERING: 3, DIES_LEAVING: 4, NOTICED: 5 } as const;
type Way = (typeof Way)[keyof typeof Way];
const WAY_NAMES = ['', ':over', ':dies', ':dies-entering', ':dies-leaving', ':noticed'];
const WAYS = 8;

/** A row: memory, a node a process, then what is left of the budgets. */
const KILL = 1;
const SEQUENCER_CRASH = 1 << 4;
const UNIT_CRASH = 1 << 8;

interface Taken {
  readonly next: NodeId;
  readonly memory: MemoryId;
  /** As a death would leave it inside the sequencer's critical section: at its begin, at its end. */
  readonly inLock: readonly MemoryId[];
}

interface Follower {
  readonly way: number;
  readonly row: Int32Array;
}

/** What follows a state; its rows are used again for the next one: there are millions. */
class Followers {
  count = 0;
  readonly ways: number[] = [];
  readonly rows: Int32Array[] = [];

  /** `row` in another memory, with another node of `process` (-1: none) and `cost` less to spend. */
  add(way: number, row: Int32Array, memory: MemoryId, process: number, node: NodeId, cost: number) {
    const after = (this.rows[this.count] ??= new Int32Array(row.length));
    after.set(row);
    after[0] = memory;
    if (process >= 0) after[1 + process] = node;
    after[row.length - 1] -= cost;
    this.ways[this.count++] = way;
  }
}

export class Explorer {
  readonly #configuration: Configuration;
  readonly #parts: LogParts;
  readonly #memory: LogMemory;
  readonly #tree: ProcessTree;
  readonly #states: StateTable;
  readonly #views: LogView[] = [];
  /** What is wrong with a memory alone; empty: nothing. */
  readonly #faulty: string[] = [];
  readonly #takenOf: Map<number, Taken>[] = [];
  /** By what happens (the process that died, after these the unit), then by memory. */
  readonly #faults: Map<MemoryId, MemoryId>[] = [];
  readonly #following = new Followers();
  readonly #row: Int32Array<ArrayBuffer>;
  readonly #flight: Flight;
  #transitions = 0;
  #ends = 0;
  #stalls = 0;

  constructor(configuration: Configuration) {
    const { replicas, spares = 0, processes } = configuration;
    this.#configuration = configuration;
    this.#parts = new LogParts({ replicas, spares, processes: processes.length });
    this.#memory = beginLog(this.#parts);
    configuration.prepare?.(this.#memory);
    const { threads } = this.#memory;
    const supervisor = threads.count - 1;
    this.#flight = new Flight(threads, supervisor);
    this.#tree = new ProcessTree(processes, this.#parts, supervisor - processes.length);
    this.#states = new StateTable(2 + processes.length);
    this.#row = new Int32Array(2 + processes.length);
  }

  /** Goes every way, up to `statesMax` states. */
  explore(statesMax = Number.POSITIVE_INFINITY): Exploration {
    let violation: Violation | undefined;
    this.#begin();
    for (let state = 0; state < this.#states.count && violation === undefined; state++) {
      if (this.#states.count > statesMax) throw new Error(`more than ${statesMax} states`);
      violation = this.#follow(state);
    }
    return {
      states: this.#states.count,
      transitions: this.#transitions,
      ends: this.#ends,
      stalls: this.#stalls,
      memories: this.#parts.memories,
      nodes: this.#tree.nodes,
      steps: this.#tree.stepsMade,
      violation,
    };
  }

  /** Goes one way: the words of each transition, and the first violation. */
  replay(trace: readonly string[]): { words: string[]; what: string | undefined } {
    this.#begin();
    const words: string[] = [];
    let row = this.#states.row(0);
    for (const name of trace) {
      const follower = this.#followers(row).find(({ way }) => this.#nameOf(way) === name);
      if (follower === undefined) return { words, what: `nothing is called ${name} here` };
      words.push(this.#wordsOf(row, follower));
      const what = this.#check(row, follower.row);
      if (what !== undefined) return { words, what };
      row = follower.row;
    }
    return { words, what: this.#isEnd(row) ? this.#checkEnd(row) : undefined };
  }

  /** A way that `choose` picks at random, without faults: what was done, and what came of it. */
  walk(choose: (count: number) => number): Walk[] {
    this.#begin();
    const walk: Walk[] = [];
    for (let row = this.#states.row(0); ; ) {
      const before = row;
      const steps = this.#followers(row).filter(({ way, row: after }) => {
        const isStep = way >= 0 && way % WAYS <= Way.OVER;
        return isStep && after.some((word, i) => word !== before[i]);
      });
      if (steps.length === 0) return walk;
      const { way, row: after } = steps[choose(steps.length)];
      const process = Math.floor(way / WAYS);
      const isOver = way % WAYS === Way.OVER;
      walk.push({ process, isOver, bytes: this.#parts.bytes(this.#parts.contents(after[0])) });
      row = after;
    }
  }

  #begin(): void {
    const { kills = 0, sequencerCrashes = 0, unitCrashes = [] } = this.#configuration;
    const parts = this.#parts;
    const contents = Array.from({ length: parts.homes + 1 }, (_, part) => parts.store(part));
    const budget =
      kills * KILL + sequencerCrashes * SEQUENCER_CRASH + (unitCrashes.length > 0 ? UNIT_CRASH : 0);
    const row = Int32Array.of(parts.memory(contents), ...this.#tree.roots, budget);
    this.#states.add(row, -1, -1);
  }

  /** Adds what follows `state`. */
  #follow(state: number): Violation | undefined {
    const row = this.#states.row(state, this.#row);
    const following = this.#following;
    this.#find(row, following);
    let isEnd = true;
    for (let i = 0; i < following.count; i++) {
      const after = following.rows[i];
      this.#transitions++;
      const added = this.#states.add(after, state, following.ways[i]);
      if (added !== -1 - state) isEnd = false;
      if (added < 0) continue;
      const what = this.#check(row, after);
      if (what !== undefined) return this.#violation(what, added);
    }
    if (!isEnd) return undefined;
    this.#ends++;
    const what = this.#checkEnd(row);
    return what === undefined ? undefined : this.#violation(what, state);
  }

  #isEnd(row: Int32Array): boolean {
    return this.#followers(row).every(({ row: after }) =>
      after.every((word, i) => word === row[i]),
    );
  }

  #followers(row: Int32Array): Follower[] {
    const { ways, rows } = this.#find(row, new Followers());
    return ways.map((way, i) => ({ way, row: rows[i] }));
  }

  /** Fills `followers` with what follows. */
  #find(row: Int32Array, followers: Followers): Followers {
    followers.count = 0;
    for (let process = 0; process < this.#tree.roots.length; process++) {
      this.#followersOf(row, process, followers);
    }
    if (this.#budget(row) >= UNIT_CRASH) {
      for (const unit of this.#configuration.unitCrashes ?? []) {
        const kind = this.#tree.roots.length + unit;
        const memory = this.#fault(row[0], kind, () => this.#exit(unit));
        followers.add(-1 - unit, row, memory, -1, 0, UNIT_CRASH);
      }
    }
    return followers;
  }

  #followersOf(row: Int32Array, process: number, followers: Followers): void {
    const tree = this.#tree;
    const node = row[1 + process];
    const state = tree.state(node);
    if (state === 'ended' || state === 'gone') return;
    const add = (way: Way, memory: MemoryId, next: NodeId, cost = 0): void => {
      followers.add(process * WAYS + way, row, memory, process, next, cost);
    };
    if (state === 'dead') {
      const { incarnation, thread } = tree.processes[process];
      const memory = this.#fault(row[0], process, () => this.#exit(thread, incarnation));
      return add(Way.NOTICED, memory, tree.without(node, 'gone'));
    }
    const step = this.#taken(node, row[0], false);
    add(Way.STEP, step.memory, step.next);
    if (tree.mayTakeOver(node)) {
      const over = this.#taken(node, row[0], true);
      add(Way.OVER, over.memory, over.next);
    }
    if (tree.processes[process].spec.mortal === false) return;
    const dead = tree.without(node, 'dead');
    const budget = this.#budget(row);
    if (budget % SEQUENCER_CRASH > 0) add(Way.DIES, row[0], dead, KILL);
    if (budget % UNIT_CRASH < SEQUENCER_CRASH || step.inLock.length === 0) return;
    const [entering, leaving] = step.inLock;
    add(Way.DIES_ENTERING, entering, dead, SEQUENCER_CRASH);
    add(Way.DIES_LEAVING, leaving, dead, SEQUENCER_CRASH);
  }

  /** The step of `node` in a memory, looked up without looking at what the memory holds. */
  #taken(node: NodeId, memory: MemoryId, over: boolean): Taken {
    const ofNode = (this.#takenOf[node] ??= new Map());
    const key = 2 * memory + Number(over);
    const known = ofNode.get(key);
    if (known !== undefined) return known;
    const step = this.#tree.step(node, this.#parts.contents(memory), over);
    const taken = {
      next: step.next,
      memory: this.#written(memory, step.writes),
      inLock: step.inLock.map((writes) => this.#written(memory, writes)),
    };
    ofNode.set(key, taken);
    return taken;
  }

  #budget(row: Int32Array): number {
    return row[row.length - 1];
  }

  #written(memory: MemoryId, writes: readonly number[]): MemoryId {
    if (writes.length === 0) return memory;
    const contents = [...this.#parts.contents(memory)];
    for (let i = 0; i < writes.length; i += 2) contents[writes[i]] = writes[i + 1];
    return this.#parts.memory(contents);
  }

  /** The memory after something that nobody in the log has done. */
  #fault(before: MemoryId, kind: number, act: () => void): MemoryId {
    const faults = (this.#faults[kind] ??= new Map());
    const known = faults.get(before);
    if (known !== undefined) return known;
    const parts = this.#parts;
    const contents: Contents = parts.contents(before);
    parts.load(contents);
    act();
    const memory = parts.memory(parts.storeAll(contents, parts.everything));
    faults.set(before, memory);
    return memory;
  }

  /** Told of by whoever supervises; what it had leased goes back. */
  #exit(thread: number, incarnation = this.#memory.threads.incarnation(thread)): void {
    this.#memory.threads.markExited(thread, incarnation);
    retireChunksOf(this.#memory, this.#flight, incarnation);
    this.#parts.setFlights(this.#memory.threads.count - 1, 0);
  }

  #view(memory: MemoryId): LogView {
    const known = this.#views[memory];
    if (known !== undefined) return known;
    this.#parts.load(this.#parts.contents(memory));
    const view = viewOf(this.#memory);
    this.#views[memory] = view;
    return view;
  }

  #check(before: Int32Array, after: Int32Array): string | undefined {
    const view = this.#view(after[0]);
    if (before[0] !== after[0]) {
      this.#faulty[after[0]] ??= checkView(view) ?? '';
      const what = this.#faulty[after[0]] || checkStep(this.#view(before[0]), view);
      if (what !== undefined) return what;
    }
    for (let process = 0; process < this.#tree.roots.length; process++) {
      for (const result of this.#tree.results(after[1 + process])) {
        const what = checkResult(view, result);
        if (what !== undefined) return `${this.#name(process)}: ${what}`;
      }
    }
    return undefined;
  }

  #checkEnd(row: Int32Array): string | undefined {
    const states = this.#tree.roots.map((_, process) => this.#tree.state(row[1 + process]));
    const waiting = states.findIndex((state, process) => {
      const { watches } = this.#tree.processes[process].spec;
      return (state === 'pause' && !watches) || state === 'call';
    });
    if (waiting < 0) return checkEnd(this.#view(row[0]));
    this.#stalls++;
    if (this.#configuration.mayStall) return undefined;
    return `${this.#name(waiting)} waits for ever`;
  }

  #name(process: number): string {
    return this.#tree.processes[process].spec.name;
  }

  #nameOf(way: number): string {
    if (way < 0) return `unit${-1 - way}:exits`;
    return this.#name(Math.floor(way / WAYS)) + WAY_NAMES[way % WAYS];
  }

  #wordsOf(row: Int32Array, { way, row: after }: Follower): string {
    const name = this.#nameOf(way);
    if (way < 0 || way % WAYS > Way.OVER) return name;
    const process = Math.floor(way / WAYS);
    const contents = this.#parts.contents(row[0]);
    const words = this.#tree.words(row[1 + process], contents, way % WAYS === Way.OVER);
    const known = this.#tree.results(row[1 + process]).length;
    const told = this.#tree.results(after[1 + process]).slice(known);
    const results = told.map(({ kind, position, what }) => `; ${kind} ${position} ${what}`);
    return `${name}  ${words}${results.join('')}`;
  }

  #violation(what: string, state: number): Violation {
    const trace: string[] = [];
    const words: string[] = [];
    for (let at = state; this.#states.parent(at) >= 0; at = this.#states.parent(at)) {
      const way = this.#states.way(at);
      trace.unshift(this.#nameOf(way));
      const follower = { way, row: this.#states.row(at) };
      words.unshift(this.#wordsOf(this.#states.row(this.#states.parent(at)), follower));
    }
    return { what, trace, words };
  }
}
