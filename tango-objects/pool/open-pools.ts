/** The pools that were made with a Tango: whether there is room for one more, and their end. */
import type { LogMemory } from '../../actors/log-memory.ts';
import { TangoError } from '../../actors/tango-error.ts';
import type { TangoHandle } from '../../runtime/open.ts';
import { checkPoolOptions, type PoolOptions } from './pool-options.ts';
import { TangoPool } from './tango-pool.ts';
import type { TaskModule } from './task-types.ts';

/** A Tango that closes gives its pools that long for what they have to do. */
const DRAIN_MS_MAX = 5000;

type OpenPool = Pick<TangoPool, 'maxThreads' | 'stats' | 'close'>;

export class OpenPools {
  readonly #handle: TangoHandle;
  readonly #attachMax: number;
  readonly #pools = new Set<OpenPool>();

  constructor(handle: TangoHandle, { threads, sizes }: LogMemory) {
    this.#handle = handle;
    this.#attachMax = threads.count - sizes.actorThreads;
  }

  get isEmpty(): boolean {
    return this.#pools.size === 0;
  }

  /** `attached`: threads attached to the log now. */
  open<M = TaskModule>(options: PoolOptions, attached: number): TangoPool<M> {
    const room = this.#attachMax - this.#expected(attached);
    const checked = checkPoolOptions(options, room);
    if (checked.maxThreads > room) {
      const text = `the threads of a pool must be at most what may still attach, ${room} of attachMax`;
      const of = `maxThreads=${checked.maxThreads}, attachMax=${this.#attachMax}`;
      throw new TangoError('ERR_TOO_MANY_THREADS', `${text}: ${of}`);
    }
    const pool: TangoPool<M> = new TangoPool<M>(this.#handle, checked, () => {
      this.#pools.delete(pool);
    });
    this.#pools.add(pool);
    return pool;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools].map((pool) => pool.close({ timeoutMs: DRAIN_MS_MAX })));
  }

  /** Threads attached once every pool has as many as it may. A thread that starts may not be attached yet. */
  #expected(attached: number): number {
    let others = attached;
    let most = 0;
    for (const pool of this.#pools) {
      others -= pool.stats().threads;
      most += pool.maxThreads;
    }
    return Math.max(1, others) + most;
  }
}
