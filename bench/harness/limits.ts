/**
 * What this machine can do at most, measured with nothing around it. A figure of the log beside its
 * limit says how much is left to gain; alone it says nothing.
 */
import { allocateUnit, UnitMemory, unitSizes } from '../../shared-memory/unit-memory.ts';
import { measureRate, type Rounds } from './measure.ts';

const PIECE_BYTES = 4096;
/** Beyond the caches of most machines, so that the figure is that of memory. */
const CYCLE_BYTES = 64 * 2 ** 20;
const MAP_KEYS = 100_000;
const LOADS_PER_ROUND = 1_000_000;
const GETS_PER_ROUND = 500_000;

export interface Limits {
  /** Bytes a second from one SharedArrayBuffer to another, in pieces of 4 KiB. */
  readonly copyBytesPerSecond: number;
  /** Map.get with number keys, of 100,000. */
  readonly mapGetsPerSecond: number;
  /** Two loads of a slot: what a one-sided read cannot do without. */
  readonly loadPairsPerSecond: number;
}

const USUAL: Rounds = { warmUp: 1, rounds: 5 };

/** Blocks the thread for about half a second. */
export async function measureLimits(rounds: Rounds = USUAL): Promise<Limits> {
  return {
    copyBytesPerSecond: await measureCopy(rounds),
    mapGetsPerSecond: await measureMapGets(rounds),
    loadPairsPerSecond: await measureLoadPairs(rounds),
  };
}

/** Bytes a second. The first round touches the pages and is best left to the warm-up. */
export async function measureCopy(rounds: Rounds = USUAL): Promise<number> {
  const source = new Uint8Array(new SharedArrayBuffer(CYCLE_BYTES)).fill(1);
  const target = new Uint8Array(new SharedArrayBuffer(CYCLE_BYTES));
  // Views made beforehand: making one costs about as much as copying a page.
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < CYCLE_BYTES; offset += PIECE_BYTES) {
    pieces.push(source.subarray(offset, offset + PIECE_BYTES));
  }
  const copyAll = (): number => {
    for (let piece = 0; piece < pieces.length; piece++) {
      target.set(pieces[piece], piece * PIECE_BYTES);
    }
    return CYCLE_BYTES;
  };
  return (await measureRate(copyAll, rounds)).median;
}

/** Calls a second. */
export async function measureMapGets(rounds: Rounds = USUAL): Promise<number> {
  const map = new Map<number, number>();
  for (let key = 0; key < MAP_KEYS; key++) map.set(key, key);
  let sum = 0;
  const getMany = (): number => {
    let key = 0;
    for (let get = 0; get < GETS_PER_ROUND; get++) {
      // A stride that is prime to the number of keys visits all of them, out of order.
      key = (key + 7919) % MAP_KEYS;
      sum += map.get(key) ?? 0;
    }
    return GETS_PER_ROUND;
  };
  return keepAlive((await measureRate(getMany, rounds)).median, sum);
}

/** Pairs a second. */
export async function measureLoadPairs(rounds: Rounds = USUAL): Promise<number> {
  const { slots } = new UnitMemory(allocateUnit(unitSizes(2 ** 20, PIECE_BYTES)));
  let sum = 0;
  const loadMany = (): number => {
    for (let address = 0; address < LOADS_PER_ROUND; address++) {
      sum += slots.load(address) + slots.load(address);
    }
    return LOADS_PER_ROUND;
  };
  return keepAlive((await measureRate(loadMany, rounds)).median, sum);
}

/**
 * Map.get of number keys below `keys` in that order, each after two loads: what a read of a view that
 * is up to date cannot do without. Gets a second.
 */
export async function measureCheckedGets(
  order: Int32Array,
  keys: number,
  rounds: Rounds = USUAL,
): Promise<number> {
  const { slots } = new UnitMemory(allocateUnit(unitSizes(2 ** 20, PIECE_BYTES)));
  const map = new Map<number, number>();
  for (let key = 0; key < keys; key++) map.set(key, key);
  let sum = 0;
  const getMany = (): number => {
    for (let i = 0; i < order.length; i++) {
      const key = order[i];
      sum += slots.load(0) + slots.load(1) + (map.get(key) ?? 0);
    }
    return order.length;
  };
  return keepAlive((await measureRate(getMany, rounds)).median, sum);
}

/** Returns `value`; uses `sum`, so that the compiler cannot drop the work that made it. */
function keepAlive(value: number, sum: number): number {
  return Number.isNaN(sum) ? Number.NaN : value;
}
