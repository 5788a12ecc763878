/** `tangolog run`: its options, and how it ends. */
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { STREAMS_PER_ENTRY_MAX } from '../../actors/config.ts';
import { actorThreadsFor } from '../../actors/placement.ts';
import { entryFootprint } from '../../shared-memory/entry-layout.ts';
import { UNIT_BYTES_MIN, unitSizes } from '../../shared-memory/unit-memory.ts';
import {
  type Bounds,
  bytesOption,
  integerOption,
  numberOption,
  showBytes,
  UsageError,
} from './option-values.ts';
import { type RunOptions, runJob } from './run-job.ts';
import { introduce, summarise } from './run-report.ts';
import { ENTRY_BYTES_MIN, THREADS_MAX } from './workload.ts';

const THREADS: Bounds = { min: 1, max: THREADS_MAX };
const SECONDS: Bounds = { min: 0.1, max: 86_400 };
const ENTRY_BYTES: Bounds = { min: ENTRY_BYTES_MIN, max: 2 ** 20 };
const WINDOW: Bounds = { min: 1, max: 4096 };
const UNITS: Bounds = { min: 1, max: 64 };
const REPLICAS: Bounds = { min: 1, max: 8 };
const ACTOR_THREADS: Bounds = { min: 1, max: 64 };
const STREAMS: Bounds = { min: 1, max: 1024 };
const LOG_BYTES: Bounds = { min: UNIT_BYTES_MIN, max: 2 ** 30 };
const LOG_BYTES_USUAL = 256 * 2 ** 20;
/** So many chunks a thread, and the threads of the log beside them: none waits for another's. */
const CHUNKS_PER_THREAD = 4;
const OTHER_THREADS = 2;

/** As commander collects them. */
interface RunFlags {
  readonly threads: number;
  readonly seconds: number;
  readonly entryBytes: number;
  readonly window: number;
  readonly units: number;
  readonly replicas: number;
  readonly actorThreads: number;
  readonly streams: number;
  readonly logBytes: number;
  /** False with --no-faults. */
  readonly faults: boolean;
}

export function runCommand(): Command {
  const command = new Command('run');
  command
    .description('the main job: loads a log from several threads, verifies everything, tells rates')
    .summary('load a log from several threads, verify everything');
  const add = (flag: string, what: string, bounds: Bounds, usual: number): void => {
    const range = `${what}, from ${bounds.min} to ${bounds.max}`;
    command.option(`${flag} <n>`, range, integerOption(flag, bounds), usual);
  };
  add('--threads', 'threads that append and play streams', THREADS, 2);
  command.option(
    '--seconds <n>',
    `seconds of load, from ${SECONDS.min} to ${SECONDS.max}`,
    numberOption('--seconds', SECONDS),
    5,
  );
  add('--entry-bytes', 'bytes of an entry', ENTRY_BYTES, 64);
  add('--window', 'appends a thread keeps under way', WINDOW, 64);
  add('--units', 'storage units, a multiple of --replicas', UNITS, 2);
  add('--replicas', 'units that keep a copy of an entry', REPLICAS, 2);
  const usualActorThreads = actorThreadsFor(availableParallelism());
  add('--actor-threads', 'threads of sequencer and units', ACTOR_THREADS, usualActorThreads);
  add('--streams', 'streams that all threads append to', STREAMS, 4);
  const sizes = `from ${showBytes(LOG_BYTES.min)} to ${showBytes(LOG_BYTES.max)}`;
  command.addOption(
    new Option('--log-bytes <size>', `memory of a unit, ${sizes}`)
      .argParser(bytesOption('--log-bytes', LOG_BYTES))
      .default(LOG_BYTES_USUAL, showBytes(LOG_BYTES_USUAL)),
  );
  command.option('--no-faults', 'kill no thread of the log in the middle of the load');
  command.addHelpText('after', HELP);
  return command.action((flags: RunFlags) => run(checkFlags(flags)));
}

const HELP = `
A third into the load the thread of the sequencer is killed, at two thirds that of a storage unit:
the log must bring itself back. With one actor thread both live there, and die together.

Every entry follows from its thread and number. At the end, and whenever the log is 60 % full, the
threads pause: each acknowledged entry is read back from every replica, and each stream, played by
its backpointers and as it was played live, is compared with a full scan. Only then is it trimmed.

An interrupt ends the load early; what was written is verified all the same.
Exit: 0 verified, 1 a check or a thread failed, 2 wrong usage.`;

async function run(options: RunOptions): Promise<void> {
  console.log(introduce(options));
  const stop = new AbortController();
  // The second interrupt has its usual effect.
  const onInterrupt = (): void => stop.abort();
  process.once('SIGINT', onInterrupt);
  try {
    console.log(summarise(await runJob(options, process.stdout, stop.signal)));
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

/** What a single option cannot tell. Throws UsageError. */
export function checkFlags(flags: RunFlags): RunOptions {
  const { units, replicas, threads, entryBytes, logBytes, streams, ...rest } = flags;
  if (units % replicas !== 0) {
    const text = `--units must be a multiple of --replicas=${replicas}: --units=${units}`;
    throw new UsageError(text);
  }
  if (!fits(logBytes, flags)) {
    let least = UNIT_BYTES_MIN;
    while (least < LOG_BYTES.max && !fits(least, flags)) least *= 2;
    const range = `from ${showBytes(least)} to ${showBytes(LOG_BYTES.max)}`;
    const why = `with --threads=${threads} and --entry-bytes=${entryBytes}`;
    throw new UsageError(`--log-bytes must be ${range} ${why}: --log-bytes=${showBytes(logBytes)}`);
  }
  return { ...rest, units, replicas, threads, entryBytes, logBytes, sharedStreams: streams };
}

/** A unit has chunks enough for everybody who leases some. */
function fits(logBytes: number, { threads, entryBytes }: RunFlags): boolean {
  const footprint = entryFootprint(entryBytes, STREAMS_PER_ENTRY_MAX, 4);
  // Fewer than two chunks are no unit at all.
  if (logBytes < 4 * footprint) return false;
  const { chunkCount } = unitSizes(logBytes, footprint);
  return chunkCount >= CHUNKS_PER_THREAD * (threads + OTHER_THREADS);
}
