/** Where the namespaces of one measurement are, and what a thread does there in one round. */
import type { TangoHandle } from '../../index.ts';
import { callFor, callForSync } from '../harness/timed-calls.ts';
import { OURS } from '../stores/store-places.ts';
import { type NodeCall, type NodeClient, now } from './node-client.ts';
import { TangoNodes } from './tango-nodes.ts';
import { ZooKeeperNodes } from './zookeeper-nodes.ts';

export const ZOOKEEPER = 'zookeeper';

/** Structured-cloneable. */
export interface NodePlace {
  readonly where:
    | { readonly store: typeof OURS; readonly handle: TangoHandle }
    | { readonly store: typeof ZOOKEEPER; readonly port: number };
  readonly thread: number;
  /** One number: when the watched node was set, in nanoseconds. */
  readonly set: SharedArrayBuffer;
}

export type NodeOrder =
  | { readonly what: 'prepare' }
  /** Answered with how many. `window` 0: calls that block. */
  | { readonly what: 'call'; readonly call: NodeCall; readonly ms: number; readonly window: number }
  /** What the last round has created. */
  | { readonly what: 'clear' }
  | { readonly what: 'set watched' };

export function openNodes({ where, thread }: NodePlace): Promise<NodeClient> {
  if (where.store === OURS) return TangoNodes.attach(where.handle, thread);
  return ZooKeeperNodes.connect(where.port, thread);
}

export class NodeLoad {
  readonly #client: NodeClient;
  readonly #set: Float64Array;
  #created = 0;

  constructor(client: NodeClient, { set }: NodePlace) {
    this.#client = client;
    this.#set = new Float64Array(set);
  }

  async run(order: NodeOrder): Promise<number> {
    switch (order.what) {
      case 'prepare':
        await this.#client.prepare();
        return 0;
      case 'clear':
        await this.#client.clear(this.#created);
        this.#created = 0;
        return 0;
      case 'set watched':
        // BEFORE the set: whoever is told of it reads this.
        this.#set[0] = now();
        await this.#client.setWatched();
        return 1;
      default:
        return this.#call(order);
    }
  }

  async #call({ call, ms, window }: Extract<NodeOrder, { what: 'call' }>): Promise<number> {
    const { blocking, awaited } = this.#client;
    const now = blocking[call];
    const asked = awaited[call];
    if (asked === undefined) throw new Error(`the store has no such call: ${call}`);
    const calls =
      window === 0 && now !== undefined
        ? callForSync({ ms }, now)
        : await callFor({ ms, window: Math.max(1, window) }, asked);
    if (call === 'create') this.#created = calls;
    return calls;
  }
}
