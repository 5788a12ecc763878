/**
 * What all threads have to find alike: the digest of a view at a position, and what became of each
 * record (RELIABILITY 2.4, I13 and I14). The first one who tells is who the others are compared with.
 */
import type { Position } from '../../runtime/log-entry.ts';
import type { CheckpointIndex } from '../../runtime/views/checkpoint-index.ts';
import type { RecordOutcome } from '../../runtime/views/playback.ts';
import type { ObjectId } from '../../runtime/views/record.ts';
import { assert } from '../../shared-memory/assert.ts';

export class CommonFindings {
  /** By object and position: every entry below is in it. */
  readonly #looks = new Map<string, number>();
  /** By object and place: the change there is the last one in it. */
  readonly #changes = new Map<string, number>();
  /** By place: whether the record has taken effect. */
  readonly #verdicts = new Map<string, boolean>();

  /** A view that has played to `position` has this digest. */
  looked(object: ObjectId, position: Position, digest: number): void {
    agree(this.#looks, `object=${object}, position=${position}`, digest, 'views are equal');
  }

  digestAt(object: ObjectId, position: Position): number | undefined {
    return this.#looks.get(`object=${object}, position=${position}`);
  }

  /** A view has taken in a change. */
  changed(object: ObjectId, position: Position, index: number, digest: number): void {
    const place = `object=${object}, position=${position}, index=${index}`;
    agree(this.#changes, place, digest, 'views change alike');
  }

  decided(position: Position, outcomes: readonly RecordOutcome[]): void {
    for (const [index, { committed }] of outcomes.entries()) {
      const place = placeOf(position, index);
      agree(this.#verdicts, place, committed, 'a record is decided alike by everybody');
    }
  }

  /** What a checkpoint record tells of commits is what was found without it. */
  told({ aborted, limit, limitBefore, covered }: CheckpointIndex): void {
    const places = new Set(aborted.map(([position, index]) => placeOf(position, index)));
    for (const [place, isCommitted] of this.#verdicts) {
      const position = positionOf(place);
      if (position < Math.max(limit, limitBefore) || position >= covered) continue;
      assert(isCommitted !== places.has(place), `a checkpoint knows what became of ${place}`);
    }
  }
}

function placeOf(position: Position, index: number): string {
  return `position=${position}, index=${index}`;
}

function positionOf(place: string): Position {
  return Number(place.slice('position='.length, place.indexOf(',')));
}

function agree<T>(known: Map<string, T>, place: string, found: T, what: string): void {
  const before = known.get(place);
  if (before === undefined) known.set(place, found);
  else if (before !== found) assert(false, `${what}: ${place}, ${before} is ${found}`);
}
