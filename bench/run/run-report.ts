/** What `tangolog run` says at its beginning and at its end. */
import { describeMachine, readMachine } from '../harness/machine.ts';
import type { Latency } from '../harness/measure.ts';
import { humanise, textTable } from '../harness/table.ts';
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
  /** Positions that were granted, junk included. */
  readonly positions: number;
}

export function introduce(options: RunOptions): string {
  const { threads, units, replicas, entryBytes, window, sharedStreams, logBytes } = options;
  const parts = [
    plural(threads, 'thread'),
    `${plural(units, 'unit')} of ${showBytes(logBytes)} in chains of ${replicas}`,
    `entries of ${entryBytes} bytes`,
    `${window} appends under way a thread`,
    `${plural(sharedStreams, 'shared stream')}`,
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
  const junk = report.positions - verified;
  return [
    '',
    table,
    '',
    `${seconds.toFixed(1)} s of load in ${rounds}${early}`,
    `verified: ${verified.toLocaleString('en')} entries on ${plural(replicas, 'replica')}, ` +
      `${plural(streams, 'stream')} = full scan, ${junk.toLocaleString('en')} positions junk`,
    'ok',
  ].join('\n');
}

function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
