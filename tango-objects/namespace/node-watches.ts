/**
 * Watches of one thread: who wants to know what becomes of nodes. They are told by apply(), in log order,
 * and so BEFORE any read shows what they are told.
 */
import { whenAborted } from '../../runtime/abort.ts';
import { abortedError } from '../../runtime/arguments.ts';
import type { NodeEvent, NodeEventType } from './node-operations.ts';
import { parentOf, ROOT } from './node-path.ts';

/** What a watch is to be told. */
export interface WatchedNodes {
  readonly path: string;
  readonly types: readonly NodeEventType[];
  /** Of the nodes below, too. */
  readonly isRecursive: boolean;
  /** Ends with its first event. */
  readonly isOnce: boolean;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<NodeEvent, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export class NodeWatches {
  /** Plays the log, until a call of `isDone` that gives true. */
  readonly #playUntil: (isDone: () => boolean) => Promise<void>;
  readonly #all = new Set<NodeWatch>();
  readonly #byPath = new Map<string, Set<NodeWatch>>();
  #isPlaying = false;

  constructor(playUntil: (isDone: () => boolean) => Promise<void>) {
    this.#playUntil = playUntil;
  }

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  /** It is told of everything that the view takes in from now on. */
  add(nodes: WatchedNodes, signal: AbortSignal | undefined): NodeWatch {
    const watch = new NodeWatch(nodes, signal, this);
    this.#all.add(watch);
    const there = this.#byPath.get(nodes.path);
    if (there === undefined) this.#byPath.set(nodes.path, new Set([watch]));
    else there.add(watch);
    return watch;
  }

  remove(watch: NodeWatch): void {
    if (!this.#all.delete(watch)) return;
    const there = this.#byPath.get(watch.path);
    there?.delete(watch);
    if (there?.size === 0) this.#byPath.delete(watch.path);
  }

  /** O(depth of the path), and O(1) without watches. */
  tell(event: NodeEvent): void {
    if (this.#all.size === 0) return;
    for (let path = event.path; ; path = parentOf(path)) {
      // A watch that ends here takes itself out.
      for (const watch of [...(this.#byPath.get(path) ?? [])]) watch.take(event);
      if (path === ROOT) return;
    }
  }

  /** As long as somebody waits, the log is played, though nobody reads. */
  async play(): Promise<void> {
    if (this.#isPlaying) return;
    this.#isPlaying = true;
    // Not in the body of a transaction, where nothing can be waited for.
    await null;
    try {
      await this.#playUntil(() => {
        this.#isPlaying = this.#isWaitedFor();
        return !this.#isPlaying;
      });
    } catch (error) {
      this.#isPlaying = false;
      for (const watch of [...this.#all]) watch.fail(error);
    }
  }

  #isWaitedFor(): boolean {
    for (const watch of this.#all) if (watch.isWaitedFor) return true;
    return false;
  }
}

/**
 * Events of watched nodes, in log order; those that nobody has asked for yet are kept. Ends when its loop
 * is left, or with return(); then, or once the signal is raised, nothing is kept any more.
 */
export class NodeWatch implements AsyncIterableIterator<NodeEvent, undefined> {
  readonly path: string;
  readonly #nodes: WatchedNodes;
  readonly #watches: NodeWatches;
  readonly #forgetSignal: () => void;
  #events: NodeEvent[] = [];
  #waiters: Waiter[] = [];
  #hasEnded = false;
  #failure: unknown;

  /** @internal Use `watch`. */
  constructor(nodes: WatchedNodes, signal: AbortSignal | undefined, watches: NodeWatches) {
    this.path = nodes.path;
    this.#nodes = nodes;
    this.#watches = watches;
    this.#forgetSignal = whenAborted(signal, () => {
      this.fail(abortedError(signal as AbortSignal));
    });
  }

  /** @internal */
  get isWaitedFor(): boolean {
    return this.#waiters.length > 0;
  }

  /**
   * The next event; may be called again before that has come. Keeps the thread alive meanwhile. Rejects
   * with ERR_ABORTED, ERR_CLOSED, and whatever a read throws; then the watch has ended.
   */
  next(): Promise<IteratorResult<NodeEvent, undefined>> {
    const value = this.#events.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#hasEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      void this.#watches.play();
    });
  }

  /** Ends the watch: who waits is told so. */
  return(): Promise<IteratorResult<NodeEvent, undefined>> {
    this.#end();
    this.#events = [];
    for (const { resolve } of this.#waiters.splice(0)) resolve({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** @internal */
  take(event: NodeEvent): void {
    const { path, types, isRecursive, isOnce } = this.#nodes;
    if (!types.includes(event.type) || (event.path !== path && !isRecursive)) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#events.push(event);
    else waiter.resolve({ done: false, value: event });
    if (isOnce) this.#end();
  }

  /** @internal */
  fail(error: unknown): void {
    this.#end();
    this.#events = [];
    this.#failure = error;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  #end(): void {
    this.#hasEnded = true;
    this.#watches.remove(this);
    this.#forgetSignal();
  }
}
