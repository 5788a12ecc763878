/**
 * Secondary indexes of a map: keys by what functions make of their values. They are in the view alone,
 * made anew from its entries, and change with each of them, on trial too.
 */
import { TangoError } from '../actors/tango-error.ts';
import { invalid, show } from '../runtime/arguments.ts';
import { encodeKey, type ObjectKey } from '../runtime/views/object-key.ts';
import { GrowingMap } from './growing-map.ts';
import { type KeyId, keyIdOf } from './keyed-map.ts';
import type { IndexFunction } from './map-options.ts';

interface Indexed<K> {
  readonly key: K;
  /** In which keys were first set. */
  readonly order: number;
}

/** What the function has thrown. */
class Failure {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** Where a key is in an index; undefined: nowhere. */
type Place = ObjectKey | Failure | undefined;

/** A key in all indexes. */
interface Filed<K> {
  readonly indexed: Indexed<K>;
  readonly places: readonly Place[];
}

class KeyIndex<K, V> {
  readonly name: string;
  readonly #function: IndexFunction<K, V>;
  readonly #found = new GrowingMap<ObjectKey, GrowingMap<KeyId, Indexed<K>>>();
  readonly #failed = new GrowingMap<KeyId, [Indexed<K>, Failure]>();

  constructor(name: string, one: IndexFunction<K, V>) {
    this.name = name;
    this.#function = one;
  }

  fresh(): KeyIndex<K, V> {
    return new KeyIndex(this.name, this.#function);
  }

  placeOf(key: K, value: () => V): Place {
    try {
      const found = this.#function(value(), key);
      return found === undefined ? undefined : encodeKey(found);
    } catch (error) {
      return new Failure(error);
    }
  }

  enter(id: KeyId, indexed: Indexed<K>, place: Place): void {
    if (place === undefined) return;
    if (place instanceof Failure) {
      this.#failed.set(id, [indexed, place]);
      return;
    }
    const there = this.#found.get(place) ?? new GrowingMap();
    if (there.size === 0) this.#found.set(place, there);
    there.set(id, indexed);
  }

  leave(id: KeyId, place: Place): void {
    if (place === undefined) return;
    if (place instanceof Failure) {
      this.#failed.delete(id);
      return;
    }
    const there = this.#found.get(place);
    there?.delete(id);
    if (there?.size === 0) this.#found.delete(place);
  }

  /** In no order. Throws ERR_INVALID_ARGUMENT when the function has thrown for some key. */
  find(value: unknown): Indexed<K>[] {
    for (const [, [{ key }, { cause }]] of this.#failed) {
      const text = `the function of an index has thrown: index=${this.name}, key=${show(key)}`;
      throw new TangoError('ERR_INVALID_ARGUMENT', text, { cause });
    }
    if (value === undefined) return [];
    return Array.from(this.#found.get(encodeKey(value)) ?? [], ([, indexed]) => indexed);
  }
}

export class KeyIndexes<K, V> {
  #indexes: readonly KeyIndex<K, V>[];
  readonly #compare: ((one: K, other: K) => number) | undefined;
  #filed = new GrowingMap<KeyId, Filed<K>>();
  #nextOrder = 0;
  /** Takes back what was made on trial, the last change first; undefined: nothing is on trial. */
  #undo: (() => void)[] | undefined;

  /** `compare`: the order of keys; undefined: in which they were first set. */
  constructor(
    functions: Readonly<Record<string, IndexFunction<K, V>>>,
    compare?: (one: K, other: K) => number,
  ) {
    this.#indexes = Object.entries(functions).map(([name, one]) => new KeyIndex(name, one));
    this.#compare = compare;
  }

  /** `value` is asked for its value, and may throw. */
  set(key: K, value: () => V): void {
    const id = keyIdOf(key);
    const indexed = this.#filed.get(id)?.indexed ?? { key, order: this.#nextOrder++ };
    this.#put(id, { indexed, places: this.#indexes.map((one) => one.placeOf(key, value)) });
  }

  delete(key: K): void {
    this.#put(keyIdOf(key), undefined);
  }

  clear(): void {
    const before = this.#indexes;
    const filed = this.#filed;
    this.#indexes = before.map((one) => one.fresh());
    this.#filed = new GrowingMap();
    this.#undo?.push(() => {
      this.#indexes = before;
      this.#filed = filed;
    });
  }

  /** The keys of a value, in order. Throws ERR_INVALID_ARGUMENT: no such index, or as KeyIndex.find. */
  find(name: string, value: unknown): K[] {
    const found = this.#index(name).find(value);
    const compare = this.#compare;
    if (compare === undefined) found.sort((one, other) => one.order - other.order);
    else found.sort((one, other) => compare(one.key, other.key));
    return found.map(({ key }) => key);
  }

  /** What follows is on trial, until the function returned takes it back, and not twice. */
  tryOut(): () => void {
    const undo: (() => void)[] = [];
    const nextOrder = this.#nextOrder;
    this.#undo = undo;
    return () => {
      this.#undo = undefined;
      for (const one of undo.reverse()) one();
      this.#nextOrder = nextOrder;
    };
  }

  /** undefined: takes it out. */
  #put(id: KeyId, filed: Filed<K> | undefined): void {
    const before = this.#filed.get(id);
    for (const [i, index] of this.#indexes.entries()) {
      if (before !== undefined) index.leave(id, before.places[i]);
      if (filed !== undefined) index.enter(id, filed.indexed, filed.places[i]);
    }
    if (filed === undefined) this.#filed.delete(id);
    else this.#filed.set(id, filed);
    this.#undo?.push(() => this.#put(id, before));
  }

  #index(name: unknown): KeyIndex<K, V> {
    const index = this.#indexes.find((one) => one.name === name);
    if (index !== undefined) return index;
    const names = this.#indexes.map((one) => one.name).join(', ');
    const known = names === '' ? ' (there are none)' : `: ${names}`;
    throw invalid('index', name, `an index that the map was opened with${known}`);
  }
}
