import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Timers } from './timers.ts';

const timers = suite('timers');

timers('have nothing due when there is none', () => {
  const pending = new Timers();
  assert.is(pending.nextMs, Number.POSITIVE_INFINITY);
  assert.is(pending.take(Number.MAX_VALUE), undefined);
});

timers('are due at their time and not before', () => {
  const pending = new Timers();
  pending.add(10, 1, 7);
  assert.is(pending.nextMs, 10);
  assert.is(pending.take(9.999), undefined);
  assert.equal(pending.take(10), { dueMs: 10, actor: 1, timer: 7 });
  assert.is(pending.take(10), undefined, 'a timer fires once');
  assert.is(pending.nextMs, Number.POSITIVE_INFINITY);
});

timers('keep two of the same actor and number apart', () => {
  const pending = new Timers();
  pending.add(1, 1, 7);
  pending.add(1, 1, 7);
  assert.ok(pending.take(1));
  assert.ok(pending.take(1));
  assert.is(pending.take(1), undefined);
});

timers('come in the order of their time, however they were added and taken', () => {
  const anyStep = fc.oneof(
    fc.record({ dueMs: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ nowMs: fc.integer({ min: 0, max: 50 }) }),
  );
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
      const pending = new Timers();
      const model: number[] = [];
      let number = 0;
      const added = new Map<number, number>();
      for (const step of steps) {
        if ('dueMs' in step) {
          added.set(number, step.dueMs);
          pending.add(step.dueMs, number % 3, number++);
          model.push(step.dueMs);
          model.sort((a, b) => a - b);
        } else {
          const due = pending.take(step.nowMs);
          const expected = model[0] <= step.nowMs ? model.shift() : undefined;
          assert.is(due?.dueMs, expected);
          if (due === undefined) continue;
          assert.is(added.get(due.timer), due.dueMs);
          assert.is(due.actor, due.timer % 3);
          added.delete(due.timer);
        }
        assert.is(pending.nextMs, model[0] ?? Number.POSITIVE_INFINITY);
      }
    }),
    { numRuns: 500 },
  );
});

timers.run();
