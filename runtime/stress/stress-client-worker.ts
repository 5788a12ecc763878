/** Entry of a client thread of the kill stress: attaches and works until it is killed. */
import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../../actors/simulation/random.ts';
import { HistoryRecorder } from '../../shared-memory/history-ring.ts';
import type { LinkKind } from '../client-options.ts';
import { attach, type TangoHandle } from '../open.ts';
import { StressClient } from './stress-client.ts';

export interface StressClientData {
  readonly handle: TangoHandle;
  readonly ring: SharedArrayBuffer;
  readonly seed: number;
  readonly value: number;
  readonly base: number;
  readonly lanes: number;
  readonly link: LinkKind;
  /** Zero of the clock of all histories, in seconds of the machine's monotonic clock. */
  readonly zeroSeconds: number;
}

/** `resume`: with the position at which the next batch begins. */
export type StressCommand = { readonly pause: true } | { readonly resume: number };
export type StressReport = 'working' | 'paused';

const { handle, link, ring, seed, zeroSeconds, ...work } = workerData as StressClientData;
const now = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds - zeroSeconds) * 1e9 + nanoseconds;
};
const report = (what: StressReport): void => parentPort?.postMessage(what);
const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// A function, not the module, awaits: a thread that is ended while such a module begins ends the process.
void start();

async function start(): Promise<void> {
  const { log } = await attach(handle, { link });
  const recorder = new HistoryRecorder(ring, now);
  const client = new StressClient({ log, recorder, random: new Random(seed), rest, ...work });
  parentPort?.on('message', async (command: StressCommand) => {
    if ('resume' in command) return client.start(command.resume);
    await client.pause();
    report('paused');
  });
  client.start();
  report('working');
}
