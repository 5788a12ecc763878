/** What changes of nodes are in the log, and what they do: ZooKeeper's rules. */
import { TangoError, type TangoErrorCode } from '../../actors/tango-error.ts';
import type { SessionId } from '../../runtime/views/sessions.ts';
import { numbered, parentOf } from './node-path.ts';
import { type NodeTree, newNode, PERSISTENT, type Stat, type TreeNode } from './node-tree.ts';

export const CREATE = 0;
export const SET = 1;
export const DELETE = 2;
export const CHECK = 3;
export const MULTI = 4;
export const END_SESSION = 5;

/** Matches every version. */
export const ANY_VERSION = -1;

export type CreateOperation = readonly [
  kind: typeof CREATE,
  path: string,
  data: unknown,
  owner: SessionId,
  isSequential: boolean,
  time: number,
];

/** `time`: milliseconds since the epoch, by the clock of who makes the change. */
export type NodeOperation =
  | CreateOperation
  | readonly [kind: typeof SET, path: string, data: unknown, version: number, time: number]
  | readonly [kind: typeof DELETE | typeof CHECK, path: string, version: number];

export type Operation =
  | NodeOperation
  | readonly [kind: typeof MULTI, operations: readonly NodeOperation[]]
  | readonly [kind: typeof END_SESSION, session: SessionId, isDead: boolean];

export type NodeEventType = 'created' | 'deleted' | 'changed' | 'children';

/** What has become of a node. */
export interface NodeEvent {
  /** `children`: a child of the node was created or deleted. */
  readonly type: NodeEventType;
  readonly path: string;
  /** Of the change in the log. */
  readonly position: number;
}

/** The path that was created; what is told of a node that was set; of others nothing. */
export type NodeResult = string | Stat | undefined;

/** Result of a change whose precondition does not hold: nothing was changed. */
export class Refusal {
  readonly code: TangoErrorCode;
  readonly path: string;
  /** Within a multi. */
  readonly index: number | undefined;

  constructor(code: TangoErrorCode, path: string, index?: number) {
    this.code = code;
    this.path = path;
    this.index = index;
  }

  /** As who made the change gets it. */
  error(object: string): TangoError {
    const place = this.index === undefined ? '' : `, index=${this.index}`;
    const text = `${TEXTS[this.code]}: path=${this.path}${place}`;
    const index = this.index === undefined ? {} : { index: this.index };
    return new TangoError(this.code, text, { object, key: this.path, ...index });
  }
}

const TEXTS: Partial<Record<TangoErrorCode, string>> = {
  ERR_NO_NODE: 'the node, or its parent, is not there',
  ERR_NODE_EXISTS: 'the node is there already',
  ERR_NOT_EMPTY: 'the node has children',
  ERR_BAD_VERSION: 'the data of the node has another version',
  ERR_NO_CHILDREN_FOR_EPHEMERALS: 'the parent is ephemeral, and has no children',
  ERR_SESSION_EXPIRED: 'the session that would own the node has ended',
};

/** Where changes are made. */
export interface NodeContext {
  readonly tree: NodeTree;
  readonly position: number;
  stat(path: string): Stat | undefined;
  isEnded(session: SessionId): boolean;
  /** Something has happened, in order; what is taken back afterwards is told, too. */
  happened(type: NodeEventType, path: string): void;
}

/** All of them or none; the results, one for each. */
export function changeNodes(
  operations: readonly NodeOperation[],
  context: NodeContext,
): NodeResult[] | Refusal {
  const trial = context.tree.tryOut();
  let isMade = false;
  try {
    const results: NodeResult[] = [];
    for (const [index, operation] of operations.entries()) {
      const result = changeNode(operation, context);
      if (result instanceof Refusal) return new Refusal(result.code, result.path, index);
      results.push(result);
    }
    isMade = true;
    return results;
  } finally {
    // Also where it throws: data that is not yet in the log may not be encoded.
    if (isMade) trial.keep();
    else trial.undo();
  }
}

export function changeNode(operation: NodeOperation, context: NodeContext): NodeResult | Refusal {
  if (operation[0] === CREATE) return create(operation, context);
  const [kind, path] = operation;
  const { tree } = context;
  const node = tree.get(path);
  if (node === undefined) return new Refusal('ERR_NO_NODE', path);
  const version = kind === SET ? operation[3] : operation[2];
  if (version !== ANY_VERSION && version !== node.version) {
    return new Refusal('ERR_BAD_VERSION', path);
  }
  if (kind === CHECK) return undefined;
  if (kind === SET) return setData(path, node, operation[2], operation[4], context);
  if (tree.childCount(path) > 0) return new Refusal('ERR_NOT_EMPTY', path);
  remove(path, context);
  return undefined;
}

/** Deletes what belongs to the session, which has no children. */
export function deleteHeld(session: SessionId, context: NodeContext): void {
  for (const path of [...context.tree.heldBy(session)].sort()) remove(path, context);
}

function create(
  [, path, data, owner, isSequential, time]: CreateOperation,
  context: NodeContext,
): NodeResult | Refusal {
  const { tree, position } = context;
  if (context.isEnded(owner)) return new Refusal('ERR_SESSION_EXPIRED', path);
  const parentPath = parentOf(path);
  const parent = tree.get(parentPath);
  if (parent === undefined) return new Refusal('ERR_NO_NODE', path);
  const created = isSequential ? numbered(path, parent.creates) : path;
  if (tree.has(created)) return new Refusal('ERR_NODE_EXISTS', created);
  if (parent.owner !== PERSISTENT) return new Refusal('ERR_NO_CHILDREN_FOR_EPHEMERALS', path);
  tree.put(created, newNode(created, data, owner, position, time));
  tree.put(parentPath, { ...parent, creates: parent.creates + 1, pzxid: position });
  context.happened('created', created);
  context.happened('children', parentPath);
  return created;
}

function setData(
  path: string,
  node: TreeNode,
  data: unknown,
  mtime: number,
  { tree, position, happened, stat }: NodeContext,
): Stat | undefined {
  tree.put(path, { ...node, data, version: node.version + 1, mzxid: position, mtime });
  happened('changed', path);
  return stat(path);
}

function remove(path: string, { tree, position, happened }: NodeContext): void {
  const parentPath = parentOf(path);
  tree.put(path, undefined);
  const parent = tree.get(parentPath);
  if (parent !== undefined) tree.put(parentPath, { ...parent, pzxid: position });
  happened('deleted', path);
  happened('children', parentPath);
}
