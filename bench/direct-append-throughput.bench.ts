/**
 * How many entries a second go to both replicas of a chain where each client takes all three steps
 * itself, on shared memory: the direct link, in a process that uses no other.
 *
 *   client: token, head, tail                     one client on the main thread,
 *                                                 the second one on a worker
 *
 * With completion callbacks and with a promise per append. An append ends before its call returns, so
 * a window is of promises, and of turns, alone. Limits as in append-throughput.
 */
import { measureCallbacks, measurePromises, REPLICAS, ringLimit } from './append-cases.ts';
import { MIB, openBenchLog } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { measureCopy } from './harness/limits.ts';

const parameters = {
  logMib: { quick: 16, full: 256 },
  // Large entries first: they touch the whole memory before small ones are measured.
  payloadBytes: { quick: [4096, 64], full: [4096, 64] },
  window: { quick: 256, full: 256 },
  clients: { quick: [1, 2], full: [1, 2] },
  appends: { quick: 500, full: 200_000 },
  warmUp: { quick: 1, full: 2 },
  rounds: { quick: 1, full: 5 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'direct-append-throughput',
  title: 'Appends to two replicas on the direct link',
  description: 'Callbacks and promises, beside bare mailboxes and memcpy.',
  parameters,
  async run(values, report) {
    const { window } = values;
    const copyBytes = await measureCopy(values);
    const limits = new Map([[window, await ringLimit(values, window)]]);
    const link = 'direct';
    const logBytes = values.logMib * MIB;
    await using bench = await openBenchLog({ link, logBytes, replicas: REPLICAS });
    for (const payloadBytes of values.payloadBytes) {
      const one = { values, report, bench, link, limits, copyBytes, payloadBytes, window } as const;
      for (const clients of values.clients) await measureCallbacks(one, clients);
      await measurePromises(one);
    }
    report.note(
      'The limit of appends/s is three round trips through bare mailboxes, none of which is made here; ' +
        'that of B/s is memcpy.',
    );
  },
};
