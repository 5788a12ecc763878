/** The same with SQLite: a log ahead of the file, nothing is synced. It has no lock. */
import { loadPeer } from '../stores/peer-packages.ts';
import {
  type Calls,
  ELEMENTS,
  elementOf,
  isAdding,
  type ObjectClient,
  RANGE,
} from './object-client.ts';

interface Statement {
  pluck(): Statement;
  get(...parameters: number[]): unknown;
  all(...parameters: number[]): unknown[];
  run(...parameters: number[]): unknown;
}

/** What is used of better-sqlite3's database. */
interface Database {
  pragma(text: string): unknown;
  exec(text: string): unknown;
  prepare(text: string): Statement;
  transaction(body: (inner: () => void) => void): { immediate(inner: () => void): void };
  close(): void;
}

type Constructor = new (path: string, options: { timeout: number }) => Database;

/** Nobody waits that long. */
const BUSY_MS_MAX = 60_000;

const TABLES = `
  CREATE TABLE IF NOT EXISTS members (value INTEGER PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS list (id INTEGER PRIMARY KEY, value INTEGER);
  CREATE TABLE IF NOT EXISTS appended (id INTEGER PRIMARY KEY, value INTEGER);
  CREATE TABLE IF NOT EXISTS queue (id INTEGER PRIMARY KEY, value INTEGER);
  CREATE TABLE IF NOT EXISTS pairs (key INTEGER PRIMARY KEY, value INTEGER);
  CREATE TABLE IF NOT EXISTS single (name INTEGER PRIMARY KEY, value INTEGER);
  INSERT OR IGNORE INTO single VALUES (0, 0), (1, 0);
`;

export class SqliteObjectsClient implements ObjectClient {
  readonly blocking: Calls;
  /** There are only blocking calls. */
  readonly awaited: Calls = {};
  readonly #database: Database;
  readonly #transact: { immediate(inner: () => void): void };

  /** `path`: a file, which threads may share. */
  constructor(path: string) {
    const Database = loadPeer('better-sqlite3') as Constructor;
    const database = new Database(path, { timeout: BUSY_MS_MAX });
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = OFF');
    database.exec(TABLES);
    this.#transact = database.transaction((inner) => inner());
    this.#database = database;
    this.blocking = { ...calls(database), ...setUp(database, (body) => this.group(body)) };
  }

  group(body: () => void): void {
    this.#transact.immediate(body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }
}

function calls(database: Database): Calls {
  const add = database.prepare('INSERT OR IGNORE INTO members VALUES (?)');
  const remove = database.prepare('DELETE FROM members WHERE value = ?');
  const has = database.prepare('SELECT 1 FROM members WHERE value = ?');
  const append = database.prepare('INSERT INTO appended (value) VALUES (?)');
  const at = database.prepare('SELECT value FROM list WHERE id = ?').pluck();
  const push = database.prepare('INSERT INTO queue (value) VALUES (?)');
  const first = database.prepare('SELECT min(id) FROM queue').pluck();
  const shift = database
    .prepare('DELETE FROM queue WHERE id = (SELECT min(id) FROM queue) RETURNING value')
    .pluck();
  const set = database.prepare('INSERT OR REPLACE INTO pairs VALUES (?, ?)');
  const range = database.prepare(
    `SELECT key, value FROM pairs WHERE key >= ? ORDER BY key LIMIT ${RANGE}`,
  );
  const increase = database
    .prepare('UPDATE single SET value = value + 1 WHERE name = 0 RETURNING value')
    .pluck();
  const write = database.prepare('UPDATE single SET value = ? WHERE name = 1');
  const read = database.prepare('SELECT value FROM single WHERE name = 1').pluck();
  return {
    'set: add, delete': (number) => (isAdding(number) ? add : remove).run(elementOf(number)),
    'set: has': (number) => has.get(number % ELEMENTS),
    'list: append': (number) => append.run(number),
    'list: at': (number) => at.get(number % ELEMENTS),
    'queue: push, shift': (number) => {
      push.run(number);
      shift.get();
    },
    'queue: push': (element) => push.run(element),
    'queue: take': () => (first.get() === null ? undefined : shift.get()),
    'sorted map: set': (number) => set.run(number % ELEMENTS, number),
    'sorted map: range': (number) => range.all(number % ELEMENTS),
    'counter: add': () => increase.get(),
    'register: set': (number) => write.run(number),
    'register: get': () => read.get(),
  };
}

function setUp(database: Database, group: (body: () => void) => void): Calls {
  const intoSet = database.prepare('INSERT OR IGNORE INTO members VALUES (?)');
  const intoList = database.prepare('INSERT OR REPLACE INTO list VALUES (?, ?)');
  const intoPairs = database.prepare('INSERT OR REPLACE INTO pairs VALUES (?, ?)');
  return {
    fill: () =>
      group(() => {
        for (let number = 0; number < ELEMENTS; number++) {
          intoSet.run(number);
          intoList.run(number, number);
          intoPairs.run(number, number);
        }
      }),
    'clear list': () => database.exec('DELETE FROM appended'),
  };
}
