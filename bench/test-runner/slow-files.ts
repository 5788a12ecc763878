/** The order in which test files run: the slow ones first, so that no lane ends long after the others. */

/** Those that take more than some ten seconds on two cores, the slowest first. */
export const SLOW: readonly string[] = [
  'runtime/exploration/exploration.test',
  'bench/smoke.test',
  'runtime/simulation/mutants.test',
  'runtime/leaks.test',
  'bench/tangolog.test',
  'runtime/exploration/exploration-mutants.test',
  'tango-objects/mutants.test',
  'tango-objects/anomalies/hermitage.test',
  'tango-objects/anomalies/log-anomalies.test',
  'runtime/simulation/simulation.test',
  'runtime/log-full.test',
  'tango-objects/contract/contract-stress.test',
  'tango-objects/pool/pool-deaths.test',
  'tango-objects/objects.test',
  'examples/examples.test',
];

/** A file that is not known as slow keeps its place among the others. */
export function slowFirst(files: readonly string[]): string[] {
  const slow = SLOW.flatMap((name) =>
    files.filter((file) => file.replace(/\.js$/, '').endsWith(name)),
  );
  return [...slow, ...files.filter((file) => !slow.includes(file))];
}
