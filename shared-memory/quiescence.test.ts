import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Quiescence } from './quiescence.ts';
import { allocateThreadTable, ThreadTable } from './thread-table.ts';

const THREADS = 4;

const quiescence = suite('quiescence');

function fresh(): [Quiescence, ThreadTable] {
  const table = new ThreadTable(allocateThreadTable(THREADS));
  return [new Quiescence(table), table];
}

quiescence('has passed when nobody was in flight', () => {
  const [wait, table] = fresh();
  wait.begin();
  table.announce(0);
  assert.ok(wait.passed(), 'who came later is not waited for');
});

quiescence('waits for everybody who was in flight', () => {
  const [wait, table] = fresh();
  table.announce(0);
  table.announce(3);
  wait.begin();
  assert.not.ok(wait.passed());
  table.leave(0);
  assert.not.ok(wait.passed());
  table.leave(3);
  assert.ok(wait.passed());
});

quiescence('does not wait for the next operation of the same thread', () => {
  const [wait, table] = fresh();
  table.announce(2);
  wait.begin();
  assert.not.ok(wait.passed());
  table.leave(2);
  table.announce(2);
  assert.ok(wait.passed());
});

quiescence('stays passed until it begins anew', () => {
  const [wait, table] = fresh();
  wait.begin();
  assert.ok(wait.passed());
  table.announce(1);
  assert.ok(wait.passed());
  wait.begin();
  assert.not.ok(wait.passed());
});

quiescence('does not wait for a thread that died in flight', () => {
  const [wait, table] = fresh();
  table.claim(1, 2);
  table.announce(1);
  wait.begin();
  assert.not.ok(wait.passed());
  table.markExited(1, table.incarnation(1));
  assert.ok(wait.passed());
});

quiescence('does not wait for the next tenant of an index whose thread died in flight', () => {
  const [wait, table] = fresh();
  table.claim(1, 2);
  table.announce(1);
  wait.begin();
  table.release(1);
  table.claim(1, 2);
  table.announce(1);
  assert.ok(wait.passed());
});

quiescence('waits again from now when it is begun again', () => {
  const [wait, table] = fresh();
  table.announce(0);
  wait.begin();
  table.leave(0);
  table.announce(1);
  wait.begin();
  assert.not.ok(wait.passed());
  table.leave(1);
  assert.ok(wait.passed());
});

quiescence('passes exactly when the operations of the beginning have ended', () => {
  const anyThread = fc.nat(THREADS - 1);
  const anyStep = fc.tuple(fc.constantFrom('toggle', 'toggle', 'begin', 'look'), anyThread);
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      const [wait, table] = fresh();
      const awaited = new Set<number>();
      for (const [step, thread] of steps) {
        if (step === 'begin') {
          awaited.clear();
          for (let other = 0; other < THREADS; other++) {
            if (table.inFlight(other)) awaited.add(other);
          }
          wait.begin();
        } else if (step === 'look') {
          assert.is(wait.passed(), awaited.size === 0);
        } else if (!table.inFlight(thread)) {
          table.announce(thread);
        } else {
          table.leave(thread);
          awaited.delete(thread);
        }
      }
    }),
    { numRuns: 500 },
  );
});

quiescence.run();
