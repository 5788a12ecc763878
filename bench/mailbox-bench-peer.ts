/**
 * The other thread of the mailbox experiments, seen from the main thread, and what the two of them
 * have agreed on.
 */
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { BATON_BYTES } from '../shared-memory/baton.ts';
import { MailboxReceiver, MailboxSender, NO_RECORD } from '../shared-memory/mailbox.ts';
import { mailboxBytesFor } from '../shared-memory/mailbox-layout.ts';

const WORKER = new URL(
  `./mailbox-bench-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
/** Longer than anything that still works; a thread that died is noticed by it. */
export const LATEST_MS = 10_000;
const SPINS_PER_LOOK = 100_000;

/** How the two threads talk, and whether the other one answers all or only the last. */
export type PeerMode =
  | 'mailbox sink'
  | 'mailbox echo'
  | 'message sink'
  | 'message echo'
  | 'baton echo';

export interface PeerTask {
  readonly mode: PeerMode;
  /** Mailbox there · mailbox back · baton. */
  readonly buffer: SharedArrayBuffer;
  readonly ringWords: number;
}

/** Words of a record, its length included. */
export const RECORD_WORDS = 8;
/** The word of a record that says what it is. */
export const KIND_WORD = 1;
export const RecordKind = { USUAL: 0, LAST: 1 } as const;

/** What postMessage carries in place of a record: as many numbers. */
export interface SmallMessage {
  readonly kind: number;
  readonly position: number;
  readonly epoch: number;
  readonly stream: number;
  readonly length: number;
  readonly first: number;
  readonly second: number;
}

/** Byte offsets in the buffer of a task. */
export const THERE_OFFSET = 0;

export function backOffset(ringWords: number): number {
  return mailboxBytesFor(ringWords);
}

export function batonOffset(ringWords: number): number {
  return 2 * mailboxBytesFor(ringWords);
}

export interface Peer extends AsyncDisposable {
  readonly worker: Worker;
  readonly words: Int32Array;
  readonly sender: MailboxSender;
  readonly receiver: MailboxReceiver;
  /** Index in `words`. */
  readonly baton: number;
}

/** Starts the other thread; resolves once it listens. */
export async function startPeer(mode: PeerMode, ringWords: number): Promise<Peer> {
  const buffer = new SharedArrayBuffer(batonOffset(ringWords) + BATON_BYTES);
  const task: PeerTask = { mode, buffer, ringWords };
  const worker = new Worker(WORKER, { workerData: task });
  await once(worker, 'message');
  const words = new Int32Array(buffer);
  return {
    worker,
    words,
    sender: new MailboxSender(words, THERE_OFFSET, ringWords),
    receiver: new MailboxReceiver(words, backOffset(ringWords), ringWords),
    baton: batonOffset(ringWords) / Int32Array.BYTES_PER_ELEMENT,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}

/** The index of the next record. Blocks, spinning; throws after ten seconds without one. */
export function spinForRecord(receiver: MailboxReceiver): number {
  return spinUntil(() => receiver.next());
}

/** The index of a claimed record. Blocks, spinning, while the ring is full. */
export function spinForRoom(sender: MailboxSender): number {
  return spinUntil(() => sender.claim(RECORD_WORDS));
}

function spinUntil(attempt: () => number): number {
  let latest = 0;
  for (;;) {
    for (let spin = 0; spin < SPINS_PER_LOOK; spin++) {
      const index = attempt();
      if (index !== NO_RECORD) return index;
    }
    const now = performance.now();
    if (latest === 0) latest = now + LATEST_MS;
    else if (now > latest) throw new Error(`the other thread was expected within ${LATEST_MS} ms`);
  }
}
