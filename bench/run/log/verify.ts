/**
 * What must hold of a stretch of the log that nobody appends to any more. Every check throws a
 * VerificationError at the first difference:
 *
 *   ExpectedEntries   the acknowledged appends, one position each
 *   scanLog           a full scan yields exactly those, and says what each stream consists of
 *   checkReplicas     every replica of every position holds the same, and is decided
 *   checkStream       a stream played by its backpointers is what the full scan found
 *   checkPlayed       and so is what a thread has played while others were writing
 */
import { setImmediate } from 'node:timers/promises';
import type { UnitId } from '../../../actors/actor-ids.ts';
import type { LogMemory } from '../../../actors/log-memory.ts';
import { ProjectionMap } from '../../../actors/projection.ts';
import { streamOfHeader } from '../../../actors/stream-header.ts';
import type { DataEntry, Projection, SharedLog } from '../../../index.ts';
import { EntryKind } from '../../../shared-memory/entry-layout.ts';
import { SlotOutcome } from '../../../shared-memory/slots-layout.ts';
import type { UnitMemory } from '../../../shared-memory/unit-memory.ts';
import {
  type Appended,
  digestOf,
  identityOf,
  type LogWorkload,
  NOT_APPENDED,
  Payloads,
  type Played,
  streamsOf,
} from './log-load.ts';

/** Entries between two turns that a check gives to the event loop. */
const TURN_ENTRIES = 4096;

/** What differs, and where. */
export interface Difference {
  readonly position?: number;
  readonly unit?: number;
  readonly stream?: number;
  readonly expected: string;
  readonly found: string;
}

export class VerificationError extends Error {
  override readonly name = 'VerificationError';
  readonly difference: Difference;

  constructor(difference: Difference) {
    const { position, unit, stream, expected, found } = difference;
    const where = Object.entries({ position, unit, stream })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${value}`);
    super(`${[...where, ''].join(', ').slice(0, -2)}: expected ${expected}, found ${found}`);
    this.difference = difference;
  }
}

/** An entry as its writer knows it. */
export interface Identity {
  readonly thread: number;
  readonly sequence: number;
}

/** The acknowledged appends of the positions [from, to). */
export class ExpectedEntries {
  readonly from: number;
  readonly to: number;
  readonly workload: LogWorkload;
  /** Acknowledged appends. */
  count = 0;
  readonly #threads: Int16Array;
  readonly #sequences: Float64Array;

  constructor(workload: LogWorkload, from: number, to: number) {
    this.workload = workload;
    this.from = from;
    this.to = to;
    this.#threads = new Int16Array(to - from).fill(-1);
    this.#sequences = new Float64Array(to - from);
  }

  /** What `thread` was told about its appends. */
  add(thread: number, { first, positions }: Appended): void {
    for (let i = 0; i < positions.length; i++) {
      if (positions[i] !== NOT_APPENDED) this.#put(positions[i], { thread, sequence: first + i });
    }
  }

  /** Undefined: no append was acknowledged with this position. */
  at(position: number): Identity | undefined {
    const thread = this.#threads[position - this.from];
    return thread < 0 ? undefined : { thread, sequence: this.#sequences[position - this.from] };
  }

  #put(position: number, identity: Identity): void {
    const found = `the acknowledgement of ${describe(identity)}`;
    if (!(position >= this.from && position < this.to)) {
      const expected = `a position from ${this.from} up to the tail ${this.to}`;
      throw new VerificationError({ position, expected, found });
    }
    const other = this.at(position);
    if (other !== undefined) {
      const expected = `a position of its own for each append, after ${describe(other)}`;
      throw new VerificationError({ position, expected, found });
    }
    this.#threads[position - this.from] = identity.thread;
    this.#sequences[position - this.from] = identity.sequence;
    this.count++;
  }
}

/**
 * Reads every position in log order. Returns the positions of each stream. `incarnations` is what
 * is known of the writers so far: a thread writes under one incarnation, which no other one has.
 */
export async function scanLog(
  log: SharedLog,
  expected: ExpectedEntries,
  incarnations: Map<number, number>,
): Promise<Map<number, number[]>> {
  const { from, to, workload } = expected;
  const streams = new Map<number, number[]>();
  const payloads = new Payloads(workload.entryBytes);
  let next = from;
  for await (const entry of log.entries({ from, to })) {
    if (entry.kind !== 'data') continue;
    const { position } = entry;
    for (; next < position; next++) checkAbsent(expected, next);
    next = position + 1;
    checkEntry(entry, expected, payloads);
    checkWriter(entry, expected.at(position)!, incarnations);
    for (const stream of entry.streams) {
      const positions = streams.get(stream);
      if (positions === undefined) streams.set(stream, [position]);
      else positions.push(position);
    }
    if (position % TURN_ENTRIES === 0) await setImmediate();
  }
  for (; next < to; next++) checkAbsent(expected, next);
  return streams;
}

function checkAbsent(expected: ExpectedEntries, position: number): void {
  const missing = expected.at(position);
  if (missing === undefined) return;
  const found = 'no entry in a full scan';
  throw new VerificationError({ position, expected: describe(missing), found });
}

function checkEntry(entry: DataEntry, expected: ExpectedEntries, payloads: Payloads): void {
  const { position, payload, streams } = entry;
  const identity = expected.at(position);
  if (identity === undefined) {
    const found = describe(identityOf(payload));
    throw new VerificationError({ position, expected: 'no acknowledged entry', found });
  }
  const { thread, sequence } = identity;
  checkBytes(payload, payloads.make(thread, sequence), { position }, identity);
  checkStreams(streams, streamsOf(expected.workload, thread, sequence), { position });
}

function checkWriter(
  { position, writer }: DataEntry,
  { thread, sequence }: Identity,
  incarnations: Map<number, number>,
): void {
  const known = incarnations.get(thread);
  if (known === undefined) {
    for (const [other, incarnation] of incarnations) {
      if (incarnation !== writer.thread) continue;
      const expected = `a writer other than that of thread ${other}`;
      throw new VerificationError({ position, expected, found: `incarnation ${incarnation}` });
    }
    incarnations.set(thread, writer.thread);
  }
  const incarnation = incarnations.get(thread);
  if (writer.thread === incarnation && writer.sequence === sequence) return;
  const expected = `writer ${incarnation}, append ${sequence}`;
  const found = `writer ${writer.thread}, append ${writer.sequence}`;
  throw new VerificationError({ position, expected, found });
}

/** What checkReplicas has looked at. */
export interface ReplicasChecked {
  /** Of acknowledged entries. */
  readonly copies: number;
  /** Positions of the log's own entries. */
  readonly own: number;
}

/**
 * Looks into the memory of every unit that has a copy, from the head of each chain to its tail.
 * Every position is decided, and alike on all replicas: an acknowledged entry, an entry of the log's
 * own, or junk.
 */
export async function checkReplicas(
  memory: LogMemory,
  projection: Projection,
  expected: ExpectedEntries,
): Promise<ReplicasChecked> {
  const map = new ProjectionMap(projection);
  const payloads = new Payloads(expected.workload.entryBytes);
  const replicas = new Map<UnitId, Replica>();
  for (const unit of map.units()) replicas.set(unit, new Replica(unit, memory.unit(unit)));
  let copies = 0;
  let own = 0;
  for (let position = expected.from; position < expected.to; position++) {
    const chain = map.chainOf(position).map((unit) => replicas.get(unit)!);
    checkChain(position, chain.length, memory.sizes.replicas);
    const address = map.addressOf(position);
    const identity = expected.at(position);
    if (identity === undefined) {
      if (checkUnacknowledged(position, address, chain)) own++;
    } else {
      const { thread, sequence } = identity;
      for (const replica of chain) {
        replica.locate(position, address, describe(identity));
        replica.checkPayload(position, payloads.make(thread, sequence), identity);
        replica.checkStreams(position, streamsOf(expected.workload, thread, sequence));
        if (replica !== chain[0]) replica.checkHeader(position, chain[0]);
        copies++;
      }
    }
    if (position % TURN_ENTRIES === 0) await setImmediate();
  }
  return { copies, own };
}

function checkChain(position: number, found: number, expected: number): void {
  if (found === expected) return;
  throw new VerificationError({
    position,
    expected: `${expected} replicas`,
    found: `${found} in its chain`,
  });
}

/** Nobody was told of an entry here: an entry of the log's own (true), or junk. */
function checkUnacknowledged(position: number, address: number, chain: Replica[]): boolean {
  const [head, ...others] = chain;
  if (!head.isOwn(position, address)) {
    for (const replica of chain) replica.checkJunk(position, address);
    return false;
  }
  for (const replica of others) {
    replica.locate(position, address, OWN);
    replica.checkAlike(position, head);
  }
  return true;
}

const OWN = "the log's own entry, as at the head";

type ByteRange = readonly [start: number, end: number];

/** One unit's memory, and the entry located in it last. */
class Replica {
  readonly #unit: UnitId;
  readonly #memory: UnitMemory;
  readonly #bytes: Buffer;

  constructor(unit: UnitId, memory: UnitMemory) {
    this.#unit = unit;
    this.#memory = memory;
    this.#bytes = Buffer.from(memory.bytes.buffer);
  }

  locate(position: number, address: number, expected: string): void {
    let outcome: SlotOutcome;
    try {
      outcome = this.#memory.reader.locate(address, position);
    } catch {
      throw this.#differs(position, expected, 'bytes that are no entry of this position');
    }
    if (outcome === SlotOutcome.WRITTEN) return;
    throw this.#differs(position, expected, nameOf(outcome));
  }

  /** Locates an entry of the log's own; false when there is something else. */
  isOwn(position: number, address: number): boolean {
    try {
      const outcome = this.#memory.reader.locate(address, position);
      return outcome === SlotOutcome.WRITTEN && this.#memory.reader.kind === EntryKind.SYSTEM;
    } catch {
      throw this.#differs(position, 'an entry of this position', 'bytes that are none');
    }
  }

  checkJunk(position: number, address: number): void {
    const outcome = this.#memory.slots.look(address);
    if (outcome === SlotOutcome.JUNK) return;
    throw this.#differs(position, 'junk, as no append was acknowledged', nameOf(outcome));
  }

  checkPayload(position: number, payload: Uint8Array, identity: Identity): void {
    const { payloadOffset, payloadBytes } = this.#memory.reader;
    const end = payloadOffset + payloadBytes;
    if (this.#bytes.compare(payload, 0, payload.length, payloadOffset, end) === 0) return;
    const found = this.#bytes.subarray(payloadOffset, end);
    checkBytes(found, payload, { position, unit: this.#unit }, identity);
  }

  checkStreams(position: number, expected: readonly number[]): void {
    const { reader } = this.#memory;
    let same = reader.streamCount === expected.length;
    for (let i = 0; same && i < expected.length; i++) same = this.#streamAt(i) === expected[i];
    if (same) return;
    const found = Array.from({ length: reader.streamCount }, (_, i) => this.#streamAt(i));
    checkStreams(found, expected, { position, unit: this.#unit });
  }

  /** Writer, epoch and backpointers: everything before the payload is as at the head. */
  checkHeader(position: number, head: Replica): void {
    this.#compare(position, head, this.#headerRange(), head.#headerRange());
  }

  /** Every byte is as at the head. */
  checkAlike(position: number, head: Replica): void {
    this.#compare(position, head, this.#entryRange(), head.#entryRange());
  }

  #compare(
    position: number,
    head: Replica,
    [start, end]: ByteRange,
    [headStart, headEnd]: ByteRange,
  ): void {
    if (this.#bytes.compare(head.#bytes, headStart, headEnd, start, end) === 0) return;
    const here = this.#bytes.subarray(start, end);
    const there = head.#bytes.subarray(headStart, headEnd);
    const at = there.findIndex((byte, i) => byte !== here[i]);
    const expected = `byte ${at} of the entry to be ${there[at]}, as at the head`;
    throw this.#differs(position, expected, `${here[at]}`);
  }

  #headerRange(): ByteRange {
    const { entryOffset, payloadOffset } = this.#memory.reader;
    return [entryOffset, payloadOffset];
  }

  #entryRange(): ByteRange {
    const { entryOffset, payloadOffset, payloadBytes } = this.#memory.reader;
    return [entryOffset, payloadOffset + payloadBytes];
  }

  #streamAt(i: number): number {
    const { reader } = this.#memory;
    return streamOfHeader(reader.words, reader.streamHeader(i));
  }

  #differs(position: number, expected: string, found: string): VerificationError {
    return new VerificationError({ position, unit: this.#unit, expected, found });
  }
}

/** Plays `stream` from `from` by its backpointers: `positions`, in order, each once. */
export async function checkStream(
  log: SharedLog,
  stream: number,
  from: number,
  positions: readonly number[],
): Promise<void> {
  const cursor = log.stream(stream, from);
  await cursor.sync();
  for (let i = 0; ; i++) {
    const position = cursor.readnextSync()?.position;
    if (position !== positions[i]) {
      const expected = nameStep(positions[i], i, positions.length);
      const found = `${position ?? 'its end'} when played by backpointers`;
      throw new VerificationError({ stream, expected, found });
    }
    if (position === undefined) return;
    if (i % TURN_ENTRIES === 0) await setImmediate();
  }
}

/** What was played live is `positions`, in order, each once. */
export function checkPlayed(
  { stream, count, digest }: Played,
  positions: readonly number[],
  thread: number,
): void {
  const wanted = positions.reduce(digestOf, 0);
  if (count === positions.length && digest === wanted) return;
  const expected = `${positions.length} entries (digest ${wanted})`;
  const found = `${count} (digest ${digest}) as thread ${thread} played them live`;
  throw new VerificationError({ stream, expected, found });
}

type Place = Pick<Difference, 'position' | 'unit'>;

function checkBytes(found: Uint8Array, wanted: Uint8Array, place: Place, who: Identity): void {
  if (Buffer.compare(found, wanted) === 0) return;
  if (found.length !== wanted.length) {
    const expected = `the ${wanted.length} bytes of ${describe(who)}`;
    throw new VerificationError({ ...place, expected, found: `${found.length} bytes` });
  }
  const at = wanted.findIndex((byte, i) => byte !== found[i]);
  const expected = `byte ${at} of ${describe(who)} to be ${wanted[at]}`;
  throw new VerificationError({ ...place, expected, found: String(found[at]) });
}

function checkStreams(found: readonly number[], wanted: readonly number[], place: Place): void {
  if (found.length === wanted.length && found.every((id, i) => id === wanted[i])) return;
  const expected = `streams [${wanted.join(', ')}]`;
  throw new VerificationError({ ...place, expected, found: `[${found.join(', ')}]` });
}

function describe({ thread, sequence }: Identity): string {
  return `append ${sequence} of thread ${thread}`;
}

function nameStep(position: number | undefined, i: number, count: number): string {
  if (position === undefined) return `its end after ${count} entries`;
  return `position ${position} as entry ${i + 1} of ${count}`;
}

function nameOf(outcome: SlotOutcome): string {
  switch (outcome) {
    case SlotOutcome.UNWRITTEN:
      return 'an undecided position';
    case SlotOutcome.WRITTEN:
      return 'an entry';
    case SlotOutcome.JUNK:
      return 'junk';
    case SlotOutcome.TRIMMED:
      return 'a trimmed position';
    default:
      return `outcome ${outcome}`;
  }
}
