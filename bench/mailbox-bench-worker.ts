/**
 * The other thread of the mailbox experiments. A sink swallows what comes and answers the last of
 * each round with the number of records it saw; an echo answers everything at once. It runs until
 * it is terminated.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { Baton } from '../shared-memory/baton.ts';
import { MailboxReceiver, MailboxSender, NO_RECORD } from '../shared-memory/mailbox.ts';
import {
  backOffset,
  batonOffset,
  KIND_WORD,
  LATEST_MS,
  type PeerTask,
  RECORD_WORDS,
  RecordKind,
  type SmallMessage,
  spinForRoom,
  THERE_OFFSET,
} from './mailbox-bench-peer.ts';

const RELEASE_RECORDS = 64;

function run({ mode, buffer, ringWords }: PeerTask, port: MessagePort): void {
  const words = new Int32Array(buffer);
  const receiver = new MailboxReceiver(words, THERE_OFFSET, ringWords);
  const sender = new MailboxSender(words, backOffset(ringWords), ringWords);
  port.postMessage('ready');
  switch (mode) {
    case 'mailbox sink':
      return sinkRecords(receiver, sender);
    case 'mailbox echo':
      return echoRecords(receiver, sender);
    case 'message sink':
      return sinkMessages(port);
    case 'message echo':
      port.on('message', (message: SmallMessage) => port.postMessage(message));
      return;
    case 'baton echo':
      return echoBaton(new Baton(words, batonOffset(ringWords) / Int32Array.BYTES_PER_ELEMENT));
    default:
      mode satisfies never;
  }
}

function sinkRecords(receiver: MailboxReceiver, sender: MailboxSender): void {
  const { words } = receiver;
  for (let seen = 0; ; ) {
    const index = receiver.next();
    if (index === NO_RECORD) {
      receiver.release();
      continue;
    }
    seen++;
    const isLast = words[index + KIND_WORD] === RecordKind.LAST;
    if (isLast || seen % RELEASE_RECORDS === 0) receiver.release();
    if (!isLast) continue;
    words[spinForRoom(sender) + KIND_WORD] = seen;
    sender.publish();
    seen = 0;
  }
}

function echoRecords(receiver: MailboxReceiver, sender: MailboxSender): void {
  const { words } = receiver;
  for (;;) {
    const index = receiver.next();
    if (index === NO_RECORD) continue;
    const answer = spinForRoom(sender);
    for (let word = 1; word < RECORD_WORDS; word++) words[answer + word] = words[index + word];
    receiver.release();
    sender.publish();
  }
}

function sinkMessages(port: MessagePort): void {
  let seen = 0;
  const take = (message: SmallMessage): void => {
    seen++;
    if (message.kind !== RecordKind.LAST) return;
    port.postMessage(seen);
    seen = 0;
  };
  port.on('message', (message: SmallMessage | readonly SmallMessage[]) => {
    if (Array.isArray(message)) message.forEach(take);
    else take(message as SmallMessage);
  });
}

function echoBaton(baton: Baton): void {
  for (;;) {
    baton.take(1, LATEST_MS);
    baton.pass(0);
  }
}

// Null in the main thread, which has no business here.
if (parentPort !== null) run(workerData as PeerTask, parentPort);
