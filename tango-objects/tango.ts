/** Tango with the calls of the objects that come with it. */
import { TangoError } from '../actors/tango-error.ts';
import { type AttachOptions, attachAs, openAs, type TangoHandle } from '../runtime/open.ts';
import type { OpenOptions } from '../runtime/open-options.ts';
import { Tango as TangoOfLog, type TangoParts } from '../runtime/tango.ts';
import { isLogMap, type LogMapOptions, type MapOptions } from './map-options.ts';
import { TangoNamespace } from './namespace/tango-namespace.ts';
import { OpenPools } from './pool/open-pools.ts';
import type { PoolOptions } from './pool/pool-options.ts';
import type { TangoPool } from './pool/tango-pool.ts';
import type { TaskModule } from './pool/task-types.ts';
import { TangoCounter } from './tango-counter.ts';
import { TangoLedgers } from './tango-ledgers.ts';
import { TangoList } from './tango-list.ts';
import { TangoLock } from './tango-lock.ts';
import { TangoLogMap } from './tango-log-map.ts';
import { TangoMap } from './tango-map.ts';
import { TangoQueue } from './tango-queue.ts';
import { TangoRegister } from './tango-register.ts';
import { TangoSet } from './tango-set.ts';
import { TangoSnapshot } from './tango-snapshot.ts';
import { TangoSortedMap } from './tango-sorted-map.ts';

/** One thread's access to a log and its objects. The errors of the objects' calls: see object(). */
export class Tango extends TangoOfLog {
  readonly #pools: OpenPools;
  #closing: Promise<void> | undefined;

  /** @internal Use `open` or `attach`. */
  constructor(parts: TangoParts) {
    super(parts, [
      TangoRegister,
      TangoCounter,
      TangoMap,
      TangoSet,
      TangoSortedMap,
      TangoLock,
      TangoList,
      TangoQueue,
      TangoNamespace,
      TangoLogMap,
      TangoLedgers,
    ]);
    this.#pools = new OpenPools(parts.handle, parts.memory);
  }

  /**
   * Threads that are attached to the log and run the functions of a module. `M` is the module's type, for
   * names, inputs and results: `tango.pool<typeof import('./tasks.js')>({ module })`. Any attached thread
   * may have pools; they end with it. Only tasks keep the process alive. Throws ERR_INVALID_ARGUMENT,
   * ERR_TOO_MANY_THREADS (maxThreads and the threads there are exceed attachMax), ERR_CLOSED.
   */
  pool<M = TaskModule>(options: PoolOptions): TangoPool<M> {
    // Throws once the log is closed.
    this.log.tailSync();
    if (this.#closing !== undefined) throw new TangoError('ERR_CLOSED', 'the log is closed');
    return this.#pools.open<M>(options, this.stats().attached);
  }

  /**
   * Refuses new operations (ERR_CLOSED), ends the pools of this thread, whose tasks have five seconds, waits
   * for operations under way, and lets go of everything; for the owner that ends the log for every thread.
   * May be called twice. Blocks nothing.
   */
  override close(): Promise<void> {
    if (this.#closing === undefined && this.#pools.isEmpty) return super.close();
    this.#closing ??= this.#pools.close().then(() => super.close());
    return this.#closing;
  }

  /** One value. */
  register<T>(name: string): Promise<TangoRegister<T>> {
    return this.object<TangoRegister<T>>(TangoRegister, name);
  }

  /** A number that threads add to. */
  counter(name: string): Promise<TangoCounter> {
    return this.object(TangoCounter, name);
  }

  /** Keys and values, as a Map; with `values: 'log'` the values are in the log alone. */
  map<K, V>(name: string, options: LogMapOptions<K, V>): Promise<TangoLogMap<K, V>>;
  map<K, V>(name: string, options?: MapOptions<K, V>): Promise<TangoMap<K, V>>;
  map<K, V>(name: string, options?: MapOptions<K, V>) {
    if (isLogMap(options)) return this.object<TangoLogMap<K, V>>(TangoLogMap, name, options);
    return this.object<TangoMap<K, V>>(TangoMap, name, options);
  }

  /** Ledgers with one writer each, as BookKeeper has them. */
  ledgers(name: string): Promise<TangoLedgers> {
    return this.object(TangoLedgers, name);
  }

  /** Values, as a Set. */
  set<T>(name: string): Promise<TangoSet<T>> {
    return this.object<TangoSet<T>>(TangoSet, name);
  }

  /** A lock for threads, freed when the holding thread dies. */
  lock(name: string): Promise<TangoLock> {
    return this.object(TangoLock, name);
  }

  /** Keys and values, in the order of keys. */
  sortedMap<K, V>(name: string, options?: MapOptions<K, V>): Promise<TangoSortedMap<K, V>> {
    return this.object<TangoSortedMap<K, V>>(TangoSortedMap, name, options);
  }

  /** Elements by index, as an array. */
  list<T>(name: string): Promise<TangoList<T>> {
    return this.object<TangoList<T>>(TangoList, name);
  }

  /** First in, first out; each element for one thread. */
  queue<T>(name: string): Promise<TangoQueue<T>> {
    return this.object<TangoQueue<T>>(TangoQueue, name);
  }

  /** A tree of nodes with ZooKeeper's interface. */
  namespace<T = unknown>(name: string): Promise<TangoNamespace<T>> {
    return this.object<TangoNamespace<T>>(TangoNamespace, name);
  }

  override async at(position: number): Promise<TangoSnapshot> {
    return new TangoSnapshot(await super.at(position));
  }
}

/**
 * Opens a log in the memory of this process; the calling thread owns it and is attached to it.
 * Starts the actor threads and resolves once they serve. Rejects with ERR_INVALID_ARGUMENT
 * (option, value, valid range), ERR_UNSUPPORTED, ERR_ABORTED; nothing is left behind then.
 * Nothing keeps the process alive but operations under way; `close()` frees everything.
 */
export function open(options: OpenOptions = {}): Promise<Tango> {
  return openAs(Tango, options);
}

/**
 * Attaches the calling thread to the log that `handle` comes from. Rejects with
 * ERR_INVALID_ARGUMENT (no handle, options), ERR_TOO_MANY_THREADS (attachMax), ERR_CLOSED. The
 * owner's event loop must turn meanwhile.
 */
export function attach(handle: TangoHandle, options?: AttachOptions): Promise<Tango> {
  return attachAs(Tango, handle, options);
}
