/** The nodes of a namespace, by path, and changes of them that can be taken back. */
import type { SessionId } from '../../runtime/views/sessions.ts';
import { encodeValue } from '../../runtime/views/value-codec.ts';
import { nameOf, parentOf, ROOT } from './node-path.ts';

/** ephemeralOwner of a node that belongs to no session. */
export const PERSISTENT: SessionId = 0;

/** Replaced, not changed. */
export interface TreeNode {
  readonly path: string;
  readonly data: unknown;
  readonly owner: SessionId;
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  /** Children that were ever created: the number of the next sequential one. */
  readonly creates: number;
}

/** What ZooKeeper tells of a node, but for what concerns ACLs. */
export interface Stat {
  /** Position of the change that created the node. */
  readonly czxid: number;
  /** Of the one that set its data last. */
  readonly mzxid: number;
  /** Of the one that created or deleted a child last, or created the node. */
  readonly pzxid: number;
  /** Milliseconds since the epoch, by the clock of who created the node; of the root: 0. */
  readonly ctime: number;
  /** As ctime, of who set its data last. */
  readonly mtime: number;
  /** Changes of its data. */
  readonly version: number;
  /** Children created and deleted. */
  readonly cversion: number;
  /** Session whose end deletes the node; 0: none. */
  readonly ephemeralOwner: SessionId;
  /** Bytes of a Uint8Array, and of the encoding of any other value; 0: undefined. */
  readonly dataLength: number;
  readonly numChildren: number;
}

/** What has happened since tryOut(): one of the two is called, once, innermost first. */
export interface Trial {
  keep(): void;
  undo(): void;
}

const NO_NAMES: ReadonlySet<string> = new Set();

/** Every operation is O(1), but all(); a trial costs what is changed. */
export class NodeTree {
  readonly #nodes = new Map([[ROOT, newNode(ROOT, undefined, PERSISTENT, 0, 0)]]);
  /** Names of children, by parent. */
  readonly #names = new Map<string, Set<string>>();
  /** Paths of ephemeral nodes, by owner. */
  readonly #held = new Map<SessionId, Set<string>>();
  /** What was there before each change of the trials under way. */
  readonly #before: (readonly [path: string, node: TreeNode | undefined])[] = [];
  #trials = 0;

  get(path: string): TreeNode | undefined {
    return this.#nodes.get(path);
  }

  has(path: string): boolean {
    return this.#nodes.has(path);
  }

  /** Of the children, in no order. */
  names(path: string): ReadonlySet<string> {
    return this.#names.get(path) ?? NO_NAMES;
  }

  /** Of the ephemeral nodes of a session, in no order. */
  heldBy(session: SessionId): Iterable<string> {
    return this.#held.get(session) ?? NO_NAMES;
  }

  /** Those that have ephemeral nodes. */
  owners(): Iterable<SessionId> {
    return this.#held.keys();
  }

  /** undefined: deletes it. Of a node that is replaced the owner stays. */
  put(path: string, node: TreeNode | undefined): void {
    const before = this.#nodes.get(path);
    if (this.#trials > 0) this.#before.push([path, before]);
    if (node === undefined) this.#nodes.delete(path);
    else this.#nodes.set(path, node);
    if (before !== undefined && node === undefined) this.#unlink(path, before.owner);
    if (before === undefined && node !== undefined) this.#link(path, node.owner);
  }

  tryOut(): Trial {
    const first = this.#before.length;
    this.#trials++;
    return {
      keep: () => {
        if (--this.#trials === 0) this.#before.length = 0;
      },
      undo: () => {
        const changed = this.#before.splice(first).reverse();
        // Nobody takes the taking back back.
        const trials = this.#trials - 1;
        this.#trials = 0;
        for (const [path, node] of changed) this.put(path, node);
        this.#trials = trials;
      },
    };
  }

  /**
   * Every node, in the order in which they were created, and by path where that was at one position: the same
   * in every thread, and parents first. O(n): what was taken back on trial alone is out of order.
   */
  all(): TreeNode[] {
    const nodes = [...this.#nodes.values()];
    if (nodes.some((node, i) => i > 0 && compare(nodes[i - 1], node) > 0)) nodes.sort(compare);
    return nodes;
  }

  stat(path: string): Stat | undefined {
    const node = this.#nodes.get(path);
    if (node === undefined) return undefined;
    const numChildren = this.names(path).size;
    return {
      czxid: node.czxid,
      mzxid: node.mzxid,
      pzxid: node.pzxid,
      ctime: node.ctime,
      mtime: node.mtime,
      version: node.version,
      // Those that are not there any more were deleted.
      cversion: 2 * node.creates - numChildren,
      ephemeralOwner: node.owner,
      dataLength: lengthOf(node),
      numChildren,
    };
  }

  #link(path: string, owner: SessionId): void {
    if (path !== ROOT) addTo(this.#names, parentOf(path), nameOf(path));
    if (owner !== PERSISTENT) addTo(this.#held, owner, path);
  }

  #unlink(path: string, owner: SessionId): void {
    deleteFrom(this.#names, parentOf(path), nameOf(path));
    if (owner !== PERSISTENT) deleteFrom(this.#held, owner, path);
  }
}

/** Created at `position` of the log, and at `time`. */
export function newNode(
  path: string,
  data: unknown,
  owner: SessionId,
  position: number,
  time: number,
): TreeNode {
  const at = { czxid: position, mzxid: position, pzxid: position, ctime: time, mtime: time };
  return { path, data, owner, ...at, version: 0, creates: 0 };
}

function compare(one: TreeNode, other: TreeNode): number {
  return one.czxid - other.czxid || (one.path < other.path ? -1 : 1);
}

function lengthOf(node: TreeNode): number {
  const { data } = node;
  if (data === undefined) return 0;
  if (data instanceof Uint8Array) return data.byteLength;
  const known = LENGTHS.get(node) ?? encodeValue(data, 'data').length;
  LENGTHS.set(node, known);
  return known;
}

/** Of nodes that were asked for. */
const LENGTHS = new WeakMap<TreeNode, number>();

function addTo<K>(sets: Map<K, Set<string>>, key: K, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}

function deleteFrom<K>(sets: Map<K, Set<string>>, key: K, value: string): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}
