/** The sending thread of a test of mailboxes: numbered records of many lengths, in batches. */
import { isMainThread, workerData } from 'node:worker_threads';
import { MailboxSender, NO_RECORD } from './mailbox.ts';

export interface MailboxStress {
  readonly buffer: SharedArrayBuffer;
  readonly offset: number;
  readonly ringWords: number;
  readonly records: number;
}

/** Words of record `number`, 1 to 64; known to both threads. */
export function lengthOfRecord(number: number): number {
  return 1 + (Math.imul(number + 1, 0x9e37_79b1) >>> 26);
}

const SPINS = 1000;
const SLEEP_MS = 0.1;

/** Blocks while the ring is full, spinning at first, until all records are published. */
function sendAll({ buffer, offset, ringWords, records }: MailboxStress): void {
  const words = new Int32Array(buffer);
  const sender = new MailboxSender(words, offset, ringWords);
  const nobodyNotifies = new Int32Array(new SharedArrayBuffer(4));
  let spins = 0;
  for (let number = 0; number < records; ) {
    const length = lengthOfRecord(number);
    const index = sender.claim(length);
    if (index === NO_RECORD) {
      sender.publish();
      // The receiver may need this core.
      if (++spins % SPINS === 0) Atomics.wait(nobodyNotifies, 0, 0, SLEEP_MS);
      continue;
    }
    for (let word = 1; word < length; word++) words[index + word] = number + word;
    number++;
    // Batches of 1 to 16 records, so that publications fall anywhere in the ring.
    if (length % 16 === number % 16) sender.publish();
  }
  sender.publish();
}

// The test imports lengthOfRecord, and runs in the main thread of its process.
if (!isMainThread) sendAll(workerData as MailboxStress);
