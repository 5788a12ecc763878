/** What `tangolog run` says at its beginning and at its end, whatever the workload. */
import { describeMachine, readMachine } from '../harness/machine.ts';
import type { Latency } from '../harness/measure.ts';
import { humanise, textTable } from '../harness/table.ts';
import { describeGap, type Fault } from './faults.ts';
import { showBytes } from './option-values.ts';
import type { RunLogOptions } from './run-log.ts';

/** Deaths of the log's threads, and victims whose turn did not come. */
export interface FaultsTold {
  readonly faults: readonly Fault[];
  readonly spared: readonly string[];
}

/** `what`: of the workload. */
export function introduceLog(options: RunLogOptions, what: readonly string[]): string {
  const { threads, units, replicas, logBytes, link, faults } = options;
  const parts = [
    `${plural(threads, 'thread')} over the ${link} link`,
    `${plural(units, 'unit')} of ${showBytes(logBytes)} in chains of ${replicas}`,
    ...what,
    faults ? 'threads of sequencer and a unit killed on the way' : 'nobody killed',
  ];
  return `${describeMachine(readMachine())}\n${parts.join(', ')}`;
}

/** Cells of a table: p50, p99, p99.9, max. */
export function times({ p50, p99, p999, max }: Latency): string[] {
  return [p50, p99, p999, max].map((time) => humanise(time, 'ns'));
}

/** A table of the deaths, and a sentence for each. */
export function tellFaults({ faults, spared }: FaultsTold): string[] {
  const heads = ['killed', 'at', 'gap without service', 'whole again after', 'epoch', 'chains'];
  const rows = faults.map(({ killed, atMs, gapMs, wholeMs, before, after }) => [
    killed,
    `${(atMs / 1000).toFixed(1)} s`,
    describeGap(gapMs),
    `${wholeMs.toFixed(0)} ms`,
    `${before.epoch} → ${after.epoch}`,
    `${chainsOf(before)} → ${chainsOf(after)}`,
  ]);
  const table = faults.length > 0 ? ['', textTable(heads, rows), ''] : [];
  const fates = faults.map(({ killed, fate }) => `${killed}: ${fate}`);
  const left = spared.map((victim) => `${victim}: not killed, the load was over before`);
  return [...table, ...fates, ...left];
}

/** Of the range that is written. */
function chainsOf({ ranges }: Fault['before']): string {
  const { extents } = ranges[ranges.length - 1];
  return extents.map(({ chain }) => `[${chain.join(' ')}]`).join(' ');
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
