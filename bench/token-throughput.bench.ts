/**
 * How many positions a second the sequencer hands out to one client.
 *
 *   main thread: client ── SEQUENCER_NEXT + stream ids ──▶ [ mailbox ] ──▶ actor thread: sequencer
 *        ▲                                                        │
 *        └────────── SEQUENCER_GRANTED + stream headers ◀─────────┘
 *
 * A window of requests is under way; nothing is written. On the direct link the client takes the
 * sequencer's step itself, one token after the other, as a direct append does; no message is sent.
 * The limit of both: records of the same sizes through two bare mailboxes. What was granted is
 * trimmed at the end of each round, within the measured time, since the log is finite.
 */
import { Message, MessageType } from '../actors/message.ts';
import { MESSAGE_HEADER_WORDS } from '../actors/message-codec.ts';
import { SEQUENCER_BUSY } from '../actors/sequencer.ts';
import type { LogClient } from '../runtime/log-client.ts';
import type { RequestHandler } from '../runtime/request-table.ts';
import { streamHeaderWords } from '../shared-memory/entry-layout.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { ringRate } from './bare-ring.ts';
import { type BenchLog, MIB, openBenchLog, trimEverything } from './bench-log.ts';
import type { Experiment } from './harness/experiment.ts';
import { measureRate, rateResult } from './harness/measure.ts';

/** Nobody fills what is granted and never written. */
const NO_FILLING_MS = 3_600_000;

const parameters = {
  logMib: { quick: 256, full: 256 },
  streams: { quick: [0, 1, 4], full: [0, 1, 4] },
  window: { quick: 256, full: 256 },
  tokens: { quick: 5_000, full: 1_000_000 },
  warmUp: { quick: 1, full: 3 },
  rounds: { quick: 1, full: 5 },
} as const;

export const experiment: Experiment<typeof parameters> = {
  name: 'token-throughput',
  title: 'Positions handed out by the sequencer',
  description: 'Tokens for entries of 0, 1 and 4 streams on both links, beside bare mailboxes.',
  parameters,
  async run(values, report) {
    const { logMib, window, tokens } = values;
    await using bench = await openBenchLog({ logBytes: logMib * MIB, holeFillMs: NO_FILLING_MS });
    const { backpointers } = bench.client.memory.sizes;
    for (const streams of values.streams) {
      const ids = Array.from({ length: streams }, (_, stream) => stream + 1);
      const rate = await measureRate(() => takeTokens(bench, tokens, window, ids), values);
      const records = {
        requestWords: MESSAGE_HEADER_WORDS + streams,
        answerWords: MESSAGE_HEADER_WORDS + streams * streamHeaderWords(backpointers),
      };
      const limit = await ringRate(records, { window, perRound: tokens }, values);
      const byMailbox = { streams, window, link: 'mailbox' };
      report.add({ ...rateResult('tokens', 'tokens/s', rate, byMailbox), limit });
      const here = await measureRate(() => takeTokensHere(bench, tokens, ids), values);
      report.add({ ...rateResult('tokens', 'tokens/s', here, { streams, link: 'direct' }), limit });
    }
    report.note('The limit is round trips of records of the same sizes through bare mailboxes.');
  },
};

function takeTokens(bench: BenchLog, count: number, window: number, streams: number[]): number {
  const tokens = new TokenWindow(bench.client, count, streams);
  tokens.begin(window);
  bench.link.drive(() => tokens.isOver);
  if (tokens.refusal !== SlotOutcome.OK) {
    throw new Error(`every token is granted: outcome=${tokens.refusal}`);
  }
  trimEverything(bench);
  return count;
}

/** Each token in a flight of its own: whoever seals the sequencer waits for one at most. */
function takeTokensHere(bench: BenchLog, count: number, streams: readonly number[]): number {
  const { client } = bench;
  const { sequencer } = client.oneSided;
  const request = new Message();
  const reply = new Message();
  for (let token = 0; token < count; token++) {
    client.enter();
    const { epoch } = client.map;
    // Without streams there is a shorter way, unless the sequencer has to look around.
    if (streams.length > 0 || sequencer.nextPosition(epoch) < 0) {
      sequencer.serve(fillRequest(request, client, streams), reply);
      // Now and then the housekeeper looks at the stream state.
      if (reply.outcome === SEQUENCER_BUSY) token--;
      else if (reply.outcome !== SlotOutcome.OK) {
        throw new Error(`every token is granted: outcome=${reply.outcome}`);
      }
    }
    client.exit();
  }
  trimEverything(bench);
  return count;
}

function fillRequest(request: Message, { map }: LogClient, streams: readonly number[]): Message {
  request.to = map.sequencer;
  request.type = MessageType.SEQUENCER_NEXT;
  request.epoch = map.epoch;
  request.position = request.outcome = request.value = 0;
  request.extraCount = streams.length;
  for (let i = 0; i < streams.length; i++) request.extra[i] = streams[i];
  return request;
}

/** Each grant asks for the next one. */
class TokenWindow implements RequestHandler {
  refusal: number = SlotOutcome.OK;
  readonly #client: LogClient;
  readonly #count: number;
  readonly #streams: readonly number[];
  readonly #request = new Message();
  #asked = 0;
  #answered = 0;

  constructor(client: LogClient, count: number, streams: readonly number[]) {
    this.#client = client;
    this.#count = count;
    this.#streams = streams;
  }

  get isOver(): boolean {
    return this.#answered === this.#asked;
  }

  begin(window: number): void {
    while (this.#asked < Math.min(window, this.#count)) this.#ask();
  }

  onReply(message: Message): void {
    if (message.outcome === SEQUENCER_BUSY) {
      this.#asked--;
      return this.#ask();
    }
    this.#answered++;
    if (message.outcome !== SlotOutcome.OK) this.refusal = message.outcome;
    else if (this.#asked < this.#count && this.refusal === SlotOutcome.OK) this.#ask();
  }

  #ask(): void {
    this.#asked++;
    this.#client.request(fillRequest(this.#request, this.#client, this.#streams), this);
  }
}
