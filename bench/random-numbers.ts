/** Numbers by chance, the same ones in each run. */

/** Any number but 0. */
const SEED = 0x2545_f491;

/** `count` numbers in [0, limit), by Marsaglia's xorshift. */
export function randomNumbers(count: number, limit: number, seed: number = SEED): Int32Array {
  let state = seed;
  return Int32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  });
}
