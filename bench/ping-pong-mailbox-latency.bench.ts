/**
 * How long it takes to ask another thread something and have the answer.
 *
 *   main thread ── record ──▶ [ mailbox there ] ──▶ worker
 *        ▲                                            │ at once
 *        └── record ◀── [ mailbox back ] ◀────────────┘
 *
 * Both threads spin. Beside it the same over postMessage, and a hand-off where both threads sleep
 * in between: what one wake-up each way costs.
 */
import { once } from 'node:events';
import { Baton } from '../shared-memory/baton.ts';
import { Histogram, histogramBytesFor } from '../shared-memory/histogram.ts';
import type { Experiment } from './harness/experiment.ts';
import { latencyResult, recordLatencies, recordLatenciesAsync } from './harness/measure.ts';
import {
  KIND_WORD,
  LATEST_MS,
  type Peer,
  type PeerMode,
  RECORD_WORDS,
  RecordKind,
  type SmallMessage,
  spinForRecord,
  spinForRoom,
  startPeer,
} from './mailbox-bench-peer.ts';

const parameters = {
  ringWords: { quick: 4096, full: 4096 },
  mailboxRoundTrips: { quick: 1_000, full: 1_000_000 },
  messageRoundTrips: { quick: 200, full: 50_000 },
  batonRoundTrips: { quick: 200, full: 50_000 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'ping-pong-mailbox-latency',
  title: 'A question to another thread and its answer',
  description: 'Round trips over two mailboxes, over postMessage, and by waking each other.',
  parameters,
  async run(values, report) {
    const { ringWords, mailboxRoundTrips, messageRoundTrips, batonRoundTrips } = values;
    const measure = async (
      name: string,
      mode: PeerMode,
      roundTrips: number,
      body: (peer: Peer, histogram: Histogram, count: number) => void | Promise<void>,
    ): Promise<void> => {
      await using peer = await startPeer(mode, ringWords);
      const histogram = new Histogram(new SharedArrayBuffer(histogramBytesFor()));
      // A tenth for the compiler, then forgotten.
      await body(peer, histogram, Math.ceil(roundTrips / 10));
      histogram.clear();
      await body(peer, histogram, roundTrips);
      report.add(latencyResult(name, histogram, { roundTrips }));
    };
    await measure('mailboxes, spinning', 'mailbox echo', mailboxRoundTrips, pingMailbox);
    await measure('postMessage', 'message echo', messageRoundTrips, pingMessages);
    await measure('wait and notify', 'baton echo', batonRoundTrips, pingBaton);
  },
};

function pingMailbox({ words, sender, receiver }: Peer, histogram: Histogram, count: number): void {
  let number = 0;
  recordLatencies(histogram, count, () => {
    const index = spinForRoom(sender);
    words[index + KIND_WORD] = RecordKind.USUAL;
    for (let word = KIND_WORD + 1; word < RECORD_WORDS; word++) words[index + word] = number;
    sender.publish();
    const answer = spinForRecord(receiver);
    if (words[answer + RECORD_WORDS - 1] !== number++) throw new Error('an echo is what was sent');
    receiver.release();
  });
}

async function pingMessages({ worker }: Peer, histogram: Histogram, count: number): Promise<void> {
  const message: SmallMessage = {
    kind: RecordKind.USUAL,
    position: 1,
    epoch: 1,
    stream: 2,
    length: 64,
    first: 3,
    second: 4,
  };
  await recordLatenciesAsync(histogram, count, async () => {
    worker.postMessage(message);
    await once(worker, 'message');
  });
}

function pingBaton({ words, baton: index }: Peer, histogram: Histogram, count: number): void {
  const baton = new Baton(words, index);
  recordLatencies(histogram, count, () => {
    baton.pass(1);
    baton.take(0, LATEST_MS);
  });
}
