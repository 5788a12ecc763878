/** `tangolog run`: its options, and how it ends. */
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { STREAMS_PER_ENTRY_MAX } from '../../actors/config.ts';
import { actorThreadsFor } from '../../actors/placement.ts';
import { entryFootprint } from '../../shared-memory/entry-layout.ts';
import { UNIT_BYTES_MIN, unitSizes } from '../../shared-memory/unit-memory.ts';
import { type LogRunOptions, runLogJob } from './log/log-job.ts';
import { ENTRY_BYTES_MIN } from './log/log-load.ts';
import { introduceLogRun, summariseLogRun } from './log/log-report.ts';
import { MONEY_ENTRY_BYTES, type MoneyRunOptions, runMoneyJob } from './money/money-job.ts';
import { introduceMoneyRun, summariseMoneyRun } from './money/money-report.ts';
import {
  type Bounds,
  bytesOption,
  integerOption,
  numberOption,
  showBytes,
  UsageError,
  wordOption,
} from './option-values.ts';

const THREADS: Bounds = { min: 1, max: 64 };
const SECONDS: Bounds = { min: 0.1, max: 86_400 };
const ENTRY_BYTES: Bounds = { min: ENTRY_BYTES_MIN, max: 2 ** 20 };
const WINDOW: Bounds = { min: 1, max: 4096 };
const UNITS: Bounds = { min: 1, max: 64 };
const REPLICAS: Bounds = { min: 1, max: 8 };
const ACTOR_THREADS: Bounds = { min: 1, max: 64 };
const STREAMS: Bounds = { min: 1, max: 1024 };
const ACCOUNTS: Bounds = { min: 2, max: 10_000 };
const LOG_BYTES: Bounds = { min: UNIT_BYTES_MIN, max: 2 ** 30 };
const LOG_BYTES_USUAL = 256 * 2 ** 20;
/** So many chunks a thread, and the threads of the log beside them: none waits for another's. */
const CHUNKS_PER_THREAD = 4;
const OTHER_THREADS = 2;

const WORKLOADS = ['money', 'log'] as const;
const LINKS = ['mailbox', 'direct'] as const;
/** Under way in a thread, when nothing is said. */
const WINDOW_USUAL = { money: 8, log: 64 } as const;

/** As commander collects them. */
interface RunFlags {
  readonly workload: (typeof WORKLOADS)[number];
  readonly link: (typeof LINKS)[number];
  readonly threads: number;
  readonly seconds: number;
  readonly accounts: number;
  readonly entryBytes: number;
  /** Absent: as is usual for the workload. */
  readonly window?: number;
  readonly units: number;
  readonly replicas: number;
  readonly actorThreads: number;
  readonly streams: number;
  readonly logBytes: number;
  /** False with --no-faults. */
  readonly faults: boolean;
}

/** Options that mean something to one workload only. */
const OPTIONS_OF = { money: ['accounts'], log: ['entryBytes', 'streams'] } as const;

export function runCommand(): Command {
  const command = new Command('run');
  command
    .description(
      'the main job: moves money, or loads a log, from several threads, verifies everything, tells rates',
    )
    .summary('move money, or load a log, from several threads, verify everything');
  const add = (flag: string, what: string, bounds: Bounds, usual?: number): void => {
    const range = `${what}, from ${bounds.min} to ${bounds.max}`;
    command.option(`${flag} <n>`, range, integerOption(flag, bounds), usual);
  };
  command.option(
    '--workload <name>',
    'money: transfers between accounts in transactions; log: appends, and streams played back',
    wordOption('--workload', WORKLOADS),
    'money',
  );
  add('--threads', 'threads that load the log', THREADS, 2);
  command.option(
    '--seconds <n>',
    `seconds of load, from ${SECONDS.min} to ${SECONDS.max}`,
    numberOption('--seconds', SECONDS),
    5,
  );
  const usual = `${WINDOW_USUAL.money} transfers, ${WINDOW_USUAL.log} appends`;
  add('--window', `transfers or appends a thread keeps under way (default: ${usual})`, WINDOW);
  add('--accounts', 'money: accounts', ACCOUNTS, 1000);
  add('--entry-bytes', 'log: bytes of an entry', ENTRY_BYTES, 64);
  add('--streams', 'log: streams that all threads append to', STREAMS, 4);
  command.option(
    '--link <name>',
    'mailbox: threads ask the actors of the log; direct: they take the steps themselves',
    wordOption('--link', LINKS),
    'mailbox',
  );
  add('--units', 'storage units, a multiple of --replicas', UNITS, 2);
  add('--replicas', 'units that keep a copy of an entry', REPLICAS, 2);
  const usualActorThreads = actorThreadsFor(availableParallelism());
  add('--actor-threads', 'threads of sequencer and units', ACTOR_THREADS, usualActorThreads);
  const sizes = `from ${showBytes(LOG_BYTES.min)} to ${showBytes(LOG_BYTES.max)}`;
  command.addOption(
    new Option('--log-bytes <size>', `memory of a unit, ${sizes}`)
      .argParser(bytesOption('--log-bytes', LOG_BYTES))
      .default(LOG_BYTES_USUAL, showBytes(LOG_BYTES_USUAL)),
  );
  command.option('--no-faults', 'kill no thread in the middle of the load');
  command.addHelpText('after', HELP);
  return command.action((flags: RunFlags) => {
    checkWorkload(flags.workload, (name) => command.getOptionValueSource(name) === 'cli');
    return run(flags);
  });
}

const HELP = `
A third into the load the thread of the sequencer is killed, at two thirds that of a storage unit:
the log must bring itself back. With one actor thread both live there, and die together.

Money: half way one of the threads that move money is killed, too, and another takes its place. The
sum of all accounts is constant in every snapshot that any thread reads meanwhile, in all threads at
the end, and in history. Every transfer that was acknowledged is there, exactly once; one whose thread
was killed at most once; and the balances are what these transfers make.

Log: every entry follows from its thread and number. At the end, and whenever the log is 60 % full,
the threads pause: each acknowledged entry is read back from every replica, and each stream, played by
its backpointers and as it was played live, is compared with a full scan. Only then is it trimmed.

An interrupt ends the load early; what was done is verified all the same.
Exit: 0 verified, 1 a check or a thread failed, 2 wrong usage.`;

function run(flags: RunFlags): Promise<void> {
  return flags.workload === 'log' ? runLog(flags) : runMoney(flags);
}

async function runLog(flags: RunFlags): Promise<void> {
  const { streams, window = WINDOW_USUAL.log, ...rest } = flags;
  checkSizes(flags, flags.entryBytes);
  const options: LogRunOptions = { ...rest, window, sharedStreams: streams };
  console.log(introduceLogRun(options));
  await interruptible(async (stop) => {
    console.log(summariseLogRun(await runLogJob(options, process.stdout, stop)));
  });
}

async function runMoney(flags: RunFlags): Promise<void> {
  const { window = WINDOW_USUAL.money, ...rest } = flags;
  checkSizes(flags, MONEY_ENTRY_BYTES);
  const options: MoneyRunOptions = { ...rest, window };
  console.log(introduceMoneyRun(options));
  await interruptible(async (stop) => {
    console.log(summariseMoneyRun(await runMoneyJob(options, process.stdout, stop)));
  });
}

async function interruptible(work: (stop: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  // The second interrupt has its usual effect.
  const onInterrupt = (): void => stop.abort();
  process.once('SIGINT', onInterrupt);
  try {
    await work(stop.signal);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

/** Throws UsageError for an option of another workload. */
function checkWorkload(workload: RunFlags['workload'], isGiven: (name: string) => boolean): void {
  for (const other of WORKLOADS) {
    if (other === workload) continue;
    const name = OPTIONS_OF[other].find(isGiven);
    if (name === undefined) continue;
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new UsageError(`${flag} is for --workload=${other}: --workload=${workload}`);
  }
}

/** What a single option cannot tell. Throws UsageError. */
function checkSizes(flags: RunFlags, entryBytes: number): void {
  const { units, replicas, threads, logBytes } = flags;
  if (units % replicas !== 0) {
    const text = `--units must be a multiple of --replicas=${replicas}: --units=${units}`;
    throw new UsageError(text);
  }
  if (fits(logBytes, threads, entryBytes)) return;
  let least = UNIT_BYTES_MIN;
  while (least < LOG_BYTES.max && !fits(least, threads, entryBytes)) least *= 2;
  const range = `from ${showBytes(least)} to ${showBytes(LOG_BYTES.max)}`;
  const entries = flags.workload === 'log' ? ` and --entry-bytes=${entryBytes}` : '';
  const why = `with --threads=${threads}${entries}`;
  throw new UsageError(`--log-bytes must be ${range} ${why}: --log-bytes=${showBytes(logBytes)}`);
}

/** A unit has chunks enough for everybody who leases some. */
function fits(logBytes: number, threads: number, entryBytes: number): boolean {
  const footprint = entryFootprint(entryBytes, STREAMS_PER_ENTRY_MAX, 4);
  // Fewer than two chunks are no unit at all.
  if (logBytes < 4 * footprint) return false;
  const { chunkCount } = unitSizes(logBytes, footprint);
  return chunkCount >= CHUNKS_PER_THREAD * (threads + OTHER_THREADS);
}
