/** SQLite as a store of keys, with what makes it fastest: a log ahead of the file, nothing is synced. */
import type { KeyStore } from './key-store.ts';
import { loadPeer } from './peer-packages.ts';

interface Statement {
  pluck(): Statement;
  get(...parameters: number[]): unknown;
  run(...parameters: number[]): unknown;
}

/** What is used of better-sqlite3's database. */
interface Database {
  pragma(text: string): unknown;
  exec(text: string): unknown;
  prepare(text: string): Statement;
  transaction<A extends unknown[]>(body: (...parameters: A) => void): Transaction<A>;
  close(): void;
}

interface Transaction<A extends unknown[]> {
  /** As BEGIN IMMEDIATE. */
  immediate(...parameters: A): void;
}

type Constructor = new (path: string, options: { timeout: number }) => Database;

/** Nobody waits that long; a transaction that gives up would be cheap. */
const BUSY_MS_MAX = 60_000;

export class SqliteStore implements KeyStore {
  readonly #database: Database;
  readonly #get: Statement;
  readonly #put: Statement;
  readonly #transact: Transaction<[body: () => void]>;

  /** `path`: a file, which threads may share. */
  constructor(path: string) {
    const Database = loadPeer('better-sqlite3') as Constructor;
    const database = new Database(path, { timeout: BUSY_MS_MAX });
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = OFF');
    database.exec('CREATE TABLE IF NOT EXISTS pairs (key INTEGER PRIMARY KEY, value INTEGER)');
    this.#get = database.prepare('SELECT value FROM pairs WHERE key = ?').pluck();
    this.#put = database.prepare('INSERT OR REPLACE INTO pairs VALUES (?, ?)');
    this.#transact = database.transaction((body) => body());
    this.#database = database;
  }

  get(key: number): number | undefined {
    return this.#get.get(key) as number | undefined;
  }

  put(key: number, value: number): void {
    this.#put.run(key, value);
  }

  transact(body: () => void): void {
    this.#transact.immediate(body);
  }

  async putAll(keys: ArrayLike<number>, value: number): Promise<void> {
    this.transact(() => {
      for (let i = 0; i < keys.length; i++) this.#put.run(keys[i], value);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }
}
