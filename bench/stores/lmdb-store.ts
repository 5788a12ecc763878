/** lmdb as a store of keys, with what makes it fastest: integers as keys, nothing is synced. */
import type { KeyStore } from './key-store.ts';
import { loadPeer } from './peer-packages.ts';

/** What is used of lmdb's database. */
interface Database {
  get(key: number): number | undefined;
  put(key: number, value: number): Promise<boolean>;
  putSync(key: number, value: number): boolean;
  transactionSync(body: () => void): void;
  /** The next get sees the newest state; without it, that of the turn's first get. */
  resetReadTxn(): void;
  close(): Promise<void>;
}

interface Lmdb {
  open(options: object): Database;
}

/** Room in the address space; touched as it is used. */
const MAP_BYTES = 2 ** 33;

export class LmdbStore implements KeyStore {
  readonly #database: Database;
  #isInBody = false;

  /** `path`: a file, which threads may share. */
  constructor(path: string) {
    const lmdb = loadPeer('lmdb') as Lmdb;
    this.#database = lmdb.open({
      path,
      noSubdir: true,
      keyEncoding: 'uint32',
      mapSize: MAP_BYTES,
      noSync: true,
      overlappingSync: false,
    });
  }

  get(key: number): number | undefined {
    if (!this.#isInBody) this.#database.resetReadTxn();
    return this.#database.get(key);
  }

  /** As lmdb reads by itself: the same snapshot for a turn of the event loop. */
  getOfTurn(key: number): number | undefined {
    return this.#database.get(key);
  }

  put(key: number, value: number): void {
    this.#database.putSync(key, value);
  }

  transact(body: () => void): void {
    this.#isInBody = true;
    try {
      this.#database.transactionSync(body);
    } finally {
      this.#isInBody = false;
    }
  }

  /** Those of one turn are one transaction of lmdb. */
  async putAll(keys: ArrayLike<number>, value: number): Promise<void> {
    let last: Promise<boolean> | undefined;
    for (let i = 0; i < keys.length; i++) last = this.#database.put(keys[i], value);
    await last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.close();
  }
}
