/** For tests: an actor thread that serves the storage units placed on it, or misbehaves. */
import { isMainThread, workerData } from 'node:worker_threads';
import { Quiescence } from '../shared-memory/quiescence.ts';
import type { Actor } from './actor.ts';
import { unitIndexOf } from './actor-ids.ts';
import { type ActorThreadData, runActorThread } from './actor-thread.ts';
import { LogMemory } from './log-memory.ts';
import type { ActorId } from './message.ts';
import { StorageUnit } from './storage-unit.ts';
import { TangoError } from './tango-error.ts';

export type Behaviour =
  | 'serve'
  /** Throws before it is ready. */
  | 'throw'
  /** Ends before it is ready. */
  | 'exit'
  /** The first of its index serves, its successors end before they are ready. */
  | 'exit-later'
  /** Never lets its event loop turn once it has a message. */
  | 'spin'
  /** Throws at its first message. */
  | 'fail';

export interface TestThreadData extends ActorThreadData {
  /** By thread index. */
  readonly behaviours: readonly Behaviour[];
  /** What cannot be cloned keeps a thread from being started. */
  readonly refused?: unknown;
}

/** The test imports this, and nothing of the file runs there. */
export const TEST_THREAD = new URL(import.meta.url);

function start(data: TestThreadData): void {
  const behaviour = data.behaviours[data.thread];
  if (behaviour === 'throw') {
    throw new TangoError('ERR_CORRUPT', 'broken on purpose', { epoch: data.thread });
  }
  const { threads } = new LogMemory(data.buffers);
  const successor = threads.incarnation(data.thread) > data.behaviours.length;
  if (behaviour === 'exit' || (behaviour === 'exit-later' && successor)) process.exit(3);
  runActorThread(data, (memory) => {
    const adopt = (id: ActorId): Actor => {
      const quiescence = new Quiescence(memory.threads);
      const unit = memory.unit(unitIndexOf(id));
      const actor: Actor = new StorageUnit({ memory: unit, quiescence, tenure: () => 1 });
      if (behaviour === 'spin' || behaviour === 'fail') {
        actor.receive = () => {
          if (behaviour === 'fail') throw new TangoError('ERR_CORRUPT', 'broken by a message');
          for (;;);
        };
      }
      return actor;
    };
    return { specs: [], adopt };
  });
}

if (!isMainThread) start(workerData as TestThreadData);
