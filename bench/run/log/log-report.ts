/** What `tangolog run --workload log` says at its beginning and at its end. */
import type { Latency } from '../../harness/measure.ts';
import { humanise, textTable } from '../../harness/table.ts';
import { type FaultsTold, introduceLog, plural, tellFaults, times } from '../run-report.ts';
import type { LogRunOptions } from './log-job.ts';

export interface LogReport extends FaultsTold {
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
}

export function introduceLogRun(options: LogRunOptions): string {
  const { entryBytes, window, sharedStreams } = options;
  return introduceLog(options, [
    `entries of ${entryBytes} bytes`,
    `${window} appends under way a thread`,
    plural(sharedStreams, 'shared stream'),
  ]);
}

/** The last line is `ok`. */
export function summariseLogRun(report: LogReport): string {
  const { appended, played, seconds, entryBytes, latency, verified, replicas, streams } = report;
  const heads = ['', 'entries', 'entries/s', 'bytes/s', 'p50', 'p99', 'p99.9', 'max'];
  const row = (name: string, count: number): string[] => {
    const rate = count / seconds;
    const bytes = humanise(rate * entryBytes, 'bytes/s');
    return [name, count.toLocaleString('en'), humanise(rate, 'entries/s'), bytes];
  };
  const table = textTable(heads, [
    [...row('append', appended), ...times(latency)],
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
