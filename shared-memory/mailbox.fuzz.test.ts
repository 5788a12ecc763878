import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MailboxReceiver, MailboxSender, NO_RECORD } from './mailbox.ts';
import { CONSUMED_OFFSET, mailboxBytesFor, PUBLISHED_OFFSET } from './mailbox-layout.ts';
import { WORD_BYTES } from './words.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const CASES = 200;
const STEPS = 500;

console.log(`seed ${SEED}; again with: SEED=${SEED} node dist/shared-memory/mailbox.fuzz.test.js`);

/** Whole numbers below `limit`, the same for the same seed (mulberry32). */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** A mailbox with the array of records that it should hold. */
class ModelledMailbox {
  readonly #words: Int32Array;
  readonly #ringWords: number;
  readonly #random: (limit: number) => number;
  #sender: MailboxSender;
  #receiver: MailboxReceiver;
  #claimed: number[][] = [];
  /** Published and not released; the receiver has seen the first #seen of them. */
  #published: number[][] = [];
  #seen = 0;
  /** How often something happened, so that a run that did nothing is noticed. */
  readonly happened = { sent: 0, refused: 0, received: 0, empty: 0, died: 0 };

  constructor(random: (limit: number) => number) {
    this.#random = random;
    this.#ringWords = 2 ** (2 + random(7));
    const words = new Int32Array(new SharedArrayBuffer(mailboxBytesFor(this.#ringWords)));
    // Any start, but often one close below the wrap of a signed or an unsigned word.
    const wrap = [0, 0x8000_0000, 0x1_0000_0000][random(3)];
    const start = (wrap - random(4 * this.#ringWords)) | 0;
    words[PUBLISHED_OFFSET / WORD_BYTES] = start;
    words[CONSUMED_OFFSET / WORD_BYTES] = start;
    this.#words = words;
    this.#sender = new MailboxSender(words, 0, this.#ringWords);
    this.#receiver = new MailboxReceiver(words, 0, this.#ringWords);
  }

  step(): void {
    const choice = this.#random(100);
    if (choice < 45) this.#send();
    else if (choice < 60) this.#publish();
    else if (choice < 85) this.#receive();
    else if (choice < 98) this.#release();
    else this.#die();
  }

  #send(): void {
    const length = 1 + this.#random(this.#ringWords / 2);
    const index = this.#sender.claim(length);
    if (index === NO_RECORD) {
      this.happened.refused++;
      assert.ok(this.#claimed.length + this.#published.length > 0, 'an empty ring refuses nothing');
      return;
    }
    const content = Array.from({ length: length - 1 }, () => this.#random(0x8000_0000));
    this.#words.set(content, index + 1);
    this.#claimed.push(content);
    this.happened.sent++;
  }

  #publish(): void {
    this.#sender.publish();
    this.#published.push(...this.#claimed);
    this.#claimed = [];
  }

  #receive(): void {
    assert.is(this.#receiver.waiting, this.#seen < this.#published.length);
    const index = this.#receiver.next();
    if (this.#seen === this.#published.length) {
      assert.is(index, NO_RECORD);
      this.happened.empty++;
      return;
    }
    const content = this.#words.slice(index + 1, index + this.#words[index]);
    assert.equal([...content], this.#published[this.#seen]);
    this.#seen++;
    this.happened.received++;
  }

  #release(): void {
    assert.is(this.#receiver.release(), this.#seen > 0);
    this.#published.splice(0, this.#seen);
    this.#seen = 0;
  }

  /** One of the two threads dies and is replaced. */
  #die(): void {
    if (this.#random(2) === 0) {
      this.#sender = new MailboxSender(this.#words, 0, this.#ringWords);
      this.#claimed = [];
    } else {
      this.#receiver = new MailboxReceiver(this.#words, 0, this.#ringWords);
      this.#seen = 0;
    }
    this.happened.died++;
  }
}

const mailboxFuzz = suite('mailbox, random runs');

mailboxFuzz('behaves like an array of records', () => {
  const total: Record<string, number> = {};
  for (let number = 0; number < CASES; number++) {
    const mailbox = new ModelledMailbox(randomFrom(SEED * CASES + number));
    for (let step = 0; step < STEPS; step++) mailbox.step();
    for (const [what, times] of Object.entries(mailbox.happened)) {
      total[what] = (total[what] ?? 0) + times;
    }
  }
  for (const [what, times] of Object.entries(total)) assert.ok(times > 100, `${what}: ${times}`);
});

mailboxFuzz.run();
