/** The same with lmdb: integers as keys, nothing is synced. It has no lock. */
import { setImmediate } from 'node:timers/promises';
import { loadPeer } from '../stores/peer-packages.ts';
import {
  type Calls,
  ELEMENTS,
  elementOf,
  isAdding,
  type ObjectClient,
  RANGE,
} from './object-client.ts';

interface RangeOptions {
  readonly start?: number;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** What is used of lmdb's databases. */
interface Database {
  get(key: number): number | undefined;
  doesExist(key: number): boolean;
  put(key: number, value: number): Promise<boolean>;
  putSync(key: number, value: number): boolean;
  remove(key: number): Promise<boolean>;
  removeSync(key: number): boolean;
  getRange(options: RangeOptions): Iterable<{ readonly key: number; readonly value: number }>;
  clearSync(): void;
  /** Those of one turn are one transaction. */
  transaction<T>(body: () => T): Promise<T>;
  transactionSync<T>(body: () => T): T;
  /** The next read sees the newest state. */
  resetReadTxn(): void;
}

interface Environment extends Database {
  openDB(options: object): Database;
  close(): Promise<void>;
}

interface Lmdb {
  open(options: object): Environment;
}

/** Integers as keys, which are fastest, have no range backwards in lmdb 3.5. */
const KEY_ENCODINGS = {
  set: 'uint32',
  list: 'uint32',
  appended: 'ordered-binary',
  queue: 'ordered-binary',
  sortedMap: 'uint32',
  values: 'uint32',
} as const;
type Tables = Record<keyof typeof KEY_ENCODINGS, Database>;

const COUNTER = 0;
const REGISTER = 1;
const MAP_BYTES = 2 ** 33;

export class LmdbObjectsClient implements ObjectClient {
  readonly blocking: Calls;
  readonly awaited: Calls;
  readonly #environment: Environment;

  /** `path`: a file, which threads may share. */
  constructor(path: string) {
    const encodings = Object.entries(KEY_ENCODINGS);
    const options = { path, noSubdir: true, mapSize: MAP_BYTES, maxDbs: encodings.length + 1 };
    const unsynced = { noSync: true, overlappingSync: false };
    const environment = (loadPeer('lmdb') as Lmdb).open({ ...options, ...unsynced });
    const tables = Object.fromEntries(
      encodings.map(([name, keyEncoding]) => [name, environment.openDB({ name, keyEncoding })]),
    ) as Tables;
    this.#environment = environment;
    this.blocking = blockingCalls(tables);
    this.awaited = awaitedCalls(tables);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#environment.close();
  }
}

function firstOf(database: Database, reverse = false) {
  for (const entry of database.getRange({ limit: 1, reverse })) return entry;
  return undefined;
}

/** In a transaction. */
function addLast(database: Database, value: number): void {
  database.putSync((firstOf(database, true)?.key ?? -1) + 1, value);
}

/** In a transaction. */
function takeFirst(database: Database): number | undefined {
  const first = firstOf(database);
  if (first !== undefined) database.removeSync(first.key);
  return first?.value;
}

/** A look first: most often there is nothing. */
function tryTake(queue: Database): number | undefined {
  queue.resetReadTxn();
  const isEmpty = firstOf(queue) === undefined;
  return isEmpty ? undefined : queue.transactionSync(() => takeFirst(queue));
}

/** In a transaction. */
function addOne(database: Database): number {
  const sum = (database.get(COUNTER) ?? 0) + 1;
  database.putSync(COUNTER, sum);
  return sum;
}

function reads({ set, list, sortedMap, values }: Tables) {
  return {
    'set: has': (number) => {
      set.resetReadTxn();
      return set.doesExist(number % ELEMENTS);
    },
    'list: at': (number) => {
      list.resetReadTxn();
      return list.get(number % ELEMENTS);
    },
    'sorted map: range': (number) => {
      sortedMap.resetReadTxn();
      return [...sortedMap.getRange({ start: number % ELEMENTS, limit: RANGE })];
    },
    'register: get': () => {
      values.resetReadTxn();
      return values.get(REGISTER);
    },
  } satisfies Calls;
}

function blockingCalls(tables: Tables): Calls {
  const { set, appended, queue, sortedMap, values } = tables;
  return {
    ...reads(tables),
    'set: add, delete': (number) => {
      if (isAdding(number)) set.putSync(elementOf(number), 0);
      else set.removeSync(elementOf(number));
    },
    'list: append': (number) => appended.transactionSync(() => addLast(appended, number)),
    'queue: push, shift': (number) => {
      queue.transactionSync(() => addLast(queue, number));
      queue.transactionSync(() => takeFirst(queue));
    },
    'queue: push': (element) => queue.transactionSync(() => addLast(queue, element)),
    'queue: take': () => tryTake(queue),
    'sorted map: set': (number) => sortedMap.putSync(number % ELEMENTS, number),
    'counter: add': () => values.transactionSync(() => addOne(values)),
    'register: set': (number) => values.putSync(REGISTER, number),
  };
}

function awaitedCalls(tables: Tables): Calls {
  const { set, list, appended, queue, sortedMap, values } = tables;
  return {
    ...reads(tables),
    'set: add, delete': (number) =>
      isAdding(number) ? set.put(elementOf(number), 0) : set.remove(elementOf(number)),
    'list: append': (number) => appended.transaction(() => addLast(appended, number)),
    'queue: push, shift': async (number) => {
      await queue.transaction(() => addLast(queue, number));
      await queue.transaction(() => takeFirst(queue));
    },
    'queue: push': (element) => queue.transaction(() => addLast(queue, element)),
    'queue: take': async () => {
      for (;;) {
        const element = tryTake(queue);
        if (element !== undefined) return element;
        await setImmediate();
      }
    },
    'sorted map: set': (number) => sortedMap.put(number % ELEMENTS, number),
    'counter: add': () => values.transaction(() => addOne(values)),
    'register: set': (number) => values.put(REGISTER, number),
    fill: () =>
      values.transactionSync(() => {
        for (let number = 0; number < ELEMENTS; number++) {
          for (const table of [set, list, sortedMap]) table.putSync(number, number);
        }
        values.putSync(REGISTER, 1);
      }),
    'clear list': () => appended.clearSync(),
  };
}
