/**
 * Litmus tests on real threads: two workers run the two sides of a tiny program at the same moment,
 * thousands of times on fresh words, and what they saw is compared with a table of what may happen.
 *
 *     const tally = await runLitmus('two writers, one slot', 50_000);
 *     assert.equal(findProblems(tally, {
 *       'OK WRITTEN': 'acceptable: the first side wins',
 *       'WRITTEN OK': 'acceptable: the second side wins',
 *       'OK OK': 'FORBIDDEN: two winners',
 *     }), []);
 *
 * A run in which only one outcome occurred proves nothing and is a problem, too: it has not raced.
 */
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { within } from '../within.ts';
import { GATE_BYTES } from './gate.ts';
import { type LitmusProgramName, litmusPrograms } from './litmus-programs.ts';

const WORKER = new URL(
  `./litmus-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
const BUDGET_MS = 1000;
const RUNS_MAX = 10;
const LATEST_MS = 20_000;
const PAGE_WORDS = 1024;

/** What a side of a litmus program is started with. */
export interface LitmusTask {
  readonly program: LitmusProgramName;
  readonly side: 0 | 1;
  readonly rounds: number;
  readonly gate: SharedArrayBuffer;
  readonly memory: SharedArrayBuffer;
  /** No further round begins after so many milliseconds: other processes may want the cores. */
  readonly budgetMs: number;
  /** What this side saw, a word per round, and how many rounds it did; read after its end. */
  readonly seen: SharedArrayBuffer;
}

/** How often each outcome occurred. */
export type LitmusTally = ReadonlyMap<string, number>;

/** What each outcome means; it starts with `acceptable` or `FORBIDDEN`. */
export type LitmusTable = Readonly<
  Record<string, `acceptable: ${string}` | `FORBIDDEN: ${string}`>
>;

/**
 * Runs a program of litmus-programs.ts in two workers for up to `rounds` rounds, or a second; again
 * and again, a few times, until `enough` says that its outcomes tell something: on a machine that
 * others use as well, the two sides may not run at the same time for a while.
 */
export async function runLitmus(
  program: LitmusProgramName,
  rounds: number,
  enough: (tally: LitmusTally) => boolean = (tally) => tally.size > 1,
): Promise<LitmusTally> {
  const sum = new Map<string, number>();
  for (let run = 0; run < RUNS_MAX; run++) {
    for (const [outcome, count] of await runOnce(program, rounds)) {
      sum.set(outcome, (sum.get(outcome) ?? 0) + count);
    }
    if (enough(sum)) break;
  }
  return sum;
}

async function runOnce(program: LitmusProgramName, rounds: number): Promise<LitmusTally> {
  const shared = {
    program,
    rounds,
    budgetMs: BUDGET_MS,
    gate: new SharedArrayBuffer(GATE_BYTES),
    memory: litmusPrograms[program].allocate(rounds),
  };
  // Touches every page: a page fault in the middle of a round would decide who is first.
  const touched = new Int32Array(shared.memory);
  for (let word = 0; word < touched.length; word += PAGE_WORDS) Atomics.or(touched, word, 0);
  const seenBySide = await Promise.all([
    runSide({ ...shared, side: 0, seen: new SharedArrayBuffer((rounds + 1) * 4) }),
    runSide({ ...shared, side: 1, seen: new SharedArrayBuffer((rounds + 1) * 4) }),
  ]);
  const tally = new Map<string, number>();
  const done = seenBySide[0][rounds];
  for (let round = 0; round < done; round++) {
    const outcome = litmusPrograms[program].describe(seenBySide[0][round], seenBySide[1][round]);
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
  }
  return tally;
}

async function runSide(task: LitmusTask): Promise<Int32Array> {
  const worker = new Worker(WORKER, { workerData: task });
  try {
    // `once` rejects when the worker throws.
    await within(LATEST_MS, `side ${task.side} of '${task.program}'`, once(worker, 'exit'));
  } finally {
    await worker.terminate();
  }
  return new Int32Array(task.seen);
}

/** Everything in a tally that the table does not allow; empty when the test has passed. */
export function findProblems(tally: LitmusTally, table: LitmusTable): string[] {
  const problems: string[] = [];
  for (const [outcome, count] of tally) {
    const meaning = table[outcome] ?? 'FORBIDDEN: not in the table';
    if (meaning.startsWith('FORBIDDEN')) problems.push(`${count} x '${outcome}': ${meaning}`);
  }
  if (tally.size < 2) problems.push(`the sides have not raced: only '${[...tally.keys()]}'`);
  return problems;
}

/** The tally as text, for the output of a test that failed. */
export function showTally(tally: LitmusTally): string {
  return [...tally].map(([outcome, count]) => `${outcome}: ${count}`).join(', ');
}
