/** Which keys a load chooses: the same ones in each run. */
import { randomNumbers } from '../random-numbers.ts';

export type Distribution = 'uniform' | 'zipf';

/** Of YCSB: key 0 gets about a tenth of 10,000 keys' load. */
const ZIPF_EXPONENT = 0.99;
const RANDOM_LIMIT = 2 ** 30;

/** `count` keys in [0, keys). `seed`: any number but 0. */
export function chooseKeys(
  distribution: Distribution,
  keys: number,
  count: number,
  seed: number,
): Int32Array {
  if (distribution === 'uniform') return randomNumbers(count, keys, seed);
  const zipf = zipfOf(keys);
  return randomNumbers(count, RANDOM_LIMIT, seed).map((number) => zipf(number / RANDOM_LIMIT));
}

/** From a number in [0, 1) to a key, the lower the likelier (Gray et al., SIGMOD 1994). */
export function zipfOf(keys: number): (number: number) => number {
  const share = (key: number): number => (key + 1) ** -ZIPF_EXPONENT;
  let sum = 0;
  for (let key = 0; key < keys; key++) sum += share(key);
  const firstTwo = share(0) + share(1);
  const power = 1 / (1 - ZIPF_EXPONENT);
  const eta = (1 - (2 / keys) ** (1 - ZIPF_EXPONENT)) / (1 - firstTwo / sum);
  return (number) => {
    if (number * sum < share(0)) return 0;
    if (number * sum < firstTwo) return 1;
    return Math.min(keys - 1, Math.floor(keys * (eta * number - eta + 1) ** power));
  };
}
