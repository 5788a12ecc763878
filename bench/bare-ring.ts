/**
 * Round trips through two bare mailboxes with a window of them under way: the limit of whatever
 * asks another thread by messages. Nobody looks at the records, nothing is decided.
 *
 *   this thread ── records ──▶ [ mailbox ] ──▶ worker
 *        ▲                                       │ one answer each
 *        └──────────────◀ [ mailbox ] ◀──────────┘
 */
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Histogram, histogramBytesFor } from '../shared-memory/histogram.ts';
import { MailboxReceiver, MailboxSender, NO_RECORD } from '../shared-memory/mailbox.ts';
import { mailboxBytesFor } from '../shared-memory/mailbox-layout.ts';
import { measureRate, type Rounds, recordLatencies } from './harness/measure.ts';
import { spinForRecord } from './mailbox-bench-peer.ts';

const WORKER = new URL(
  `./bare-ring-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
/** As the log has them. */
const RING_WORDS = 32 * 1024;
/** Records after which both sides show what they sent, as the hosts of actors do. */
export const PUBLISH_EVERY = 16;

/** Words of a record there and of its answer, lengths included. */
export interface RingRecords {
  readonly requestWords: number;
  readonly answerWords: number;
}

export interface RingTask extends RingRecords {
  readonly buffer: SharedArrayBuffer;
  readonly ringWords: number;
}

export class BareRing implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #sender: MailboxSender;
  readonly #receiver: MailboxReceiver;
  readonly #requestWords: number;
  #number = 0;

  private constructor(worker: Worker, { buffer, ringWords, requestWords }: RingTask) {
    const words = new Int32Array(buffer);
    this.#worker = worker;
    this.#sender = new MailboxSender(words, 0, ringWords);
    this.#receiver = new MailboxReceiver(words, mailboxBytesFor(ringWords), ringWords);
    this.#requestWords = requestWords;
  }

  /** Resolves once the other thread listens. */
  static async start(records: RingRecords): Promise<BareRing> {
    const buffer = new SharedArrayBuffer(2 * mailboxBytesFor(RING_WORDS));
    const task: RingTask = { ...records, buffer, ringWords: RING_WORDS };
    const worker = new Worker(WORKER, { workerData: task });
    await once(worker, 'message');
    return new BareRing(worker, task);
  }

  /** Makes `count` round trips, `window` at once. Blocks, spinning. */
  roundTrips(count: number, window: number): number {
    const receiver = this.#receiver;
    const sender = this.#sender;
    let sent = 0;
    for (; sent < window && sent < count; sent++) this.#send();
    sender.publish();
    for (let answered = 0; answered < count; ) {
      if (receiver.next() === NO_RECORD) {
        receiver.release();
        if (sender.unpublished) sender.publish();
        spinForRecord(receiver);
      }
      if (sent < count) {
        this.#send();
        sent++;
      }
      if (++answered % PUBLISH_EVERY !== 0) continue;
      receiver.release();
      sender.publish();
    }
    receiver.release();
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #send(): void {
    const { words } = this.#sender;
    const index = this.#sender.claim(this.#requestWords);
    if (index === NO_RECORD) throw new Error('a window fits the ring');
    const number = this.#number++ | 0;
    for (let word = 1; word < this.#requestWords; word++) words[index + word] = number;
  }
}

/** Records of a request and a reply without further words. */
export const PLAIN_RECORDS: RingRecords = { requestWords: 7, answerWords: 7 };

/**
 * Round trips a second of the best round; `perRound` of them in each. Two spinning threads fall in
 * and out of step, and a limit is what they reach in step.
 */
export async function ringRate(
  records: RingRecords,
  { window, perRound }: { readonly window: number; readonly perRound: number },
  rounds: Rounds,
): Promise<number> {
  await using ring = await BareRing.start(records);
  return (await measureRate(() => ring.roundTrips(perRound, window), rounds)).max;
}

/** The two threads of one start can be four times as far apart as those of the next. */
const LATENCY_STARTS = 3;

/** Latency of `trips` round trips in a row, `count` times: the best of three starts. */
export async function ringLatency(trips: number, count: number): Promise<Histogram> {
  const each = Math.ceil(count / LATENCY_STARTS);
  let best = await latencyOfOneStart(trips, each);
  for (let start = 1; start < LATENCY_STARTS; start++) {
    const next = await latencyOfOneStart(trips, each);
    if (next.percentile(50) < best.percentile(50)) best = next;
  }
  return best;
}

async function latencyOfOneStart(trips: number, count: number): Promise<Histogram> {
  await using ring = await BareRing.start(PLAIN_RECORDS);
  const histogram = new Histogram(new SharedArrayBuffer(histogramBytesFor()));
  const measure = (times: number): void => {
    recordLatencies(histogram, times, () => {
      for (let trip = 0; trip < trips; trip++) ring.roundTrips(1, 1);
    });
  };
  // A tenth for the compiler, then forgotten.
  measure(Math.ceil(count / 10));
  histogram.clear();
  measure(count);
  return histogram;
}
