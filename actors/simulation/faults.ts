/**
 * Which faults a run has, and how often: drawn from the seed by swarm. Each kind is off in about
 * half of the seeds and has a random rate in the others, because a run in which everything fails
 * all the time gets nowhere near the states that one kind of fault alone reaches.
 */
import type { ActorId } from '../message.ts';
import type { Random } from './random.ts';

export interface Faults {
  /** Least delay of a message, milliseconds, above zero. */
  readonly delayMinMs: number;
  /** Mean delay of a message (exponential above the least); equal to the least: constant. */
  readonly delayMeanMs: number;
  /** True: each message has its own delay. False: first in, first out per pair of actors. */
  readonly reorder: boolean;
  /** Probability that a message is lost. */
  readonly lossRate: number;
  /** Probability that a message arrives twice, the second time whenever it likes. */
  readonly duplicateRate: number;
  /** Probability, before each receive and timer of an actor, that the actor stalls first. */
  readonly stallRate: number;
  /** A stall lasts from `stallMinMs` to `stallMaxMs`, each order of magnitude as likely. */
  readonly stallMinMs: number;
  readonly stallMaxMs: number;
  /** Probability, before each effect of a killable actor, that its thread is killed there. */
  readonly killRate: number;
  /** The actors that drawn kills may hit. */
  readonly killable: readonly ActorId[];
  /** Drawn kills in the whole run at most. Explicit kills do not count. */
  readonly killsMax: number;
  /** The longest time an actor of low priority is behind, milliseconds; 0: all are equal. */
  readonly lagMs: number;
  /** How often an actor falls to the lowest priority of all, in the whole run. */
  readonly priorityChanges: number;
  /** Milliseconds from a death until the onKilled listeners are told. */
  readonly detectionMs: number;
}

const DELAY_LEAST_MS = 0.01;
const STALL_LEAST_MS = 1;
const STALL_LONGEST_MS = 10_000;
const DETECTION_MS = 1;
/** Bugs of depth 3 take two changes of priority (RELIABILITY 2.6). */
const PRIORITY_CHANGES = 2;

/** A calm world: constant delay, first in, first out, nothing lost, nobody stalls or dies. */
export const NO_FAULTS: Faults = Object.freeze({
  delayMinMs: DELAY_LEAST_MS,
  delayMeanMs: DELAY_LEAST_MS,
  reorder: false,
  lossRate: 0,
  duplicateRate: 0,
  stallRate: 0,
  stallMinMs: STALL_LEAST_MS,
  stallMaxMs: STALL_LONGEST_MS,
  killRate: 0,
  killable: [],
  killsMax: 0,
  lagMs: 0,
  priorityChanges: 0,
  detectionMs: DETECTION_MS,
});

/**
 * Draws every kind from its own stream, then lets `fixed` override: fixing one kind leaves the
 * others as the seed has them. `killable` without `killsMax` means one kill at most.
 */
export function drawFaults(random: Random, fixed: Partial<Faults> = {}): Faults {
  const drawn: Faults = {
    ...drawDelay(random.fork('delay')),
    reorder: random.fork('reorder').chance(0.5),
    lossRate: drawRate(random.fork('loss'), 0.001, 0.3),
    duplicateRate: drawRate(random.fork('duplicates'), 0.002, 0.2),
    stallRate: drawRate(random.fork('stall'), 0.0005, 0.05),
    stallMinMs: STALL_LEAST_MS,
    stallMaxMs: STALL_LONGEST_MS,
    killRate: drawRate(random.fork('kill'), 0.002, 0.2),
    killable: NO_FAULTS.killable,
    killsMax: fixed.killable === undefined ? 0 : 1,
    lagMs: drawRate(random.fork('priorities'), 0.1, 8),
    priorityChanges: PRIORITY_CHANGES,
    detectionMs: drawDetection(random.fork('detection')),
  };
  return { ...drawn, ...fixed };
}

/** The delay of one message, milliseconds. */
export function drawMessageDelay(faults: Faults, random: Random): number {
  const spread = faults.delayMeanMs - faults.delayMinMs;
  return spread > 0 ? faults.delayMinMs + random.exponential(spread) : faults.delayMinMs;
}

/** The length of one stall, milliseconds. */
export function drawStall(faults: Faults, random: Random): number {
  return random.logarithmic(faults.stallMinMs, faults.stallMaxMs);
}

/** How many effects an actor has before a drawn kill: it dies before the effect of this number. */
export function drawKillEffect(faults: Faults, random: Random): number {
  if (faults.killRate >= 1) return 1;
  return 1 + Math.floor(Math.log(1 - random.next()) / Math.log(1 - faults.killRate));
}

function drawDelay(random: Random): Pick<Faults, 'delayMinMs' | 'delayMeanMs'> {
  const varies = random.chance(0.5);
  const delayMinMs = random.logarithmic(DELAY_LEAST_MS, 1);
  const spread = random.logarithmic(0.05, 20);
  return { delayMinMs, delayMeanMs: delayMinMs + (varies ? spread : 0) };
}

function drawRate(random: Random, low: number, high: number): number {
  const enabled = random.chance(0.5);
  const rate = random.logarithmic(low, high);
  return enabled ? rate : 0;
}

function drawDetection(random: Random): number {
  return random.chance(0.5) ? DETECTION_MS : random.logarithmic(DETECTION_MS, 1000);
}
