/** An open log that nobody uses costs nothing: a check of resources, not of speed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';
import { AttachedWorker } from './attach-worker.ts';
import { open } from './open.ts';
import type { Tango } from './tango.ts';

const QUIET_MS = 3000;
/** Of one core. */
const SHARE_MAX = 0.02;
const DEADLINE_MS = 20_000;

const idle = suite('idle');

let tango: Tango;
let workers: AttachedWorker[];

idle.before(async () => {
  tango = await open({ logBytes: 16 << 20, holeFillMs: 100 });
  workers = await Promise.all([0, 1].map(() => AttachedWorker.start(tango.handle)));
});

idle.after(async () => {
  for (const worker of workers) await worker.terminate();
  await within(DEADLINE_MS, 'the close', tango.close());
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Processor time of all threads of the process over a while, as a share of one core. */
async function share(ms: number): Promise<number> {
  const start = performance.now();
  const before = process.cpuUsage();
  await pause(ms);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - start);
}

/**
 * Some seconds after load V8 collects once more in the background: then the next while is quiet,
 * where a thread that turns for nothing never is.
 */
async function checkQuiet(when: string): Promise<void> {
  const shares: string[] = [];
  for (let i = 0; i < 3; i++) {
    await pause(300);
    const used = await share(QUIET_MS);
    if (used < SHARE_MAX) return;
    shares.push(`${(100 * used).toFixed(2)} %`);
  }
  assert.unreachable(`${when}: ${shares.join(', ')} of a core`);
}

idle('rests while nobody asks for anything', async () => {
  await checkQuiet('before the first append');
});

idle('rests again after load from every thread has stopped', async () => {
  const end = performance.now() + 500;
  const payload = new Uint8Array(100);
  while (performance.now() < end) {
    const own = Array.from({ length: 50 }, () => tango.log.append(payload, { streams: [1] }));
    const others = workers.map((worker) => worker.call('append', 50, 'load'));
    await within(DEADLINE_MS, 'the load', Promise.all([...own, ...others]));
    for (const worker of workers) await worker.call('appendSync', 20, 'load');
    tango.log.appendSync(payload);
  }
  await checkQuiet('after load');
  assert.ok((await tango.log.tail()) > 300);
  assert.is(tango.stats().busy, 0);
});

idle('rests with a stream that is read to its end, and a log that was trimmed', async () => {
  const cursor = tango.log.stream(1);
  await cursor.sync();
  cursor.playSync(() => {});
  await tango.log.trimPrefix(await tango.log.tail());
  await checkQuiet('after reading and trimming');
});

idle.run();
