import { availableParallelism } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findProblems, type LitmusTally, runLitmus, showTally } from './litmus/litmus.ts';

const ROUNDS = 200_000;

const mailboxLitmus = suite('mailbox, on two threads');

mailboxLitmus('never lets a receiver fall asleep over a record nobody rings for', async () => {
  const tally = await runLitmus('doorbell: publish or sleep', ROUNDS);
  const problems = findProblems(tally, {
    'sender sees awake, receiver sees record': 'acceptable: the receiver does not sleep',
    'sender sees sleeping, receiver sees nothing': 'acceptable: the sender rings',
    'sender sees sleeping, receiver sees record': 'acceptable: the sender rings for nothing',
    'sender sees awake, receiver sees nothing': 'FORBIDDEN: the record waits, and nobody rings',
  });
  assert.equal(problems, [], showTally(tally));
});

mailboxLitmus('would find the lost wake-up if there were one', async () => {
  // The same program with plain accesses; processors do let both stores wait in their buffers.
  const overtaken = (tally: LitmusTally): boolean => tally.has('0 0');
  const tally = await runLitmus('plain store, then load', ROUNDS, overtaken);
  const problems = findProblems(tally, {
    '0 1': 'acceptable: the first side was early',
    '1 0': 'acceptable: the second side was early',
    '1 1': 'acceptable: both loads late',
    '0 0': 'FORBIDDEN: both loads overtook the stores',
  });
  if (availableParallelism() > 1) assert.match(problems.join(), /'0 0': FORBIDDEN/);
});

mailboxLitmus.run();
