/**
 * The second client of an experiment: attaches to the log, appends as often as each message says,
 * and answers when all of it is in the log. It runs until it is terminated.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { TangoHandle } from '../runtime/open.ts';
import { appendAll } from './append-window.ts';
import { attachBenchLink } from './bench-log.ts';

export interface AppendClientTask {
  readonly handle: TangoHandle;
}

/** One round. */
export interface AppendRound {
  readonly count: number;
  readonly window: number;
  readonly payloadBytes: number;
  readonly trimEvery: number;
}

async function run({ handle }: AppendClientTask, port: MessagePort): Promise<void> {
  const bench = await attachBenchLink(handle);
  port.on('message', ({ payloadBytes, ...plan }: AppendRound) => {
    appendAll(bench, { ...plan, payload: new Uint8Array(payloadBytes).fill(2) });
    port.postMessage('appended');
  });
  port.postMessage('ready');
}

// Null in the main thread, which has no business here.
if (parentPort !== null) void run(workerData as AppendClientTask, parentPort);
