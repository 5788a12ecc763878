/**
 * The `bench` command: runs experiments one after another, each in a fresh process, so that none
 * warms or pollutes the next, and prints a table for each.
 */
import { execFile } from 'node:child_process';
import { open, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Tinypool } from 'tinypool';
import { nearestWord } from '../runtime/arguments.ts';
import type { ExperimentTask } from './experiment-worker.ts';
import { experimentNamed, experiments } from './experiments.ts';
import type { ExperimentRun } from './harness/experiment.ts';
import { describeMachine, readMachine } from './harness/machine.ts';
import { listParameters, resultTable, textTable } from './harness/table.ts';

const WORKER = new URL(`./experiment-worker${extname(import.meta.url)}`, import.meta.url);

export interface BenchOptions {
  /** Only says which experiments there are. */
  readonly list?: boolean;
  /** Smoke sizes: shows that things work; the figures mean little. */
  readonly quick?: boolean;
  /** File the results are written to. */
  readonly json?: string;
}

/**
 * Runs the named experiments, or all of them. Resolves to the exit code: 0, 1 when an experiment
 * failed (the others still run), 2 when there is none of that name or the file cannot be written
 * (nothing runs).
 */
export async function benchCommand(
  names: string[],
  options: BenchOptions,
  print: (text: string) => void = console.log,
  complain: (text: string) => void = console.error,
): Promise<number> {
  const unknown = names.find((name) => experimentNamed(name) === undefined);
  if (unknown !== undefined) {
    complain(unknownName(unknown));
    return 2;
  }
  if (options.list) {
    print(
      textTable(
        ['name', 'what'],
        experiments.map(({ name, description }) => [name, description]),
      ),
    );
    return 0;
  }
  if (options.json !== undefined) {
    // Before the measuring, which takes minutes.
    const problem = await whyNotWritable(options.json);
    if (problem !== undefined) {
      complain(`a file to write to was expected: json=${JSON.stringify(options.json)}: ${problem}`);
      return 2;
    }
  }
  const chosen = names.length > 0 ? names : experiments.map(({ name }) => name);
  const machine = readMachine();
  print(describeMachine(machine));
  const { runs, failed } = await runAll(chosen, options.quick ?? false, print);
  if (options.json !== undefined) {
    const commit = await commitOfSource();
    const document = { machine, date: machine.date, ...commit, results: runs.map(withoutMachine) };
    await writeFile(options.json, `${JSON.stringify(document, null, 2)}\n`);
    print(`\nwritten to ${options.json}`);
  }
  return failed > 0 ? 1 : 0;
}

async function whyNotWritable(path: string): Promise<string | undefined> {
  try {
    await (await open(path, 'a')).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function runAll(
  names: readonly string[],
  quick: boolean,
  print: (text: string) => void,
): Promise<{ runs: ExperimentRun[]; failed: number }> {
  const pool = new Tinypool({
    filename: WORKER.href,
    runtime: 'child_process',
    isolateWorkers: true,
    serialization: 'advanced',
    minThreads: 0,
    maxThreads: 1,
    env: process.env as Record<string, string>,
  });
  const runs: ExperimentRun[] = [];
  let failed = 0;
  try {
    for (const name of names) {
      const task: ExperimentTask = { name, quick };
      try {
        // Never two at once: they would measure each other.
        const run = (await pool.run(task)) as ExperimentRun;
        runs.push(run);
        print(`\n${describeRun(run)}`);
      } catch (error) {
        failed++;
        print(`\n${name} failed: ${describeError(error)}`);
      }
    }
  } finally {
    await pool.destroy();
  }
  return { runs, failed };
}

/** An error that came from another process is an object like an Error, but none. */
function describeError(error: unknown): string {
  const { stack, message } = error as Partial<Error>;
  return stack ?? message ?? String(error);
}

function describeRun(run: ExperimentRun): string {
  const size = run.quick ? ', quick' : '';
  const lines = [
    `${run.name}: ${run.title} (${run.seconds.toFixed(1)} s${size})`,
    listParameters(run.parameters),
    '',
    resultTable(run.results),
  ];
  if (run.notes.length > 0) lines.push('', ...run.notes);
  return lines.join('\n');
}

/** The machine is told once, at the top. */
function withoutMachine({ machine: _machine, ...run }: ExperimentRun): object {
  return run;
}

function unknownName(name: string): string {
  const known = experiments.map((experiment) => experiment.name);
  const nearest = nearestWord(name, known);
  const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
  const list = known.join(', ');
  return `an experiment was expected: name=${JSON.stringify(name)}${hint}\nknown: ${list}`;
}

/** The commit of the checkout this runs in; nothing where there is none. */
async function commitOfSource(): Promise<{ commit?: string }> {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', 'HEAD'], { cwd });
    return { commit: stdout.trim() };
  } catch {
    return {};
  }
}
