/**
 * The lives of all processes as a tree: a node is everything a process has seen so far, so equal
 * nodes act alike (prefix replay: a run is made anew from the memories that it has met). A step is
 * made once for each node and each content of the parts of the memory that it touches.
 */
import { assert } from '../../shared-memory/assert.ts';
import type { Contents, LogParts } from './log-parts.ts';
import { Process, type ProcessRun, type ProcessSpec, type Result } from './process.ts';

export type NodeId = number;

/** 'dead': killed. 'gone': and everybody was told. */
export type NodeState = 'call' | 'pause' | 'ended' | 'dead' | 'gone';

export interface Step {
  readonly next: NodeId;
  /** Part and content, in turn. */
  readonly writes: readonly number[];
  /** The same as they were when the sequencer's lock was taken, and when it was about to be free. */
  readonly inLock: readonly (readonly number[])[];
}

interface TreeNode {
  readonly process: number;
  readonly state: NodeState;
  readonly results: readonly Result[];
  readonly parent: NodeId;
  /** The memory in which the step to here was made first, and whether patience was over. */
  readonly contents: Contents;
  readonly over: boolean;
  readonly takeovers: number;
  readonly isWaiting: boolean;
  /** The pause before, and what was seen from there to here. */
  readonly pause: NodeId;
  readonly cycle: string;
  /** The request that follows, once it is known. */
  request: string | undefined;
  readonly memos: Memo[];
}

/** Steps of one node, by the contents of what they touch. */
class Memo {
  readonly #masks: number[] = [];
  readonly #steps = new Map<string, Step>();

  find(contents: Contents): Step | undefined {
    for (const mask of this.#masks) {
      const step = this.#steps.get(keyOf(mask, contents));
      if (step !== undefined) return step;
    }
    return undefined;
  }

  add(mask: number, contents: Contents, step: Step): void {
    if (!this.#masks.includes(mask)) this.#masks.push(mask);
    this.#steps.set(keyOf(mask, contents), step);
  }
}

function keyOf(mask: number, contents: Contents): string {
  let key = `${mask}`;
  for (let part = 0; part < contents.length; part++) {
    if ((mask >> part) & 1) key += `,${contents[part]}`;
  }
  return key;
}

const NONE: NodeId = -1;
/** Runs kept where they stand. */
const RUNS_MAX = 4000;

export class ProcessTree {
  readonly processes: readonly Process[];
  readonly roots: readonly NodeId[];
  /** Steps made by production code, replays not counted. */
  stepsMade = 0;
  readonly #parts: LogParts;
  readonly #nodes: TreeNode[] = [];
  readonly #ids = new Map<string, NodeId>();
  readonly #runs = new Map<NodeId, ProcessRun>();
  /** What without() answered, by node. */
  readonly #without = { dead: [] as NodeId[], gone: [] as NodeId[] };

  /** Begins all processes, in their order. Thread indexes from `firstThread`. */
  constructor(specs: readonly ProcessSpec[], parts: LogParts, firstThread: number) {
    this.#parts = parts;
    this.processes = specs.map((spec, i) => new Process(spec, parts, firstThread + i));
    this.roots = this.processes.map((process, i) => {
      const contents = this.#allContents();
      const run = process.begin();
      const root = this.#add(`begin ${i}`, {
        process: i,
        state: run.state,
        results: [...run.results],
        parent: NONE,
        contents,
        over: false,
        takeovers: process.spec.takeovers ?? 0,
        isWaiting: run.isWaiting,
        pause: NONE,
        cycle: '',
        request: undefined,
        memos: [new Memo(), new Memo()],
      });
      this.#runs.set(root, run);
      return root;
    });
  }

  get nodes(): number {
    return this.#nodes.length;
  }

  /** What the buffers hold, whatever was known of it. */
  #allContents(): Contents {
    return Array.from({ length: this.#parts.homes + 1 }, (_, part) => this.#parts.store(part));
  }

  state(node: NodeId): NodeState {
    return this.#nodes[node].state;
  }

  results(node: NodeId): readonly Result[] {
    return this.#nodes[node].results;
  }

  /** Whether the process may lose its patience here. */
  mayTakeOver(node: NodeId): boolean {
    const { isWaiting, takeovers } = this.#nodes[node];
    return isWaiting && takeovers > 0;
  }

  /** The process is killed, or its death was told: what it has seen does not matter any more. */
  without(node: NodeId, state: 'dead' | 'gone'): NodeId {
    const { process, results } = this.#nodes[node];
    return (this.#without[state][node] ??= this.#final(process, state, results));
  }

  /** The step of `node` in this memory. */
  step(node: NodeId, contents: Contents, over: boolean): Step {
    const memo = this.#nodes[node].memos[Number(over)];
    const known = memo.find(contents);
    if (known !== undefined) return known;
    const { touched, step } = this.#make(node, contents, over);
    memo.add(touched, contents, step);
    return step;
  }

  /** The same in words, made anew. */
  words(node: NodeId, contents: Contents, over: boolean): string {
    const { words } = this.#make(node, contents, over);
    return words;
  }

  #make(node: NodeId, contents: Contents, over: boolean) {
    this.stepsMade++;
    const parts = this.#parts;
    const one = this.#nodes[node];
    const { recorder, memory } = this.processes[one.process];
    const run = this.#runs.get(node) ?? this.#replay(node);
    this.#runs.delete(node);
    parts.load(contents);
    const inLock: (readonly number[])[] = [];
    memory.onLock = () => {
      inLock.push(this.#writes(contents, recorder.touched | (1 << parts.sequencer)));
    };
    recorder.begin();
    run.step(over);
    memory.onLock = () => {};
    const { touched } = recorder;
    const writes = this.#writes(contents, touched);
    one.request ??= run.request;
    assert(one.request === run.request, `equal nodes act alike: ${one.request}, ${run.request}`);
    const next = this.#next(node, contents, over, run, recorder.text);
    return { touched, words: run.words, step: { next, writes, inLock } };
  }

  #writes(contents: Contents, touched: number): number[] {
    const after = this.#parts.storeAll(contents, touched);
    return after.flatMap((content, part) => (content === contents[part] ? [] : [part, content]));
  }

  #next(node: NodeId, contents: Contents, over: boolean, run: ProcessRun, seen: string): NodeId {
    const one = this.#nodes[node];
    const { state, results } = run;
    if (state === 'ended') return this.#final(one.process, state, results);
    const text = `${over ? 'over ' : ''}${run.request} ${seen}`;
    const isNew = results.length > one.results.length;
    const cycle = isNew ? '' : `${one.state === 'pause' ? '' : `${one.cycle}; `}${text}`;
    const pause = one.state === 'pause' ? node : one.pause;
    // The same seen between two pauses as between the two before: it goes round in a circle.
    if (state === 'pause' && pause !== NONE && !over && !isNew) {
      if (this.#nodes[pause].cycle === cycle) return pause;
    }
    const next = this.#add(`${node} ${text} ${state} ${JSON.stringify(results)}`, {
      process: one.process,
      state,
      results: [...results],
      parent: node,
      contents,
      over,
      takeovers: one.takeovers - Number(over),
      isWaiting: run.isWaiting,
      pause,
      cycle,
      request: undefined,
      memos: [new Memo(), new Memo()],
    });
    this.#keep(next, run);
    return next;
  }

  #keep(node: NodeId, run: ProcessRun): void {
    if (this.#runs.size >= RUNS_MAX) {
      for (const [oldest] of this.#runs) {
        this.#runs.delete(oldest);
        break;
      }
    }
    this.#runs.set(node, run);
  }

  #final(process: number, state: NodeState, results: readonly Result[]): NodeId {
    return this.#add(`${process} ${state} ${JSON.stringify(results)}`, {
      process,
      state,
      results: [...results],
      parent: NONE,
      contents: [],
      over: false,
      takeovers: 0,
      isWaiting: false,
      pause: NONE,
      cycle: '',
      request: undefined,
      memos: [],
    });
  }

  #add(key: string, node: TreeNode): NodeId {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.#nodes.length);
    return this.#nodes.push(node) - 1;
  }

  /** A run that stands at `node`, made from the memories that it has met on its way. */
  #replay(node: NodeId): ProcessRun {
    const path: TreeNode[] = [];
    for (let at = node; at !== NONE; at = this.#nodes[at].parent) path.unshift(this.#nodes[at]);
    const [root, ...steps] = path;
    const process = this.processes[root.process];
    const { recorder } = process;
    recorder.muted++;
    this.#parts.load(root.contents);
    const run = process.begin();
    this.#parts.changed(this.#parts.everything);
    for (const { contents, over } of steps) {
      this.#parts.load(contents);
      recorder.begin();
      run.step(over);
      this.#parts.changed(recorder.touched);
    }
    recorder.muted--;
    return run;
  }
}
