/**
 * Stands in for `uvu` inside a test process: the same suites, with every definition, run, start and
 * outcome told to the runner as an event.
 *
 * uvu itself cannot be asked: it forgets a suite whose `.run()` was forgotten, and swallows what a
 * hook throws. Test files notice nothing; they import 'uvu', and uvu-hooks-worker.ts sends that
 * import here.
 */

import { inspect } from 'node:util';
import { isNativeError } from 'node:util/types';
import { type Callback, exec, suite as realSuite, test as realTest, type Test } from 'uvu';
import { emitEvent } from './test-events.ts';

export { exec };

let suitesDefined = 0;

export function suite<T>(title = '', context?: T): Test<T> {
  const number = defineSuite(title);
  return observe(realSuite(title, context), () => number);
}

let defaultSuite: number | undefined;

/** uvu's nameless suite exists in every file; it counts from its first use on. */
export const test = observe(realTest, () => {
  defaultSuite ??= defineSuite('');
  return defaultSuite;
});

function defineSuite(title: string): number {
  const number = suitesDefined++;
  emitEvent({ type: 'SuiteDefined', suite: number, title });
  return number;
}

function observe<T>(real: Test<T>, numberOf: () => number): Test<T> {
  const define =
    (register: (name: string, handler: Callback<T>) => void) =>
    (name: string, handler: Callback<T>): void => {
      const number = numberOf();
      emitEvent({ type: 'TestDefined', suite: number });
      register(name, watchTest(number, name, handler));
    };
  const hook =
    (name: string, register: (handler: Callback<T>) => void) =>
    (handler: Callback<T>): void => {
      register(watchHook(numberOf(), name, handler));
    };
  return Object.assign(define(real), {
    only: define(real.only),
    skip: (): void => {
      emitEvent({ type: 'TestSkipped', suite: numberOf() });
      real.skip();
    },
    before: Object.assign(hook('before', real.before), {
      each: hook('before.each', real.before.each),
    }),
    after: Object.assign(hook('after', real.after), {
      each: hook('after.each', real.after.each),
    }),
    run: (): void => {
      emitEvent({ type: 'SuiteRun', suite: numberOf() });
      real.run();
    },
  });
}

function watchTest<T>(number: number, name: string, handler: Callback<T>): Callback<T> {
  return async (context) => {
    emitEvent({ type: 'TestStarted', suite: number, name });
    try {
      await handler(context);
    } catch (thrown) {
      emitEvent({ type: 'TestFailed', suite: number, name, message: describe(thrown) });
      throw asError(thrown);
    }
    emitEvent({ type: 'TestPassed', suite: number, name });
  };
}

function watchHook<T>(number: number, hook: string, handler: Callback<T>): Callback<T> {
  return async (context) => {
    try {
      await handler(context);
    } catch (thrown) {
      emitEvent({ type: 'HookFailed', suite: number, hook, message: describe(thrown) });
      // uvu says nothing of a hook that throws; leave the stack in the file's output.
      console.error(asError(thrown));
      throw asError(thrown);
    }
  };
}

/** One line for the list of problems; the whole error is in the output of the file. */
export function describe(thrown: unknown): string {
  if (!isError(thrown)) return `a thrown non-Error: ${inspect(thrown)}`;
  return `${thrown.name}: ${thrown.message}`.split('\n', 1)[0];
}

/** uvu's own formatter fails on anything without name and stack, and then loses the failure. */
function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(describe(thrown));
}

function isError(thrown: unknown): thrown is Error {
  return isNativeError(thrown) || thrown instanceof Error;
}
