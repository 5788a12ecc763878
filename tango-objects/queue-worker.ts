/** For tests: a worker thread that pushes to a queue, or takes from it, until it is killed or told to end. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { TangoError } from '../actors/tango-error.ts';
import type { TangoHandle } from '../runtime/open.ts';
import { attach, type Tango } from './tango.ts';
import type { TangoQueue } from './tango-queue.ts';

/** `producer` tells each element once it is in the log, `taker` once it was given, `mover` moves to a map. */
export type QueueRole = 'producer' | 'taker' | 'mover';

export interface QueueWorkerData {
  readonly handle: TangoHandle;
  readonly link: 'mailbox' | 'direct';
  readonly role: QueueRole;
  readonly queue: string;
  /** How often an element was moved. */
  readonly moved: string;
  /** Producer: what it pushes, from `first` up to `end`, exclusive. */
  readonly first: number;
  readonly end: number;
}

/** Told before any element. */
export const READY = -1;
/** Ends who takes it. */
export const END_MARK = -2;

async function produce(queue: TangoQueue<number>, { first, end }: QueueWorkerData): Promise<void> {
  for (let element = first; element < end; element++) {
    await queue.push(element);
    parentPort?.postMessage(element);
  }
}

async function takeAll(queue: TangoQueue<number>): Promise<void> {
  for (;;) {
    const element = await queue.take();
    if (element === END_MARK) return;
    parentPort?.postMessage(element);
  }
}

/** Exactly once: the element is in the map in the same moment in which it leaves the queue. */
async function moveAll(tango: Tango, queue: TangoQueue<number>, name: string): Promise<void> {
  const moved = await tango.map<number, number>(name);
  const move = (): number | undefined => {
    const element = queue.shiftSync();
    if (element === undefined || element === END_MARK) return element;
    moved.setSync(element, (moved.get(element) ?? 0) + 1);
    return element;
  };
  // From here on something comes, even if it has come by the time it is waited for.
  const changes = tango.changes({ objects: [queue.name] })[Symbol.asyncIterator]();
  for (;;) {
    const element = await tango.transact(move);
    if (element === END_MARK) return;
    if (element === undefined) await changes.next();
    else parentPort?.postMessage(element);
  }
}

async function run(data: QueueWorkerData): Promise<void> {
  const tango = await attach(data.handle, { link: data.link });
  const queue = await tango.queue<number>(data.queue);
  parentPort?.postMessage(READY);
  try {
    if (data.role === 'producer') await produce(queue, data);
    else if (data.role === 'taker') await takeAll(queue);
    else await moveAll(tango, queue, data.moved);
  } catch (error) {
    // The test has failed, and says why.
    if (!(error instanceof TangoError) || error.code !== 'ERR_CLOSED') throw error;
  } finally {
    await tango.close();
  }
}

if (!isMainThread) void run(workerData as QueueWorkerData);
