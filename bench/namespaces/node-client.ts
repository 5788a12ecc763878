/** What namespaces are measured by: calls of one thread in a tree of its own. */
import type { Call } from '../objects/object-client.ts';

/** Of both. */
export const NODE_CALLS = ['create', 'set', 'get', 'exists', 'children', 'multi of 2'] as const;
export type NodeCall = (typeof NODE_CALLS)[number] | 'move';

export type NodeCalls = { readonly [C in NodeCall]?: Call };

/** Nodes that calls go through, one after the other. */
export const NODES = 100;
/** Of the node whose children are listed. */
export const CHILDREN = 10;
/** Of each node. */
export const DATA_BYTES = 100;
export const WATCHED = '/watched';

/** Of the call of that number; `set` in `multi of 2` also sets the next one. */
export function nodeOf(number: number): string {
  return `/node-${number % NODES}`;
}

export function childOf(parent: string, number: number): string {
  return `${parent}/child-${number}`;
}

export interface NodeClient extends AsyncDisposable {
  readonly blocking: NodeCalls;
  readonly awaited: NodeCalls;
  /** Makes the tree. */
  prepare(): Promise<void>;
  /** Deletes what `create` has created, that number of nodes. */
  clear(created: number): Promise<void>;
  setWatched(): Promise<void>;
  /** Once it resolves, the next change of the watched node will be told: `changed` resolves to when. */
  watched(): Promise<{ readonly changed: Promise<number> }>;
}

/** Nanoseconds; of all threads the same clock. */
export function now(): number {
  return Number(process.hrtime.bigint());
}
