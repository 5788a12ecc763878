import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MailboxReceiver, MailboxSender, NO_RECORD } from './mailbox.ts';
import {
  CONSUMED_OFFSET,
  MAILBOX_HEADER_BYTES,
  mailboxBytesFor,
  PUBLISHED_OFFSET,
} from './mailbox-layout.ts';
import { lengthOfRecord, type MailboxStress } from './mailbox-stress-worker.ts';
import { WORD_BYTES } from './words.ts';

const RING_WORDS = 16;
/** A longer one may find no place in an empty ring: the rest up to the end is skipped. */
const LENGTH_MAX = RING_WORDS / 2;
/** Both mailboxes of a test lie behind something else. */
const OFFSET = 128;
const FIRST_WORD = (OFFSET + MAILBOX_HEADER_BYTES) / WORD_BYTES;

const mailbox = suite('mailbox');

interface Ends {
  readonly words: Int32Array;
  readonly sender: MailboxSender;
  readonly receiver: MailboxReceiver;
}

/** Both ends of a mailbox that has seen `position` words before. */
function mailboxAt(position = 0, ringWords = RING_WORDS): Ends {
  const words = new Int32Array(new SharedArrayBuffer(OFFSET + mailboxBytesFor(ringWords)));
  words[(OFFSET + PUBLISHED_OFFSET) / WORD_BYTES] = position;
  words[(OFFSET + CONSUMED_OFFSET) / WORD_BYTES] = position;
  return { words, ...endsOn(words, ringWords) };
}

function endsOn(words: Int32Array, ringWords = RING_WORDS): Omit<Ends, 'words'> {
  const sender = new MailboxSender(words, OFFSET, ringWords);
  return { sender, receiver: new MailboxReceiver(words, OFFSET, ringWords) };
}

/** Sends a record whose words are its length, then `first`, first + 1, ...; false: no room. */
function send({ words, sender }: Ends, length: number, first: number): boolean {
  const index = sender.claim(length);
  if (index === NO_RECORD) return false;
  for (let word = 1; word < length; word++) words[index + word] = first + word - 1;
  return true;
}

/** The content of the next record, its length left out. */
function receive({ words, receiver }: Ends): number[] | undefined {
  const index = receiver.next();
  return index === NO_RECORD ? undefined : [...words.slice(index + 1, index + words[index])];
}

mailbox('delivers records in the order they were sent', () => {
  const ends = mailboxAt();
  for (const first of [10, 20, 30]) send(ends, 3, first);
  ends.sender.publish();
  assert.equal(receive(ends), [10, 11]);
  assert.equal(receive(ends), [20, 21]);
  assert.equal(receive(ends), [30, 31]);
  assert.is(receive(ends), undefined);
});

mailbox('hides what is claimed and not published', () => {
  const ends = mailboxAt();
  assert.not(ends.sender.unpublished);
  send(ends, 3, 10);
  assert.ok(ends.sender.unpublished);
  assert.is(receive(ends), undefined);
  assert.not(ends.receiver.waiting);
  ends.sender.publish();
  assert.not(ends.sender.unpublished);
  assert.ok(ends.receiver.waiting);
  assert.equal(receive(ends), [10, 11]);
  assert.not(ends.receiver.waiting);
});

mailbox('skips the end of the ring where a record does not fit', () => {
  const ends = mailboxAt(RING_WORDS - 3);
  send(ends, 5, 100);
  ends.sender.publish();
  assert.is(ends.receiver.next(), FIRST_WORD);
  assert.ok(ends.receiver.release());
  assert.equal([...ends.words.slice(FIRST_WORD, FIRST_WORD + 5)], [5, 100, 101, 102, 103]);
  // The padding counts as consumed: the whole ring is free again.
  assert.ok(send(ends, RING_WORDS / 2, 0));
  assert.ok(send(ends, RING_WORDS / 2 - 5, 0));
});

mailbox('uses the ring up to its last word', () => {
  const ends = mailboxAt(RING_WORDS - 3);
  send(ends, 3, 7);
  send(ends, 1, 0);
  ends.sender.publish();
  assert.is(ends.receiver.next(), FIRST_WORD + RING_WORDS - 3);
  assert.is(ends.receiver.next(), FIRST_WORD);
  assert.is(ends.receiver.next(), NO_RECORD);
});

mailbox('answers NO_RECORD when the ring is full, and changes nothing', () => {
  const ends = mailboxAt();
  while (send(ends, 5, 1));
  ends.sender.publish();
  const before = [...ends.words];
  assert.is(ends.sender.claim(5), NO_RECORD);
  assert.not(ends.sender.unpublished);
  assert.equal([...ends.words], before);
  // One word is left, and none after it.
  assert.ok(send(ends, 1, 0));
  assert.is(ends.sender.claim(1), NO_RECORD);
});

mailbox('has room again only after release', () => {
  const ends = mailboxAt();
  while (send(ends, 4, 1));
  ends.sender.publish();
  assert.not(ends.receiver.release());
  receive(ends);
  receive(ends);
  assert.not(send(ends, 4, 2));
  assert.ok(ends.receiver.release());
  assert.not(ends.receiver.release());
  assert.ok(send(ends, LENGTH_MAX, 2));
  assert.not(send(ends, 1, 2));
});

mailbox('takes every length up to half the ring at every place of an empty one', () => {
  for (let place = 0; place < RING_WORDS; place++) {
    for (let length = 1; length <= LENGTH_MAX; length++) {
      const ends = mailboxAt(place);
      assert.ok(send(ends, length, 50), `length=${length} at place=${place}`);
      ends.sender.publish();
      assert.is(receive(ends)?.length, length - 1);
      assert.is(ends.receiver.next(), NO_RECORD);
    }
  }
});

for (const [name, start] of [
  ['2^31', 0x7fff_ffff - 20],
  ['2^32', -20],
] as const) {
  mailbox(`goes on when its counters pass ${name}`, () => {
    const ends = mailboxAt(start);
    for (let sent = 0; sent < 40; sent++) {
      const length = 1 + (sent % LENGTH_MAX);
      assert.ok(send(ends, length, sent));
      ends.sender.publish();
      assert.equal(
        receive(ends),
        Array.from({ length: length - 1 }, (_unused, index) => sent + index),
      );
      ends.receiver.release();
    }
    assert.is(ends.receiver.next(), NO_RECORD);
  });

  mailbox(`is full at the right moment around ${name}`, () => {
    for (let before = 0; before <= RING_WORDS; before++) {
      const ends = mailboxAt((start + 20 - before) | 0);
      for (let word = 0; word < RING_WORDS; word++) assert.ok(send(ends, 1, 0));
      assert.is(ends.sender.claim(1), NO_RECORD);
    }
  });
}

mailbox('shows a new pair of ends only what the dead ones published and left', () => {
  const ends = mailboxAt(5);
  for (const first of [10, 20, 30]) send(ends, 3, first);
  ends.sender.publish();
  assert.equal(receive(ends), [10, 11]);
  ends.receiver.release();
  // Read and not released, claimed and not published: then both threads die.
  assert.equal(receive(ends), [20, 21]);
  send(ends, 4, 66);
  const heirs = { words: ends.words, ...endsOn(ends.words) };
  assert.equal(receive(heirs), [20, 21]);
  assert.equal(receive(heirs), [30, 31]);
  assert.is(receive(heirs), undefined);
  send(heirs, 2, 40);
  heirs.sender.publish();
  assert.equal(receive(heirs), [40]);
});

mailbox('refuses a ring that is no power of two, and a record that leaves the ring', () => {
  const words = new Int32Array(4096);
  assert.throws(() => new MailboxSender(words, 0, 48), /power of two/);
  const ends = mailboxAt();
  send(ends, 4, 1);
  ends.sender.publish();
  for (const scribbled of [0, -7, RING_WORDS + 1]) {
    ends.words[FIRST_WORD] = scribbled;
    const receiver = new MailboxReceiver(ends.words, OFFSET, RING_WORDS);
    assert.throws(() => receiver.next(), /inside the ring/);
  }
});

mailbox('carries 300,000 records of many lengths from one thread to another', async () => {
  const ringWords = 4096;
  const buffer = new SharedArrayBuffer(OFFSET + mailboxBytesFor(ringWords));
  const words = new Int32Array(buffer);
  const stress: MailboxStress = { buffer, offset: OFFSET, ringWords, records: 300_000 };
  const entry = `./mailbox-stress-worker${extname(fileURLToPath(import.meta.url))}`;
  const worker = new Worker(new URL(entry, import.meta.url), { workerData: stress });
  const failed = new Promise<never>((_resolve, reject) => worker.once('error', reject));
  try {
    await Promise.race([failed, verifyAll(new MailboxReceiver(words, OFFSET, ringWords), stress)]);
  } finally {
    await worker.terminate();
  }
});

/** Every word of record number n is checked: its length, then n, n + 1, ... */
async function verifyAll(receiver: MailboxReceiver, stress: MailboxStress): Promise<void> {
  const latest = Date.now() + 30_000;
  let looks = 0;
  for (let number = 0; number < stress.records; ) {
    const index = receiver.next();
    if (index === NO_RECORD) {
      receiver.release();
      if (Date.now() > latest) throw new Error(`not within 30 s: record ${number}`);
      // A while on this core, then a sleep in which the sender may have it.
      if (++looks % 100 === 0) await sleep(1);
      else await new Promise(setImmediate);
      continue;
    }
    const length = lengthOfRecord(number);
    if (receiver.words[index] !== length) throw new Error(`length of record ${number}`);
    for (let word = 1; word < length; word++) {
      if (receiver.words[index + word] !== number + word) throw new Error(`record ${number}`);
    }
    number++;
    if (number % 7 === 0) receiver.release();
  }
  assert.is(receiver.next(), NO_RECORD);
}

mailbox.run();
