/**
 * The state of an object as it is kept in a checkpoint: what its checkpoint() told, or, where nobody
 * could be asked, the state before and the changes since.
 *
 *   STATE     a value
 *   HISTORY   the state before (encoded, or nothing) · changes with their places
 *
 * After the tag, with REFERS in it, the lowest position of the log that the state refers to.
 */
import { crc32 } from 'node:zlib';
import { TangoError } from '../../actors/tango-error.ts';
import type { Position } from '../log-entry.ts';
import type { ApplyContext, Player } from './playback.ts';
import type { Update } from './record.ts';
import { decodeValue, encodeValue } from './value-codec.ts';

const STATE = 0;
const HISTORY = 1;
const REFERS = 2;
const LOWEST_BYTES = 8;

/** The operation, encoded, and its place. */
type Recorded = readonly [
  bytes: Uint8Array,
  position: number,
  index: number,
  update: number,
  from: number,
];

/** `lowest`: position of the log that the state refers to; Infinity: none. */
export function encodeState(
  state: unknown,
  what: string,
  lowest: Position = Number.POSITIVE_INFINITY,
): Uint8Array {
  return tagged(STATE, encodeValue(state, what), lowest);
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
  restore(state: unknown): void;
  /** An operation, encoded. */
  apply(bytes: Uint8Array, at: ApplyContext): void;
}

/** ERR_CORRUPT for what is no state. */
export function restoreState(bytes: Uint8Array, into: Restorable): void {
  const content = decodeValue(bytes.subarray((bytes[0] & REFERS) === 0 ? 1 : 1 + LOWEST_BYTES));
  const kind = kindOf(bytes);
  if (kind === STATE) return into.restore(content);
  if (kind !== HISTORY) throw new TangoError('ERR_CORRUPT', 'a state is not intact');
  const [before, changes] = content as [Uint8Array | undefined, Recorded[]];
  if (before === undefined) into.reset();
  else restoreState(before, into);
  for (const [change, position, index, update, from] of changes) {
    into.apply(change, { position, index, update, from });
  }
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
    return tagged(HISTORY, content, lowest);
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
  return kindOf(state) === STATE ? crc32(state) : NO_DIGEST;
}

function kindOf(state: Uint8Array): number {
  return state[0] & ~REFERS;
}

function tagged(kind: number, bytes: Uint8Array, lowest: Position): Uint8Array {
  const refers = lowest < Number.POSITIVE_INFINITY;
  const at = refers ? 1 + LOWEST_BYTES : 1;
  const out = new Uint8Array(at + bytes.length);
  out[0] = refers ? kind | REFERS : kind;
  if (refers) new DataView(out.buffer).setFloat64(1, lowest, true);
  out.set(bytes, at);
  return out;
}
