/**
 * A view of lists by key, which are appended to: small, and it tells what the checker of strict
 * serializability understands. Its digest is chained over every append, with its place in the log.
 */
import { crc32 } from 'node:zlib';
import { encodeKey } from '../../runtime/views/object-key.ts';
import {
  decodeSlice,
  encodeFrozen,
  type FrozenBytes,
  joinedPieces,
  type Restoring,
  restoreState,
} from '../../runtime/views/object-state.ts';
import type { ApplyContext, Player } from '../../runtime/views/playback.ts';
import { type ObjectId, RecordKind, type Update } from '../../runtime/views/record.ts';
import { decodeValue, encodeValue } from '../../runtime/views/value-codec.ts';

/** A value to be appended to the list of a key; no value is appended twice. */
export type Appended = readonly [key: string, value: number];

const NOTHING: readonly number[] = [];

/** Who is told what a view goes through. */
export interface ListWatcher {
  applied(view: ListView, at: ApplyContext): void;
  restored(view: ListView): void;
}

export class ListView implements Player {
  readonly object: ObjectId;
  readonly #watcher: ListWatcher;
  #lists = new Map<string, number[]>();
  #digest = 0;

  constructor(object: ObjectId, watcher: ListWatcher) {
    this.object = object;
    this.#watcher = watcher;
  }

  /** Equal for equal histories. */
  get digest(): number {
    return this.#digest;
  }

  listOf(key: string): readonly number[] {
    return this.#lists.get(key) ?? NOTHING;
  }

  apply({ bytes, start, end }: Update, at: ApplyContext): void {
    this.#append(bytes.subarray(start, end), at);
    this.#watcher.applied(this, at);
  }

  state(): Uint8Array {
    return joinedPieces(this.freeze().pieces);
  }

  /** A slice for each list. */
  freeze(): FrozenBytes {
    const lists = Array.from(this.#lists, ([key, list]) => [key, [...list]]);
    return { pieces: encodeFrozen({ slices: [this.#digest, ...lists] }, 'the lists') };
  }

  restoring(): { take(slice: Uint8Array): void; end(): void } {
    const { take, end } = this.#restoring();
    return {
      take: (slice) => take(decodeSlice(slice)),
      end: () => {
        end();
        this.#watcher.restored(this);
      },
    };
  }

  restore(state: Uint8Array): void {
    const reset = (): void => {
      this.#digest = 0;
      this.#lists = new Map();
    };
    const restoring = (): Restoring => this.#restoring();
    restoreState(state, { reset, restoring, apply: (bytes, at) => this.#append(bytes, at) });
    this.#watcher.restored(this);
  }

  #restoring(): Restoring {
    let digest: number | undefined;
    const lists = new Map<string, number[]>();
    return {
      take: (slice) => {
        if (digest === undefined) digest = slice as number;
        else lists.set(...(slice as [string, number[]]));
      },
      end: () => {
        this.#digest = digest ?? 0;
        this.#lists = lists;
      },
    };
  }

  #append(bytes: Uint8Array, { position, index }: ApplyContext): void {
    const [appended] = decodeValue(bytes) as [Appended[], string];
    for (const [key, value] of appended) {
      const list = this.#lists.get(key);
      if (list === undefined) this.#lists.set(key, [value]);
      else list.push(value);
      this.#digest = crc32(`${position} ${index} ${key} ${value}`, this.#digest);
    }
  }
}

/** `padding` characters make it larger. */
export function appendTo(object: ObjectId, appended: readonly Appended[], padding: number): Update {
  const bytes = encodeValue([appended, 'x'.repeat(padding)], 'a change of lists');
  const keys = appended.map(([key]) => encodeKey(key));
  const kind = RecordKind.UPDATE;
  return { kind, object, keys, bytes, start: 0, end: bytes.length, operation: undefined };
}
