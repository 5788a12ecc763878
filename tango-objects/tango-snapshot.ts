/** History, with the calls of the objects that come with it. */
import type { ObjectsAt } from '../runtime/views/history.ts';
import type { ObjectType } from '../runtime/views/object-type.ts';
import { isLogMap, type LogMapOptions, type MapOptions } from './map-options.ts';
import { TangoNamespace } from './namespace/tango-namespace.ts';
import { TangoCounter } from './tango-counter.ts';
import { TangoLedgers } from './tango-ledgers.ts';
import { TangoList } from './tango-list.ts';
import { TangoLock } from './tango-lock.ts';
import { TangoLogMap } from './tango-log-map.ts';
import { TangoMap } from './tango-map.ts';
import { TangoQueue } from './tango-queue.ts';
import { TangoRegister } from './tango-register.ts';
import { TangoSet } from './tango-set.ts';
import { TangoSortedMap } from './tango-sorted-map.ts';

/** The objects as they were at one position; see Tango.at. The errors of its calls: see object(). */
export class TangoSnapshot {
  readonly #snapshot: ObjectsAt;

  /** @internal Use `tango.at`. */
  constructor(snapshot: ObjectsAt) {
    this.#snapshot = snapshot;
  }

  /** Every change in an entry below it is in the objects, and none from it on. */
  get position(): number {
    return this.#snapshot.position;
  }

  /**
   * The object of that name as it was; where there was none yet, one without any changes. A change of
   * it is ERR_UNSUPPORTED. Rejects with ERR_TYPE_MISMATCH, ERR_INVALID_ARGUMENT, ERR_TRIMMED,
   * ERR_CLOSED.
   */
  object<O>(type: ObjectType<O>, name: string, options?: unknown): Promise<O> {
    return this.#snapshot.object(type, name, options);
  }

  /** One value. */
  register<T>(name: string): Promise<TangoRegister<T>> {
    return this.object<TangoRegister<T>>(TangoRegister, name);
  }

  /** A number. */
  counter(name: string): Promise<TangoCounter> {
    return this.object(TangoCounter, name);
  }

  /** Keys and values, with the options of Tango.map. */
  map<K, V>(name: string, options: LogMapOptions<K, V>): Promise<TangoLogMap<K, V>>;
  map<K, V>(name: string, options?: MapOptions<K, V>): Promise<TangoMap<K, V>>;
  map<K, V>(name: string, options?: MapOptions<K, V>) {
    if (isLogMap(options)) return this.object<TangoLogMap<K, V>>(TangoLogMap, name, options);
    return this.object<TangoMap<K, V>>(TangoMap, name, options);
  }

  /** Ledgers with one writer each. */
  ledgers(name: string): Promise<TangoLedgers> {
    return this.object(TangoLedgers, name);
  }

  /** Who has held the lock there. */
  lock(name: string): Promise<TangoLock> {
    return this.object(TangoLock, name);
  }

  /** Values, as a Set. */
  set<T>(name: string): Promise<TangoSet<T>> {
    return this.object<TangoSet<T>>(TangoSet, name);
  }

  /** Keys and values, in the order of keys. */
  sortedMap<K, V>(name: string, options?: MapOptions<K, V>): Promise<TangoSortedMap<K, V>> {
    return this.object<TangoSortedMap<K, V>>(TangoSortedMap, name, options);
  }

  /** Elements by index. */
  list<T>(name: string): Promise<TangoList<T>> {
    return this.object<TangoList<T>>(TangoList, name);
  }

  /** Those that had not been taken. */
  queue<T>(name: string): Promise<TangoQueue<T>> {
    return this.object<TangoQueue<T>>(TangoQueue, name);
  }

  /** A tree of nodes, without sessions and watches. */
  namespace<T = unknown>(name: string): Promise<TangoNamespace<T>> {
    return this.object<TangoNamespace<T>>(TangoNamespace, name);
  }
}
