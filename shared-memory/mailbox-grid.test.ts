import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_RECORD } from './mailbox.ts';
import { type GridSizes, gridBytesFor, MailboxGrid } from './mailbox-grid.ts';
import { mailboxBytesFor } from './mailbox-layout.ts';

const RING_WORDS = 16;
const RECORD_WORDS = 4;

const mailboxGrid = suite('mailbox grid');

function sizesOf(actorThreads: number, threads: number): GridSizes {
  return { actorThreads, threads, ringWords: RING_WORDS };
}

function freshGrid(sizes: GridSizes): MailboxGrid {
  return new MailboxGrid(new SharedArrayBuffer(gridBytesFor(sizes)), sizes);
}

/** Ordered pairs of threads that can talk. */
function pairsOf(grid: MailboxGrid, threads: number): [from: number, to: number][] {
  const pairs: [number, number][] = [];
  for (let from = 0; from < threads; from++) {
    for (let to = 0; to < threads; to++) if (grid.connects(from, to)) pairs.push([from, to]);
  }
  return pairs;
}

mailboxGrid('connects every two threads of which one hosts actors', () => {
  const grid = freshGrid(sizesOf(2, 4));
  const connected = (thread: number): number[] =>
    [0, 1, 2, 3].filter((other) => grid.connects(thread, other));
  assert.equal(connected(0), [1, 2, 3]);
  assert.equal(connected(1), [0, 2, 3]);
  assert.equal(connected(2), [0, 1], 'clients do not talk to each other');
  assert.equal(connected(3), [0, 1]);
});

mailboxGrid('has no end for two threads that do not talk', () => {
  const grid = freshGrid(sizesOf(1, 4));
  for (const [from, to] of [
    [2, 3],
    [3, 1],
    [0, 0],
    [2, 2],
  ]) {
    assert.throws(() => grid.sender(from, to), /talk to each other/);
    assert.throws(() => grid.receiver(from, to), /talk to each other/);
  }
});

for (const [actorThreads, threads] of [
  [1, 2],
  [1, 5],
  [2, 2],
  [2, 5],
  [3, 4],
]) {
  mailboxGrid(`gives each pair a ring of its own: ${actorThreads} of ${threads} threads`, () => {
    const sizes = sizesOf(actorThreads, threads);
    const grid = freshGrid(sizes);
    const pairs = pairsOf(grid, threads);
    const perRing = RING_WORDS / RECORD_WORDS;
    // Each ring is filled to its last word: a ring that overlaps another would damage it.
    for (const [from, to] of pairs) {
      const sender = grid.sender(from, to);
      for (let i = 0; i < perRing; i++) {
        const at = sender.claim(RECORD_WORDS);
        assert.is.not(at, NO_RECORD, `${from} to ${to} has its own room`);
        for (let word = 1; word < RECORD_WORDS; word++) {
          sender.words[at + word] = 10_000 * from + 100 * to + 10 * i + word;
        }
      }
      assert.is(sender.claim(RECORD_WORDS), NO_RECORD);
      sender.publish();
    }
    for (const [from, to] of pairs) {
      const receiver = grid.receiver(from, to);
      for (let i = 0; i < perRing; i++) {
        const at = receiver.next();
        assert.is.not(at, NO_RECORD);
        assert.is(receiver.words[at], RECORD_WORDS);
        for (let word = 1; word < RECORD_WORDS; word++) {
          assert.is(receiver.words[at + word], 10_000 * from + 100 * to + 10 * i + word);
        }
      }
      assert.is(receiver.next(), NO_RECORD);
      receiver.release();
    }
  });

  mailboxGrid(`leaves the rings of others alone: ${actorThreads} of ${threads} threads`, () => {
    const grid = freshGrid(sizesOf(actorThreads, threads));
    const pairs = pairsOf(grid, threads);
    for (const [from, to] of pairs) {
      const sender = grid.sender(from, to);
      sender.claim(RECORD_WORDS);
      sender.publish();
      const waiting = pairs.filter(([a, b]) => grid.receiver(a, b).waiting);
      assert.equal(waiting, [[from, to]]);
      const receiver = grid.receiver(from, to);
      receiver.next();
      receiver.release();
    }
  });
}

mailboxGrid('fits its buffer, and needs all of it', () => {
  const sizes = sizesOf(2, 3);
  const bytes = gridBytesFor(sizes);
  assert.is(bytes, 2 * 2 * 3 * mailboxBytesFor(RING_WORDS));
  const tooSmall = new SharedArrayBuffer(bytes - 4);
  assert.throws(() => new MailboxGrid(tooSmall, sizes), /holds every ring/);
});

mailboxGrid('wants rings that start on a cache line', () => {
  assert.throws(() => gridBytesFor({ ...sizesOf(1, 2), ringWords: 8 }), /cache line/);
});

mailboxGrid('shows two views of one buffer the same rings', () => {
  const sizes = sizesOf(1, 3);
  const buffer = new SharedArrayBuffer(gridBytesFor(sizes));
  const sender = new MailboxGrid(buffer, sizes).sender(2, 0);
  sender.claim(1);
  sender.publish();
  assert.is.not(new MailboxGrid(buffer, sizes).receiver(2, 0).next(), NO_RECORD);
});

mailboxGrid.run();
