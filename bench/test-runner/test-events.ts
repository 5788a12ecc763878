/**
 * What a test process tells the runner while it runs, one JSON line each over file descriptor 3.
 *
 * Every event is written synchronously as it happens, so whatever kills the process (SIGKILL at the
 * deadline, `process.exit`, a crash of Node itself) the runner knows all that went before and can
 * say in which test it happened. The verdict over these events is in verdict.ts.
 */
import { writeSync } from 'node:fs';

/** A suite's number is its rank of definition in the file; titles need not be unique. */
export type TestEvent =
  | { readonly type: 'SuiteDefined'; readonly suite: number; readonly title: string }
  | { readonly type: 'TestDefined'; readonly suite: number }
  | { readonly type: 'TestSkipped'; readonly suite: number }
  | { readonly type: 'SuiteRun'; readonly suite: number }
  | { readonly type: 'TestStarted'; readonly suite: number; readonly name: string }
  | { readonly type: 'TestPassed'; readonly suite: number; readonly name: string }
  | {
      readonly type: 'TestFailed';
      readonly suite: number;
      readonly name: string;
      readonly message: string;
    }
  | {
      readonly type: 'HookFailed';
      readonly suite: number;
      readonly hook: string;
      readonly message: string;
    }
  | { readonly type: 'LoadFailed'; readonly message: string }
  | { readonly type: 'Crashed'; readonly origin: string; readonly message: string }
  | { readonly type: 'Finished' }
  | { readonly type: 'StillAlive'; readonly resources: readonly string[] };

/** The descriptor of the event pipe in the test process; 0 to 2 are the standard streams. */
export const EVENT_FD = 3;

/** Blocks until the runner's pipe took the event. */
export function emitEvent(event: TestEvent): void {
  const bytes = Buffer.from(`${JSON.stringify(event)}\n`);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(EVENT_FD, bytes, written);
    } catch (error) {
      // A pipe that is full and non-blocking says EAGAIN; the runner is about to drain it.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

/** Ignores a last line that was cut off by the death of the process. */
export function parseEvents(text: string): TestEvent[] {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as TestEvent);
}
