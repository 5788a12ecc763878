/** The entries of a sorted map: a B+ tree that is copied on write. */
import sortedBTree from 'sorted-btree';
import { compareKeys } from './key-order.ts';
import type { FrozenEntries, VersionedEntries } from './versioned-entries.ts';

/** The package is CommonJS: its default export is a property of Node's. */
const BTree = sortedBTree.default;

/** In the tree instead of NaN: it deletes what is equal to itself (sorted-btree 2.1). */
const NOT_A_NUMBER: unknown = Object.freeze({});

function toTree<K>(key: K): K {
  return Number.isNaN(key) ? (NOT_A_NUMBER as K) : key;
}

function fromTree<K>(key: K): K {
  return key === NOT_A_NUMBER ? (Number.NaN as K) : key;
}

function compareInTree(one: unknown, other: unknown): number {
  return compareKeys(fromTree(one), fromTree(other));
}

interface Versioned<V> {
  readonly value: V;
  readonly version: number;
}

/** Where a range of keys begins or ends. */
export interface Bound<K> {
  readonly key: K;
  readonly isInclusive: boolean;
}

export interface KeyRange<K> {
  /** undefined: from the lowest key on. */
  readonly low: Bound<K> | undefined;
  /** undefined: up to the highest key. */
  readonly high: Bound<K> | undefined;
  readonly isReverse: boolean;
}

/** In the order of keys. Keys are as orderedKey() returns them. */
export class SortedEntries<K, V> implements VersionedEntries<K, V> {
  #tree = new BTree<K, Versioned<V>>(undefined, compareInTree);

  get size(): number {
    return this.#tree.size;
  }

  has(key: K): boolean {
    return this.#tree.has(toTree(key));
  }

  get(key: K): V | undefined {
    return this.#tree.get(toTree(key))?.value;
  }

  version(key: K): number | undefined {
    return this.#tree.get(toTree(key))?.version;
  }

  set(key: K, value: V, version: number): void {
    this.#tree.set(toTree(key), { value, version });
  }

  delete(key: K): boolean {
    return this.#tree.delete(toTree(key));
  }

  /** Nodes that a trial shares are left alone. */
  clear(): void {
    this.#tree = new BTree<K, Versioned<V>>(undefined, compareInTree);
  }

  *[Symbol.iterator](): IterableIterator<[K, V]> {
    for (const [key, { value }] of this.#tree.entries()) yield [fromTree(key), value];
  }

  /** The tree is left as it is meanwhile. */
  *range({ low, high, isReverse }: KeyRange<K>): IterableIterator<[K, V]> {
    const [first, last] = isReverse ? [high, low] : [low, high];
    const from = first === undefined ? undefined : toTree(first.key);
    const entries = isReverse ? this.#tree.entriesReversed(from) : this.#tree.entries(from);
    for (const [inTree, { value }] of entries) {
      const key = fromTree(inTree);
      if (first?.isInclusive === false && compareKeys(key, first.key) === 0) continue;
      if (last !== undefined) {
        const order = isReverse ? compareKeys(last.key, key) : compareKeys(key, last.key);
        if (order > 0 || (order === 0 && !last.isInclusive)) return;
      }
      yield [key, value];
    }
  }

  /** What has changed on trial is in nodes of its own: O(1), and O(log n) for a change. */
  tryOut(): () => void {
    const tree = this.#tree;
    this.#tree = tree.clone();
    return () => {
      this.#tree = tree;
    };
  }

  freeze(): FrozenEntries<K, V> {
    const tree = this.#tree;
    this.#tree = tree.clone();
    return { entries: { [Symbol.iterator]: () => versionedOf(tree.entries()) } };
  }

  fresh(): SortedEntries<K, V> {
    return new SortedEntries();
  }

  become(other: SortedEntries<K, V>): void {
    this.#tree = other.#tree;
  }
}

function* versionedOf<K, V>(
  entries: Iterable<[K, Versioned<V>]>,
): Iterator<readonly [K, V, number]> {
  for (const [key, { value, version }] of entries) yield [fromTree(key), value, version];
}
