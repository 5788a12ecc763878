/**
 * How many operations a second threads make with every object, beside what a user would take
 * instead.
 *
 *   one thread, or two ── add, has, append, push, take, acquire, … ──▶ set, list, queue, lock, …
 *
 * Blocking: one at a time, without a turn of the event loop. Awaited: one, or 64 under way. Reads
 * of tangolog, lmdb and SQLite do not wait in either form. Beside: lmdb, whose puts of one turn are
 * one transaction; SQLite, which blocks, and makes 64 in one transaction; and a Set, an array, a
 * Map in a thread of its own that others ask by postMessage, which cannot block: it stands there
 * with one awaited at a time.
 */

import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MIB } from './bench-log.ts';
import type { Experiment, Result } from './harness/experiment.ts';
import { type Rate, type Rounds, rateResult } from './harness/measure.ts';
import { measureThreads, RoundThreads } from './harness/round-threads.ts';
import type { Operation } from './objects/object-client.ts';
import type { ObjectOrder } from './objects/object-load.ts';
import { type ObjectPlace, OWNER } from './objects/object-places.ts';
import { Owner } from './objects/owner-client.ts';
import { measureEach, mediansOf, notePeers, OURS } from './stores/store-places.ts';

const WORKER = new URL(
  `./objects/object-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
const THREADS = 2;
const BLOCKING = 0;

const parameters = {
  logMib: { quick: 32, full: 256 },
  windows: { quick: [0, 64], full: [0, 1, 64] },
  roundMs: { quick: 2, full: 100 },
  warmUp: { quick: 0, full: 1 },
  rounds: { quick: 1, full: 3 },
} as const;

interface ObjectCase {
  readonly name: string;
  /** Of each thread. */
  readonly operations: readonly Operation[];
  readonly windows: readonly number[];
}

interface Plan extends Rounds {
  readonly roundMs: number;
  readonly windows: readonly number[];
}

const ALL = [BLOCKING, 1, 64];
/** Awaited one by one, a read is a read and a turn. */
const OF_READS = [BLOCKING, 64];

const CASES: readonly ObjectCase[] = [
  alone('set: add, delete', ALL),
  alone('set: has', OF_READS),
  alone('list: append', ALL),
  alone('list: at', OF_READS),
  alone('queue: push, shift', ALL),
  { name: 'queue: push and take', operations: ['queue: push', 'queue: take'], windows: ALL },
  alone('sorted map: set', ALL),
  alone('sorted map: range', OF_READS),
  alone('lock: acquire, release', [BLOCKING, 1]),
  // Each waits for the other; with one more under way a thread would wait for itself.
  both('lock: handed on', 'lock: acquire, release', [1]),
  alone('counter: add', ALL),
  both('counter: add, both', 'counter: add', ALL),
  alone('register: set', ALL),
  alone('register: get', OF_READS),
];

function alone(operation: Operation, windows: readonly number[]): ObjectCase {
  return { name: operation, operations: [operation], windows };
}

function both(name: string, operation: Operation, windows: readonly number[]): ObjectCase {
  return { name, operations: [operation, operation], windows };
}

export const experiment: Experiment<typeof parameters> = {
  name: 'objects',
  title: 'Every object beside its peers',
  description: 'Set, list, queue, sorted map, lock, counter, register; lmdb, SQLite, postMessage.',
  parameters,
  async run(values, report) {
    const { ours, peers } = await measureEach({ logBytes: values.logMib * MIB }, (place) =>
      measurePlaces(Array(THREADS).fill(place), values),
    );
    const besides = { ...peers, [OWNER]: await measureOwner(values) };
    for (const [key, { name, labels, rate }] of ours) {
      const found: Record<string, Rate> = {};
      for (const [peer, measured] of Object.entries(besides)) {
        const measurement = measured.get(key);
        if (measurement !== undefined) found[peer] = measurement.rate;
      }
      report.add({ ...rateResult(name, 'operations/s', rate, labels), peers: mediansOf(found) });
    }
    report.note(
      'A range is ten entries. Pushed and taken elements count once, when they are taken.',
    );
    notePeers(report);
  },
};

interface Measurement {
  readonly name: string;
  readonly labels: Result['parameters'];
  readonly rate: Rate;
}

/** By case and window. */
type Measured = ReadonlyMap<string, Measurement>;

async function measureOwner(plan: Plan): Promise<Measured> {
  await using owner = new Owner();
  const place = (): ObjectPlace => ({ store: OWNER, port: owner.port() });
  return await measurePlaces(Array.from({ length: THREADS }, place), plan);
}

async function measurePlaces(places: readonly ObjectPlace[], plan: Plan): Promise<Measured> {
  const ports = places.flatMap((place) => (place.store === OWNER ? [place.port] : []));
  await using threads = await RoundThreads.start<ObjectOrder>(WORKER, places, ports);
  const once = (operation: Operation): ObjectOrder => ({ operation, ms: 0, window: 1, once: true });
  await threads.ask([once('fill')]);
  const measured = new Map<string, Measurement>();
  const [{ store }] = places;
  for (const { name, operations, windows } of CASES) {
    // The peers have none.
    if (name.startsWith('lock') && store !== OURS && store !== OWNER) continue;
    for (const window of windows.filter(
      (one) => plan.windows.includes(one) || windows.length === 1,
    )) {
      const orders = operations.map((operation) => ({ operation, ms: plan.roundMs, window }));
      const rate = await measureThreads(threads, orders, plan, () =>
        name === 'list: append' ? threads.ask([once('clear list')]) : undefined,
      );
      const call = window === BLOCKING ? 'blocking' : 'awaited';
      const labels = { threads: operations.length, call, window: Math.max(1, window) };
      measured.set(`${name} ${window}`, { name, labels, rate });
    }
  }
  return measured;
}
