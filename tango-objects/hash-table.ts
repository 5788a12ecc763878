/** A hash table that grows with each entry by one bucket (linear hashing; Litwin, VLDB 1980). */
import { randomInt } from 'node:crypto';

const CHUNK_BITS = 11;
const CHUNK = 2 ** CHUNK_BITS;
const IN_CHUNK = CHUNK - 1;
/** Words of an entry in the two arrays of its chunk. */
const ITEM_WORDS = 3;
const LINK_WORDS = 2;
const FIRST_BUCKETS = 1024;
/** Entries that are looked at with each change while the table is compacted. */
const COMPACTED_AT_ONCE = 4;
/** Stands where an entry was. */
const HOLE: unknown = Symbol('hole');

/**
 * No operation takes longer than a few others, but for a chunk of CHUNK entries: nothing is ever moved to a
 * larger place. Keys are primitives, equal as in a Map; iteration is in the order in which they were first
 * set, and the table must not be changed meanwhile.
 *
 *   buckets   ─▶ number of an entry ─▶ number of the next one of the bucket ─▶ …
 *   entries   key · value · version, and hash · next, in chunks, in order; with holes, of which there are
 *             never more than entries for long
 */
export class HashTable<K, V> implements Iterable<[key: K, value: V, version: number]> {
  /** Key, value and version of each entry. */
  readonly #items: unknown[][] = [];
  /** Hash, and one more than the number of the next entry of the bucket; 0: there is none. */
  readonly #links: Int32Array[] = [];
  /** As a link to the first entry. */
  readonly #buckets: Int32Array[] = [new Int32Array(CHUNK)];
  /** Buckets are told by the bits of `#mask`; those below #split, by one bit more. */
  #mask = FIRST_BUCKETS - 1;
  #split = 0;
  /** Below are only holes. */
  #start = 0;
  /** Entries and holes. */
  #end = 0;
  #size = 0;
  /** Below `#from`, entries are below `#to`; undefined: nothing is compacted. */
  #from: number | undefined;
  #to = 0;

  get size(): number {
    return this.#size;
  }

  /** What takes room. */
  get entriesAndHoles(): number {
    return this.#end;
  }

  has(key: K): boolean {
    return this.#find(key, hashOf(key)) >= 0;
  }

  get(key: K): V | undefined {
    const entry = this.#find(key, hashOf(key));
    if (entry < 0) return undefined;
    return this.#items[entry >> CHUNK_BITS][ITEM_WORDS * (entry & IN_CHUNK) + 1] as V;
  }

  /** What was set with the value; undefined: the key is absent. */
  version(key: K): number | undefined {
    const entry = this.#find(key, hashOf(key));
    if (entry < 0) return undefined;
    return this.#items[entry >> CHUNK_BITS][ITEM_WORDS * (entry & IN_CHUNK) + 2] as number;
  }

  set(key: K, value: V, version: number): void {
    const hash = hashOf(key);
    const entry = this.#find(key, hash);
    if (entry >= 0) {
      const items = this.#items[entry >> CHUNK_BITS];
      const at = ITEM_WORDS * (entry & IN_CHUNK);
      items[at + 1] = value;
      items[at + 2] = version;
      return;
    }
    this.#push(key, value, version, hash);
    if (this.#size > this.#mask + 1 + this.#split) this.#splitNext();
    this.#compact();
  }

  delete(key: K): boolean {
    const hash = hashOf(key);
    const entry = this.#find(key, hash);
    if (entry < 0) return false;
    this.#relink(
      hash,
      entry,
      this.#links[entry >> CHUNK_BITS][LINK_WORDS * (entry & IN_CHUNK) + 1],
    );
    this.#clear(entry);
    this.#size--;
    while (this.#start < this.#end && this.#keyOf(this.#start) === HOLE) this.#start++;
    this.#compact();
    return true;
  }

  *[Symbol.iterator](): IterableIterator<[key: K, value: V, version: number]> {
    const first = this.#start >> CHUNK_BITS;
    for (let chunk = first; chunk < this.#items.length; chunk++) {
      const items = this.#items[chunk];
      let at = chunk === first ? ITEM_WORDS * (this.#start & IN_CHUNK) : 0;
      for (; at < items.length; at += ITEM_WORDS) {
        if (items[at] === HOLE) continue;
        yield [items[at] as K, items[at + 1] as V, items[at + 2] as number];
      }
    }
  }

  /** The number of the entry; -1: there is none. */
  #find(key: K, hash: number): number {
    const bucket = this.#bucketOf(hash);
    let link = this.#buckets[bucket >> CHUNK_BITS][bucket & IN_CHUNK];
    while (link !== 0) {
      const entry = link - 1;
      const links = this.#links[entry >> CHUNK_BITS];
      const at = LINK_WORDS * (entry & IN_CHUNK);
      if (links[at] === hash && isSame(this.#keyOf(entry), key)) return entry;
      link = links[at + 1];
    }
    return -1;
  }

  #keyOf(entry: number): unknown {
    return this.#items[entry >> CHUNK_BITS][ITEM_WORDS * (entry & IN_CHUNK)];
  }

  #bucketOf(hash: number): number {
    const bucket = hash & this.#mask;
    return bucket < this.#split ? hash & (2 * this.#mask + 1) : bucket;
  }

  #push(key: K, value: V, version: number, hash: number): void {
    const entry = this.#end++;
    const chunk = entry >> CHUNK_BITS;
    if (chunk === this.#items.length) this.#items.push([]);
    if (chunk === this.#links.length) this.#links.push(new Int32Array(LINK_WORDS * CHUNK));
    // As a Map keeps -0.
    this.#items[chunk].push(key === 0 ? 0 : key, value, version);
    this.#links[chunk][LINK_WORDS * (entry & IN_CHUNK)] = hash;
    this.#enter(entry, hash);
    this.#size++;
  }

  /** As the first of its bucket. */
  #enter(entry: number, hash: number): void {
    const bucket = this.#bucketOf(hash);
    const buckets = this.#buckets[bucket >> CHUNK_BITS];
    this.#links[entry >> CHUNK_BITS][LINK_WORDS * (entry & IN_CHUNK) + 1] =
      buckets[bucket & IN_CHUNK];
    buckets[bucket & IN_CHUNK] = entry + 1;
  }

  /** Makes what leads to the entry, which is of that hash, lead to `link`. */
  #relink(hash: number, entry: number, link: number): void {
    const bucket = this.#bucketOf(hash);
    let links = this.#buckets[bucket >> CHUNK_BITS];
    let at = bucket & IN_CHUNK;
    while (links[at] !== entry + 1) {
      const before = links[at] - 1;
      links = this.#links[before >> CHUNK_BITS];
      at = LINK_WORDS * (before & IN_CHUNK) + 1;
    }
    links[at] = link;
  }

  #clear(entry: number): void {
    const items = this.#items[entry >> CHUNK_BITS];
    const at = ITEM_WORDS * (entry & IN_CHUNK);
    items[at] = HOLE;
    items[at + 1] = undefined;
  }

  /** One bucket becomes two: what is in it goes into one of them. */
  #splitNext(): void {
    const from = this.#split;
    const to = from + this.#mask + 1;
    if (to >> CHUNK_BITS === this.#buckets.length) this.#buckets.push(new Int32Array(CHUNK));
    const buckets = this.#buckets[from >> CHUNK_BITS];
    let link = buckets[from & IN_CHUNK];
    buckets[from & IN_CHUNK] = 0;
    if (++this.#split > this.#mask) {
      this.#mask = 2 * this.#mask + 1;
      this.#split = 0;
    }
    while (link !== 0) {
      const entry = link - 1;
      const links = this.#links[entry >> CHUNK_BITS];
      const at = LINK_WORDS * (entry & IN_CHUNK);
      link = links[at + 1];
      this.#enter(entry, links[at]);
    }
  }

  /** A few steps of a pass that leaves no holes but those made meanwhile. */
  #compact(): void {
    if (this.#from === undefined) {
      if (this.#end - this.#size <= Math.max(CHUNK, this.#size)) return;
      this.#from = 0;
      this.#to = 0;
    }
    for (let i = 0; i < COMPACTED_AT_ONCE; i++) {
      if (this.#from === this.#end) {
        this.#from = undefined;
        this.#truncate(this.#to);
        return;
      }
      const entry = this.#from++;
      if (this.#keyOf(entry) !== HOLE) this.#move(entry, this.#to++);
    }
  }

  /** To a hole, or to where it is. */
  #move(from: number, to: number): void {
    if (from === to) return;
    this.#start = Math.min(this.#start, to);
    const items = this.#items[from >> CHUNK_BITS];
    const toItems = this.#items[to >> CHUNK_BITS];
    const at = ITEM_WORDS * (from & IN_CHUNK);
    const toAt = ITEM_WORDS * (to & IN_CHUNK);
    for (let i = 0; i < ITEM_WORDS; i++) toItems[toAt + i] = items[at + i];
    const links = this.#links[from >> CHUNK_BITS];
    const toLinks = this.#links[to >> CHUNK_BITS];
    const link = LINK_WORDS * (from & IN_CHUNK);
    const toLink = LINK_WORDS * (to & IN_CHUNK);
    for (let i = 0; i < LINK_WORDS; i++) toLinks[toLink + i] = links[link + i];
    this.#relink(links[link], from, to + 1);
    this.#clear(from);
  }

  /** Nothing is at `end` or above. */
  #truncate(end: number): void {
    this.#end = end;
    this.#start = Math.min(this.#start, end);
    const chunks = (end + IN_CHUNK) >> CHUNK_BITS;
    this.#items.length = chunks;
    this.#links.length = chunks;
    const last = end & IN_CHUNK;
    if (last > 0) this.#items[chunks - 1].length = ITEM_WORDS * last;
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || (Number.isNaN(one) && Number.isNaN(other));
}

const NUMBER = new Float64Array(1);
const NUMBER_BITS = new Int32Array(NUMBER.buffer);
const PRIME = 0x01000193;
/** Not known to who chooses keys. The order of entries does not depend on it. */
const SEED = randomInt(2 ** 32) | 0;

/** 32 bits, equal for equal keys. Of all that a key consists of: nobody's keys may all be in one bucket. */
function hashOf(key: unknown): number {
  if (typeof key === 'string') return hashOfText(key);
  if (typeof key === 'number') {
    NUMBER[0] = key === 0 || Number.isNaN(key) ? Math.abs(key) : key;
    return mixed(mixed(NUMBER_BITS[0] ^ SEED) ^ NUMBER_BITS[1]);
  }
  return typeof key === 'bigint' ? hashOfText(key.toString(36)) : hashOfText(String(key));
}

/** FNV-1a, by code units. */
function hashOfText(text: string): number {
  let hash = SEED ^ text.length;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return mixed(hash);
}

/** Every bit depends on every other one (MurmurHash3, fmix32). */
function mixed(bits: number): number {
  let hash = bits ^ (bits >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
