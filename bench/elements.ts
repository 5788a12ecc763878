/** Objects of many elements: loads them, opens them, and how long the event loop stands meanwhile. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Tango } from '../index.ts';

export const KINDS = ['map', 'set', 'sorted map', 'list', 'queue'] as const;
export type Kind = (typeof KINDS)[number];

/** Added together, and awaited before the next ones. */
const AT_ONCE = 1000;
const NAME = 'elements';
const RESOLUTION_MS = 1;
const TURNS = 5;

/** Adds elements `from` to `to`, exclusive: for a map, numbers under strings; for the others, strings. */
type Add = (from: number, to: number) => Promise<unknown>;

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function elementOf(number: number): string {
  return `element-${number}`;
}

async function adderOf(tango: Tango, kind: Kind): Promise<Add> {
  switch (kind) {
    case 'map': {
      const map = await tango.map<string, number>(NAME);
      return (from, to) => Promise.all(numbers(from, to).map((n) => map.set(elementOf(n), n)));
    }
    case 'set': {
      const set = await tango.set<string>(NAME);
      return (from, to) => Promise.all(numbers(from, to).map((n) => set.add(elementOf(n))));
    }
    case 'sorted map': {
      const map = await tango.sortedMap<string, number>(NAME);
      return (from, to) => Promise.all(numbers(from, to).map((n) => map.set(elementOf(n), n)));
    }
    case 'list': {
      const list = await tango.list<string>(NAME);
      return (from, to) => list.append(...numbers(from, to).map(elementOf));
    }
    default: {
      const queue = await tango.queue<string>(NAME);
      return (from, to) => queue.push(...numbers(from, to).map(elementOf));
    }
  }
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
    case 'map':
      return (await tango.map(NAME)).size;
    case 'set':
      return (await tango.set(NAME)).size;
    case 'sorted map':
      return (await tango.sortedMap(NAME)).size;
    case 'list':
      return (await tango.list(NAME)).length;
    default:
      return (await tango.queue(NAME)).length;
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
