/**
 * Entry of a test process: loads one test file and runs its suites.
 *
 *     node test-process-worker.js /abs/path/of/x.test.js LINGER_MS 3>events
 *
 * Hooks and globals are set here and not by `--import`, because worker threads inherit the options
 * of their process and would each load them again.
 */
import { register } from 'node:module';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { emitEvent } from './test-events.ts';

const [, , file, lingerMs] = process.argv;

// uvu reads this once when it is loaded, and then leaves the start of the tests to us.
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [[null]], UVU_INDEX: 0 });
register(`./uvu-hooks-worker${extname(import.meta.url)}`, import.meta.url);
const { describe, exec } = await import('./observed-uvu.ts');

process.on('uncaughtExceptionMonitor', (thrown: unknown, origin) => {
  emitEvent({ type: 'Crashed', origin, message: describe(thrown) });
});

if (await load(file)) {
  await exec();
  emitEvent({ type: 'Finished' });
  limitLinger(Number(lingerMs));
}

async function load(path: string): Promise<boolean> {
  try {
    await import(pathToFileURL(path).href);
    return true;
  } catch (thrown) {
    emitEvent({ type: 'LoadFailed', message: describe(thrown) });
    console.error(thrown);
    process.exit(1);
  }
}

/** A process that outlives its tests is told apart early; the deadline would take minutes. */
function limitLinger(ms: number): void {
  const timer = setTimeout(() => {
    emitEvent({ type: 'StillAlive', resources: [...new Set(process.getActiveResourcesInfo())] });
    process.exit(1);
  }, ms);
  timer.unref();
}
