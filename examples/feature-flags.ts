/**
 * Feature flags that all threads see at once. A look at a flag is a look at this thread's memory and still
 * linearizable: once a change has returned, nobody sees the flag as it was. Who wants to do something when a
 * flag changes follows the feed.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { attach, open, TangoError, type TangoHandle } from '../index.ts';

interface Flag {
  readonly isOn: boolean;
  /** Of the users, in percent. */
  readonly share: number;
}

const WORKERS = 2;
const REQUESTS_PER_TURN = 1000;

async function serve(handle: TangoHandle): Promise<void> {
  await using tango = await attach(handle);
  const flags = await tango.map<string, Flag>('flags');
  const served = await tango.map<string, number>(`served by ${process.pid}`);
  const feed = follow(tango);
  let requests = 0;
  try {
    for (;;) {
      for (let i = 0; i < REQUESTS_PER_TURN; i++, requests++) {
        const flag = flags.get('new checkout');
        if (flag?.isOn && requests % 100 < flag.share) await served.update('new', (n = 0) => n + 1);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await feed;
  }
}

/** Tells every change of a flag, in the order of the log. */
async function follow(tango: Awaited<ReturnType<typeof attach>>): Promise<void> {
  const from = await tango.sync();
  parentPort?.postMessage('ready');
  try {
    for await (const { updates } of tango.changes({ objects: ['flags'], from })) {
      for (const { operation } of updates) parentPort?.postMessage(operation);
    }
  } catch (error) {
    ended(error);
  }
}

async function main(): Promise<void> {
  await using tango = await open();
  const flags = await tango.map<string, Flag>('flags');
  const served = await tango.map<string, number>(`served by ${process.pid}`);
  await flags.set('new checkout', { isOn: false, share: 10 });

  const workers = Array.from(
    { length: WORKERS },
    () => new Worker(new URL(import.meta.url), { workerData: tango.handle }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  let told = 0;
  for (const worker of workers) worker.on('message', () => told++);

  console.log(`off: ${served.get('new') ?? 0} requests had the new checkout`);
  await flags.set('new checkout', { isOn: true, share: 10 });
  await tango.until(() => ((served.get('new') ?? 0) > 100 ? true : undefined));
  await flags.set('new checkout', { isOn: false, share: 10 });
  // Nobody looks at the flag any more and finds it on: one request each may have done so before.
  const whenOff = served.get('new') ?? 0;
  await new Promise((resolve) => setTimeout(resolve, 200));
  const since = (served.get('new') ?? 0) - whenOff;
  await tango.until(() => (told === 2 * WORKERS ? true : undefined));
  console.log(`on, and off again: ${whenOff > 100 ? 'some' : 'too few'} requests had it`);
  console.log(`${since <= WORKERS ? 'none' : since} since, and ${told} notices were told`);

  const ends = workers.map((worker) => once(worker, 'exit'));
  await tango.close();
  await Promise.all(ends);
}

/** The log is closed: there is nothing more to do. */
function ended(error: unknown): void {
  if (!(error instanceof TangoError) || error.code !== 'ERR_CLOSED') throw error;
}

if (isMainThread) void main();
else void serve(workerData as TangoHandle).catch(ended);
