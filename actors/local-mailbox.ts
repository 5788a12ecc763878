/**
 * Messages between two actors of one thread: the same ring without another thread. It grows when
 * it is full, since sender and receiver are the same thread and nobody could wait.
 */
import { MailboxReceiver, MailboxSender, NO_RECORD } from '../shared-memory/mailbox.ts';
import { mailboxBytesFor } from '../shared-memory/mailbox-layout.ts';
import { WORD_BYTES } from '../shared-memory/words.ts';
import type { Message } from './message.ts';
import { decodeMessage, encodeMessage, MESSAGE_WORDS_MAX, messageWords } from './message-codec.ts';

const RING_WORDS = 4096;

interface Ring {
  readonly sender: MailboxSender;
  readonly receiver: MailboxReceiver;
}

function newRing(ringWords: number): Ring {
  const words = new Int32Array(mailboxBytesFor(ringWords) / WORD_BYTES);
  return {
    sender: new MailboxSender(words, 0, ringWords),
    receiver: new MailboxReceiver(words, 0, ringWords),
  };
}

export class LocalMailbox {
  /** Oldest first; messages are pushed to the last ring and taken from the first. */
  readonly #rings: Ring[] = [newRing(Math.max(RING_WORDS, 2 * MESSAGE_WORDS_MAX))];

  /** Messages pushed and not taken: most turns find none and look no further. */
  #count = 0;

  push(message: Message): void {
    this.#count++;
    let { sender } = this.#rings[this.#rings.length - 1];
    let at = sender.claim(messageWords(message));
    if (at === NO_RECORD) {
      const ring = newRing(2 * sender.ringWords);
      this.#rings.push(ring);
      sender = ring.sender;
      at = sender.claim(messageWords(message));
    }
    encodeMessage(message, sender.words, at);
    sender.publish();
  }

  /** Takes the oldest message into `message`; false when there is none. */
  take(message: Message): boolean {
    while (this.#count > 0) {
      const { receiver } = this.#rings[0];
      const at = receiver.next();
      if (at !== NO_RECORD) {
        decodeMessage(message, receiver.words, at);
        receiver.release();
        this.#count--;
        return true;
      }
      // Pushes have moved on to a larger ring.
      this.#rings.shift();
    }
    return false;
  }
}
