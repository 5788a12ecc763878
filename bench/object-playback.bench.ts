/**
 * How many changes a second a view plays.
 *
 *   a thread has made them ──▶ log ──▶ another client: decide, versions, apply
 *
 * As one change an entry, as a hundred, and as transactions that read a key and set it. Played: by a
 * view that was up to date before them. Opened: by a new view, from the beginning of the log.
 */
import { open, type Tango } from '../index.ts';
import { MIB } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { measureRate, type Rate, type Rounds, rateResult, spreadOf } from './harness/measure.ts';
import { TangoStore } from './stores/tango-store.ts';

const CHANGES_PER_ENTRY = 100;

const parameters = {
  logMib: { quick: 32, full: 1024 },
  keys: { quick: 100, full: 10_000 },
  changes: { quick: 500, full: 100_000 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

interface Changes {
  readonly keys: number;
  readonly changes: number;
}

type Maker = (store: TangoStore, changes: Changes) => void | Promise<void>;

const KINDS: Readonly<Record<string, Maker>> = {
  'one change an entry': setOne,
  'a hundred changes an entry': setHundreds,
  'one transaction an entry': increment,
};

export const experiment: Experiment<typeof parameters> = {
  name: 'object-playback',
  title: 'Playing a view',
  description: 'Changes and transactions of a map, played from the beginning of the log.',
  parameters,
  async run(values, report) {
    const { keys, changes, warmUp, rounds } = values;
    for (const [name, make] of Object.entries(KINDS)) {
      await using tango = await open({ logBytes: values.logMib * MIB, link: 'direct' });
      const played = await measurePlayed(tango, values, make);
      report.add(rateResult(`played, ${name}`, 'changes/s', played, { keys, changes }));
      const all = (warmUp + rounds) * changes;
      const opened = await measureRate(() => openAnew(tango, keys, all), values);
      report.add(rateResult(`opened, ${name}`, 'changes/s', opened, { keys, changes: all }));
    }
  },
};

async function measurePlayed(
  tango: Tango,
  { warmUp, rounds, ...changes }: Changes & Rounds,
  make: Maker,
): Promise<Rate> {
  const writer = await TangoStore.of(tango);
  await using reader = await TangoStore.attach(tango.handle);
  const rates: number[] = [];
  for (let round = 0; round < warmUp + rounds; round++) {
    await make(writer, changes);
    const startMs = performance.now();
    reader.get(0);
    const elapsedMs = performance.now() - startMs;
    if (round >= warmUp) rates.push((changes.changes * 1000) / elapsedMs);
  }
  return { ...spreadOf(rates), rounds: rates };
}

/** Plays `changes` changes, and returns how many. */
async function openAnew({ handle }: Tango, keys: number, changes: number): Promise<number> {
  await using store = await TangoStore.attach(handle);
  if (store.map.size !== keys) throw new Error(`every key is set: ${store.map.size} of ${keys}`);
  return changes;
}

function setOne({ map }: TangoStore, { keys, changes }: Changes): void {
  for (let change = 0; change < changes; change++) map.setSync(change % keys, change);
}

async function setHundreds(store: TangoStore, { keys, changes }: Changes): Promise<void> {
  for (let first = 0; first < changes; first += CHANGES_PER_ENTRY) {
    const chosen = Array.from({ length: CHANGES_PER_ENTRY }, (_, i) => (first + i) % keys);
    await store.putAll(chosen, first);
  }
}

function increment(store: TangoStore, { keys, changes }: Changes): void {
  for (let change = 0; change < changes; change++) {
    const key = change % keys;
    store.transact(() => store.put(key, (store.get(key) ?? 0) + 1));
  }
}
