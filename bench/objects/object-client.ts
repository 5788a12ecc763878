/** What objects are measured by: the operations that a user of each makes most, numbered from 0. */

/** Elements that are there when something is read. */
export const ELEMENTS = 10_000;
/** Entries of a range. */
export const RANGE = 10;
/** Pushed behind the last element: the consumer ends. */
export const END = -1;

/** Adds one, and deletes another one at the next call. */
const SET = ['set: add, delete', 'set: has'] as const;
const LIST = ['list: append', 'list: at'] as const;
/** The first by one thread; the others by two, a producer and a consumer. */
const QUEUE = ['queue: push, shift', 'queue: push', 'queue: take'] as const;
const SORTED_MAP = ['sorted map: set', 'sorted map: range'] as const;
const LOCK = ['lock: acquire, release'] as const;
const COUNTER = ['counter: add'] as const;
const REGISTER = ['register: set', 'register: get'] as const;
/** Not measured: what reads find, and what is left behind. */
const REST = ['fill', 'clear list'] as const;

export type Operation =
  | (typeof SET)[number]
  | (typeof LIST)[number]
  | (typeof QUEUE)[number]
  | (typeof SORTED_MAP)[number]
  | (typeof LOCK)[number]
  | (typeof COUNTER)[number]
  | (typeof REGISTER)[number]
  | (typeof REST)[number];

/** `number`: of the call. Those of 'queue: push' and 'queue: take' are the element, or give it. */
export type Call = (number: number) => unknown;
export type Calls = { readonly [O in Operation]?: Call };

/** One thread's access to all objects of a store. */
export interface ObjectClient extends AsyncDisposable {
  /** Each has taken effect when it returns; 'queue: take' gives undefined where there is nothing. */
  readonly blocking: Calls;
  /** Each has taken effect when its promise resolves; 'queue: take' waits for an element. */
  readonly awaited: Calls;
  /** Runs blocking calls as one transaction. */
  group?(body: () => void): void;
}

/** The element that is added, or deleted, by the call of that number. */
export function elementOf(number: number): number {
  return ELEMENTS + ((number >> 1) % ELEMENTS);
}

export function isAdding(number: number): boolean {
  return number % 2 === 0;
}
