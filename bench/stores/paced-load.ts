/** Loads that last for a time: what other threads do while one is measured. */
import { setTimeout } from 'node:timers/promises';
import type { KeyStore } from './key-store.ts';

export interface SteadyWrites {
  readonly keys: number;
  /** Sets made at once. */
  readonly batch: number;
  readonly perSecond: number;
  readonly ms: number;
}

/** A thread that sleeps this long has hardly missed anything. */
const REST_MS = 1;

/** Sets keys at a steady pace, or as fast as it can where that is slower; resolves to how many. */
export async function writeSteadily(store: KeyStore, plan: SteadyWrites): Promise<number> {
  const { keys, batch, perSecond, ms } = plan;
  const chosen = new Int32Array(batch);
  const startMs = performance.now();
  let written = 0;
  for (;;) {
    const elapsedMs = performance.now() - startMs;
    if (elapsedMs >= ms) return written;
    if (written > (elapsedMs / 1000) * perSecond) await setTimeout(REST_MS);
    else {
      for (let i = 0; i < batch; i++) chosen[i] = (written + i) % keys;
      await store.putAll(chosen, written);
      written += batch;
    }
  }
}

/** Reads a key each millisecond, and so keeps a view up to date; resolves to how often. */
export async function follow(store: KeyStore, ms: number): Promise<number> {
  const startMs = performance.now();
  let reads = 0;
  while (performance.now() - startMs < ms) {
    store.get(0);
    reads++;
    await setTimeout(REST_MS);
  }
  return reads;
}
