/**
 * One leader among threads, and another as soon as it dies. The lock's fencing token counts the leaders: what
 * a former leader still does carries a smaller one and is refused.
 */
import { once } from 'node:events';
import { isMainThread, threadId, Worker, workerData } from 'node:worker_threads';
import { attach, open, TangoError, type TangoHandle } from '../index.ts';

interface Term {
  readonly token: number;
  readonly leader: number;
}

const CANDIDATES = 4;
const TERMS = 3;

async function stand(handle: TangoHandle): Promise<void> {
  await using tango = await attach(handle);
  const lock = await tango.lock('leader');
  const term = await tango.register<Term>('term');
  const work = await tango.map<number, number>('work by token');
  const hold = await lock.acquire();
  await tango.transact(() => {
    if ((term.get()?.token ?? 0) < hold.token) {
      term.setSync({ token: hold.token, leader: threadId });
    }
  });
  for (;;) {
    await tango.transact(() => {
      // Read together with the change: a leader that was replaced changes nothing.
      if (lock.holder?.token !== hold.token) throw new Error('not the leader any more');
      work.setSync(hold.token, (work.get(hold.token) ?? 0) + 1);
    });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function main(): Promise<void> {
  await using tango = await open();
  const term = await tango.register<Term>('term');
  const work = await tango.map<number, number>('work by token');
  const threads = new Map<number, Worker>();
  for (let i = 0; i < CANDIDATES; i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: tango.handle });
    threads.set(worker.threadId, worker);
  }
  for (let token = 1; token <= TERMS; token++) {
    await tango.until(() => ((work.get(token) ?? 0) > 10 ? true : undefined));
    const leader = term.get()?.leader ?? 0;
    console.log(
      `term ${token}: leader ${term.get()?.token === token ? 'at work' : 'unknown'}, killed`,
    );
    await threads.get(leader)?.terminate();
    threads.delete(leader);
  }
  await tango.until(() => work.get(TERMS + 1));
  console.log(
    `term ${TERMS + 1}: the last candidate leads; terms seen: ${[...work.keys()].join(' ')}`,
  );

  const ends = [...threads.values()].map((worker) => once(worker, 'exit'));
  await tango.close();
  await Promise.all(ends);
}

/** The log is closed: there is nothing more to do. */
function ended(error: unknown): void {
  if (!(error instanceof TangoError) || error.code !== 'ERR_CLOSED') throw error;
}

if (isMainThread) void main();
else void stand(workerData as TangoHandle).catch(ended);
