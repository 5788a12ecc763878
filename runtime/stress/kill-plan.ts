/** Whom to kill when: drawn from the seed alone, so that a seed repeats its choice of victims. */
import type { Random } from '../../actors/simulation/random.ts';
import { assert } from '../../shared-memory/assert.ts';

export const VICTIM_KINDS = ['client', 'units', 'sequencer', 'monitor'] as const;
export type VictimKind = (typeof VICTIM_KINDS)[number];

const WEIGHTS: Readonly<Record<VictimKind, number>> = {
  client: 50,
  units: 20,
  sequencer: 15,
  monitor: 15,
};

export const LOAD_MS_MIN = 1;
export const LOAD_MS_MAX = 30;
/** So often a victim may die while it starts; else the kill waits until it works. */
const EARLY_CHANCE = 0.1;

export interface PlannedKill {
  readonly kind: VictimKind;
  /** Which of its kind: any integer from 0, to be taken modulo how many there are. */
  readonly choice: number;
  /** Load before the kill. */
  readonly loadMs: number;
  /** A client that has not begun to work is killed all the same. */
  readonly early: boolean;
}

/** The next kill among `kinds`. Draws the same number of numbers whatever they are. */
export function planKill(random: Random, kinds: readonly VictimKind[]): PlannedKill {
  const loadMs = LOAD_MS_MIN + random.below(LOAD_MS_MAX - LOAD_MS_MIN + 1);
  const kind = drawKind(random.next(), kinds);
  const choice = random.below(2 ** 16);
  return { kind, choice, loadMs, early: random.chance(EARLY_CHANCE) };
}

function drawKind(drawn: number, kinds: readonly VictimKind[]): VictimKind {
  assert(kinds.length > 0, 'somebody may be killed');
  let left = drawn * kinds.reduce((sum, kind) => sum + WEIGHTS[kind], 0);
  for (const kind of kinds) {
    left -= WEIGHTS[kind];
    if (left < 0) return kind;
  }
  return kinds[kinds.length - 1];
}
