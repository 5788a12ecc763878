/**
 * What people do without a shared log: one thread has a Set, an array, a Map …, and the others ask it by
 * messages. These are the objects of that thread.
 */
import sortedBTree from 'sorted-btree';
import {
  type Call,
  ELEMENTS,
  elementOf,
  isAdding,
  type Operation,
  RANGE,
} from './object-client.ts';

/** The package is CommonJS: its default export is a property of Node's. */
const BTree = sortedBTree.default;

/** Answers at once, or later: the lock to the next one, an element to who waits. */
export type Owned = Readonly<Record<Exclude<Operation, 'lock: acquire, release'>, Call>> & {
  readonly acquire: Call;
  readonly release: Call;
};

export type OwnedOperation = keyof Owned;

export function ownedObjects(): Owned {
  const queue = new OwnedQueue();
  const lock = new OwnedLock();
  const set = new Set<number>();
  const sortedMap = new BTree<number, number>();
  let list: number[] = [];
  let appended: number[] = [];
  let sum = 0;
  let value = 0;
  return {
    'set: add, delete': (number) =>
      isAdding(number) ? set.add(elementOf(number)).size : set.delete(elementOf(number)),
    'set: has': (number) => set.has(number % ELEMENTS),
    'list: append': (number) => appended.push(number),
    'list: at': (number) => list[number % ELEMENTS],
    'queue: push, shift': (number) => {
      queue.push(number);
      return queue.shift();
    },
    'queue: push': (element) => queue.push(element),
    'queue: take': () => queue.shift() ?? queue.wait(),
    'sorted map: set': (number) => sortedMap.set(number % ELEMENTS, number),
    'sorted map: range': (number) => {
      const found: [number, number][] = [];
      for (const [key, one] of sortedMap.entries(number % ELEMENTS)) {
        // Its iterator gives the same array each time.
        found.push([key, one]);
        if (found.length === RANGE) break;
      }
      return found;
    },
    acquire: () => lock.acquire(),
    release: () => lock.release(),
    'counter: add': () => ++sum,
    'register: set': (number) => {
      value = number;
    },
    'register: get': () => value,
    fill: () => {
      list = Array.from({ length: ELEMENTS }, (_, number) => number);
      for (const number of list) {
        set.add(number);
        sortedMap.set(number, number);
      }
    },
    'clear list': () => {
      appended = [];
    },
  };
}

class OwnedQueue {
  #elements: number[] = [];
  #head = 0;
  readonly #waiting: ((element: number) => void)[] = [];

  push(element: number): void {
    const first = this.#waiting.shift();
    if (first !== undefined) return first(element);
    this.#elements.push(element);
  }

  shift(): number | undefined {
    const element = this.#elements[this.#head];
    if (element === undefined) return undefined;
    this.#head++;
    if (this.#head * 2 > this.#elements.length) {
      this.#elements = this.#elements.slice(this.#head);
      this.#head = 0;
    }
    return element;
  }

  wait(): Promise<number> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

class OwnedLock {
  #isHeld = false;
  readonly #line: (() => void)[] = [];

  acquire(): true | Promise<true> {
    if (this.#isHeld) return new Promise((resolve) => this.#line.push(() => resolve(true)));
    this.#isHeld = true;
    return true;
  }

  release(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#isHeld = false;
    else next();
  }
}
