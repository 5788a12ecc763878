/** A large transaction against many small ones: it gets through, and so do they. */
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';
import type { ContenderData } from './contender-worker.ts';
import { open } from './tango.ts';

const DEADLINE_MS = 60_000;
const KEYS = 100;
const CONTENDERS = 2;
/** Longer than several small transactions take: without precedence it would lose each time. */
const BODY_MS = 10;
const CONTENDER = new URL(
  `./contender-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);

const fairness = suite('fairness');

for (const link of ['mailbox', 'direct'] as const) {
  fairness(`a transaction over all keys gets through against small ones: ${link}`, async () => {
    const tango = await open({ link, logBytes: 16 * 2 ** 20 });
    const map = await tango.map<number, number>('m');
    const workerData: ContenderData = { handle: tango.handle, map: 'm', keys: KEYS };
    const workers = Array.from({ length: CONTENDERS }, () => new Worker(CONTENDER, { workerData }));
    const exits = workers.map((worker) => once(worker, 'exit'));
    try {
      await within(
        DEADLINE_MS,
        'they begin',
        Promise.all(workers.map((one) => once(one, 'message'))),
      );
      let runs = 0;
      const total = (): number => {
        runs++;
        const end = performance.now() + BODY_MS;
        let sum = 0;
        while (performance.now() < end) {
          sum = 0;
          for (let key = 0; key < KEYS; key++) sum += map.get(key) ?? 0;
        }
        map.setSync(-1, sum);
        return sum;
      };
      const sums: number[] = [];
      for (let i = 0; i < 5; i++) {
        sums.push(await within(DEADLINE_MS, 'it commits', tango.transact(total, { retries: 30 })));
      }
      assert.ok(sums[4] > sums[0], `the others go on as well: ${sums}`);
      assert.ok(runs > sums.length, 'there were conflicts');
    } finally {
      await tango.close();
      await within(DEADLINE_MS, 'they end', Promise.all(exits));
    }
  });
}

fairness.run();
