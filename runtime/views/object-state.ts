/**
 * The state of an object as it is kept in a checkpoint: what its checkpoint() told, or, where nobody
 * could be asked, the state before and the changes since.
 *
 *   STATE     a value
 *   HISTORY   the state before (encoded, or nothing) · changes with their places
 */
import { crc32 } from 'node:zlib';
import { TangoError } from '../../actors/tango-error.ts';
import type { ApplyContext, Player } from './playback.ts';
import type { Update } from './record.ts';
import { decodeValue, encodeValue } from './value-codec.ts';

const STATE = 0;
const HISTORY = 1;

/** The operation, encoded, and its place. */
type Recorded = readonly [bytes: Uint8Array, position: number, index: number];

export function encodeState(state: unknown, what: string): Uint8Array {
  return tagged(STATE, encodeValue(state, what));
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
  const content = decodeValue(bytes.subarray(1));
  if (bytes[0] === STATE) return into.restore(content);
  if (bytes[0] !== HISTORY) throw new TangoError('ERR_CORRUPT', 'a state is not intact');
  const [before, changes] = content as [Uint8Array | undefined, Recorded[]];
  if (before === undefined) into.reset();
  else restoreState(before, into);
  for (const [change, position, index] of changes) into.apply(change, { position, index });
}

/** Stands in for an object whose class this thread does not have, or whose view has failed here. */
export class RecordedHistory implements Player {
  #before: Uint8Array | undefined;
  #changes: Recorded[] = [];

  apply({ bytes, start, end }: Update, { position, index }: ApplyContext): void {
    this.#changes.push([bytes.slice(start, end), position, index]);
  }

  state(): Uint8Array {
    const content = [this.#before, this.#changes];
    return tagged(HISTORY, encodeValue(content, 'the changes of an object'));
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
  return state[0] === STATE ? crc32(state) : NO_DIGEST;
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + bytes.length);
  out[0] = tag;
  out.set(bytes, 1);
  return out;
}
