import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Message, MessageType } from '../message.ts';
import { Happening, Trace } from './trace.ts';

const trace = suite('trace');

function messageWith(change: (message: Message) => void): Message {
  const message = new Message();
  message.type = MessageType.UNIT_WRITE;
  message.from = 1;
  message.to = 2;
  change(message);
  return message;
}

function hashOf(record: (trace: Trace) => void): string {
  const fresh = new Trace(0);
  record(fresh);
  return fresh.hash;
}

trace('the hash depends on time, happening and every field of a message', () => {
  const changes: ((message: Message) => void)[] = [
    () => {},
    (message) => (message.type = MessageType.UNIT_FILL),
    (message) => (message.from = 3),
    (message) => (message.to = 3),
    (message) => (message.operation = 1),
    (message) => (message.epoch = 1),
    (message) => (message.position = 1),
    (message) => (message.position = 2 ** 32),
    (message) => (message.outcome = 1),
    (message) => (message.value = 1),
    (message) => (message.extraCount = 1),
  ];
  const hashes = changes.map((change) =>
    hashOf((fresh) => fresh.message(1, Happening.SENT, messageWith(change))),
  );
  hashes.push(
    hashOf((fresh) =>
      fresh.message(
        1.5,
        Happening.SENT,
        messageWith(() => {}),
      ),
    ),
  );
  hashes.push(
    hashOf((fresh) =>
      fresh.message(
        1,
        Happening.LOST,
        messageWith(() => {}),
      ),
    ),
  );
  assert.is(new Set(hashes).size, changes.length + 2);
});

trace('the hash depends on what happened to which actor, when, and in which order', () => {
  const hashes = [
    hashOf(() => {}),
    hashOf((fresh) => fresh.actor(1, Happening.TIMER, 1, 5)),
    hashOf((fresh) => fresh.actor(2, Happening.TIMER, 1, 5)),
    hashOf((fresh) => fresh.actor(1, Happening.KILLED, 1, 5)),
    hashOf((fresh) => fresh.actor(1, Happening.TIMER, 2, 5)),
    hashOf((fresh) => fresh.actor(1, Happening.TIMER, 1, 6)),
    hashOf((fresh) => {
      fresh.actor(1, Happening.TIMER, 1, 5);
      fresh.actor(1, Happening.TIMER, 2, 5);
    }),
    hashOf((fresh) => {
      fresh.actor(1, Happening.TIMER, 2, 5);
      fresh.actor(1, Happening.TIMER, 1, 5);
    }),
  ];
  assert.is(new Set(hashes).size, hashes.length);
  for (const hash of hashes) assert.match(hash, /^[0-9a-f]{16}$/);
});

trace('keeps the last lines, or all, or none, and the same hash', () => {
  const traces = [new Trace(3), new Trace(Number.POSITIVE_INFINITY), new Trace(0)];
  for (const each of traces) {
    for (let timer = 0; timer < 100; timer++) each.actor(timer, Happening.TIMER, 1, timer);
  }
  const [last, all, none] = traces.map((each) => each.lines());
  assert.is(all.length, 100);
  assert.equal(last, all.slice(-3));
  assert.equal(none, []);
  assert.is(new Set(traces.map((each) => each.hash)).size, 1);
});

trace('a line has the time, the roles and the name of the message type', () => {
  const named = new Trace(2);
  named.nameActor(1, 'client');
  const change = (message: Message) => {
    message.position = 2 ** 40;
    message.value = -1;
  };
  named.message(12.3456, Happening.SENT, messageWith(change));
  named.actor(13, Happening.KILLED, 1);
  const fields = 'operation=0 epoch=0 position=1099511627776 outcome=0 value=-1';
  assert.equal(named.lines(), [
    `      12.346 ms  sent       client#1 -> actor#2  UNIT_WRITE ${fields}`,
    '      13.000 ms  killed     client#1 0',
  ]);
});

trace.run();
