/** Objects of many elements: loads them, opens them, and how long the event loop stands meanwhile. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Tango, TangoMap, TangoSortedMap } from '../index.ts';

export const KINDS = [
  'map',
  'indexed map',
  'log map',
  'set',
  'sorted map',
  'list',
  'queue',
  'nodes',
  'ledgers',
  'ledger entries',
] as const;
export type Kind = (typeof KINDS)[number];

/** Added together, and awaited before the next ones. */
const AT_ONCE = 250;
const NAME = 'elements';
const RESOLUTION_MS = 1;
const TURNS = 5;

/** In an index there are a hundredth as many values as elements. */
const INDEXED = { indexes: { byHundred: (value: number): number => Math.floor(value / 100) } };
const ENTRY = new Uint8Array(16);

/** Adds elements `from` to `to`, exclusive: in maps and nodes, numbers under strings; else strings. */
type Add = (from: number, to: number) => Promise<unknown>;

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function elementOf(number: number): string {
  return `element-${number}`;
}

/** All at once. */
function each(change: (number: number) => Promise<unknown>): Add {
  return (from, to) => Promise.all(numbers(from, to).map(change));
}

async function adderOf(tango: Tango, kind: Kind): Promise<Add> {
  switch (kind) {
    case 'set': {
      const set = await tango.set<string>(NAME);
      return each((n) => set.add(elementOf(n)));
    }
    case 'list': {
      const list = await tango.list<string>(NAME);
      return (from, to) => list.append(...numbers(from, to).map(elementOf));
    }
    case 'queue': {
      const queue = await tango.queue<string>(NAME);
      return (from, to) => queue.push(...numbers(from, to).map(elementOf));
    }
    case 'nodes': {
      const namespace = await tango.namespace<number>(NAME);
      return each((n) => namespace.create(`/${elementOf(n)}`, n));
    }
    case 'ledgers': {
      const ledgers = await tango.ledgers(NAME);
      return each(() => ledgers.create());
    }
    case 'ledger entries': {
      const ledgers = await tango.ledgers(NAME);
      const ledger = await ledgers.create();
      return each(() => ledgers.append(ledger, ENTRY));
    }
    default: {
      const map = await mapOf(tango, kind);
      return each((n) => map.set(elementOf(n), n));
    }
  }
}

async function mapOf(
  tango: Tango,
  kind: Kind,
): Promise<TangoMap<string, number> | TangoSortedMap<string, number>> {
  if (kind === 'sorted map') return tango.sortedMap(NAME);
  if (kind === 'log map') return tango.map(NAME, { values: 'log' });
  return tango.map(NAME, kind === 'indexed map' ? INDEXED : {});
}

/** Resolves once all are in the log; the view of this thread may be behind. */
export async function load(tango: Tango, kind: Kind, elements: number): Promise<void> {
  const add = await adderOf(tango, kind);
  for (let from = 0; from < elements; from += AT_ONCE) {
    await add(from, Math.min(elements, from + AT_ONCE));
    // On the direct link a change has ended when it was sent: to await it is no turn of the event loop.
    await setImmediate();
  }
}

/** Opens the object, and resolves to how many elements it has. */
export async function openObject(tango: Tango, kind: Kind): Promise<number> {
  switch (kind) {
    case 'set':
      return (await tango.set(NAME)).size;
    case 'list':
      return (await tango.list(NAME)).length;
    case 'queue':
      return (await tango.queue(NAME)).length;
    case 'nodes':
      return (await tango.namespace(NAME)).get('/').stat.numChildren;
    case 'ledgers':
      return (await tango.ledgers(NAME)).create();
    case 'ledger entries':
      return (await tango.ledgers(NAME)).last(0) + 1;
    default:
      return (await mapOf(tango, kind)).size;
  }
}

/** Both in milliseconds. */
export interface Timed {
  readonly ms: number;
  /** The longest time without a turn of the event loop (perf_hooks.monitorEventLoopDelay). */
  readonly pauseMs: number;
}

export async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  // A delay is what is between two of its turns.
  await setTimeout(TURNS * RESOLUTION_MS);
  delays.reset();
  await setTimeout(TURNS * RESOLUTION_MS);
  const startMs = performance.now();
  await work();
  const ms = performance.now() - startMs;
  // A pause is told at the turn that ends it.
  await setTimeout(TURNS * RESOLUTION_MS);
  delays.disable();
  return { ms, pauseMs: delays.max / 1e6 };
}
