import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LocalMailbox } from './local-mailbox.ts';
import { EXTRA_WORDS_MAX, Message } from './message.ts';

const localMailbox = suite('local mailbox');

function push(mailbox: LocalMailbox, value: number, extraCount = 0): void {
  const message = new Message();
  message.value = value;
  message.extraCount = extraCount;
  message.extra.fill(value, 0, extraCount);
  mailbox.push(message);
}

/** The value of the next message, whose extra words are checked; undefined when there is none. */
function take(mailbox: LocalMailbox): number | undefined {
  const message = new Message();
  if (!mailbox.take(message)) return undefined;
  for (let i = 0; i < message.extraCount; i++) assert.is(message.extra[i], message.value);
  return message.value;
}

localMailbox('is empty at first', () => {
  assert.is(take(new LocalMailbox()), undefined);
});

localMailbox('gives messages in the order they came', () => {
  const mailbox = new LocalMailbox();
  for (let value = 1; value <= 3; value++) push(mailbox, value);
  assert.equal([take(mailbox), take(mailbox)], [1, 2]);
  push(mailbox, 4);
  assert.equal([take(mailbox), take(mailbox), take(mailbox)], [3, 4, undefined]);
});

localMailbox('copies the message, which may change after the push', () => {
  const mailbox = new LocalMailbox();
  const message = new Message();
  message.value = 1;
  mailbox.push(message);
  message.value = 2;
  assert.is(take(mailbox), 1);
});

localMailbox('grows instead of losing a message or its order', () => {
  const mailbox = new LocalMailbox();
  const count = 20_000;
  for (let value = 0; value < count; value++) push(mailbox, value);
  for (let value = 0; value < count; value++) assert.is(take(mailbox), value);
  assert.is(take(mailbox), undefined);
});

localMailbox('takes messages of the largest size', () => {
  const mailbox = new LocalMailbox();
  for (let value = 0; value < 100; value++) push(mailbox, value, EXTRA_WORDS_MAX);
  for (let value = 0; value < 100; value++) assert.is(take(mailbox), value);
});

localMailbox('does not run away when a taker pushes as much as it takes', () => {
  const mailbox = new LocalMailbox();
  push(mailbox, 0);
  for (let value = 0; value < 50_000; value++) {
    assert.is(take(mailbox), value);
    push(mailbox, value + 1, value % 50);
  }
});

localMailbox('is a queue, however pushes and takes follow each other', () => {
  const anyStep = fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 40 }), extra: fc.nat(EXTRA_WORDS_MAX) }),
    fc.record({ take: fc.integer({ min: 1, max: 60 }) }),
  );
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
      const mailbox = new LocalMailbox();
      const model: number[] = [];
      let next = 0;
      for (const step of steps) {
        if ('push' in step) {
          for (let i = 0; i < step.push; i++) {
            model.push(next);
            push(mailbox, next++, step.extra);
          }
        } else {
          for (let i = 0; i < step.take; i++) assert.is(take(mailbox), model.shift());
        }
      }
      for (const value of model) assert.is(take(mailbox), value);
      assert.is(take(mailbox), undefined);
    }),
  );
});

localMailbox.run();
