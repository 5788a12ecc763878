/**
 * Seeded random numbers: sfc32 (Doty-Humphrey's small fast counting generator), 128 bits of state.
 * The same seed and name give the same numbers on every machine.
 *
 *   const random = new Random(seed);
 *   const network = random.fork('network');  // what it draws does not depend on other forks
 */
import { assert } from '../../shared-memory/assert.ts';

const TWO_TO_32 = 0x1_0000_0000;
/** Rounds after which the seed's bits have reached the whole state. */
const WARM_UP_ROUNDS = 15;

export class Random {
  readonly #seed: number;
  readonly #path: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed` is a safe integer, not negative. `path` names the stream. */
  constructor(seed: number, path = '') {
    assert(Number.isSafeInteger(seed) && seed >= 0, 'a seed is a safe integer and not negative');
    this.#seed = seed;
    this.#path = path;
    this.#a = hashText(path);
    this.#b = seed | 0;
    this.#c = Math.floor(seed / TWO_TO_32) | 0;
    for (let i = 0; i < WARM_UP_ROUNDS; i++) this.word();
  }

  /** 32 random bits, as a signed word. */
  word(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }

  /** A number in [0, 1), a multiple of 2^-32. */
  next(): number {
    return (this.word() >>> 0) / TWO_TO_32;
  }

  /** An integer in [0, n); `n` is at least 1 and at most 2^32. */
  below(n: number): number {
    assert(n >= 1 && n <= TWO_TO_32, 'below has a legal end');
    return Math.floor(this.next() * n);
  }

  /** True with the probability given. Draws one number whatever the probability is. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One item of a non-empty list, all equally likely. */
  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, 'there is something to pick from');
    return items[this.below(items.length)];
  }

  /** A number in [low, high] whose logarithm is uniform: each order of magnitude as likely. */
  logarithmic(low: number, high: number): number {
    assert(low > 0 && low <= high, 'the range is not empty and above zero');
    return low * (high / low) ** this.next();
  }

  /** An exponential number with the mean given. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /**
   * An independent stream. It depends on the seed and on the names down to here, and not on what
   * was drawn before: drawing less from one stream does not shift another.
   */
  fork(name: string): Random {
    return new Random(this.#seed, `${this.#path}/${name}`);
  }
}

/** FNV-1a over the UTF-16 units, with a final mix. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
