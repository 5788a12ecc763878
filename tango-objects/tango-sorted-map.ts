/** A map in the order of its keys. */
import { checkInteger, checkKeys, invalid } from '../runtime/arguments.ts';
import type { ObjectBinding } from '../runtime/views/object-binding.ts';
import { compareKeys, orderedKey } from './key-order.ts';
import { ReplicatedMap } from './replicated-map.ts';
import { type Bound, SortedEntries } from './sorted-entries.ts';

/** Which keys, and in which order. A bound need not be there as a key. */
export interface RangeOptions<K> {
  /** At least; with `gt`: ERR_INVALID_ARGUMENT. */
  readonly gte?: K | undefined;
  /** Above. */
  readonly gt?: K | undefined;
  /** At most; with `lt`: ERR_INVALID_ARGUMENT. */
  readonly lte?: K | undefined;
  /** Below. */
  readonly lt?: K | undefined;
  /** From the highest key down; default: from the lowest up. */
  readonly reverse?: boolean | undefined;
  /** So many at most, from 0 on; default: all. */
  readonly limit?: number | undefined;
}

const RANGE_OPTIONS = ['gte', 'gt', 'lte', 'lt', 'reverse', 'limit'];

/**
 * Keys are null, booleans, numbers, bigints, strings, Uint8Arrays (Buffers are taken for such), Dates and
 * arrays of them; others are ERR_INVALID_ARGUMENT. They stand in this order of types, and within one:
 * false before true; numbers from -Infinity to Infinity, then NaN; bigints by value, after all numbers;
 * strings by UTF-16 code units; bytes one by one; dates by time; arrays by their first difference, a
 * shorter one before what it begins. Keys are equal if neither stands before the other: 0 and -0, not 1
 * and 1n.
 *
 * Conflicts: `get`, `has`, `versionOf`, and `floor` and `ceiling` that find their own key, with changes of
 * that key only. `range`, `first`, `last`, other `floor` and `ceiling`, `size` and iteration with every
 * change: also of values, and of keys beyond what was read, since whoever sets a key does not know
 * whether it is new, nor between which others it will stand.
 *
 * Operations on a key, `first`, `last`, `floor` and `ceiling` are O(log n), a range of m entries is
 * O(log n + m), iteration O(n), `size` and `clear` O(1). Transactions copy O(log n) for each change.
 * Errors: see TangoObject.
 */
export class TangoSortedMap<K = unknown, V = unknown> extends ReplicatedMap<K, V> {
  static readonly typeName: string = 'sorted-map';
  readonly #sorted: SortedEntries<K, unknown>;

  /** @internal Use `tango.sortedMap`. */
  constructor(binding: ObjectBinding) {
    const sorted = new SortedEntries<K, unknown>();
    super(binding, sorted, compareKeys);
    this.#sorted = sorted;
  }

  /**
   * Entries of one moment, whatever is changed during the iteration. None where the bounds leave none.
   * Throws ERR_INVALID_ARGUMENT: options.
   */
  range(options: RangeOptions<K> = {}): IterableIterator<[K, V]> {
    checkKeys('range', options, RANGE_OPTIONS);
    const { reverse: isReverse = false, limit = Number.MAX_SAFE_INTEGER } = options;
    if (typeof isReverse !== 'boolean') throw invalid('reverse', isReverse, 'true or false');
    checkInteger('limit', limit, 0, Number.MAX_SAFE_INTEGER);
    const low = boundOf('gte', options.gte, 'gt', options.gt);
    const high = boundOf('lte', options.lte, 'lt', options.lt);
    this.ready();
    return this.#some(limit, low, high, isReverse)[Symbol.iterator]();
  }

  /** The entry with the lowest key; undefined: the map is empty. */
  first(): [K, V] | undefined {
    this.ready();
    return this.#some(1)[0];
  }

  /** The entry with the highest key; undefined: the map is empty. */
  last(): [K, V] | undefined {
    this.ready();
    return this.#some(1, undefined, undefined, true)[0];
  }

  /** The entry with the highest key that is at most `key`; undefined: there is none. */
  floor(key: K): [K, V] | undefined {
    return this.#nearest(orderedKey(key), true);
  }

  /** The entry with the lowest key that is at least `key`; undefined: there is none. */
  ceiling(key: K): [K, V] | undefined {
    return this.#nearest(orderedKey(key), false);
  }

  protected override keyOf(key: K): K {
    return orderedKey(key);
  }

  /** Where the key itself is there, no other one matters. */
  #nearest(key: K, isFloor: boolean): [K, V] | undefined {
    this.ready(key);
    if (!this.#sorted.has(key)) this.ready();
    const bound = { key, isInclusive: true };
    return isFloor ? this.#some(1, undefined, bound, true)[0] : this.#some(1, bound)[0];
  }

  #some(limit: number, low?: Bound<K>, high?: Bound<K>, isReverse = false): [K, V][] {
    const some: [K, V][] = [];
    if (limit === 0) return some;
    for (const [key, kept] of this.#sorted.range({ low, high, isReverse })) {
      some.push([key, this.decoded(kept)]);
      if (some.length === limit) break;
    }
    return some;
  }
}

/** Of two options at most one is there; undefined: neither. */
function boundOf<K>(
  inclusive: string,
  atKey: K | undefined,
  exclusive: string,
  beyondKey: K | undefined,
): Bound<K> | undefined {
  if (atKey !== undefined && beyondKey !== undefined) {
    throw invalid(exclusive, beyondKey, `undefined where there is ${inclusive}`);
  }
  if (atKey !== undefined) return { key: orderedKey(atKey), isInclusive: true };
  if (beyondKey !== undefined) return { key: orderedKey(beyondKey), isInclusive: false };
  return undefined;
}
