/**
 * A list as a B+ tree by index (a counted tree): reading, setting, inserting and deleting one element are
 * O(log n). A fork shares all nodes and copies those that it changes.
 */

const WIDTH = 64;

type Node<T> = Leaf<T> | Branch<T>;

class Leaf<T> {
  /** Of the tree that may change it in place: not that itself, which would keep all that it had. */
  readonly owner: object;
  readonly items: T[];

  constructor(owner: object, items: T[]) {
    this.owner = owner;
    this.items = items;
  }

  get size(): number {
    return this.items.length;
  }
}

class Branch<T> {
  readonly owner: object;
  readonly items: Node<T>[];
  /** Elements below it. */
  size: number;

  constructor(owner: object, items: Node<T>[]) {
    this.owner = owner;
    this.items = items;
    this.size = items.reduce((sum, { size }) => sum + size, 0);
  }
}

export class CountedTree<T> {
  readonly #width: number;
  readonly #owner = {};
  #root: Node<T>;

  /** `width`: items of a node at most. */
  constructor(elements: Iterable<T> = [], width = WIDTH) {
    this.#width = width;
    this.#root = new Leaf<T>(this.#owner, []);
    for (const element of elements) this.push(element);
  }

  /** One with the same elements, in O(1). This one must stand still as long as the fork is in use. */
  fork(): CountedTree<T> {
    const fork = new CountedTree<T>([], this.#width);
    fork.#root = this.#root;
    return fork;
  }

  get length(): number {
    return this.#root.size;
  }

  /** `index` in [0, length), as in set() and delete(). */
  at(index: number): T {
    let node = this.#root;
    let rest = index;
    while (node instanceof Branch) {
      let slot = 0;
      while (rest >= node.items[slot].size) rest -= node.items[slot++].size;
      node = node.items[slot];
    }
    return node.items[rest];
  }

  set(index: number, element: T): void {
    let node = this.#own(this.#root);
    this.#root = node;
    let rest = index;
    while (node instanceof Branch) {
      let slot = 0;
      while (rest >= node.items[slot].size) rest -= node.items[slot++].size;
      node = this.#ownItem(node, slot);
    }
    node.items[rest] = element;
  }

  push(element: T): void {
    this.insert(this.length, element);
  }

  /** `index` in [0, length]. */
  insert(index: number, element: T): void {
    this.#root = this.#own(this.#root);
    const right = this.#insert(this.#root, index, element);
    if (right !== undefined) this.#root = new Branch(this.#owner, [this.#root, right]);
  }

  /** Returns the element. */
  delete(index: number): T {
    this.#root = this.#own(this.#root);
    const element = this.#delete(this.#root, index);
    while (this.#root instanceof Branch && this.#root.items.length <= 1) {
      this.#root = this.#root.items[0] ?? new Leaf<T>(this.#owner, []);
    }
    return element;
  }

  /** All elements in order, of a tree that stands still. */
  *values(): Iterable<T> {
    for (let from = 0; from < this.length; from += this.#width) {
      yield* this.slice(from, Math.min(from + this.#width, this.length));
    }
  }

  /** Elements of [from, to), within [0, length]; O(log n + their number). */
  slice(from = 0, to = this.length): T[] {
    const found: T[] = [];
    collect(this.#root, from, to, found);
    return found;
  }

  /** Puts it below `node`, which is owned; returns what has to stand right of it. */
  #insert(node: Node<T>, index: number, element: T): Node<T> | undefined {
    if (node instanceof Leaf) {
      const isLast = index === node.items.length;
      if (isLast) node.items.push(element);
      else node.items.splice(index, 0, element);
      if (node.items.length <= this.#width) return undefined;
      return new Leaf(this.#owner, this.#splitOff(node.items, isLast));
    }
    let slot = 0;
    let rest = index;
    while (rest > node.items[slot].size) rest -= node.items[slot++].size;
    const right = this.#insert(this.#ownItem(node, slot), rest, element);
    node.size++;
    if (right === undefined) return undefined;
    const isLast = slot + 1 === node.items.length;
    node.items.splice(slot + 1, 0, right);
    if (node.items.length <= this.#width) return undefined;
    const branch = new Branch(this.#owner, this.#splitOff(node.items, isLast) as Node<T>[]);
    node.size -= branch.size;
    return branch;
  }

  /** A list that grows at its end has full nodes. */
  #splitOff<I>(items: I[], isAtEnd: boolean): I[] {
    return items.splice(isAtEnd ? this.#width : this.#width >> 1);
  }

  #delete(node: Node<T>, index: number): T {
    if (node instanceof Leaf) return node.items.splice(index, 1)[0];
    let slot = 0;
    let rest = index;
    while (rest >= node.items[slot].size) rest -= node.items[slot++].size;
    const element = this.#delete(this.#ownItem(node, slot), rest);
    node.size--;
    this.#mend(node, slot);
    return element;
  }

  /** What has become narrow goes together with a neighbour, if both fit one node. */
  #mend(branch: Branch<T>, slot: number): void {
    const { items } = branch;
    if (items[slot].size === 0) {
      items.splice(slot, 1);
      return;
    }
    if (items[slot].items.length > this.#width >> 2 || items.length === 1) return;
    const left = slot === 0 ? 0 : slot - 1;
    const right = items[left + 1];
    if (items[left].items.length + right.items.length > this.#width) return;
    const joined = this.#ownItem(branch, left);
    (joined.items as unknown[]).push(...right.items);
    if (joined instanceof Branch) joined.size += right.size;
    items.splice(left + 1, 1);
  }

  #ownItem(branch: Branch<T>, slot: number): Node<T> {
    const own = this.#own(branch.items[slot]);
    branch.items[slot] = own;
    return own;
  }

  #own(node: Node<T>): Node<T> {
    if (node.owner === this.#owner) return node;
    return node instanceof Leaf
      ? new Leaf(this.#owner, node.items.slice())
      : new Branch(this.#owner, node.items.slice());
  }
}

function collect<T>(node: Node<T>, from: number, to: number, into: T[]): void {
  if (from >= to) return;
  if (node instanceof Leaf) {
    for (let i = Math.max(0, from); i < Math.min(to, node.items.length); i++) {
      into.push(node.items[i]);
    }
    return;
  }
  let start = 0;
  for (const child of node.items) {
    if (start >= to) return;
    if (start + child.size > from) collect(child, from - start, to - start, into);
    start += child.size;
  }
}
