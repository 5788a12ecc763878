/**
 * Jobs for workers that may die. A worker takes a job out of the queue and notes that it has it in one
 * transaction, and puts its result there in another: a job is waiting, or running, or done, and never two
 * of these. What a dead worker had is put into the queue again.
 */
import { once } from 'node:events';
import { isMainThread, threadId, Worker, workerData } from 'node:worker_threads';
import { attach, open, TangoError, type TangoHandle } from '../index.ts';

interface Job {
  readonly id: number;
  readonly n: number;
}

interface Running {
  readonly job: Job;
  readonly worker: number;
}

const JOBS = 300;
const WORKERS = 3;

async function work(handle: TangoHandle): Promise<void> {
  await using tango = await attach(handle);
  const waiting = await tango.queue<Job>('waiting');
  const running = await tango.map<number, Running>('running');
  const results = await tango.map<number, number>('results');
  const take = (): Job | undefined =>
    tango.transactSync(() => {
      const job = waiting.shiftSync();
      if (job !== undefined) running.setSync(job.id, { job, worker: threadId });
      return job;
    });
  for (;;) {
    const job = await tango.until(take);
    const result = sumOfDivisors(job.n);
    // Whoever took this thread for dead has given the job to another.
    await tango.transact(() => {
      if (!running.deleteSync(job.id)) return;
      results.setSync(job.id, result);
    });
  }
}

function sumOfDivisors(n: number): number {
  let sum = 0;
  for (let i = 1; i <= n; i++) if (n % i === 0) sum += i;
  return sum;
}

async function main(): Promise<void> {
  await using tango = await open();
  const waiting = await tango.queue<Job>('waiting');
  const running = await tango.map<number, Running>('running');
  const results = await tango.map<number, number>('results');
  await waiting.push(...Array.from({ length: JOBS }, (_, id) => ({ id, n: 100_000 + id })));

  const started = Array.from({ length: WORKERS }, () => start(tango.handle));
  await tango.until(() => (results.size >= JOBS / 3 ? true : undefined));
  const [victim] = started;
  const dead = victim.threadId;
  console.log(`killing worker ${dead} with ${results.size} of ${JOBS} jobs done`);
  await victim.terminate();

  await tango.transact(() => {
    for (const [id, { job, worker }] of running) {
      if (worker !== dead) continue;
      running.deleteSync(id);
      waiting.pushSync(job);
    }
  });
  await tango.until(() => (results.size === JOBS ? true : undefined));
  const right = [...results].filter(([id, sum]) => sum === sumOfDivisors(100_000 + id)).length;
  console.log(`${right} of ${JOBS} jobs done once each, ${waiting.length + running.size} left`);

  const ends = started.slice(1).map((worker) => once(worker, 'exit'));
  await tango.close();
  await Promise.all(ends);
}

function start(handle: TangoHandle): Worker {
  return new Worker(new URL(import.meta.url), { workerData: handle });
}

/** The log is closed: there is nothing more to do. */
function ended(error: unknown): void {
  if (!(error instanceof TangoError) || error.code !== 'ERR_CLOSED') throw error;
}

if (isMainThread) void main();
else void work(workerData as TangoHandle).catch(ended);
