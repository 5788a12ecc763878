#!/usr/bin/env node
/** The command line: `tangolog run`, `bench`, `simulate`. Importing it does nothing. */
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { nearestWord, show } from '../runtime/arguments.ts';
import type { BenchOptions } from './bench-command.ts';
import { UsageError } from './run/option-values.ts';
import { runCommand } from './run/run-command.ts';
import { simulateCommand } from './simulate/simulate-command.ts';
import { findRoot } from './tidy/source-tree.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const path = fileURLToPath(import.meta.url);
// A package manager links to the bin; the module knows itself by its real name.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === path) {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onBrokenOutput);
  process.exitCode = await tangolog(process.argv.slice(2));
}

/** Nobody reads any more (a pipe into `head`), or the output cannot be written: no more to say. */
function onBrokenOutput(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? 0 : EXIT_FAILED);
}

/** Does what the arguments say; resolves to the exit code. Rejects never. */
export async function tangolog(args: readonly string[]): Promise<number> {
  const program = buildProgram();
  let exitCode = 0;
  program.addCommand(benchCommandOf((code) => (exitCode = code))).addCommand(simulateCommand());
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ outputError: () => {} });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const usage = error instanceof UsageError || error instanceof CommanderError;
    if (!(error instanceof CommanderError)) console.error(messageOf(error));
    // Without a command commander has shown its help already.
    else if (error.code !== 'commander.help') console.error(explain(error, program, args));
    return usage ? EXIT_USAGE : EXIT_FAILED;
  }
}

function buildProgram(): Command {
  return new Command('tangolog')
    .description(
      'Tango over CORFU in one Node process: a shared log with streams on worker threads',
    )
    .version(readVersion())
    .helpCommand(false)
    .addCommand(runCommand());
}

function benchCommandOf(onExit: (code: number) => void): Command {
  return new Command('bench')
    .summary('run experiments and tell what they measured')
    .description('runs experiments, all of them by default, each in a process of its own')
    .argument('[experiment...]', 'names, as --list tells them')
    .option('--list', 'only say which experiments there are')
    .option('--quick', 'smoke sizes: shows that things work; the figures mean little')
    .option('--json <file>', 'also write the results to a file')
    .action(async (names: string[], options: BenchOptions) => {
      // Loaded when wanted: the main job does without the packages it brings.
      const { benchCommand } = await import('./bench-command.ts');
      const { experimentNamed, experiments } = await import('./experiments.ts');
      const unknown = names.find((name) => experimentNamed(name) === undefined);
      if (unknown !== undefined) {
        const known = experiments.map(({ name }) => name);
        throw new UsageError(`bench knows no experiment ${show(unknown)}${hint(unknown, known)}`);
      }
      onExit(await benchCommand(names, options));
    });
}

/** The error of a wrong command line in one sentence. */
function explain(error: CommanderError, program: Command, args: readonly string[]): string {
  const [, quoted = ''] = /'([^']*)'/.exec(error.message) ?? [];
  const command = program.commands.find((one) => args.includes(one.name())) ?? program;
  switch (error.code) {
    case 'commander.unknownCommand': {
      const names = program.commands.map((one) => one.name());
      return `tangolog knows no command ${show(quoted)}${hint(quoted, names)}`;
    }
    case 'commander.unknownOption': {
      const [flag] = quoted.split('=', 1);
      const known = command.options.map((option) => option.long ?? option.flags);
      return `${command.name()} knows no option ${flag}${hint(flag, [...known, '--help'])}`;
    }
    case 'commander.optionMissingArgument': {
      const option = command.options.find(({ flags }) => flags === quoted);
      return `${option?.long} needs a value: ${option?.description}`;
    }
    case 'commander.excessArguments':
      return `${command.name()} takes no arguments: ${command.args.map(show).join(' ')}`;
    default:
      return error.message.replace(/^error: /, '');
  }
}

function hint(word: string, known: readonly string[]): string {
  const nearest = nearestWord(word, known);
  return nearest === undefined ? `: it knows ${known.join(', ')}` : `: did you mean ${nearest}?`;
}

/** Commands throw errors whose message says what is to be known; a bug needs its stack as well. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // An error that crossed a thread has the original as its cause.
  const origin = error.cause instanceof Error ? error.cause : error;
  const isBug = origin instanceof TypeError || origin instanceof RangeError;
  return isBug ? (origin.stack ?? origin.message) : error.message;
}

/** The package's, wherever it is installed. */
function readVersion(): string {
  const root = findRoot(dirname(path), 'package.json');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
