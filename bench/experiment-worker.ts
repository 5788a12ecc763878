/** The pool's task: one experiment in a process that has run nothing else. */
import { experimentNamed } from './experiments.ts';
import { type ExperimentRun, runExperiment } from './harness/experiment.ts';

export interface ExperimentTask {
  readonly name: string;
  readonly quick: boolean;
}

// A process whose pool has died measures for nobody.
process.once('disconnect', () => process.exit(1));

export default async function runTask({ name, quick }: ExperimentTask): Promise<ExperimentRun> {
  const experiment = experimentNamed(name);
  if (experiment === undefined) throw new Error(`an experiment was expected: name=${name}`);
  return await runExperiment(experiment, { quick });
}
