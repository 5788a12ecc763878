/** What `tangolog run` says at its beginning and at its end. */
import type { Latency } from '../../harness/measure.ts';
import { humanise, textTable } from '../../harness/table.ts';
import { type FaultsTold, introduceLog, plural, tellFaults, times } from '../run-report.ts';
import { OPENING_BALANCE } from './bank.ts';
import type { MoneyRunOptions } from './money-job.ts';

export interface MoneyReport extends FaultsTold {
  readonly stoppedEarly: boolean;
  /** Of load. */
  readonly seconds: number;
  readonly rounds: number;
  /** Transfers as the threads have counted them. */
  readonly moved: number;
  readonly refused: number;
  readonly conflicts: number;
  readonly attempts: number;
  /** Of a transfer, attempts in conflict included. */
  readonly latency: Latency;
  /** Acknowledged transfers that were found, exactly once. */
  readonly verified: number;
  /** Transfers of unknown outcome, and those of them that took effect. */
  readonly unknown: number;
  readonly landed: number;
  readonly snapshots: number;
  /** That looked at the sum, the main thread included. */
  readonly threads: number;
  /** Positions of the past at which the books were read again. */
  readonly history: number;
  readonly accounts: number;
  /** When a thread that moves money was killed, milliseconds of load; 0: none was. */
  readonly killedMs: number;
}

export function introduceMoneyRun(options: MoneyRunOptions): string {
  const { accounts, window } = options;
  return introduceLog(options, [
    `${plural(accounts, 'account')} with ${OPENING_BALANCE} each`,
    `${plural(window, 'transfer')} under way a thread`,
  ]);
}

/** The last line is `ok`. */
export function summariseMoneyRun(report: MoneyReport): string {
  const { moved, refused, attempts, seconds, latency, unknown, landed, accounts } = report;
  const heads = ['', 'transfers', 'transfers/s', 'p50', 'p99', 'p99.9', 'max'];
  const rate = humanise(moved / seconds, 'transfers/s');
  const table = textTable(heads, [['move', moved.toLocaleString('en'), rate, ...times(latency)]]);
  const aborted = attempts > 0 ? (100 * (attempts - moved - refused)) / attempts : 0;
  const early = report.stoppedEarly ? ', stopped early' : '';
  const killed = (report.killedMs / 1000).toFixed(1);
  const sum = (accounts * OPENING_BALANCE).toLocaleString('en');
  return [
    '',
    table,
    '',
    `${seconds.toFixed(1)} s of load in ${plural(report.rounds, 'round')}${early}`,
    `${Math.max(aborted, 0).toFixed(1)} % of ${plural(attempts, 'attempt')} aborted, ` +
      `${plural(report.conflicts, 'transfer')} given up, ${refused.toLocaleString('en')} refused`,
    ...tellFaults(report),
    ...(report.killedMs > 0 ? [`a thread that moves money: killed at ${killed} s`] : []),
    `verified: ${report.verified.toLocaleString('en')} transfers exactly once, ` +
      `${unknown} of unknown outcome (${landed} took effect)`,
    `the sum is ${sum} in ${plural(report.snapshots, 'snapshot')} of ${plural(report.threads, 'thread')} ` +
      `and at the end of each, and at ${plural(report.history, 'position')} of history`,
    'ok',
  ].join('\n');
}
