import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { commonSilences, processMs, SILENCE_MS_MIN, Silences } from './silences.ts';

const silences = suite('silences');

function told(beginMs: number, ...acknowledgedMs: number[]) {
  const thread = new Silences(1000);
  thread.begin(beginMs);
  for (const nowMs of acknowledgedMs) thread.acknowledged(nowMs);
  return thread.tell();
}

silences('notes what lasts, on the clock of the process', () => {
  const { ended, lastMs } = told(10, 10.1, 12, 12 + SILENCE_MS_MIN / 2, 15);
  assert.equal(ended, [
    { fromMs: 1010.1, toMs: 1012 },
    { fromMs: 1012 + SILENCE_MS_MIN / 2, toMs: 1015 },
  ]);
  assert.is(lastMs, 1015);
});

silences('the time before a thread begins, and between two rounds, is no silence', () => {
  const thread = new Silences(0);
  thread.begin(50);
  thread.acknowledged(50.1);
  thread.begin(90);
  thread.acknowledged(90.1);
  assert.equal(thread.tell(), { ended: [], lastMs: 90.1 });
});

silences('common are those of all threads', () => {
  const one = told(0, 1, 9, 10, 14);
  const other = told(0, 3, 7, 12, 13);
  assert.equal(commonSilences([one, other]), [
    { fromMs: 1000, toMs: 1001 },
    { fromMs: 1001, toMs: 1003 },
    { fromMs: 1003, toMs: 1007 },
    { fromMs: 1007, toMs: 1009 },
    { fromMs: 1009, toMs: 1010 },
    { fromMs: 1010, toMs: 1012 },
    { fromMs: 1012, toMs: 1013 },
    { fromMs: 1013, toMs: 1014 },
  ]);
});

silences('a busy thread ends the silence of the others, one that has stopped does not', () => {
  const silent = told(0, 1, 9);
  const busy = told(0, ...Array.from({ length: 100 }, (_, i) => i / 10));
  assert.equal(commonSilences([silent, busy]), []);
  const stopped = told(0, 0.1);
  const [longest] = commonSilences([silent, stopped]).slice(-1);
  assert.equal(longest, { fromMs: 1001, toMs: 1009 });
  // Who never began says nothing.
  assert.equal(commonSilences([silent, new Silences(0).tell()]), silent.ended);
});

silences('what has not ended is left out', () => {
  assert.equal(commonSilences([told(5)]), []);
  assert.equal(commonSilences([]), []);
});

silences('keeps the latest when there are too many', () => {
  const thread = new Silences(0);
  thread.begin(0);
  for (let i = 1; i <= 10_000; i++) thread.acknowledged(i);
  const { ended } = thread.tell();
  assert.is(ended.length, 8192);
  assert.equal(ended[ended.length - 1], { fromMs: 9999, toMs: 10_000 });
  assert.equal(ended[0], { fromMs: 1808, toMs: 1809 });
});

silences('the clock goes on, and by default a thread is on it', () => {
  const beforeMs = processMs();
  const thread = new Silences();
  thread.begin(performance.now());
  const { lastMs } = thread.tell();
  assert.ok(lastMs >= beforeMs - 0.01 && lastMs <= processMs() + 0.01, `${lastMs}`);
});

silences.run();
