/**
 * Rebuilding the stream state from the log (Tango 2.5): a scan from the tail down, as far as the base
 * of the last whole checkpoint, or to the trimmed prefix. Every position is decided before.
 */
import { type CheckpointPart, decodeCheckpoint } from '../actors/stream-checkpoint.ts';
import { streamOfHeader } from '../actors/stream-header.ts';
import { EntryKind } from '../shared-memory/entry-layout.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import type { LogClient } from './log-client.ts';
import type { Position, StreamId } from './log-entry.ts';
import { type Procedure, pause } from './procedure.ts';

/** Positions looked at before the thread's other work has its turn. */
const POSITIONS_PER_TURN = 4096;

export interface StreamState {
  /** The last K positions of each stream, latest first. */
  readonly streams: ReadonlyMap<StreamId, number[]>;
  /** Entries below it were trimmed: streams may have had some that the state does not know. */
  readonly historyStart: Position;
}

/** What the streams' last K positions below `tail` are. Changes nothing. */
export function* scanStreams(client: LogClient, tail: Position): Procedure<StreamState> {
  const scan = new Scan(client);
  for (let position = tail - 1; position >= scan.end; position--) {
    scan.look(position);
    if ((tail - position) % POSITIONS_PER_TURN === 0) yield* pause(0);
  }
  return scan.state();
}

class Scan {
  readonly #client: LogClient;
  readonly #k: number;
  readonly #streams = new Map<StreamId, number[]>();
  /** Parts met so far, by the base of their checkpoint. */
  readonly #parts = new Map<Position, CheckpointPart[]>();
  #checkpoint: readonly CheckpointPart[] | undefined;
  #end: Position;
  readonly #historyStart: Position;

  constructor(client: LogClient) {
    this.#client = client;
    this.#k = client.memory.sizes.backpointers;
    this.#historyStart = client.memory.sequencer.trimMark();
    this.#end = this.#historyStart;
  }

  /** The lowest position that has to be looked at, as far as is known. */
  get end(): Position {
    return this.#end;
  }

  look(position: Position): void {
    for (;;) {
      const { map, memory } = this.#client;
      const chain = map.chainOf(position);
      if (chain.length === 0) return;
      const unit = chain[chain.length - 1];
      const { reader } = memory.unit(unit);
      const address = map.addressOf(position);
      const found = memory.locate(unit, address, position) === SlotOutcome.WRITTEN;
      const streams: StreamId[] = [];
      for (let i = 0; found && i < reader.streamCount; i++) {
        streams.push(streamOfHeader(reader.words, reader.streamHeader(i)));
      }
      const payload = found && reader.kind === EntryKind.SYSTEM ? reader.copyPayload() : undefined;
      const whole = found && reader.confirm(address);
      if (this.#client.isCurrent) {
        if (whole) this.#take(position, streams, payload);
        return;
      }
      this.#client.refreshProjection();
    }
  }

  state(): StreamState {
    for (const { records } of this.#checkpoint ?? []) {
      for (const { stream, positions } of records) {
        // What the record has at or above its base may be junk, which no scan finds: it has its place
        // all the same, or the record would be short, and a short one means that there is no more.
        const known = positions.filter((position) => position >= 0);
        const all = [...new Set([...(this.#streams.get(stream) ?? []), ...known])];
        this.#streams.set(stream, all.sort((a, b) => b - a).slice(0, this.#k));
      }
    }
    for (const positions of this.#streams.values()) {
      // Its earlier entries, if there were any, are below the trim: a walk that gets there must know.
      const last = this.#historyStart - 1;
      if (positions.length < this.#k && last >= 0 && positions[positions.length - 1] > last) {
        positions.push(last);
      }
    }
    return { streams: this.#streams, historyStart: this.#historyStart };
  }

  #take(position: Position, streams: readonly StreamId[], payload: Uint8Array | undefined): void {
    for (const stream of streams) {
      const positions = this.#streams.get(stream);
      if (positions === undefined) this.#streams.set(stream, [position]);
      else if (positions.length < this.#k) positions.push(position);
    }
    if (payload === undefined || this.#checkpoint !== undefined) return;
    const part = decodeCheckpoint(payload, this.#k);
    // What a checkpoint says of positions after its own was overtaken: the tail has gone back.
    if (part !== undefined && part.base <= position) this.#collect(part);
  }

  /** The first checkpoint that is whole ends the scan at its base. */
  #collect(part: CheckpointPart): void {
    const parts = this.#parts.get(part.base) ?? [];
    if (!parts.some((one) => one.part === part.part)) parts.push(part);
    this.#parts.set(part.base, parts);
    if (parts.length < part.parts) return;
    this.#checkpoint = parts;
    this.#end = Math.max(this.#end, part.base);
  }
}
