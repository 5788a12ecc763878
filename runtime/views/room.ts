/**
 * How much of the log's memory is free for what objects write, and how much of it that takes: a change, and
 * the checkpoint that has to fit beside it.
 *
 * What is in parts is cut so that ENTRIES_PER_CHUNK of them fill a chunk: nothing of it is lost.
 */
import { ENTRY_ALIGNMENT, entryFootprint } from '../../shared-memory/entry-layout.ts';
import { alignUp } from '../../shared-memory/words.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import { PART_OVERHEAD_BYTES } from './record.ts';
import { ENTRIES_PER_CHUNK, RecordAppender } from './record-appender.ts';

/** What an entry takes beside its payload, at most, without streams. */
const ENTRY_BYTES = entryFootprint(0, 0, 0) + ENTRY_ALIGNMENT;
/** Of a part, in what names it. */
const POSITION_BYTES = 8;
/** Of a section in the index of a checkpoint. */
const SECTION_BYTES = 96;

/** In bytes of memory: what is divided among several chains is of all of them. */
export class Room {
  /** All there is. */
  readonly bytes: number;
  /** Bytes of a record in one part. */
  readonly partBytes: number;
  /** Of the memory that only checkpoints and what frees memory may use. */
  readonly headroom: number;
  readonly #client: LogClient;
  readonly #chunkBytes: number;
  /** What an entry with one part takes. */
  readonly #partFootprint: number;

  constructor(client: LogClient) {
    const { map, memory } = client;
    const { chunks } = memory.unit(map.units()[0]);
    const { length } = map.active.extents;
    this.#client = client;
    this.#chunkBytes = chunks.chunkBytes;
    const payload = new RecordAppender(client).bytesMax;
    this.partBytes = Math.max(0, payload - PART_OVERHEAD_BYTES);
    this.#partFootprint = alignUp(payload + ENTRY_BYTES, ENTRY_ALIGNMENT);
    const perChunk = Math.floor(chunks.chunkBytes / this.#partFootprint);
    this.bytes = chunks.count * perChunk * this.#partFootprint * length;
    this.headroom = chunks.headroomBytes * length;
  }

  /** Free now, or once everything below `trimmedTo` is trimmed. */
  free(trimmedTo?: Position): number {
    const { map, memory, incarnation } = this.#client;
    const addresses = new Map(
      (trimmedTo === undefined ? [] : map.prefixAddresses(trimmedTo)).map((one) => [
        one.unit,
        one.address,
      ]),
    );
    let least = Number.POSITIVE_INFINITY;
    for (const { chain } of map.active.extents) {
      for (const unit of chain) {
        const { chunks } = memory.unit(unit);
        const bytes = chunks.roomFor(incarnation, this.#partFootprint, addresses.get(unit) ?? 0);
        least = Math.min(least, bytes);
      }
    }
    return least * map.active.extents.length;
  }

  /** Part of the positions of the fullest storage unit that are written and not trimmed. */
  partOfSlots(): number {
    const { map, memory } = this.#client;
    let most = 0;
    for (const unit of map.units()) {
      const { slots } = memory.unit(unit);
      most = Math.max(most, (slots.writtenLimit() - slots.watermark()) / slots.count);
    }
    return most;
  }

  /** What a record, or a state, takes in parts. */
  ofParts(bytes: number): number {
    return Math.ceil(bytes / this.partBytes) * this.#partFootprint;
  }

  /** What an entry takes, with what is lost at the end of a chunk. */
  ofEntry(payloadBytes: number, streams: number): number {
    const { backpointers } = this.#client.memory.sizes;
    const footprint = entryFootprint(payloadBytes, streams, backpointers);
    if (footprint <= this.#partFootprint) return footprint;
    return Math.ceil(this.#chunkBytes / Math.floor(this.#chunkBytes / footprint));
  }

  /** What a checkpoint takes of states of so many bytes. */
  ofCheckpoint(states: Iterable<number>): number {
    let parts = 0;
    let rest = 0;
    for (const bytes of states) {
      parts += Math.floor(bytes / this.partBytes) * this.#partFootprint;
      rest += (bytes % this.partBytes) + ENTRY_BYTES + PART_OVERHEAD_BYTES + SECTION_BYTES;
    }
    // Of different lengths they leave a part of each chunk.
    const lost = ENTRIES_PER_CHUNK / (ENTRIES_PER_CHUNK - 1);
    return parts + this.#ofNames(parts) + Math.ceil(rest * lost) + this.#partFootprint;
  }

  /** Of records that name parts that take so much: in parts themselves where they are many. */
  #ofNames(parts: number): number {
    const bytes = (parts / this.#partFootprint) * POSITION_BYTES;
    if (bytes <= this.partBytes || this.partBytes <= 2 * POSITION_BYTES) return 0;
    const names = this.ofParts(bytes);
    return names + this.#ofNames(names);
  }
}
