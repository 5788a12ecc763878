/**
 * CORFU-SMR by the number of replicas (CORFU, NSDI 2012, figure 10): how many commands a second
 * each executes.
 *
 *   replica ── 7 commands an entry, at its pace ──▶ log ──▶ every replica: executes those of all
 *
 * The paper: 7,000 commands a second of each replica, of 512 + 64 bytes; n replicas execute 7,000 n
 * a second up to ten of them, and some 70,000 beyond: what one client can play. Each replica is a
 * thread: more of them than cores are in each other's way, where the paper's have machines of their
 * own. After each round all have the same state.
 */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from '../index.ts';
import { MIB } from './bench-log.ts';
import type { ReplicaData, ReplicaOrder } from './corfu-smr-worker.ts';
import type { Experiment } from './harness/experiment.ts';
import { type Rate, type Rounds, rateResult, spreadOf } from './harness/measure.ts';
import { RoundThreads } from './harness/round-threads.ts';

const WORKER = new URL(
  `./corfu-smr-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);

const parameters = {
  logMib: { quick: 64, full: 1024 },
  replicas: { quick: [1, 2], full: [1, 2, 4, 6, 8, 10, 12, 14] },
  // As in the paper, and as many as it takes to find the limit.
  commandsPerSecond: { quick: [7000], full: [7000, 70_000] },
  commandBytes: { quick: 576, full: 576 },
  commandsPerEntry: { quick: 7, full: 7 },
  roundMs: { quick: 20, full: 400 },
  warmUp: { quick: 0, full: 1 },
  rounds: { quick: 1, full: 5 },
} as const;

interface Plan extends Rounds {
  readonly logMib: number;
  readonly commandBytes: number;
  readonly commandsPerEntry: number;
  readonly roundMs: number;
}

export const experiment: Experiment<typeof parameters> = {
  name: 'corfu-smr',
  title: 'CORFU-SMR',
  description: 'Commands that each of 1 to 14 replicas executes, all of them proposing.',
  parameters,
  async run(values, report) {
    for (const commandsPerSecond of values.commandsPerSecond) {
      for (const replicas of values.replicas) {
        const rate = await measureReplicas(values, replicas, commandsPerSecond);
        const proposed = replicas * commandsPerSecond;
        const result = rateResult('executed', 'commands/s', rate, { replicas, commandsPerSecond });
        report.add({ ...result, limit: proposed });
      }
    }
    report.note(
      'Of one replica: the median of all replicas and rounds, and the least and the most. ' +
        'The limit is what all propose. The paper: 7,000 n up to ten replicas, then some 70,000 ' +
        '(CORFU, NSDI 2012, figure 10).',
    );
  },
};

async function measureReplicas(
  plan: Plan,
  replicas: number,
  commandsPerSecond: number,
): Promise<Rate> {
  const { logMib, commandBytes, commandsPerEntry, roundMs: ms, warmUp, rounds } = plan;
  await using tango = await open({ logBytes: logMib * MIB, link: 'direct', compaction: false });
  const { handle, log } = tango;
  const dataOf = (_: unknown, i: number): ReplicaData => {
    return { handle, seed: 1 + i, commandBytes, commandsPerEntry };
  };
  const data = Array.from({ length: replicas }, dataOf);
  await using threads = await RoundThreads.start<ReplicaOrder>(WORKER, data);
  const rates: number[] = [];
  for (let round = 0; round < warmUp + rounds; round++) {
    const executed = await threads.ask(
      data.map(() => ({ what: 'replicate', ms, commandsPerSecond }) as const),
    );
    const digests = await threads.ask(data.map(() => ({ what: 'catch up' }) as const));
    if (new Set(digests).size > 1) throw new Error('replicas are not in the same state');
    await log.trimPrefix(log.tailSync());
    if (round >= warmUp) rates.push(...executed);
  }
  return { ...spreadOf(rates), rounds: rates };
}
