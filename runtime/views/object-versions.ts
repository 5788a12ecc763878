/**
 * When an object was changed last, as a whole and key by key: what decides a commit (Tango 2.2, 2.3).
 *
 * A version is the position of an entry. A transaction reads everything at one snapshot, so a read is
 * stale iff its version is at or above that. Only snapshots at most CONFLICT_WINDOW below the commit
 * are judged by it; older ones abort, everywhere alike. So a key that nobody has changed for so long
 * needs no version, and what is kept here is bounded by the window and not by the history.
 */
import type { Position } from '../log-entry.ts';
import type { ObjectKey } from './object-key.ts';

/** Positions between a snapshot and a commit that can succeed. */
export const CONFLICT_WINDOW = 2 ** 20;
const NEVER = -1;

export class ObjectVersions {
  #whole: Position = NEVER;
  #any: Position = NEVER;
  /** Of this window and the one before: a version that is in neither is too old to matter. */
  #recent = new Map<ObjectKey, Position>();
  #older: ReadonlyMap<ObjectKey, Position> = new Map();
  #window = 0;

  /** The last change of anything. */
  get latest(): Position {
    return this.#any;
  }

  /** Changed at `position`, which never falls; no keys: the whole object. */
  changed(keys: readonly ObjectKey[], position: Position): void {
    this.#any = position;
    if (keys.length === 0) {
      this.#whole = position;
      return;
    }
    const window = Math.floor(position / CONFLICT_WINDOW);
    if (window !== this.#window) this.#turn(window);
    for (const key of keys) this.#recent.set(key, position);
  }

  /**
   * Whether `key`, or without one anything, was changed at or above `snapshot`: an absent key by its
   * insertion, every key by a change of the whole object.
   */
  isChangedSince(key: ObjectKey | undefined, snapshot: Position): boolean {
    if (key === undefined) return this.#any >= snapshot;
    if (this.#whole >= snapshot) return true;
    const version = this.#recent.get(key) ?? this.#older.get(key) ?? NEVER;
    return version >= snapshot;
  }

  #turn(window: number): void {
    this.#older = window === this.#window + 1 ? this.#recent : new Map();
    this.#recent = new Map();
    this.#window = window;
  }
}
