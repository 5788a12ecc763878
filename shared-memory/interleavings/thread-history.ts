/**
 * A thread by what it has seen. A thread is a plain synchronous function; between two accesses it
 * is a function of the results so far. So its state is a node in a tree of results, and the
 * function is run once for each node, from the start, with the recorded results (prefix replay):
 * at its first new access a private value is thrown, and that access is the node's.
 *
 * Conditions: no clock, no randomness, nothing shared with other threads but the memory, and no
 * `catch` that swallows everything.
 */
import { type Access, recording } from './watched-memory.ts';

export interface HistoryNode {
  readonly id: number;
  /** What the thread does next; undefined when it has ended. */
  readonly pending: Access | undefined;
  /** What the thread returned or threw, once it has ended. */
  readonly outcome: unknown;
  readonly error: unknown;
  /** What the thread has said with note() so far. */
  readonly notes: readonly unknown[];
  readonly parent: HistoryNode | undefined;
  /** The result of the parent's access. */
  readonly result: unknown;
  readonly children: Map<unknown, HistoryNode>;
}

/** Thrown through the thread's function to stop it; never seen by it. */
const SUSPEND = Symbol('suspended');

let notes: unknown[] = [];

/** Says something to the program's checks, as part of the access before it. */
export function note(what: unknown): void {
  notes.push(what);
}

export class ThreadHistory {
  readonly #run: () => unknown;
  readonly root: HistoryNode;
  #count = 0;

  constructor(run: () => unknown) {
    this.#run = run;
    this.root = this.#node(undefined, undefined);
  }

  /** Nodes so far: times that the function was run. */
  get count(): number {
    return this.#count;
  }

  /** The state after the pending access of `node` has had `result`. */
  after(node: HistoryNode, result: unknown): HistoryNode {
    let child = node.children.get(result);
    if (child === undefined) {
      child = this.#node(node, result);
      node.children.set(result, child);
    }
    return child;
  }

  #node(parent: HistoryNode | undefined, result: unknown): HistoryNode {
    const id = this.#count++;
    const children = new Map<unknown, HistoryNode>();
    let pending: Access | undefined;
    let outcome: unknown;
    let error: unknown;
    const past = pastOf(parent, result);
    let step = 0;
    notes = [];
    try {
      outcome = recording(
        (access) => {
          if (step === past.length) {
            pending = access;
            throw SUSPEND;
          }
          const { access: expected, result: recorded } = past[step++];
          if (access.at !== expected.at || access.kind !== expected.kind) {
            throw new Error('a thread does the same when it is run again');
          }
          return recorded;
        },
        () => this.#run(),
      );
    } catch (thrown) {
      if (thrown !== SUSPEND) error = thrown;
    }
    return { id, pending, outcome, error, notes, parent, result, children };
  }
}

function pastOf(
  node: HistoryNode | undefined,
  result: unknown,
): { access: Access; result: unknown }[] {
  const past: { access: Access; result: unknown }[] = [];
  for (let at = node, next = result; at !== undefined; next = at.result, at = at.parent) {
    if (at.pending === undefined) throw new Error('a thread that has ended does nothing');
    past.push({ access: at.pending, result: next });
  }
  return past.reverse();
}
