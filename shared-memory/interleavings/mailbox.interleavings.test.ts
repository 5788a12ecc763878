import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MailboxReceiver, MailboxSender, NO_RECORD } from '../mailbox.ts';
import { CONSUMED_OFFSET, mailboxBytesFor, PUBLISHED_OFFSET } from '../mailbox-layout.ts';
import { WORD_BYTES } from '../words.ts';
import { assertFinds, explore, sample } from './explorer.ts';
import type { Glance, Program } from './machine.ts';
import { note } from './thread-history.ts';

const mailbox = suite('mailbox interleavings');

interface Shape {
  readonly ringWords: number;
  /** Words of each record, the length word included. */
  readonly lengths: readonly number[];
  /** Records shown with one publish. */
  readonly batch: number;
  /** Words ever published when the program begins. */
  readonly start: number;
  /** Looks of the receiver. */
  readonly looks: number;
}

type Send = (sender: MailboxSender, length: number, content: number) => boolean;

const send: Send = (sender, length, content) => {
  const index = sender.claim(length);
  if (index === NO_RECORD) return false;
  for (let i = 1; i < length; i++) sender.words[index + i] = content;
  return true;
};

/** Broken on purpose: the receiver is shown a record that is filled later. */
const publishFirst: Send = (sender, length, content) => {
  const index = sender.claim(length);
  if (index === NO_RECORD) return false;
  sender.publish();
  for (let i = 1; i < length; i++) sender.words[index + i] = content;
  return true;
};

function sendAll(words: Int32Array, shape: Shape, first: number, sendOne: Send): number {
  const sender = new MailboxSender(words, 0, shape.ringWords);
  let sent = 0;
  for (const length of shape.lengths) {
    // One more try is enough to see the ring full and not full in all combinations.
    const done = sendOne(sender, length, first + sent) || sendOne(sender, length, first + sent);
    if (!done) break;
    sent++;
    if (sent % shape.batch === 0 || sent === shape.lengths.length) {
      sender.publish();
      note(sent);
    }
  }
  sender.publish();
  note(sent);
  return sent;
}

/** Notes each record, as [length, content, content ...]. */
function receive(words: Int32Array, shape: Shape, looks: number): void {
  const receiver = new MailboxReceiver(words, 0, shape.ringWords);
  for (let look = 0; look < looks; look++) {
    const index = receiver.next();
    if (index === NO_RECORD) continue;
    const length = words[index];
    const record = [length];
    for (let i = 1; i < length; i++) record.push(words[index + i]);
    note(record);
    receiver.release();
  }
}

function ringWords(shape: Shape): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer(mailboxBytesFor(shape.ringWords)));
  words[PUBLISHED_OFFSET / WORD_BYTES] = shape.start;
  words[CONSUMED_OFFSET / WORD_BYTES] = shape.start;
  return words;
}

const record = (length: number, content: number): number[] => [
  length,
  ...Array.from({ length: length - 1 }, () => content),
];

/** What a sender published for certain; one more batch may be out when it was killed. */
function publishedBy(glance: Glance, name: string): number {
  return Math.max(0, ...glance.thread(name).notes.map(Number));
}

/** What is still in the ring once nobody sends any more. */
function leftIn(words: Int32Array, shape: Shape): number[][] {
  const receiver = new MailboxReceiver(words, 0, shape.ringWords);
  const left: number[][] = [];
  for (let index = receiver.next(); index !== NO_RECORD; index = receiver.next()) {
    left.push(Array.from({ length: words[index] }, (_, i) => words[index + i]));
  }
  return left;
}

/** Sender, receiver, and a successor of the sender on the same ring. */
function senders(shape: Shape, sendOne: Send = send): Program {
  const words = ringWords(shape);
  const next = { ...shape, lengths: shape.lengths.slice(0, 1) };
  return {
    threads: {
      sender: () => sendAll(words, shape, 100, sendOne),
      receiver: () => receive(words, shape, shape.looks),
      successor: () => sendAll(words, next, 200, sendOne),
    },
    startsAfter: { successor: ['sender'] },
    killable: ['sender'],
    atEnd(glance) {
      const received = glance.thread('receiver').notes as number[][];
      const all = [...received, ...leftIn(words, shape)];
      const fromSuccessor = publishedBy(glance, 'successor');
      const fromSender = all.length - fromSuccessor;
      const sure = publishedBy(glance, 'sender');
      const killed = glance.thread('sender').state === 'killed';
      assert.ok(fromSender >= sure, 'what was published is seen');
      assert.ok(fromSender <= sure + (killed ? shape.batch : 0), 'nothing else is seen');
      const expected = shape.lengths.slice(0, fromSender).map((l, i) => record(l, 100 + i));
      const after = next.lengths.slice(0, fromSuccessor).map((l, i) => record(l, 200 + i));
      assert.equal(all, [...expected, ...after], 'records are intact and in order');
    },
  };
}

const WRAPPING = [0, 0x7fff_fffd | 0, -3];
const PADDED: Shape = { ringWords: 8, lengths: [3, 3, 3], batch: 1, start: 0, looks: 4 };
const SMALLEST: Shape = { ringWords: 2, lengths: [1, 1, 1], batch: 1, start: 0, looks: 4 };
const FULL: Shape = { ringWords: 4, lengths: [2, 2, 2], batch: 1, start: 0, looks: 4 };

for (const kills of [0, 1]) {
  for (const start of WRAPPING) {
    mailbox(`only published records are seen, kills=${kills}, words published=${start}`, () => {
      const shapes = { padded: PADDED, smallest: SMALLEST, full: FULL };
      for (const [name, shape] of Object.entries(shapes)) {
        const setup = (): Program => senders({ ...shape, start });
        const report = explore(`mailbox ${name} ${start} kills ${kills}`, setup, { kills });
        assert.ok(report.states !== 1, 'something happened');
      }
    });
  }
}

mailbox('a batch is seen as a whole or not at all', () => {
  const shape: Shape = { ringWords: 8, lengths: [2, 2, 2], batch: 3, start: 5, looks: 4 };
  const setup = (): Program => {
    const program = senders(shape);
    const { atEnd } = program;
    const whole = (glance: Glance): void => {
      atEnd?.(glance);
      const contents = (glance.thread('receiver').notes as number[][]).map((seen) => seen[1]);
      const words = publishedBy(glance, 'sender');
      assert.ok(words % shape.batch === 0, 'batches are published');
      assert.ok([0, 1, 3, 4].includes(contents.length) || words === 3, 'a batch is one');
    };
    return { ...program, atEnd: whole };
  };
  explore('mailbox batch kills 1', setup, { kills: 1 });
});

mailbox('a successor of the receiver gets everything that was not released', () => {
  const setup = (): Program => {
    const words = ringWords(FULL);
    return {
      threads: {
        sender: () => sendAll(words, FULL, 100, send),
        receiver: () => receive(words, FULL, 3),
        heir: () => receive(words, FULL, 3),
      },
      startsAfter: { heir: ['receiver'] },
      killable: ['receiver'],
      atEnd(glance) {
        const first = contents(glance.thread('receiver').notes);
        const rest = contents([...glance.thread('heir').notes, ...leftIn(words, FULL)]);
        const sent = publishedBy(glance, 'sender');
        // The record that the dead one was reading is received again, or was released.
        const again = first.at(-1) === rest[0] && glance.thread('receiver').state === 'killed';
        const all = [...first, ...rest.slice(again ? 1 : 0)];
        assert.equal(
          all,
          [100, 101, 102].slice(0, sent),
          'each record is received, one at most twice',
        );
      },
    };
  };
  explore('mailbox heir', setup, { kills: 0 });
  explore('mailbox heir kills 1', setup, { kills: 1 });
});

mailbox('random executions have no race by vector clocks', () => {
  const setup = (): Program => senders(PADDED);
  sample('mailbox uniform', setup, { seed: 1, executions: 500, kills: 1 });
  sample('mailbox priorities', setup, { seed: 2, executions: 500, kills: 1, priorityChanges: 3 });
});

mailbox('finds a record that is published before it is filled', () => {
  const setup = (): Program => senders(PADDED, publishFirst);
  assertFinds(/data race/, () => explore('mutant publish first', setup));
  assertFinds(/data race/, () =>
    sample('mutant publish first, clocks', setup, { seed: 1, executions: 20 }),
  );
  assertFinds(/intact and in order/, () =>
    explore('mutant publish first, torn', setup, { races: false }),
  );
});

function contents(records: readonly unknown[]): number[] {
  return (records as number[][]).map((seen) => seen[1]);
}

mailbox.run();
