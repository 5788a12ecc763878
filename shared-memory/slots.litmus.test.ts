import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findProblems, runLitmus, showTally } from './litmus/litmus.ts';

const ROUNDS = 200_000;

const slotsLitmus = suite('slots, on two threads');

slotsLitmus('lets exactly one of two writers win a slot', async () => {
  const tally = await runLitmus('two writers, one slot', ROUNDS);
  const problems = findProblems(tally, {
    'OK WRITTEN': 'acceptable: the first writer wins',
    'WRITTEN OK': 'acceptable: the second writer wins',
    'OK OK': 'FORBIDDEN: two writers have won one address',
    'WRITTEN WRITTEN': 'FORBIDDEN: both lost, to nobody',
  });
  assert.equal(problems, [], showTally(tally));
});

slotsLitmus('lets either the writer or the filler decide a slot', async () => {
  const tally = await runLitmus('writer and filler, one slot', ROUNDS);
  const problems = findProblems(tally, {
    'OK WRITTEN': 'acceptable: the writer wins',
    'JUNK OK': 'acceptable: the filler wins, and the writer learns it',
    'OK OK': 'FORBIDDEN: a written address is filled',
    'WRITTEN OK': 'FORBIDDEN: the filler has won, and the writer sees a value',
    'OK JUNK': 'FORBIDDEN: the writer has won, and the filler sees junk',
  });
  assert.equal(problems, [], showTally(tally));
});

slotsLitmus('shows the bytes of an entry to whoever sees the reference to it', async () => {
  const tally = await runLitmus('writer and reader, one entry', ROUNDS);
  const problems = findProblems(tally, {
    'OK unwritten': 'acceptable: the reader was early',
    'OK complete': 'acceptable: the reader was late',
    'OK torn': 'FORBIDDEN: a reference seen, and not all bytes of its entry',
  });
  assert.equal(problems, [], showTally(tally));
});

slotsLitmus.run();
