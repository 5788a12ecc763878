/** What TangoMap and TangoSortedMap have in common: all but the order of their keys. */
import { checkFunction, invalid } from '../runtime/arguments.ts';
import type { ObjectBinding } from '../runtime/views/object-binding.ts';
import type { FrozenState, Restoring } from '../runtime/views/object-state.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { SlicedObject, slicesOf } from '../runtime/views/sliced-object.ts';
import { KeyIndexes } from './key-indexes.ts';
import {
  CLEAR,
  checkVersion,
  DELETE,
  describeOperation,
  type Kept,
  type Operation,
  RELOCATE,
  SET,
  SET_IF_ABSENT,
  SET_IF_VERSION,
  type SetOperation,
} from './map-operation.ts';
import {
  checkMapOptions,
  decodedBy,
  encodedBy,
  type MapOptions,
  type ValueCodec,
} from './map-options.ts';
import type { FrozenEntries, VersionedEntries } from './versioned-entries.ts';

export abstract class ReplicatedMap<K, V> extends SlicedObject<Operation<K>> {
  /**
   * For change feeds; a conditional change is told as what it was, whether it has set the key or not. With
   * a codec, values are bytes.
   */
  static describe(operation: unknown): unknown {
    return describeOperation(operation as Operation<unknown>);
  }

  readonly #entries: VersionedEntries<K, Kept>;
  readonly #codec: ValueCodec<V> | undefined;
  /** Keys and values are kept as they are. */
  readonly #isPlain: boolean;
  readonly #newIndexes: () => KeyIndexes<K, V> | undefined;
  /** undefined: there are none. */
  protected indexes: KeyIndexes<K, V> | undefined;

  /** @internal Use `tango.object`. `compare`: the order of keys; undefined: in which they were set. */
  constructor(
    binding: ObjectBinding,
    entries: VersionedEntries<K, Kept>,
    compare?: (one: K, other: K) => number,
    where: MapOptions['values'] = 'memory',
  ) {
    super(binding);
    this.#entries = entries;
    const { codec, indexes, values = where } = checkMapOptions<K, V>('a map', binding.options);
    if (values !== where) throw invalid('values', values, `'${where}' for this type of map`);
    this.#codec = codec;
    this.#isPlain = codec === undefined && compare === undefined && where === 'memory';
    this.#newIndexes = () => {
      return indexes === undefined ? undefined : new KeyIndexes(indexes, compare);
    };
    this.indexes = this.#newIndexes();
  }

  /** The value as it is read. */
  protected decoded(kept: Kept): V {
    return decodedBy(this.#codec, kept, this.name);
  }

  /** What the view keeps of a value that is set at `at`. */
  protected kept(value: Kept, _at: ApplyContext): Kept {
    return value;
  }

  /** The value of what kept() has told. */
  protected read(kept: Kept): V {
    return this.decoded(kept);
  }

  /** After ready(): the indexes, of all that is in the view. */
  protected indexed(): KeyIndexes<K, V> {
    return this.indexes ?? new KeyIndexes<K, V>({});
  }

  /** The key as it is kept. ERR_INVALID_ARGUMENT for one that is none. */
  protected keyOf(key: K): K {
    return key;
  }

  /**
   * Linearizable, as every read; blocks only for an entry that its writer has not finished. Keys and
   * values that are read are the view's own, and not to be changed; with a codec, values are the reader's.
   */
  get(key: K): V | undefined {
    // What is called most, in few calls: more of them are inlined.
    if (this.#isPlain) {
      this.ready(key);
      return this.#entries.get(key) as V | undefined;
    }
    const own = this.keyOf(key);
    this.ready(own);
    const kept = this.#entries.get(own);
    return kept === undefined ? undefined : this.read(kept);
  }

  /** Whether the key is there, whatever its value; as get(). */
  has(key: K): boolean {
    const own = this.keyOf(key);
    this.ready(own);
    return this.#entries.has(own);
  }

  /**
   * What setIfVersion compares; undefined: the key is absent. Within a transaction that has set the key
   * itself it is not known yet: Number.MAX_SAFE_INTEGER, which setIfVersion refuses.
   */
  versionOf(key: K): number | undefined {
    const own = this.keyOf(key);
    this.ready(own);
    return this.#entries.version(own);
  }

  /** How many keys there are. Linearizable, as every read. */
  get size(): number {
    this.ready();
    return this.#entries.size;
  }

  /**
   * The entries for which the function of `index`, one of the map's options, has returned `value`, in the
   * order of the map; equal as keys are. Of undefined, none. Conflicts with every change: whoever sets a
   * key does not know what it was found by. Throws ERR_INVALID_ARGUMENT: there is no such index, or its
   * function has thrown (`cause`) for an entry that is there, or returned what is no key.
   */
  find(index: string, value: unknown): [K, V][] {
    this.ready();
    const keys = this.indexed().find(index, value);
    const found = keys.map((key): [K, Kept] => [key, this.#entries.get(key)]);
    return found.map(([key, kept]) => [key, this.read(kept)]);
  }

  /** Entries of one moment, whatever is changed during the iteration; as keys() and values(). */
  entries(): IterableIterator<[K, V]> {
    this.ready();
    const entries = Array.from(this.#entries);
    if (this.#codec === undefined) return (entries as [K, V][])[Symbol.iterator]();
    return entries.map(([key, kept]): [K, V] => [key, this.read(kept)])[Symbol.iterator]();
  }

  /** As entries(). */
  *keys(): IterableIterator<K> {
    this.ready();
    yield* Array.from(this.#entries, ([key]) => key);
  }

  /** As entries(). */
  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  /** As Map.forEach, of entries(). ERR_INVALID_ARGUMENT: no function. */
  forEach(callback: (value: V, key: K, map: this) => void): void {
    checkFunction('callback', callback);
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  /** As entries(). */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  /** Sets the key, whether it is there or not; resolves once that is in the log. Reads nothing. */
  set(key: K, value: V): Promise<void> {
    const own = this.keyOf(key);
    return this.write([SET, own, this.#encoded(value)], [own]);
  }

  /** As set; blocks. */
  setSync(key: K, value: V): void {
    const own = this.keyOf(key);
    this.writeSync([SET, own, this.#encoded(value)], [own]);
  }

  /** Takes the key out; resolves to whether it was there. */
  delete(key: K): Promise<boolean> {
    const own = this.keyOf(key);
    return this.change([DELETE, own], [own]);
  }

  /** As delete; blocks. */
  deleteSync(key: K): boolean {
    const own = this.keyOf(key);
    return this.changeSync([DELETE, own], [own]);
  }

  /** Takes all keys out; resolves once that is in the log. Reads nothing. */
  clear(): Promise<void> {
    return this.write([CLEAR]);
  }

  /** As clear; blocks. */
  clearSync(): void {
    this.writeSync([CLEAR]);
  }

  /** Sets the key if it is absent at that place in the log; resolves to whether it was. */
  setIfAbsent(key: K, value: V): Promise<boolean> {
    const own = this.keyOf(key);
    return this.change([SET_IF_ABSENT, own, this.#encoded(value)], [own]);
  }

  /** As setIfAbsent; blocks. */
  setIfAbsentSync(key: K, value: V): boolean {
    const own = this.keyOf(key);
    return this.changeSync([SET_IF_ABSENT, own, this.#encoded(value)], [own]);
  }

  /**
   * Sets the key if nobody has set or deleted it since versionOf() told `version`; resolves to whether.
   * undefined: if it is absent. ERR_INVALID_ARGUMENT: no version.
   */
  setIfVersion(key: K, value: V, version: number | undefined): Promise<boolean> {
    const own = this.keyOf(key);
    return this.change([SET_IF_VERSION, own, this.#encoded(value), version], [own]);
  }

  /** As setIfVersion; blocks. */
  setIfVersionSync(key: K, value: V, version: number | undefined): boolean {
    const own = this.keyOf(key);
    return this.changeSync([SET_IF_VERSION, own, this.#encoded(value), version], [own]);
  }

  /**
   * Sets the key to what `fn` makes of its value, undefined if it is absent, and resolves to that. A
   * transaction of its own, or a part of the one under way: `fn` must not await, and may run again. Errors
   * as Tango.transact, and what `fn` throws: nothing is changed then.
   */
  update(key: K, fn: (value: V | undefined) => V): Promise<V> {
    return this.transact(() => this.#updated(key, fn));
  }

  /** As update; blocks. */
  updateSync(key: K, fn: (value: V | undefined) => V): V {
    return this.transactSync(() => this.#updated(key, fn));
  }

  protected override check(operation: Operation<K>): void {
    if (operation[0] === SET_IF_VERSION) checkVersion(operation[3]);
  }

  protected apply(operation: Operation<K>, at: ApplyContext): boolean | undefined {
    switch (operation[0]) {
      case CLEAR:
        this.#entries.clear();
        this.indexes?.clear();
        return undefined;
      case DELETE:
        this.indexes?.delete(operation[1]);
        return this.#entries.delete(operation[1]);
      case RELOCATE:
        return undefined;
      default:
        return this.#set(operation, at);
    }
  }

  #set([kind, key, value, version]: SetOperation<K>, at: ApplyContext): boolean {
    const entries = this.#entries;
    if (kind === SET_IF_ABSENT && entries.has(key)) return false;
    if (kind === SET_IF_VERSION && entries.version(key) !== version) return false;
    entries.set(key, this.kept(value, at), at.position);
    this.indexes?.set(key, () => this.decoded(value));
    return true;
  }

  /** An entry in a checkpoint. */
  protected stateOf(key: K, kept: Kept, version: number): unknown {
    return [key, kept, version];
  }

  /** What stateOf() has told. */
  protected entryOf(state: unknown): readonly [key: K, kept: Kept, version: number] {
    return state as [K, Kept, number];
  }

  protected freeze(): FrozenState {
    return this.frozenState(this.#entries.freeze());
  }

  protected frozenState({ entries, thaw }: FrozenEntries<K, Kept>): FrozenState {
    const states = function* (map: ReplicatedMap<K, V>): Iterable<unknown> {
      for (const [key, kept, version] of entries) yield map.stateOf(key, kept, version);
    };
    return { slices: slicesOf(states(this)), ...(thaw !== undefined && { thaw }) };
  }

  protected restoring(): Restoring {
    const entries = this.#entries.fresh();
    const indexes = this.restoredIndexes();
    return {
      take: (slice) => {
        for (const state of slice as unknown[]) {
          const [key, kept, version] = this.entryOf(state);
          entries.set(key, kept, version);
          indexes?.set(key, () => this.decoded(kept));
        }
      },
      end: () => {
        this.#entries.become(entries);
        this.indexes = indexes;
      },
    };
  }

  /** Those of a state that is restored; undefined: there are none. */
  protected restoredIndexes(): KeyIndexes<K, V> | undefined {
    return this.#newIndexes();
  }

  protected override tryOut(): () => void {
    const undo = this.#entries.tryOut();
    const undoIndexes = this.indexes?.tryOut();
    return () => {
      undo();
      undoIndexes?.();
    };
  }

  #encoded(value: V): Kept {
    return encodedBy(this.#codec, value);
  }

  #updated(key: K, fn: (value: V | undefined) => V): V {
    if (typeof fn !== 'function') throw invalid('fn', fn, 'a function of the value');
    const value = fn(this.get(key));
    this.setSync(key, value);
    return value;
  }
}
