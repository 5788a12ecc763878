/**
 * What an experiment is, and how one is run.
 *
 *     const parameters = { records: { quick: 10_000, full: 1_000_000 } };
 *     export const experiment: Experiment<typeof parameters> = {
 *       name: 'one-to-one-mailbox-throughput', title: '…', description: '…', parameters,
 *       async run({ records }, report) { report.add({ name: '…', unit: 'records/s', value: … }); },
 *     };
 */
import { type Machine, readMachine } from './machine.ts';

export type ParameterValue = number | string | boolean | readonly number[] | readonly string[];

/** Each parameter has a smoke value, for a run of about a second, and a full one. */
export type Parameters = Readonly<
  Record<string, { readonly quick: ParameterValue; readonly full: ParameterValue }>
>;

/** The values of one run by parameter name. */
export type ParameterValues<P extends Parameters> = {
  readonly [Name in keyof P]: P[Name]['quick'] | P[Name]['full'];
};

/** One figure. */
export interface Result {
  readonly name: string;
  /** As `records/s` or `ns`. */
  readonly unit: string;
  readonly value: number;
  /** What this machine can do at most (limits.ts); in the same unit. */
  readonly limit?: number;
  /** value / limit; filled in when there is a limit. */
  readonly ratio?: number;
  /** The parameters that tell this figure from its neighbours. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** Further figures of the same unit, as min and max, or p50 and p99. */
  readonly details?: Readonly<Record<string, number>>;
  /** The same operation of others in this run, by their names; in the same unit. */
  readonly peers?: Readonly<Record<string, number>>;
}

/** Where an experiment puts what it finds. */
export interface Report {
  add(result: Result): void;
  /** A sentence for the reader of the results. */
  note(sentence: string): void;
}

export interface Experiment<P extends Parameters = Parameters> {
  /** The file's name without `.bench.ts`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly parameters: P;
  // A method, so that an experiment with named parameters is an Experiment, too.
  run(parameters: ParameterValues<P>, report: Report): Promise<void>;
}

export interface ExperimentRun {
  readonly name: string;
  readonly title: string;
  readonly quick: boolean;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly machine: Machine;
  readonly results: readonly Result[];
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** Runs an experiment with its quick or full parameters; rejects as the experiment does. */
export async function runExperiment(
  experiment: Experiment,
  options: { readonly quick: boolean },
): Promise<ExperimentRun> {
  const results: Result[] = [];
  const notes: string[] = [];
  const report: Report = {
    add: (result) => {
      results.push(withRatio(result));
    },
    note: (sentence) => {
      notes.push(sentence);
    },
  };
  const parameters = chooseParameters(experiment.parameters, options.quick);
  const startMs = performance.now();
  await experiment.run(parameters, report);
  const seconds = (performance.now() - startMs) / 1000;
  const { name, title } = experiment;
  const machine = readMachine();
  return { name, title, quick: options.quick, parameters, machine, results, notes, seconds };
}

/** The quick or the full value of every parameter. */
export function chooseParameters(
  parameters: Parameters,
  quick: boolean,
): Record<string, ParameterValue> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, quick ? value.quick : value.full]),
  );
}

function withRatio(result: Result): Result {
  if (result.limit === undefined || result.ratio !== undefined) return result;
  return { ...result, ratio: result.value / result.limit };
}
