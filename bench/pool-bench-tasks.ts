/** The tasks of the pool's experiment: nothing at all, and a transaction. */
import type { Tango } from '../index.ts';

const MAP = 'keys';
const KEYS = 1000;

/** Also piscina's task, which has no tango. */
export function empty(): void {}

/** Adds one to a key; `number`: of the task. */
export async function increment(tango: Tango, number: number): Promise<number> {
  const map = await tango.map<number, number>(MAP);
  const key = number % KEYS;
  return tango.transactSync(() => {
    const sum = (map.get(key) ?? 0) + 1;
    map.setSync(key, sum);
    return sum;
  });
}
