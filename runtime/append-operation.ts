/**
 * One append: the undisturbed way in a straight line, without allocation.
 *
 *   prepare   the payload is staged (or copied, when the chain is not known before the token)
 *   begin     token ──▶ head ──▶ … ──▶ tail ──▶ appended (CORFU 1.5, client-driven chain)
 *
 * At the first answer that is not OK it falls into the procedure of append-procedure.ts, which
 * finishes it. Objects are reused.
 */
import { type UnitId, unitActor } from '../actors/actor-ids.ts';
import { REPLICAS_MAX, STREAMS_PER_ENTRY_MAX } from '../actors/config.ts';
import { type Message, MessageType } from '../actors/message.ts';
import { MESSAGE_HEADER_WORDS } from '../actors/message-codec.ts';
import { type Extent, NO_SEQUENCER } from '../actors/projection.ts';
import { URGENT } from '../actors/sequencer.ts';
import { EntryKind, entryFootprint, payloadOffset } from '../shared-memory/entry-layout.ts';
import { type EntryHeader, stageHeader } from '../shared-memory/entry-writer.ts';
import { REFERENCE_SHIFT, SlotOutcome } from '../shared-memory/slots-layout.ts';
import { finishAppend } from './append-procedure.ts';
import type { LogClient } from './log-client.ts';
import { NO_ANSWER } from './procedure.ts';
import type { RequestHandler } from './request-table.ts';

export interface AppendCompletion {
  /** On every replica of its chain. */
  appended(position: number): void;
  failed(error: unknown): void;
}

const NO_EXTENT: Extent = { chain: [], start: 0 };
const NO_HEADERS = new Int32Array(0);

export class AppendOperation implements RequestHandler {
  readonly header: EntryHeader = {
    position: 0,
    writerThread: 0,
    writerSequence: 0,
    payloadBytes: 0,
    streamCount: 0,
    epoch: 0,
    kind: EntryKind.APPLICATION,
  };
  readonly streams = new Int32Array(STREAMS_PER_ENTRY_MAX);
  urgent = false;
  hasToken = false;
  /** Replica that is written next, from the head. */
  index = 0;
  address = 0;
  extent: Extent = NO_EXTENT;
  /** Without a sequencer: the first position that was not tried yet. */
  probedTo = 0;
  /** Every storage unit that held the staged payload is gone, and the payload with it. */
  isStagingGone = false;
  /** Set by the client while the operation counts in its window. */
  inWindow = false;
  /** Words of its largest request and reply. */
  windowWords = 0;
  readonly #client: LogClient;
  /** Byte offset of the staged entry in each replica of `extent`; a plain array is more compact. */
  readonly #offsets: number[] = new Array(REPLICAS_MAX).fill(0);
  /** Replicas in which bytes are taken. */
  #staged = 0;
  /** The payload, while it is not staged. */
  #copy: Uint8Array | undefined;
  #footprint = 0;
  /** Of the projection under which the token was asked for. */
  #requestEpoch = 0;
  #headersWords = 0;
  #completion: AppendCompletion | undefined;

  constructor(client: LogClient) {
    this.#client = client;
  }

  /** Takes a copy of the payload; false when the log has no room for it. */
  prepare(
    payload: Uint8Array,
    streams: ArrayLike<number>,
    urgent: boolean,
    completion: AppendCompletion,
    kind: EntryKind,
  ): boolean {
    const { memory, map } = this.#client;
    const k = memory.sizes.backpointers;
    this.#completion = completion;
    this.urgent = urgent;
    this.hasToken = false;
    this.probedTo = 0;
    this.isStagingGone = false;
    this.header.kind = kind;
    this.header.writerThread = this.#client.incarnation;
    this.header.writerSequence = this.#client.nextSequence();
    this.header.payloadBytes = payload.length;
    this.header.streamCount = streams.length;
    for (let i = 0; i < streams.length; i++) this.streams[i] = streams[i];
    this.#headersWords = streams.length * (1 + k / 2);
    this.windowWords = MESSAGE_HEADER_WORDS + this.#headersWords;
    this.#footprint = entryFootprint(payload.length, streams.length, k);
    if (map.active.extents.length === 1) return this.#stage(map.active.extents[0], payload);
    // The chain is known only with the token, and the caller may change its bytes meanwhile.
    // slice() of a Buffer is no copy.
    this.#copy = new Uint8Array(payload);
    return true;
  }

  begin(): void {
    const { map, link, paced } = this.#client;
    // Paced, each request is to be an event of its own: as the procedure makes them.
    if (map.sequencer === NO_SEQUENCER || (paced && link === 'direct')) {
      return this.#disturbed(NO_ANSWER);
    }
    if (link === 'direct') return this.#appendHere();
    this.#client.request(this.#next(), this);
  }

  #next(): Message {
    const { map, outgoing: message } = this.#client;
    message.to = map.sequencer;
    message.type = MessageType.SEQUENCER_NEXT;
    message.epoch = this.#requestEpoch = map.epoch;
    message.position = 0;
    message.outcome = 0;
    message.value = this.urgent ? URGENT : 0;
    const count = this.header.streamCount;
    for (let i = 0; i < count; i++) message.extra[i] = this.streams[i];
    message.extraCount = count;
    return message;
  }

  onReply(message: Message): void {
    if (message.outcome !== SlotOutcome.OK) return this.#disturbed(message.outcome);
    if (!this.hasToken) {
      // A token is valid in its own epoch only (CORFU 1.12).
      if (message.epoch !== this.#client.map.epoch) return this.#disturbed(SlotOutcome.SEALED);
      if (!this.grant(message.position, message.extra)) return this.#disturbed(SlotOutcome.FULL);
      // Every replica of the position is lost.
      if (this.extent.chain.length === 0) return this.#disturbed(SlotOutcome.SEALED);
      return this.#write();
    }
    this.index++;
    if (this.index < this.extent.chain.length) this.#write();
    else this.succeed();
  }

  /**
   * Token and every write by the calling thread itself, in the flight that it is in: a seal that
   * these looks do not see waits for the last of them (RELIABILITY D1, option d).
   */
  #appendHere(): void {
    const { map, memory, oneSided } = this.#client;
    const { epoch } = map;
    const plain = this.header.streamCount === 0;
    let position = plain ? oneSided.sequencer.nextPosition(epoch) : -1;
    let headers = NO_HEADERS;
    if (position < 0) {
      const reply = this.#client.reply;
      oneSided.sequencer.serve(this.#next(), reply);
      if (reply.outcome !== SlotOutcome.OK) return this.#disturbed(reply.outcome);
      position = reply.position;
      headers = reply.extra;
    }
    if (!this.grant(position, headers)) return this.#disturbed(SlotOutcome.FULL);
    const { chain } = this.extent;
    for (; this.index < chain.length; this.index++) {
      const { slots } = memory.unit(chain[this.index]);
      if (slots.sealedEpoch() >= epoch) return this.#disturbed(SlotOutcome.SEALED);
      const outcome = slots.tryWriteGranted(this.address, this.reference);
      if (outcome !== SlotOutcome.OK) return this.#disturbed(outcome);
    }
    if (chain.length === 0) return this.#disturbed(SlotOutcome.SEALED);
    this.succeed();
  }

  /** Takes a token: the entry is complete in every replica's staged bytes. False: no room. */
  grant(position: number, headers: Int32Array): boolean {
    const { map, memory } = this.#client;
    const extent = map.extentOf(position);
    if (extent !== this.extent && !this.#moveTo(extent)) return false;
    const { header } = this;
    header.position = position;
    header.epoch = map.epoch;
    this.hasToken = true;
    this.address = map.addressOf(position);
    this.index = 0;
    const { chain } = extent;
    for (let i = 0; i < chain.length; i++) {
      const { words } = memory.unit(chain[i]);
      stageHeader(words, this.#offsets[i], header, headers, this.#headersWords);
      this.#client.staging(chain[i]).willPublish(this.#offsets[i], this.address);
    }
    return true;
  }

  /** Reference to the staged entry in the replica that is written next. */
  get reference(): number {
    return this.#offsets[this.index] >>> REFERENCE_SHIFT;
  }

  succeed(): void {
    const { position } = this.header;
    this.#client.counters.appends++;
    this.#client.counters.appendedBytes += this.header.payloadBytes;
    const completion = this.#end();
    completion?.appended(position);
  }

  fail(error: unknown): void {
    this.#end()?.failed(error);
  }

  #end(): AppendCompletion | undefined {
    const completion = this.#completion;
    this.#completion = undefined;
    this.#copy = undefined;
    this.#unstage();
    this.#client.ended();
    this.#client.recycle(this);
    return completion;
  }

  #write(): void {
    const message = this.#client.outgoing;
    message.to = unitActor(this.extent.chain[this.index]);
    message.type = MessageType.UNIT_WRITE;
    message.epoch = this.header.epoch;
    message.position = this.address;
    message.outcome = 0;
    message.value = this.reference;
    message.extraCount = 0;
    this.#client.request(message, this);
  }

  #disturbed(outcome: number): void {
    this.#client.counters.disturbedAppends++;
    const epoch = this.hasToken ? this.header.epoch : this.#requestEpoch;
    this.#client.runAtOnce(finishAppend(this.#client, this, { outcome, epoch }), {
      done: () => this.succeed(),
      failed: (error) => this.fail(error),
    });
  }

  /** Stages the payload in every replica of `extent`; false, and nothing taken, without room. */
  #stage(extent: Extent, payload: Uint8Array): boolean {
    this.extent = extent;
    for (const unit of extent.chain) {
      const offset = this.#client.staging(unit).take(this.#footprint, this.urgent);
      if (offset === 0) {
        this.#unstage();
        for (const replica of extent.chain) this.#client.staging(replica).yield();
        return false;
      }
      this.#offsets[this.#staged++] = offset;
    }
    this.#stageIn(extent.chain, payload);
    return true;
  }

  #stageIn(chain: readonly UnitId[], payload: Uint8Array): void {
    const { memory, scratch } = this.#client;
    const small = scratch.load(payload);
    const aligned = small ? payload : scratch.align(payload);
    for (let i = 0; i < chain.length; i++) {
      const unit = memory.unit(chain[i]);
      const at = this.#offsets[i] + payloadOffset(this.#headersWords);
      if (small) scratch.storeTo(unit.words, at);
      else unit.bytes.set(aligned, at);
    }
  }

  #moveTo(extent: Extent): boolean {
    const payload = this.#copy ?? this.#stagedPayload();
    this.#unstage();
    if (payload === undefined) {
      this.isStagingGone = true;
      return false;
    }
    this.#copy = payload;
    return this.#stage(extent, payload);
  }

  /** From a unit that is still part of the log: the memory of any other may be wiped already. */
  #stagedPayload(): Uint8Array | undefined {
    const { map, memory } = this.#client;
    const held = this.extent.chain.findIndex((unit) => map.has(unit));
    if (held < 0 || held >= this.#staged) return undefined;
    const { bytes } = memory.unit(this.extent.chain[held]);
    const start = this.#offsets[held] + payloadOffset(this.#headersWords);
    return bytes.slice(start, start + this.header.payloadBytes);
  }

  #unstage(): void {
    const { chain } = this.extent;
    for (let i = 0; i < this.#staged; i++) {
      this.#client.staging(chain[i]).settle(this.#offsets[i]);
    }
    this.#staged = 0;
    this.extent = NO_EXTENT;
  }
}
