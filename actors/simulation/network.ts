/**
 * What happens to a message between two actors: it is copied into a buffer of its own, then lost
 * or given a time of arrival, or two.
 */
import { ceilPowerOfTwo } from '../../shared-memory/words.ts';
import type { ActorId, Message } from '../message.ts';
import { encodeMessage, MESSAGE_WORDS_MAX, messageWords } from '../message-codec.ts';
import { drawMessageDelay, type Faults } from './faults.ts';
import type { Random } from './random.ts';

const AGAIN_LEAST_MS = 0.1;
const AGAIN_LONGEST_MS = 100;
const BUFFER_WORDS_MIN = 16;
const SIZE_CLASSES = Math.log2(ceilPowerOfTwo(MESSAGE_WORDS_MAX)) + 1;

/** Buffers for copies of messages, one free list for each power of two. */
class BufferPool {
  readonly #free: Int32Array[][] = Array.from({ length: SIZE_CLASSES }, () => []);

  take(words: number): Int32Array {
    const size = Math.max(BUFFER_WORDS_MIN, ceilPowerOfTwo(words));
    return this.#free[sizeClass(size)].pop() ?? new Int32Array(size);
  }

  giveBack(buffer: Int32Array): void {
    this.#free[sizeClass(buffer.length)].push(buffer);
  }
}

/** The latest arrival so far from one actor at another. */
class Pair {
  arrival = 0;
  tie = 0;
}

export class Network {
  readonly #random: Random;
  readonly #duplicates: Random;
  readonly #pool = new BufferPool();
  readonly #pairs = new Map<number, Pair>();
  /** Of the message that send accepted last: virtual milliseconds, and the queue's tie. */
  arrival = 0;
  tie = 0;
  /** It arrives before one that was sent earlier between the same actors. */
  overtakes = false;

  constructor(random: Random) {
    this.#random = random;
    this.#duplicates = random.fork('duplicates');
  }

  /**
   * A copy of the message, with `arrival`, `tie` and `overtakes` set for it; undefined when the
   * message is lost. `tie` is the random tie it would like; without reordering, messages that
   * arrive at the same moment share the tie of the first, so that the queue keeps their order.
   */
  send(message: Message, now: number, tie: number, faults: Faults): Int32Array | undefined {
    const lost = this.#random.chance(faults.lossRate);
    const delay = drawMessageDelay(faults, this.#random);
    if (lost) return undefined;
    this.#schedule(this.#pair(message.from, message.to), now + delay, tie, faults.reorder);
    return this.#copy(message);
  }

  /**
   * Whether the message that send has just accepted arrives a second time. Then a further copy,
   * with `arrival` and `tie` set for it: before or after the first, and whatever else is under way.
   */
  sendAgain(message: Message, now: number, faults: Faults): Int32Array | undefined {
    const random = this.#duplicates;
    if (!random.chance(faults.duplicateRate)) return undefined;
    const delay = drawMessageDelay(faults, random);
    // A time-out later, as often as not: whoever sends again does not do so at once.
    const later = random.chance(0.5) ? random.logarithmic(AGAIN_LEAST_MS, AGAIN_LONGEST_MS) : 0;
    this.arrival = now + delay + later;
    this.tie = random.word() >>> 0 || 1;
    return this.#copy(message);
  }

  /** The buffer of a message that has been decoded, or that vanished. */
  giveBack(buffer: Int32Array): void {
    this.#pool.giveBack(buffer);
  }

  #copy(message: Message): Int32Array {
    const buffer = this.#pool.take(messageWords(message));
    encodeMessage(message, buffer, 0);
    return buffer;
  }

  #schedule(pair: Pair, wanted: number, tie: number, reorder: boolean): void {
    this.arrival = wanted;
    this.tie = tie;
    this.overtakes = reorder && wanted < pair.arrival;
    if (!reorder && wanted <= pair.arrival) {
      this.arrival = pair.arrival;
      this.tie = pair.tie;
    }
    if (this.arrival < pair.arrival) return;
    pair.arrival = this.arrival;
    pair.tie = this.tie;
  }

  #pair(from: ActorId, to: ActorId): Pair {
    const key = from * 0x1_0000 + to;
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = new Pair();
      this.#pairs.set(key, pair);
    }
    return pair;
  }
}

function sizeClass(words: number): number {
  return 31 - Math.clz32(words);
}
