/** Entry of a client thread of the object stress: attaches and works until it is killed or stopped. */
import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../../actors/simulation/random.ts';
import type { LinkKind } from '../../runtime/client-options.ts';
import type { TangoHandle } from '../../runtime/open.ts';
import { attach } from '../tango.ts';
import { JournalWriter } from './journal.ts';
import { CLIENTS, type ClientKind } from './object-clients.ts';

export interface ObjectWorkerData {
  readonly handle: TangoHandle;
  readonly link: LinkKind;
  readonly journal: SharedArrayBuffer;
  readonly kind: ClientKind;
  readonly seed: number;
  readonly client: number;
  readonly round: number;
  readonly lanes: number;
  /** Zero of the clock of all journals, in seconds of the machine's monotonic clock. */
  readonly zeroSeconds: number;
}

export type ObjectCommand = 'stop' | 'digest';
export type ObjectReport = 'working' | 'stopped' | { readonly digest: string };

const { handle, link, journal, kind, seed, zeroSeconds, ...work } = workerData as ObjectWorkerData;
const now = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds - zeroSeconds) * 1e9 + nanoseconds;
};
const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const report = (what: ObjectReport): void => parentPort?.postMessage(what);

void start();

async function start(): Promise<void> {
  const tango = await attach(handle, { link });
  const parts = { tango, journal: new JournalWriter(journal, now), random: new Random(seed) };
  const client = await CLIENTS[kind].open({ ...parts, ...work, now, rest });
  parentPort?.on('message', async (command: ObjectCommand) => {
    if (command === 'digest') return report({ digest: await client.digest() });
    await client.stop();
    report('stopped');
  });
  client.start();
  report('working');
}
