/** The nodes of a namespace, by path, and changes of them that can be taken back. */
import type { SessionId } from '../../runtime/views/sessions.ts';
import { encodeValue } from '../../runtime/views/value-codec.ts';
import { GrowingMap } from '../growing-map.ts';
import { MapCell, type Trial } from '../map-cell.ts';
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

/** Paths or names, in no order. */
type Names = GrowingMap<string, true>;

const NO_NAMES: Names = new GrowingMap();

/** Every operation is O(1), but all(); a trial costs what is changed. */
export class NodeTree {
  readonly #nodes = new MapCell<string, TreeNode>();
  /** Names of children, by parent. */
  readonly #names = new GrowingMap<string, Names>();
  /** Paths of ephemeral nodes, by owner. */
  readonly #held = new GrowingMap<SessionId, Names>();
  /** Created and deleted in the trials under way: whether each was there before, and whose it is. */
  readonly #changed: (readonly [path: string, wasThere: boolean, owner: SessionId])[] = [];
  #trials = 0;

  constructor() {
    this.#nodes.map.set(ROOT, newNode(ROOT, undefined, PERSISTENT, 0, 0));
  }

  get(path: string): TreeNode | undefined {
    return this.#nodes.map.get(path);
  }

  has(path: string): boolean {
    return this.#nodes.map.has(path);
  }

  childCount(path: string): number {
    return (this.#names.get(path) ?? NO_NAMES).size;
  }

  /** Of the children, in no order. */
  names(path: string): Iterable<string> {
    return (this.#names.get(path) ?? NO_NAMES).keys();
  }

  /** Of the ephemeral nodes of a session, in no order. */
  heldBy(session: SessionId): Iterable<string> {
    return (this.#held.get(session) ?? NO_NAMES).keys();
  }

  /** Those that have ephemeral nodes. */
  owners(): Iterable<SessionId> {
    return this.#held.keys();
  }

  hasOwners(): boolean {
    return this.#held.size > 0;
  }

  /** undefined: deletes it. Of a node that is replaced the owner stays. */
  put(path: string, node: TreeNode | undefined): void {
    const before = this.#nodes.map.get(path);
    if (node === undefined) this.#nodes.map.delete(path);
    else this.#nodes.map.set(path, node);
    if ((before === undefined) === (node === undefined)) return;
    const owner = (before ?? (node as TreeNode)).owner;
    if (this.#trials > 0) this.#changed.push([path, before !== undefined, owner]);
    this.#link(path, owner, node !== undefined);
  }

  /** What follows is on trial; trials end in the opposite order. */
  tryOut(): Trial {
    const nodes = this.#nodes.tryOut();
    const first = this.#changed.length;
    this.#trials++;
    return {
      keep: () => {
        nodes.keep();
        if (--this.#trials === 0) this.#changed.length = 0;
      },
      undo: () => {
        nodes.undo();
        this.#trials--;
        const changed = this.#changed.splice(first).reverse();
        for (const [path, wasThere, owner] of changed) this.#link(path, owner, wasThere);
      },
    };
  }

  /** Every node, in the order in which they were created, parents first: the same in every thread. */
  *all(): Iterable<TreeNode> {
    for (const [, node] of this.#nodes.map) yield node;
  }

  /** As all(), of the tree as it is now, whatever is changed up to thaw(): see MapCell. */
  freeze(): { readonly nodes: Iterable<TreeNode>; thaw(): Iterable<void> } {
    const { map, thaw } = this.#nodes.freeze();
    const nodes = function* (): Iterable<TreeNode> {
      for (const [, node] of map) yield node;
    };
    return { nodes: nodes(), thaw };
  }

  stat(path: string): Stat | undefined {
    const node = this.#nodes.map.get(path);
    if (node === undefined) return undefined;
    const numChildren = this.childCount(path);
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

  #link(path: string, owner: SessionId, isThere: boolean): void {
    if (path !== ROOT) put(this.#names, parentOf(path), nameOf(path), isThere);
    if (owner !== PERSISTENT) put(this.#held, owner, path, isThere);
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

/** Into the names of the key, or out of them. */
function put<K>(all: GrowingMap<K, Names>, key: K, name: string, isThere: boolean): void {
  const names = all.get(key) ?? new GrowingMap();
  if (isThere) names.set(name, true);
  else names.delete(name);
  if (names.size === 0) all.delete(key);
  else if (names.size === 1) all.set(key, names);
}
