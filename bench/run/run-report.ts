/** What `tangolog run` says at its beginning and at its end. */
import { describeMachine, readMachine } from '../harness/machine.ts';
import type { Latency } from '../harness/measure.ts';
import { humanise, textTable } from '../harness/table.ts';
import { describeGap, type Fault } from './faults.ts';
import { showBytes } from './option-values.ts';
import type { RunOptions } from './run-job.ts';

export interface RunReport {
  readonly stoppedEarly: boolean;
  /** Of load. */
  readonly seconds: number;
  readonly rounds: number;
  readonly appended: number;
  /** Entries that the threads have taken from streams. */
  readonly played: number;
  readonly entryBytes: number;
  /** Of an append. */
  readonly latency: Latency;
  /** Acknowledged entries that were read back. */
  readonly verified: number;
  /** Their copies, over all replicas. */
  readonly copies: number;
  readonly replicas: number;
  readonly streams: number;
  /** Entries of the log's own: checkpoints of its stream state. */
  readonly own: number;
  /** Positions that were granted, junk included. */
  readonly positions: number;
  /** Deaths of the log's threads, and victims whose turn did not come. */
  readonly faults: readonly Fault[];
  readonly spared: readonly string[];
}

export function introduce(options: RunOptions): string {
  const { threads, units, replicas, entryBytes, window, sharedStreams, logBytes } = options;
  const parts = [
    plural(threads, 'thread'),
    `${plural(units, 'unit')} of ${showBytes(logBytes)} in chains of ${replicas}`,
    `entries of ${entryBytes} bytes`,
    `${window} appends under way a thread`,
    `${plural(sharedStreams, 'shared stream')}`,
    options.faults ? 'threads of sequencer and a unit killed on the way' : 'nobody killed',
  ];
  return `${describeMachine(readMachine())}\n${parts.join(', ')}`;
}

/** The last line is `ok`. */
export function summarise(report: RunReport): string {
  const { appended, played, seconds, entryBytes, latency, verified, replicas, streams } = report;
  const heads = ['', 'entries', 'entries/s', 'bytes/s', 'p50', 'p99', 'p99.9', 'max'];
  const row = (name: string, count: number): string[] => {
    const rate = count / seconds;
    const bytes = humanise(rate * entryBytes, 'bytes/s');
    return [name, count.toLocaleString('en'), humanise(rate, 'entries/s'), bytes];
  };
  const times = [latency.p50, latency.p99, latency.p999, latency.max];
  const table = textTable(heads, [
    [...row('append', appended), ...times.map((time) => humanise(time, 'ns'))],
    row('play', played),
  ]);
  const rounds = plural(report.rounds, 'round');
  const early = report.stoppedEarly ? ', stopped early' : '';
  const junk = report.positions - verified - report.own;
  return [
    '',
    table,
    '',
    `${seconds.toFixed(1)} s of load in ${rounds}${early}`,
    ...tellFaults(report),
    `verified: ${verified.toLocaleString('en')} entries on ${plural(replicas, 'replica')}, ` +
      `${plural(streams, 'stream')} = full scan, ${junk.toLocaleString('en')} positions junk, ` +
      `${report.own.toLocaleString('en')} the log's own`,
    'ok',
  ].join('\n');
}

/** A table of the deaths, and a sentence for each. */
function tellFaults({ faults, spared }: RunReport): string[] {
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

function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
