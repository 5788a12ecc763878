/**
 * Every mailbox of a log in one buffer: a ring per ordered pair of threads of which one, at least,
 * is an actor thread. Client threads never talk to each other. Allocated at once, touched lazily.
 */
import { assert } from './assert.ts';
import { MailboxReceiver, MailboxSender } from './mailbox.ts';
import { mailboxBytesFor } from './mailbox-layout.ts';
import type { ThreadIndex } from './thread-table.ts';
import { CACHE_LINE_BYTES } from './words.ts';

export interface GridSizes {
  /** Threads [0, actorThreads) host actors. */
  readonly actorThreads: number;
  /** All threads, the actor threads included. */
  readonly threads: number;
  /** Words of one ring; a power of two. */
  readonly ringWords: number;
}

export function gridBytesFor(sizes: GridSizes): number {
  return 2 * sizes.actorThreads * sizes.threads * ringStride(sizes);
}

function ringStride(sizes: GridSizes): number {
  const bytes = mailboxBytesFor(sizes.ringWords);
  assert(bytes % CACHE_LINE_BYTES === 0, 'rings start on a cache line');
  return bytes;
}

export class MailboxGrid {
  readonly #words: Int32Array;
  readonly #sizes: GridSizes;

  constructor(buffer: SharedArrayBuffer, sizes: GridSizes) {
    assert(buffer.byteLength >= gridBytesFor(sizes), 'the buffer holds every ring');
    this.#words = new Int32Array(buffer);
    this.#sizes = sizes;
  }

  /** True when messages can pass between the two threads. */
  connects(a: ThreadIndex, b: ThreadIndex): boolean {
    return a !== b && (a < this.#sizes.actorThreads || b < this.#sizes.actorThreads);
  }

  /** The sending end; `from` is the calling thread. */
  sender(from: ThreadIndex, to: ThreadIndex): MailboxSender {
    return new MailboxSender(this.#words, this.#offset(from, to), this.#sizes.ringWords);
  }

  /** The receiving end; `to` is the calling thread. */
  receiver(from: ThreadIndex, to: ThreadIndex): MailboxReceiver {
    return new MailboxReceiver(this.#words, this.#offset(from, to), this.#sizes.ringWords);
  }

  /** Rings into an actor thread first, then rings from an actor thread to a client thread. */
  #offset(from: ThreadIndex, to: ThreadIndex): number {
    const { actorThreads, threads } = this.#sizes;
    assert(this.connects(from, to), `threads ${from} and ${to} talk to each other`);
    const intoActor = to < actorThreads;
    const ring = intoActor ? to * threads + from : (actorThreads + from) * threads + to;
    return ring * ringStride(this.#sizes);
  }
}
