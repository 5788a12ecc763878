/**
 * How many records a second one thread can send to one other thread.
 *
 *   main thread ── 8-word records ──▶ [ mailbox ] ──▶ worker
 *        ▲                                              │
 *        └───────── one answer per round ◀──────────────┘
 *
 * Beside it the same numbers as objects through postMessage, one at a time and in arrays.
 */
import { once } from 'node:events';
import type { Experiment, ParameterValues } from './harness/experiment.ts';
import { measureRate, type Rate, rateResult } from './harness/measure.ts';
import {
  KIND_WORD,
  type Peer,
  RECORD_WORDS,
  RecordKind,
  type SmallMessage,
  spinForRecord,
  spinForRoom,
  startPeer,
} from './mailbox-bench-peer.ts';

const UNIT = 'records/s';

const parameters = {
  ringWords: { quick: 64 * 1024, full: 64 * 1024 },
  batches: { quick: [1, 16, 256], full: [1, 16, 256] },
  // Fewer records would measure the interpreter: with both cores spinning the compiler comes late.
  records: { quick: 50_000, full: 4_000_000 },
  messages: { quick: 1_024, full: 204_800 },
  warmUp: { quick: 1, full: 3 },
  rounds: { quick: 1, full: 5 },
} as const;

type Values = ParameterValues<typeof parameters>;

export const experiment: Experiment<typeof parameters> = {
  name: 'one-to-one-mailbox-throughput',
  title: 'Records from one thread to another',
  description: 'A mailbox that publishes batches of records, beside postMessage of the same.',
  parameters,
  async run(values, report) {
    for (const batch of values.batches) {
      const rate = await mailboxRate(values, batch);
      const messages = await messageRate(values, batch);
      report.add(rateResult('mailbox', UNIT, rate, { batch }));
      report.add(rateResult('postMessage', UNIT, messages, { batch }));
      const times = (rate.median / messages.median).toFixed(1);
      report.note(`In batches of ${batch} a mailbox carries ${times} times what postMessage does.`);
    }
  },
};

async function mailboxRate(values: Values, batch: number): Promise<Rate> {
  await using peer = await startPeer('mailbox sink', values.ringWords);
  return await measureRate(() => sendRecords(peer, values.records, batch), values);
}

/** Sends `count` records and waits, spinning, until the worker has seen them all. */
function sendRecords({ words, sender, receiver }: Peer, count: number, batch: number): number {
  for (let number = 1; number <= count; number++) {
    let index = sender.claim(RECORD_WORDS);
    if (index < 0) {
      // What is claimed and not shown cannot be consumed: publish before waiting for room.
      sender.publish();
      index = spinForRoom(sender);
    }
    words[index + KIND_WORD] = number === count ? RecordKind.LAST : RecordKind.USUAL;
    for (let word = KIND_WORD + 1; word < RECORD_WORDS; word++) words[index + word] = number;
    if (number % batch === 0) sender.publish();
  }
  sender.publish();
  const seen = words[spinForRecord(receiver) + KIND_WORD];
  receiver.release();
  return checked(seen, count);
}

async function messageRate(values: Values, batch: number): Promise<Rate> {
  await using peer = await startPeer('message sink', values.ringWords);
  return await measureRate(() => postMessages(peer, values.messages, batch), values);
}

async function postMessages({ worker }: Peer, count: number, batch: number): Promise<number> {
  const answer = once(worker, 'message');
  let waiting: SmallMessage[] = [];
  for (let number = 1; number <= count; number++) {
    const message = messageOf(number, number === count);
    if (batch === 1) {
      worker.postMessage(message);
      continue;
    }
    waiting.push(message);
    if (waiting.length < batch && number < count) continue;
    worker.postMessage(waiting);
    waiting = [];
  }
  const [seen] = (await answer) as [number];
  return checked(seen, count);
}

function messageOf(number: number, isLast: boolean): SmallMessage {
  const kind = isLast ? RecordKind.LAST : RecordKind.USUAL;
  return { kind, position: number, epoch: 1, stream: 2, length: 64, first: number, second: number };
}

function checked(seen: number, count: number): number {
  if (seen !== count) throw new Error(`all records arrive: sent=${count}, seen=${seen}`);
  return count;
}
