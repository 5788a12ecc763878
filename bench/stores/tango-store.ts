/** A map of tangolog as a store of keys: one thread's view of it. */
import { attach, type Tango, type TangoHandle, type TangoMap } from '../../index.ts';
import type { KeyStore } from './key-store.ts';

const MAP = 'keys';
/** Whoever is unlucky tries on: a transaction that gives up would be cheap. */
const OPTIONS = { retries: 1_000_000 };

export class TangoStore implements KeyStore {
  readonly map: TangoMap<number, number>;
  readonly #tango: Tango;
  readonly #closes: boolean;

  private constructor(tango: Tango, map: TangoMap<number, number>, closes: boolean) {
    this.#tango = tango;
    this.map = map;
    this.#closes = closes;
  }

  /** For the calling thread, on the direct link; disposing of it ends this thread's access. */
  static async attach(handle: TangoHandle): Promise<TangoStore> {
    const tango = await attach(handle, { link: 'direct' });
    return new TangoStore(tango, await tango.map(MAP), true);
  }

  /** Over an access that stays the caller's. */
  static async of(tango: Tango): Promise<TangoStore> {
    return new TangoStore(tango, await tango.map(MAP), false);
  }

  get(key: number): number | undefined {
    return this.map.get(key);
  }

  put(key: number, value: number): void {
    this.map.setSync(key, value);
  }

  transact(body: () => void): void {
    this.#tango.transactSync(body, OPTIONS);
  }

  async putAll(keys: ArrayLike<number>, value: number): Promise<void> {
    const sets: Promise<void>[] = [];
    for (let i = 0; i < keys.length; i++) sets.push(this.map.set(keys[i], value));
    await Promise.all(sets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closes) await this.#tango.close();
  }
}
