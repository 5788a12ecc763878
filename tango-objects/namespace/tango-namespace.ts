/** A tree of nodes with ZooKeeper's interface: TangoZK (Tango, section 6.3). */
import { TangoError } from '../../actors/tango-error.ts';
import { checkKeys, checkSignal, invalid } from '../../runtime/arguments.ts';
import { ON_TRIAL } from '../../runtime/views/log-reference.ts';
import type { ObjectBinding } from '../../runtime/views/object-binding.ts';
import type { FrozenState, Restoring } from '../../runtime/views/object-state.ts';
import type { ApplyContext } from '../../runtime/views/playback.ts';
import type { SessionHolder, SessionId, Sessions } from '../../runtime/views/sessions.ts';
import { SlicedObject, slicesOf } from '../../runtime/views/sliced-object.ts';
import { EndedSessions } from '../ended-sessions.ts';
import { describeOperation } from './describe-operation.ts';
import { moveNodes } from './move-nodes.ts';
import {
  type CreateOptions,
  checkBoolean,
  createOf,
  deleteOf,
  multiOf,
  type NodeChange,
  setOf,
} from './node-changes.ts';
import { differences } from './node-differences.ts';
import { existence, namesKey, nodeKey, numbersKey, readBy, touchedBy } from './node-keys.ts';
import {
  ANY_VERSION,
  changeNode,
  changeNodes,
  deleteHeld,
  END_SESSION,
  MULTI,
  type NodeContext,
  type NodeEvent,
  type NodeEventType,
  type NodeResult,
  type Operation,
  Refusal,
} from './node-operations.ts';
import { checkPath, isNumbered, parentOf } from './node-path.ts';
import { NodeTree, type Stat, type TreeNode } from './node-tree.ts';
import { type NodeWatch, NodeWatches } from './node-watches.ts';

export interface NodeState<T = unknown> {
  /** undefined: the node was created without any. */
  readonly data: T;
  readonly stat: Stat;
}

export interface WatchOptions {
  /** Of all nodes below, too, and no events of type `children` then; default false. */
  readonly recursive?: boolean | undefined;
  /** Ends the watch: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

/** As ZooKeeper's exists(), getData() and getChildren() set them. */
const ONCE = {
  exists: ['created', 'deleted', 'changed'],
  data: ['deleted', 'changed'],
  children: ['deleted', 'children'],
} as const satisfies Record<string, readonly NodeEventType[]>;

export type WatchKind = keyof typeof ONCE;

/**
 * Nodes by path, `/` always there, each with data (any value that can be encoded), a version, and children.
 * In the repository, tango-objects/namespace/README.md tells what is as in ZooKeeper, and what conflicts in
 * transactions. Reads and changes are O(1), children O(k log k), a checkpoint O(n log n); a transaction
 * costs what it changes.
 *
 * Errors, with the path as `key`: ERR_INVALID_ARGUMENT for what is no path, ERR_NO_NODE, and what the calls
 * tell; the promise of a change rejects with them. In the body of a transaction they are thrown, and what has
 * failed is no part of it. Other errors: see TangoObject.
 */
export class TangoNamespace<T = unknown> extends SlicedObject<Operation> implements SessionHolder {
  static readonly typeName: string = 'namespace';
  static readonly describe = describeOperation;

  readonly #binding: ObjectBinding;
  readonly #sessions: Sessions | undefined;
  readonly #ended: EndedSessions;
  readonly #watches: NodeWatches;
  readonly #ownSession = (): SessionId | undefined => this.#sessions?.own();
  #tree = new NodeTree();

  /** @internal Use `tango.namespace`. */
  constructor(binding: ObjectBinding) {
    super(binding);
    this.#binding = binding;
    this.#sessions = binding.sessions;
    this.#ended = new EndedSessions(binding.sessions);
    this.#watches = new NodeWatches(async (isDone) => {
      await this.until(() => {
        this.ready();
        return isDone() || undefined;
      });
    });
  }

  /** `ephemeralOwner` of what this thread creates from now on; undefined in history. */
  get session(): SessionId | undefined {
    return this.#ownSession();
  }

  /** Linearizable, as every read; blocks only for an entry that its writer has not finished. ERR_NO_NODE. */
  get(path: string): NodeState<T> {
    const stat = this.exists(path);
    if (stat === undefined) throw this.#missing(path);
    return { data: this.#tree.get(path)?.data as T, stat };
  }

  /** undefined: there is no such node. */
  exists(path: string): Stat | undefined {
    checkPath(path);
    this.ready(nodeKey(path));
    // A sequential node may be created there, by a change that knows no name.
    if (!this.#tree.has(path) && isNumbered(path)) this.ready(numbersKey(parentOf(path)));
    return this.#stat(path);
  }

  /** Names of the node's children, sorted by code units, as sequential ones were created. ERR_NO_NODE. */
  children(path: string): string[] {
    checkPath(path);
    for (const key of existence(path, (one) => this.#tree.has(one))) this.ready(key);
    this.ready(namesKey(path));
    if (!this.#tree.has(path)) throw this.#missing(path);
    return [...this.#tree.names(path)].sort();
  }

  /**
   * Creates a node; resolves to its path. ERR_NODE_EXISTS; ERR_NO_NODE: there is no parent;
   * ERR_NO_CHILDREN_FOR_EPHEMERALS; ERR_SESSION_EXPIRED: this thread's session, which would own the node,
   * has ended meanwhile, and a further call has the next one.
   */
  create(path: string, data?: T, options: CreateOptions = {}): Promise<string> {
    return this.#change(() => createOf(path, data, options, this.#ownSession));
  }

  /** As create; blocks. */
  createSync(path: string, data?: T, options: CreateOptions = {}): string {
    return this.#changeNow(createOf(path, data, options, this.#ownSession));
  }

  /** Replaces the node's data, if `version` is its version or -1; ERR_NO_NODE, ERR_BAD_VERSION. */
  set(path: string, data: T, version = ANY_VERSION): Promise<Stat> {
    return this.#change(() => setOf(path, data, version));
  }

  /** As set; blocks. */
  setSync(path: string, data: T, version = ANY_VERSION): Stat {
    return this.#changeNow(setOf(path, data, version));
  }

  /** Deletes the node, if `version` is its version or -1; ERR_NO_NODE, ERR_BAD_VERSION, ERR_NOT_EMPTY. */
  delete(path: string, version = ANY_VERSION): Promise<void> {
    return this.#change(() => deleteOf(path, version));
  }

  /** As delete; blocks. */
  deleteSync(path: string, version = ANY_VERSION): void {
    this.#changeNow(deleteOf(path, version));
  }

  /**
   * Makes all the changes, in order and at one position, or none; resolves to what each of them gives: a
   * path, what set() tells, or nothing. Rejects with the error of the first that fails, and its number among
   * them as `index`. `check`: ERR_NO_NODE, ERR_BAD_VERSION.
   */
  multi(changes: readonly NodeChange<T>[]): Promise<NodeResult[]> {
    return this.#change(() => multiOf(changes, this.#ownSession));
  }

  /** As multi; blocks. */
  multiSync(changes: readonly NodeChange<T>[]): NodeResult[] {
    return this.#changeNow(multiOf(changes, this.#ownSession));
  }

  /**
   * Moves the node and all that is below it to another namespace of this thread, or to another path in this
   * one, as a transaction: whoever looks finds it in exactly one. The nodes there are new, with the data.
   * Resolves to the path there. ERR_NO_NODE: there is nothing to move, or no parent for it; ERR_NODE_EXISTS;
   * ERR_UNSUPPORTED: an ephemeral node is among them; ERR_CONFLICT.
   */
  move(path: string, other: TangoNamespace<T>, toPath = path): Promise<string> {
    return this.transact(() => this.#moved(path, other, toPath));
  }

  /** As move; blocks. */
  moveSync(path: string, other: TangoNamespace<T>, toPath = path): string {
    return this.transactSync(() => this.#moved(path, other, toPath));
  }

  /**
   * What becomes of the node from now on, and of those below it: each event once, in log order. It is there
   * before a read of this thread shows what it tells, so that a read after this call misses nothing. A view
   * that begins at a checkpoint, since it was far behind, tells the differences. Events that are not
   * taken are kept. Throws ERR_ABORTED; ERR_UNSUPPORTED in history, and in the body of a transaction.
   *
   *     const events = namespace.watch('/config', { recursive: true, signal });
   *     load(namespace.get('/config'));
   *     for await (const { type, path } of events) if (type !== 'deleted') load(namespace.get(path));
   */
  watch(path: string, options: WatchOptions = {}): NodeWatch {
    checkPath(path);
    checkKeys('watch', options, ['recursive', 'signal']);
    const isRecursive = checkBoolean('recursive', options.recursive);
    const types: NodeEventType[] = ['created', 'deleted', 'changed'];
    if (!isRecursive) types.push('children');
    return this.#watch({ path, types, isRecursive, isOnce: false }, options.signal);
  }

  /**
   * Resolves to the next event of a kind, as the one-time watch that ZooKeeper's read of that kind sets.
   * `exists`: created, deleted, changed; `data`: deleted, changed; `children`: deleted, children. Read first,
   * and call this in the same turn: nothing that the read has not seen is missed. Keeps the thread
   * alive meanwhile. ERR_NO_NODE, but for `exists`; ERR_ABORTED, ERR_CLOSED; ERR_UNSUPPORTED as watch,
   * thrown in the body of a transaction.
   *
   *     while (namespace.exists('/ready') === undefined) await namespace.watchOnce('/ready', 'exists');
   */
  watchOnce(
    path: string,
    kind: WatchKind,
    options: Pick<WatchOptions, 'signal'> = {},
  ): Promise<NodeEvent> {
    // At once: what is refused in a body fails the body.
    this.outsideBody('nodes are watched');
    return this.#watchedOnce(path, kind, options);
  }

  /** @internal */
  *sessions(): Iterable<SessionId> {
    yield* this.#tree.owners();
  }

  /** @internal */
  endedSessions(): Iterable<SessionId> {
    return this.#ended.values();
  }

  /** @internal */
  async endSession(session: SessionId, isDead: boolean): Promise<void> {
    const isHolding = [...this.#tree.owners()].includes(session);
    if (!isHolding && this.#ended.has(session) !== isDead) return;
    await this.change([END_SESSION, session, isDead]);
  }

  protected apply(operation: Operation, { position }: ApplyContext): unknown {
    const events: NodeEvent[] = [];
    const result = this.#make(operation, position, events);
    if (result instanceof Refusal || position === ON_TRIAL) return result;
    for (const event of events) this.#watches.tell(event);
    return result;
  }

  /** The sessions that have ended, then the nodes, which are replaced and not changed. */
  protected freeze(): FrozenState {
    const ended = this.#ended.checkpoint();
    const { nodes, thaw } = this.#tree.freeze();
    const slices = function* (): Iterable<unknown> {
      yield ended;
      yield* slicesOf(nodes);
    };
    return { slices: slices(), thaw };
  }

  protected restoring(): Restoring {
    const tree = new NodeTree();
    let ended: readonly SessionId[] | undefined;
    return {
      take: (slice) => {
        if (ended === undefined) ended = slice as SessionId[];
        else for (const node of slice as TreeNode[]) tree.put(node.path, node);
      },
      end: () => this.#become(tree, ended ?? []),
    };
  }

  protected override tryOut(): () => void {
    return this.#tree.tryOut().undo;
  }

  #become(tree: NodeTree, ended: readonly SessionId[]): void {
    const before = this.#tree;
    this.#tree = tree;
    this.#ended.restore(ended);
    this.#sessions?.watch(this);
    if (this.#watches.isEmpty) return;
    for (const event of differences(before, tree)) this.#watches.tell(event);
  }

  #make(operation: Operation, position: number, events: NodeEvent[]): unknown {
    const context: NodeContext = {
      tree: this.#tree,
      position,
      stat: (path) => this.#stat(path),
      isEnded: (session) => this.#ended.has(session),
      happened: (type, path) => events.push({ type, path, position }),
    };
    if (operation[0] === END_SESSION) {
      deleteHeld(operation[1], context);
      return this.#ended.end(operation[1], operation[2]);
    }
    if (operation[0] === MULTI) return this.#held(changeNodes(operation[1], context));
    return this.#held(changeNode(operation, context));
  }

  /** Sessions may hold something now. */
  #held<R>(result: R): R {
    if (this.#tree.hasOwners()) this.#sessions?.watch(this);
    return result;
  }

  #change<R>(plan: () => Operation): Promise<R> {
    if (this.#binding.isInBody()) return Promise.resolve(this.#changeNow<R>(plan()));
    return this.#changed(plan);
  }

  async #changed<R>(plan: () => Operation): Promise<R> {
    const operation = plan();
    return this.#resultOf<R>(await this.change(operation, touchedBy(operation)));
  }

  #changeNow<R>(operation: Operation): R {
    if (this.#binding.isInBody()) return this.#changeInBody(operation);
    return this.#resultOf<R>(this.changeSync(operation, touchedBy(operation)));
  }

  /**
   * What a change depends on is not what it touches: two that create children of one node depend on that
   * alone. So it is read first, its result found out on trial, and the change itself made blindly.
   */
  #changeInBody<R>(operation: Operation): R {
    for (const key of readBy(operation, (path) => this.#tree.has(path))) this.ready(key);
    const trial = this.#tree.tryOut();
    let result: unknown;
    try {
      result = this.#make(operation, ON_TRIAL, []);
    } finally {
      trial.undo();
    }
    const made = this.#resultOf<R>(result);
    this.writeSync(operation, touchedBy(operation));
    return made;
  }

  #resultOf<R>(result: unknown): R {
    if (result instanceof Refusal) throw result.error(this.name);
    return result as R;
  }

  /**
   * In the body of a transaction, what concerns children conflicts with changes of them once it is looked at,
   * and the rest does not.
   */
  #stat(path: string): Stat | undefined {
    const stat = this.#tree.stat(path);
    if (stat === undefined || !this.#binding.isInBody()) return stat;
    for (const field of ['cversion', 'pzxid', 'numChildren'] as const) {
      const value = stat[field];
      Object.defineProperty(stat, field, {
        get: () => {
          if (this.#binding.isInBody()) this.ready(namesKey(path));
          return value;
        },
      });
    }
    return stat;
  }

  #missing(path: string): TangoError {
    return new Refusal('ERR_NO_NODE', path).error(this.name);
  }

  #moved(path: string, other: TangoNamespace<T>, toPath: string): string {
    if (!(other instanceof TangoNamespace) || !other.#binding.isInBody()) {
      throw invalid('other', other, 'a namespace that was opened by the same client of the log');
    }
    moveNodes(this, checkPath(path), other, checkPath(toPath));
    return toPath;
  }

  async #watchedOnce(
    path: string,
    kind: WatchKind,
    options: Pick<WatchOptions, 'signal'>,
  ): Promise<NodeEvent> {
    checkPath(path);
    if (!Object.hasOwn(ONCE, kind)) throw invalid('kind', kind, Object.keys(ONCE).join(' or '));
    checkKeys('watchOnce', options, ['signal']);
    // What was read last is what is watched: the view moves only if it has to.
    if (kind !== 'exists' && !this.#tree.has(path)) this.get(path);
    const types = ONCE[kind];
    const watch = this.#watch({ path, types, isRecursive: false, isOnce: true }, options.signal);
    const { value } = await watch.next();
    return value as NodeEvent;
  }

  #watch(nodes: Parameters<NodeWatches['add']>[0], signal: AbortSignal | undefined): NodeWatch {
    this.outsideBody('nodes are watched');
    if (this.#sessions === undefined) {
      const text = `nothing changes in history: object=${this.name}`;
      throw new TangoError('ERR_UNSUPPORTED', text, { object: this.name });
    }
    return this.#watches.add(nodes, checkSignal(signal));
  }
}
