/** `tangolog simulate`: its options, and how it ends. */
import { basename, relative } from 'node:path';
import { Command } from 'commander';
import { traceOf } from '../../actors/simulation/simulate-seeds.ts';
import { type Bounds, integerOption, UsageError } from '../run/option-values.ts';
import type { ProgressStream } from '../run/progress.ts';
import { type SimulateOptions, type Simulation, simulate } from './simulate-job.ts';
import { explainFailure, introduce, summarise } from './simulate-report.ts';

const SEED: Bounds = { min: 0, max: Number.MAX_SAFE_INTEGER };
const SEEDS: Bounds = { min: 1, max: 1_000_000_000 };
const SEEDS_USUAL = 2000;
const STEPS: Bounds = { min: 1, max: 1_000_000 };

/** As commander collects them. */
export interface SimulateFlags {
  readonly seed?: number;
  readonly seeds?: number;
  readonly steps?: number;
  readonly trace?: boolean;
}

export function simulateCommand(): Command {
  const command = new Command('simulate');
  command
    .description(
      'the whole log under the deterministic simulator: many seeds, or one of them again',
    )
    .summary('run the whole log under the deterministic simulator');
  const add = (flag: string, what: string, bounds: Bounds): void => {
    const range = `${what}, from ${bounds.min} to ${bounds.max}`;
    command.option(`${flag} <n>`, range, integerOption(flag, bounds));
  };
  add('--seed', 'run this seed only', SEED);
  add('--seeds', `run the seeds 1 to n (${SEEDS_USUAL} if not given)`, SEEDS);
  add('--steps', 'end a seed after n events', STEPS);
  command.option('--trace', 'with --seed: tell what happened last even if nothing is wrong');
  command.addHelpText('after', HELP);
  return command.action(async (flags: SimulateFlags) => {
    const options = checkFlags(flags);
    // Loaded when wanted: the other commands do without it.
    const { simulateLog } = await import('../../runtime/simulation/simulated-workload.ts');
    const { RARE_EVENTS } = await import('../../runtime/simulation/simulated-observer.ts');
    await runInterruptibly(options, { run: simulateLog, rareEvents: RARE_EVENTS });
  });
}

const HELP = `
A seed is a log of its own with clients that append, read, fill, trim and play streams on one thread
under virtual time, while messages are delayed, reordered and lost and threads stall and die. What
happened is checked against the contract of the log. A seed does the same each time.

Rare events are what a run of many seeds should meet. Two runs with equal trace hashes did the same.
The first seed that fails ends the run; so does an interrupt, with what was done so far.
Exit: 0 nothing wrong, 1 a seed failed, 2 wrong usage.`;

/** What a single option cannot tell. Throws UsageError. */
export function checkFlags({ seed, seeds, steps, trace = false }: SimulateFlags): SimulateOptions {
  const limit = steps === undefined ? {} : { steps };
  if (seed === undefined) {
    if (trace) throw new UsageError('--trace is for one seed: name it with --seed');
    return { from: 1, seeds: seeds ?? SEEDS_USUAL, single: false, trace, ...limit };
  }
  if (seeds !== undefined) {
    throw new UsageError(`--seed is one seed and --seeds are many: leave one out: --seed=${seed}`);
  }
  return { from: seed, seeds: 1, single: true, trace, ...limit };
}

async function runInterruptibly(options: SimulateOptions, simulation: Simulation): Promise<void> {
  const stop = new AbortController();
  // The second interrupt has its usual effect.
  const onInterrupt = (): void => stop.abort();
  process.once('SIGINT', onInterrupt);
  try {
    await simulateAndTell(options, simulation, process.stdout, stop.signal);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

/** Throws an error that says what is wrong, which seed it was and how to repeat it. */
export async function simulateAndTell(
  options: SimulateOptions,
  simulation: Simulation,
  out: ProgressStream,
  signal: AbortSignal,
): Promise<void> {
  out.write(`${introduce(options)}\n`);
  const report = await simulate(options, simulation, out, signal);
  const { failure, last } = report;
  if (options.trace && last !== undefined) out.write(`${traceOf(last.worlds)}\n`);
  const summary = summarise(options, report);
  if (summary !== '') out.write(`${summary}\n`);
  if (failure === undefined) return;
  const command = `${commandAsTyped()} ${argumentsOf(failure.seed, options)}`;
  throw new Error(explainFailure(failure, command, options.single));
}

function argumentsOf(seed: number, { steps }: SimulateOptions): string {
  return `simulate --seed ${seed}${steps === undefined ? '' : ` --steps ${steps}`}`;
}

/** How this process was started, so that the same words start it again. */
export function commandAsTyped(
  script = process.argv[1] ?? '',
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (basename(script) !== 'tangolog') return `node ${relative(process.cwd(), script)}`;
  return environment.npm_command === 'exec' ? 'npx tangolog' : 'tangolog';
}
