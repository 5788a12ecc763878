/** A thread of the test of ledgers: appends numbers to a ledger of its own until it is killed, or fenced. */
import { parentPort, workerData } from 'node:worker_threads';
import { TangoError } from '../actors/tango-error.ts';
import type { TangoHandle } from '../runtime/open.ts';
import { attach } from './tango.ts';

const AT_ONCE = 10;

async function main(): Promise<void> {
  const tango = await attach(workerData as TangoHandle);
  const ledgers = await tango.ledgers('l');
  const ledger = await ledgers.create();
  const tell = (entry: number): void => parentPort?.postMessage({ ledger, entry });
  try {
    for (let i = 0; ; i += AT_ONCE) {
      const appends: Promise<void>[] = [];
      for (let j = i; j < i + AT_ONCE; j++) {
        appends.push(ledgers.append(ledger, Buffer.from(`${j}`)).then(tell));
      }
      await Promise.all(appends);
    }
  } catch (error) {
    if (!(error instanceof TangoError) || error.code !== 'ERR_SEALED') throw error;
    await tango.close();
  }
}

void main();
