/** ZooKeeper by a client for Node: a session of each thread, and a tree of its own below a node. */
import { once } from 'node:events';
import { callFor } from '../harness/timed-calls.ts';
import { loadPeer } from '../stores/peer-packages.ts';
import {
  CHILDREN,
  childOf,
  DATA_BYTES,
  NODES,
  type NodeCalls,
  type NodeClient,
  nodeOf,
  now,
  WATCHED,
} from './node-client.ts';

export const ZOOKEEPER_CLIENT = 'node-zookeeper-client';

type Callback = (error: Error | null, result?: unknown) => void;
type Watcher = () => void;

interface Transaction {
  setData(path: string, data: Buffer, version: number): Transaction;
  commit(callback: Callback): void;
}

/** What is used of the client. */
interface Client extends NodeJS.EventEmitter {
  connect(): void;
  close(): void;
  create(path: string, data: Buffer, callback: Callback): void;
  setData(path: string, data: Buffer, version: number, callback: Callback): void;
  getData(path: string, callback: Callback): void;
  getData(path: string, watcher: Watcher, callback: Callback): void;
  exists(path: string, callback: Callback): void;
  getChildren(path: string, callback: Callback): void;
  remove(path: string, version: number, callback: Callback): void;
  transaction(): Transaction;
}

interface Package {
  createClient(address: string): Client;
}

const DATA = Buffer.alloc(DATA_BYTES, 1);
const ANY_VERSION = -1;
const AT_ONCE = 64;

export class ZooKeeperNodes implements NodeClient {
  /** Nobody can wait for an answer without giving up its turn. */
  readonly blocking: NodeCalls = {};
  readonly awaited: NodeCalls;
  readonly #client: Client;
  readonly #root: string;

  private constructor(client: Client, thread: number) {
    this.#client = client;
    this.#root = `/of-thread-${thread}`;
    const parent = this.#path('/parent');
    const created = this.#path('/created');
    this.awaited = {
      create: (number) => answer((done) => client.create(childOf(created, number), DATA, done)),
      set: (number) =>
        answer((done) => client.setData(this.#node(number), DATA, ANY_VERSION, done)),
      get: (number) => answer((done) => client.getData(this.#node(number), done)),
      exists: (number) => answer((done) => client.exists(this.#node(number), done)),
      children: () => answer((done) => client.getChildren(parent, done)),
      'multi of 2': (number) =>
        answer((done) =>
          client
            .transaction()
            .setData(this.#node(number), DATA, ANY_VERSION)
            .setData(this.#node(number + 1), DATA, ANY_VERSION)
            .commit(done),
        ),
    };
  }

  static async connect(port: number, thread: number): Promise<ZooKeeperNodes> {
    const { createClient } = loadPeer(ZOOKEEPER_CLIENT) as Package;
    const client = createClient(`127.0.0.1:${port}`);
    const connected = once(client, 'connected');
    client.connect();
    await connected;
    return new ZooKeeperNodes(client, thread);
  }

  async prepare(): Promise<void> {
    const paths = ['', '/created', '/parent', WATCHED];
    for (let number = 0; number < NODES; number++) paths.push(nodeOf(number));
    for (let number = 0; number < CHILDREN; number++) paths.push(childOf('/parent', number));
    for (const path of paths) {
      await answer((done) => this.#client.create(this.#path(path), DATA, done));
    }
  }

  async clear(created: number): Promise<void> {
    const parent = this.#path('/created');
    const plan = { ms: Number.POSITIVE_INFINITY, window: AT_ONCE, callsMax: created };
    await callFor(plan, (number) =>
      answer((done) => this.#client.remove(childOf(parent, number), ANY_VERSION, done)),
    );
  }

  async setWatched(): Promise<void> {
    await answer((done) => this.#client.setData(this.#path(WATCHED), DATA, ANY_VERSION, done));
  }

  /** A watch is for one time: it is set again by the next read. */
  async watched(): Promise<{ changed: Promise<number> }> {
    let tell: (at: number) => void = () => {};
    const changed = new Promise<number>((resolve) => {
      tell = resolve;
    });
    await answer((done) => this.#client.getData(this.#path(WATCHED), () => tell(now()), done));
    return { changed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#client, 'disconnected');
    this.#client.close();
    await closed;
  }

  #path(path: string): string {
    return `${this.#root}${path}`;
  }

  #node(number: number): string {
    return this.#path(nodeOf(number));
  }
}

function answer(ask: (done: Callback) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    ask((error, result) => (error ? reject(error) : resolve(result)));
  });
}
