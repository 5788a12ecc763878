/**
 * How many tasks a second a pool of threads runs: empty ones, and such with a transaction.
 *
 *   main thread ── run ──▶ pool ──▶ a thread: the task ──▶ result         1, or 64 under way
 *
 * Beside it piscina alone, which starts the pool's threads, with the same empty task: what is
 * between the two is what a pool does for each task (a line of its own, a signal, times, errors).
 */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { open } from '../index.ts';
import { MIB } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { measureRate, type Rate, type Rounds, rateResult } from './harness/measure.ts';
import { callFor } from './harness/timed-calls.ts';
import type * as tasks from './pool-bench-tasks.ts';

const TASKS = new URL(
  `./pool-bench-tasks${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);

const parameters = {
  logMib: { quick: 32, full: 256 },
  threads: { quick: [1], full: [1, 2] },
  windows: { quick: [1, 64], full: [1, 64] },
  roundMs: { quick: 5, full: 300 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

interface Plan extends Rounds {
  readonly roundMs: number;
}

export const experiment: Experiment<typeof parameters> = {
  name: 'pool',
  title: 'Tasks of a pool',
  description: 'Empty tasks and transactions in 1 and 2 threads, beside piscina alone.',
  parameters,
  async run(values, report) {
    for (const threads of values.threads) {
      await using tango = await open({ logBytes: values.logMib * MIB });
      await using pool = tango.pool<typeof tasks>({
        module: TASKS,
        minThreads: threads,
        maxThreads: threads,
      });
      const filename = TASKS.href;
      const piscina = new Piscina({ filename, minThreads: threads, maxThreads: threads });
      for (const window of values.windows) {
        const labels = { threads, window };
        const empty = await measureTasks(values, window, () => pool.run('empty'));
        const alone = await measureTasks(values, window, () =>
          piscina.run(undefined, { name: 'empty' }),
        );
        const peers = { piscina: alone.median };
        report.add({ ...rateResult('empty task', 'tasks/s', empty, labels), peers });
        const changed = await measureTasks(values, window, (n) => pool.run('increment', n));
        report.add(rateResult('task with a transaction', 'tasks/s', changed, labels));
      }
      await piscina.close();
    }
    report.note('Threads of the pool attach with the mailbox link, as those of users do.');
  },
};

function measureTasks(
  { roundMs: ms, ...rounds }: Plan,
  window: number,
  run: (number: number) => unknown,
): Promise<Rate> {
  return measureRate(() => callFor({ ms, window }, run), rounds);
}
