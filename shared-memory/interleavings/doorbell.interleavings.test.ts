import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MailboxReceiver, MailboxSender, NO_RECORD } from '../mailbox.ts';
import { mailboxBytesFor } from '../mailbox-layout.ts';
import { allocateThreadTable, ThreadTable } from '../thread-table.ts';
import { assertFinds, explore } from './explorer.ts';
import type { Glance, Program } from './machine.ts';
import { note } from './thread-history.ts';
import { quietly, settled } from './watched-memory.ts';

const RING_WORDS = 4;
const SLEEPER = 0;

const doorbell = suite('doorbell interleavings');

interface Habits {
  readonly ringers: number;
  /** Sleeps by waitAsync, as a thread on the event loop does. */
  readonly async?: boolean;
  /** Broken on purpose. */
  readonly ringsFirst?: boolean;
  readonly looksFirst?: boolean;
}

/** Senders that ring against a receiver that goes to sleep, in the order of Idle. */
function program(habits: Habits): Program {
  const table = allocateThreadTable(1);
  const rings = Array.from(
    { length: habits.ringers },
    () => new Int32Array(new SharedArrayBuffer(mailboxBytesFor(RING_WORDS))),
  );
  const threads: Record<string, () => unknown> = {};
  rings.forEach((words, ringer) => {
    threads[`ringer${ringer}`] = () => {
      const doorbells = quietly(() => new ThreadTable(table));
      const sender = new MailboxSender(words, 0, RING_WORDS);
      sender.claim(1);
      if (habits.ringsFirst) doorbells.ring(SLEEPER);
      sender.publish();
      note('published');
      if (!habits.ringsFirst) doorbells.ring(SLEEPER);
    };
  });
  threads.sleeper = () => sleeper(table, rings, habits);
  const killable = rings.map((_, ringer) => `ringer${ringer}`);
  return {
    threads,
    killable,
    atEnd(glance) {
      const published = killable.filter((name) => glance.thread(name).notes.length > 0).length;
      const found = Number(glance.thread('sleeper').outcome);
      if (glance.kills === 0) {
        assert.is(glance.deadlines, 0, 'no wake-up is lost');
        assert.is(found, habits.ringers, 'everything is found');
      }
      // After the deadline it has looked once more: a dead ringer costs no more than that.
      assert.ok(found >= published, 'what was published is found');
    },
  };
}

function sleeper(table: SharedArrayBuffer, rings: readonly Int32Array[], habits: Habits): number {
  const doorbells = quietly(() => new ThreadTable(table));
  const receivers = rings.map((words) => new MailboxReceiver(words, 0, RING_WORDS));
  let found = 0;
  const look = (): boolean => {
    const before = found;
    for (const receiver of receivers) if (receiver.next() !== NO_RECORD) found++;
    return found > before;
  };
  // Two deadlines, one for each ringer that may die, and the rings that come in between.
  for (let turn = 0; turn < 2 * rings.length + 1 && found < rings.length; turn++) {
    if (habits.looksFirst && look()) continue;
    const heard = doorbells.prepareToSleep(SLEEPER);
    if (habits.looksFirst || !look()) {
      if (!habits.async) doorbells.sleep(SLEEPER, heard, 500);
      else {
        const rung = doorbells.sleepAsync(SLEEPER, heard, 500);
        if (rung !== undefined) settled(rung);
      }
    }
    doorbells.awake(SLEEPER);
  }
  if (found < rings.length) look();
  return found;
}

for (const kills of [0, 1]) {
  for (const ringers of [1, 2]) {
    for (const async of [false, true]) {
      const name = `doorbell ${ringers} ringers${async ? ' async' : ''} kills ${kills}`;
      doorbell(`no wake-up is lost: ${name}`, () => {
        explore(name, () => program({ ringers, async }), { kills });
      });
    }
  }
}

doorbell('does no harm when deadlines pass at any time', () => {
  const setup = (): Program => {
    const { atEnd, ...rest } = program({ ringers: 1 });
    assert.type(atEnd, 'function');
    const found = (glance: Glance): void => {
      const published = glance.thread('ringer0').notes.length;
      const seen = Number(glance.thread('sleeper').outcome);
      // A sleeper that was never rung gives up in the end, and misses what comes later.
      assert.ok(seen <= published, 'only what was published is found');
      if (glance.deadlines === 0) assert.is(seen, published, 'no wake-up is lost');
    };
    return { ...rest, atEnd: found };
  };
  explore('doorbell any time', setup, { deadlines: 'any time' });
});

doorbell('finds a ring before the publish', () => {
  assertFinds(/no wake-up is lost/, () =>
    explore('mutant ring first', () => program({ ringers: 1, ringsFirst: true })),
  );
});

doorbell('finds a look before the announcement of sleep', () => {
  assertFinds(/no wake-up is lost/, () =>
    explore('mutant look first', () => program({ ringers: 1, looksFirst: true })),
  );
});

doorbell.run();
