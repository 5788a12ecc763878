import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from './within.ts';

async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  return 'no rejection';
}

const withinSuite = suite('within');

withinSuite('gives what the promise gives', async () => {
  assert.is(await within(1000, 'a number', Promise.resolve(7)), 7);
});

withinSuite('passes a rejection on as it is', async () => {
  const reason = new Error('sealed');
  assert.is(await messageOf(within(1000, 'a number', Promise.reject(reason))), 'sealed');
});

withinSuite('says what was awaited when the time is over', async () => {
  const never = new Promise<number>(() => {});
  const message = await messageOf(within(10, 'the reply of the sequencer', never));
  assert.is(message, 'not within 10 ms: the reply of the sequencer');
});

withinSuite.run();
