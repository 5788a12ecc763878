/** For tests: values that tell what they are of, written over each other for as long as somebody likes. */
import type { TangoLogMap } from './tango-log-map.ts';

export interface WornValue {
  readonly key: number;
  readonly writer: number;
  readonly count: number;
  readonly fill: string;
}

export type WornMap = TangoLogMap<number, WornValue>;

export interface Wear {
  readonly keys: number;
  readonly valueBytes: number;
  /** Of the thread; whatever comes by chance. */
  readonly writer: number;
  /** Turns, of a few changes each. */
  readonly turns: number;
}

const CHANGES_A_TURN = 4;

export function wornValue(key: number, writer: number, count: number, bytes: number): WornValue {
  return { key, writer, count, fill: String.fromCharCode(97 + (key % 26)).repeat(bytes) };
}

/** Throws when the value is none that was set for the key. */
export function checkWorn(key: number, value: WornValue | undefined, bytes: number): void {
  if (value === undefined) return;
  const { writer, count, fill } = value;
  const expected = wornValue(key, writer, count, bytes);
  if (value.key === key && fill === expected.fill) return;
  throw new Error(`another value was read: key=${key}, value=${value.key}:${writer}:${count}`);
}

/** Sets keys by chance, and looks at what others have set; `told` is called after each turn. */
export async function wear(
  map: WornMap,
  { keys, valueBytes, writer, turns }: Wear,
  told: (turn: number) => void = () => {},
): Promise<void> {
  let chance = writer + 1;
  const next = (): number => {
    chance = (Math.imul(chance, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (chance >>> 8) % keys;
  };
  for (let turn = 0; turn < turns; turn++) {
    const changes: Promise<void>[] = [];
    for (let i = 0; i < CHANGES_A_TURN; i++) {
      const key = next();
      changes.push(map.set(key, wornValue(key, writer, turn, valueBytes)));
    }
    await Promise.all(changes);
    const key = next();
    checkWorn(key, map.get(key), valueBytes);
    told(turn);
  }
}
