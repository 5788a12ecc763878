/** The other thread of bare-ring.ts: answers each record with one of the agreed size. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { MailboxReceiver, MailboxSender, NO_RECORD } from '../shared-memory/mailbox.ts';
import { mailboxBytesFor } from '../shared-memory/mailbox-layout.ts';
import { PUBLISH_EVERY, type RingTask } from './bare-ring.ts';

function run({ buffer, ringWords, requestWords, answerWords }: RingTask, port: MessagePort): void {
  const words = new Int32Array(buffer);
  const receiver = new MailboxReceiver(words, 0, ringWords);
  const sender = new MailboxSender(words, mailboxBytesFor(ringWords), ringWords);
  port.postMessage('ready');
  let sum = 0;
  for (let waiting = 0; ; ) {
    const index = receiver.next();
    if (index === NO_RECORD || waiting === PUBLISH_EVERY) {
      if (sender.unpublished) sender.publish();
      receiver.release();
      waiting = 0;
      if (index === NO_RECORD) continue;
    }
    for (let word = 1; word < requestWords; word++) sum = (sum + words[index + word]) | 0;
    const answer = sender.claim(answerWords);
    if (answer === NO_RECORD) throw new Error('a window fits the ring');
    for (let word = 1; word < answerWords; word++) words[answer + word] = sum;
    waiting++;
  }
}

// Null in the main thread, which has no business here.
if (parentPort !== null) run(workerData as RingTask, parentPort);
