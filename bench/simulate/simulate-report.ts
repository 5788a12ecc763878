/** What `tangolog simulate` says at its beginning, on the way, at its end, and of a failure. */
import type { SeedFailure } from '../../actors/simulation/simulate-seeds.ts';
import { humanise, textTable } from '../harness/table.ts';
import type { SimulateOptions, SimulateReport } from './simulate-job.ts';
import type { Tally, Totals } from './totals.ts';

export function introduce({ from, seeds, steps }: SimulateOptions): string {
  const last = from + seeds - 1;
  const which = seeds === 1 ? `seed ${from}` : `seeds ${count(from)} to ${count(last)}`;
  const limit = steps === undefined ? '' : `, at most ${plural(steps, 'event')} a seed`;
  return `the whole log in the simulator: ${which}${limit}`;
}

export function describeProgress(totals: Totals, seeds: number, seconds: number): string {
  return [
    `${seconds.toFixed(1)} s`.padStart(8),
    `${count(totals.seeds)} of ${plural(seeds, 'seed')}`,
    `${count(totals.seeds / seconds)} seeds/s`,
    `${humanise(totals.steps, 'events')}`,
  ].join('   ');
}

/** All that was done; the last line is `ok` unless a seed has failed. */
export function summarise(options: SimulateOptions, report: SimulateReport): string {
  const { totals, failure } = report;
  // A failure speaks for itself, and a seed of which nothing is left has nothing to tell.
  if (failure !== undefined && totals.seeds === 0) return '';
  const { single } = options;
  return [
    '',
    ...tallyTable('fault', totals.faults, single),
    ...tallyTable('rare event', totals.marks, single),
    figures(options, report),
    ...cutShort(totals, options),
    `trace hash ${totals.traceHash}`,
    ...(failure === undefined ? ['ok'] : []),
  ].join('\n');
}

function figures({ seeds, single }: SimulateOptions, report: SimulateReport): string {
  const { totals, seconds, stoppedEarly } = report;
  const did = [
    plural(totals.steps, 'event'),
    `${count(totals.virtualMs / 1000)} s of virtual time`,
  ];
  const took = `in ${humanise(seconds * 1e9, 'ns')}`;
  if (single) return `${did.join(', ')}, ${took}`;
  const early = stoppedEarly ? `, stopped early: ${count(seeds)} were to be run` : '';
  const rate = `${count(totals.seeds / seconds)} seeds/s`;
  return `${plural(totals.seeds, 'seed')}, ${did.join(', ')}, ${took}, ${rate}${early}`;
}

/** The most frequent first. A single seed is not expected to meet everything. */
function tallyTable(head: string, tallies: ReadonlyMap<string, Tally>, single: boolean): string[] {
  const rows = [...tallies]
    .filter(([, { times }]) => !single || times > 0)
    .sort(([, a], [, b]) => b.times - a.times)
    .map(([name, { times, seeds }]) => [name, count(times), ...(single ? [] : [count(seeds)])]);
  if (rows.length === 0) return [];
  return [textTable([head, 'times', ...(single ? [] : ['in seeds'])], rows), ''];
}

function cutShort(totals: Totals, { single }: SimulateOptions): string[] {
  if (totals.cutShort === 0) return [];
  const who = single ? '' : `${plural(totals.cutShort, 'seed')} `;
  return [`${who}cut short by --steps: what is checked at the end of a seed was not checked there`];
}

/** What is wrong, where, and how to see it again. `traceToo`: for whoever has asked for this seed. */
export function explainFailure(
  { seed, reason, trace, cause }: SeedFailure,
  command: string,
  traceToo: boolean,
): string {
  const steps = trace === '' ? [] : ['the last steps, in virtual time:', trace];
  return [
    `seed ${seed} fails: ${reason}`,
    ...(traceToo ? [...steps, ...thrownAt(cause)] : []),
    `repeat: ${command}`,
  ].join('\n');
}

/** The places where the first of the errors was thrown: others have wrapped it. */
function thrownAt(error: unknown): string[] {
  let origin = error;
  while (origin instanceof Error && origin.cause instanceof Error) origin = origin.cause;
  if (!(origin instanceof Error)) return [];
  const places = origin.stack?.split('\n').filter((line) => /^ +at /.test(line)) ?? [];
  return places.length === 0 ? [] : ['thrown:', ...places];
}

function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

function count(number: number): string {
  return number.toLocaleString('en', { maximumFractionDigits: number < 10 ? 3 : 0 });
}
