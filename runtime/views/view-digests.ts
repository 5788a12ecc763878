/**
 * Whether this thread's views are those of the thread that writes the checkpoints: all of them digest
 * their state at the same mark. Where they differ, apply() is not deterministic.
 */
import { TangoError } from '../../actors/tango-error.ts';
import type { Position } from '../log-entry.ts';
import type { CheckpointIndex, Section } from './checkpoint-index.ts';
import type { ObjectPlayer } from './object-binding.ts';
import { EncodedState, type FrozenBytes, NO_DIGEST } from './object-state.ts';
import type { ObjectId } from './record.ts';

/** Larger states are not compared: every thread would stop for as long as encoding takes. */
const COMPARED_BYTES_MAX = 64 * 1024;
/** Checkpoints that end, do so soon after their mark. */
const MARKS_MAX = 4;

export class ViewDigests {
  /** By the position that a checkpoint of the mark covers. */
  readonly #digests = new Map<Position, ReadonlyMap<ObjectId, number>>();
  /** Objects whose state was too large when it was encoded last. */
  readonly #large = new Set<ObjectId>();

  /** Everything below `covered` is played, and nothing above. */
  marked(covered: Position, players: Iterable<readonly [ObjectId, ObjectPlayer]>): void {
    const digests = new Map<ObjectId, number>();
    for (const [object, player] of players) {
      if (this.#large.has(object) || player.failure() !== undefined) continue;
      const digest = this.#digest(object, player);
      if (digest !== undefined) digests.set(object, digest);
    }
    this.#digests.set(covered, digests);
    for (const old of this.#digests.keys()) {
      if (this.#digests.size <= MARKS_MAX) break;
      this.#digests.delete(old);
    }
  }

  /** The sections of the checkpoint that tell of another state than this thread has had. */
  differences({ covered, sections }: CheckpointIndex): Section[] {
    for (const { object, bytes } of sections) {
      if (bytes > COMPARED_BYTES_MAX) this.#large.add(object);
    }
    const own = this.#digests.get(covered);
    this.#digests.delete(covered);
    if (own === undefined) return [];
    return sections.filter(({ object, digest }) => {
      const ours = own.get(object);
      return ours !== undefined && digest !== NO_DIGEST && ours !== digest;
    });
  }

  #digest(object: ObjectId, player: ObjectPlayer): number | undefined {
    try {
      return this.#digestOf(object, player.freeze());
    } catch {
      // It has no state that could be compared; whoever writes the checkpoint finds the same.
      return undefined;
    }
  }

  #digestOf(object: ObjectId, { pieces, thaw }: FrozenBytes): number | undefined {
    const state = new EncodedState();
    try {
      for (const piece of pieces) {
        state.add(piece);
        // Of a state with few references no piece is empty.
        if (piece.length > 0 && state.length <= COMPARED_BYTES_MAX) continue;
        this.#large.add(object);
        return undefined;
      }
      return state.digest;
    } finally {
      for (const _step of thaw?.() ?? []);
    }
  }
}

export function differsError(name: string, position: Position, thread: number): TangoError {
  const text =
    'the view differs from that of another thread: apply() is not deterministic: ' +
    `object=${name}, position=${position}, thread=${thread}`;
  return new TangoError('ERR_CORRUPT', text, { object: name, position });
}
