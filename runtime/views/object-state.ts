/**
 * The state of an object as it is kept in a checkpoint: what the object told, or, where nobody could be
 * asked, the state before and the changes since.
 *
 *   STATE     slices
 *   HISTORY   one slice: the state before (encoded, or nothing) · changes with their places
 *
 *   slice     length (32 bits) · a value
 *
 * After the tag, with REFERS in it, the lowest position of the log that the state refers to. A state in many
 * slices is neither encoded nor restored in one go: the thread has its turns in between.
 */
import { crc32 } from 'node:zlib';
import { TangoError } from '../../actors/tango-error.ts';
import type { Position } from '../log-entry.ts';
import type { LogReference } from './log-reference.ts';
import type { ApplyContext, Player } from './playback.ts';
import type { Update } from './record.ts';
import { decodeValue, encodeValue } from './value-codec.ts';

const STATE = 0;
const HISTORY = 1;
const REFERS = 2;
const LOWEST_BYTES = 8;
const LENGTH_BYTES = 4;
/** Looked at for a piece without bytes: others may have a turn. */
const REFERENCES_AT_ONCE = 1024;
const NOTHING = new Uint8Array(0);

/** The operation, encoded, and its place. */
type Recorded = readonly [
  bytes: Uint8Array,
  position: number,
  index: number,
  update: number,
  from: number,
];

/** A state that stands still while it is encoded, whatever becomes of the view. */
export interface FrozenState {
  /** Each of a bounded number of elements. */
  readonly slices: Iterable<unknown>;
  /** Places in the log that the state refers to, undefined for a step without one; without: none. */
  readonly references?: Iterable<LogReference | undefined>;
  /** Once, when nobody looks at it any more: a step at a time. */
  thaw?(): Iterable<void>;
}

/** As FrozenState, for who puts what the state refers to into the log again. */
export type FrozenReferences = Pick<Required<FrozenState>, 'references' | 'thaw'>;

/** Makes a view anew of the slices of a state; what the view was goes on until end(). */
export interface Restoring {
  take(slice: unknown): void;
  end(): void;
}

/** As FrozenState, in bytes: together, what encodeState() gives. Pieces may be empty. */
export interface FrozenBytes {
  readonly pieces: Iterable<Uint8Array>;
  thaw?(): Iterable<void>;
}

/** What a state needs of each of its references. */
type Lowest = Pick<LogReference, 'from'>;

/** A state in one slice. */
export function encodeState(
  state: unknown,
  what: string,
  references: Iterable<Lowest | undefined> = [],
): Uint8Array {
  return joinedPieces(encodeFrozen({ slices: [state], references }, what));
}

/** Slices one after the other. ERR_INVALID_ARGUMENT for what cannot be encoded. */
export function* encodeFrozen(
  {
    slices,
    references = [],
  }: { readonly slices: Iterable<unknown>; readonly references?: Iterable<Lowest | undefined> },
  what: string,
): Iterable<Uint8Array> {
  let lowest = Number.POSITIVE_INFINITY;
  let seen = 0;
  for (const at of references) {
    if (at !== undefined && at.from < lowest) lowest = at.from;
    if (++seen % REFERENCES_AT_ONCE === 0) yield NOTHING;
  }
  yield headOf(STATE, lowest);
  for (const slice of slices) yield sliceOf(encodeValue(slice, what));
}

export function joinedPieces(pieces: Iterable<Uint8Array>): Uint8Array {
  const all = [...pieces];
  const whole = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of all) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The lowest position of the log that the state refers to; Infinity: none. */
export function lowestOfState(state: Uint8Array): Position {
  if ((state[0] & REFERS) === 0) return Number.POSITIVE_INFINITY;
  return new DataView(state.buffer, state.byteOffset).getFloat64(1, true);
}

/** What a state is put into. */
export interface Restorable {
  /** The view is as it was before its first change. */
  reset(): void;
  restoring(): Restoring;
  /** An operation, encoded. */
  apply(bytes: Uint8Array, at: ApplyContext): void;
}

/** ERR_CORRUPT for what is no state. */
export function restoreState(bytes: Uint8Array, into: Restorable): void {
  const reader = new StateReader();
  const slices = Array.from(reader.read(bytes), decodeSlice);
  reader.checkEnd();
  if (isInSlices(bytes)) {
    const restoring = into.restoring();
    for (const slice of slices) restoring.take(slice);
    return restoring.end();
  }
  const [before, changes] = slices[0] as [Uint8Array | undefined, Recorded[]];
  if (before === undefined) into.reset();
  else restoreState(before, into);
  for (const [change, position, index, update, from] of changes) {
    into.apply(change, { position, index, update, from });
  }
}

export function decodeSlice(bytes: Uint8Array): unknown {
  return decodeValue(bytes);
}

/** Takes the bytes of a state as they come, and gives its slices. */
export class StateReader {
  #tag: number | undefined;
  /** Of a slice that is not whole yet: joined once it is, as a slice may be all of a large state. */
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  /** That there have to be before anything can be told. */
  #needed = 0;

  /** The slices that are whole with these bytes, still encoded; they refer to the bytes. */
  *read(bytes: Uint8Array): Iterable<Uint8Array> {
    this.#rest.push(bytes);
    this.#restBytes += bytes.length;
    if (this.#restBytes < this.#needed) return;
    let rest = this.#rest.length === 1 ? bytes : joinedPieces(this.#rest);
    this.#needed = 0;
    if (this.#tag === undefined && rest.length >= headBytes(rest)) {
      this.#tag = rest[0];
      rest = rest.subarray(headBytes(rest));
    }
    while (this.#tag !== undefined && rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + lengthOf(rest);
      if (rest.length < end) {
        this.#needed = end;
        break;
      }
      yield rest.subarray(LENGTH_BYTES, end);
      rest = rest.subarray(end);
    }
    this.#rest = rest.length === 0 ? [] : [rest];
    this.#restBytes = rest.length;
  }

  /** ERR_CORRUPT: the bytes were no state. */
  checkEnd(): void {
    const kind = this.#tag === undefined ? -1 : this.#tag & ~REFERS;
    if (this.#restBytes === 0 && (kind === STATE || kind === HISTORY)) return;
    throw new TangoError('ERR_CORRUPT', 'a state is not intact');
  }
}

/** Of the first bytes of a state: what a StateReader gives are slices of the state, and not changes. */
export function isInSlices(state: Uint8Array): boolean {
  return kindOf(state) === STATE;
}

function headBytes(state: Uint8Array): number {
  return (state[0] & REFERS) === 0 ? 1 : 1 + LOWEST_BYTES;
}

function lengthOf(slice: Uint8Array): number {
  return new DataView(slice.buffer, slice.byteOffset).getUint32(0, true);
}

/** Stands in for an object whose class this thread does not have, or whose view has failed here. */
export class RecordedHistory implements Player {
  readonly #refers: boolean;
  #before: Uint8Array | undefined;
  #changes: Recorded[] = [];

  /** `refers`: the object may keep any of its places in the log, and nobody here knows which. */
  constructor(refers = false) {
    this.#refers = refers;
  }

  apply({ bytes, start, end }: Update, { position, index, update, from }: ApplyContext): void {
    this.#changes.push([bytes.slice(start, end), position, index, update, from]);
  }

  state(): Uint8Array {
    const content = encodeValue([this.#before, this.#changes], 'the changes of an object');
    let lowest = Number.POSITIVE_INFINITY;
    if (this.#before !== undefined) lowest = lowestOfState(this.#before);
    if (this.#refers) for (const [, , , , from] of this.#changes) lowest = Math.min(lowest, from);
    return joinedPieces([headOf(HISTORY, lowest), sliceOf(content)]);
  }

  restore(state: Uint8Array): void {
    this.#before = state;
    this.#changes = [];
  }
}

/** Of a state that tells nothing about the view: it was copied, not asked for. */
export const NO_DIGEST = -1;

/** Equal views have equal digests. */
export function digestOf(state: Uint8Array): number {
  return new EncodedState([state]).digest;
}

/** A state that is written into a checkpoint. */
export class EncodedState {
  readonly pieces: Uint8Array[] = [];
  length = 0;
  #crc = 0;

  constructor(pieces: Iterable<Uint8Array> = []) {
    for (const piece of pieces) this.add(piece);
  }

  /** The first piece that is not empty has the head. */
  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.pieces.push(piece);
    this.length += piece.length;
    this.#crc = crc32(piece, this.#crc);
  }

  get digest(): number {
    return kindOf(this.pieces[0]) === STATE ? this.#crc : NO_DIGEST;
  }

  /** See lowestOfState(). */
  get lowest(): Position {
    return lowestOfState(this.pieces[0]);
  }
}

function kindOf(state: Uint8Array): number {
  return state[0] & ~REFERS;
}

function headOf(kind: number, lowest: Position): Uint8Array {
  const refers = lowest < Number.POSITIVE_INFINITY;
  const head = new Uint8Array(refers ? 1 + LOWEST_BYTES : 1);
  head[0] = refers ? kind | REFERS : kind;
  if (refers) new DataView(head.buffer).setFloat64(1, lowest, true);
  return head;
}

function sliceOf(bytes: Uint8Array): Uint8Array {
  const slice = new Uint8Array(LENGTH_BYTES + bytes.length);
  new DataView(slice.buffer).setUint32(0, bytes.length, true);
  slice.set(bytes, LENGTH_BYTES);
  return slice;
}
