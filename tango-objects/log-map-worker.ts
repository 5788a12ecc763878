/** A thread of the test of log maps: writes values over each other until it has, or is killed. */
import { parentPort, workerData } from 'node:worker_threads';
import type { LinkKind } from '../runtime/client-options.ts';
import type { TangoHandle } from '../runtime/open.ts';
import { attach } from './tango.ts';
import { type Wear, type WornValue, wear } from './worn-values.ts';

interface Orders {
  readonly handle: TangoHandle;
  readonly link: LinkKind;
  readonly wear: Wear;
}

async function main(): Promise<void> {
  const orders = workerData as Orders;
  const tango = await attach(orders.handle, { link: orders.link });
  const map = await tango.map<number, WornValue>('m', { values: 'log' });
  await wear(map, orders.wear, (turn) => parentPort?.postMessage(turn));
  await tango.close();
}

void main();
