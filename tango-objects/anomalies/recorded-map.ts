/**
 * A TangoMap whose view also keeps, for each key, every value it was set to and where: each key is a
 * list that is appended to, which the checker of strict serializability understands.
 */
import { ON_TRIAL } from '../../runtime/views/log-reference.ts';
import type { FrozenState, Restoring } from '../../runtime/views/object-state.ts';
import type { ApplyContext } from '../../runtime/views/playback.ts';
import { TangoMap } from '../tango-map.ts';

export interface Placed {
  readonly value: string;
  /** Of the entry. */
  readonly position: number;
}

const NOTHING: readonly Placed[] = [];

export class RecordedMap extends TangoMap<string, string> {
  #lists = new Map<string, Placed[]>();

  /** What the key was set to, as far as this view was played; a body's own changes are not there. */
  listOf(key: string): readonly Placed[] {
    return this.#lists.get(key) ?? NOTHING;
  }

  /** All of this view, as text: equal in each thread at one position. */
  digest(): string {
    return JSON.stringify(this.checkpoint());
  }

  /** Within apply() nothing that is read counts as read by a transaction. */
  protected override apply(operation: never, at: ApplyContext): boolean | undefined {
    const before = this.#versions();
    const result = super.apply(operation, at);
    const { position } = at;
    if (position === ON_TRIAL) return result;
    for (const [key, { value, version }] of this.#versions()) {
      const was = before.get(key);
      if (was?.value === value && was.version === version) continue;
      const list = this.#lists.get(key) ?? [];
      this.#lists.set(key, list);
      list.push({ value, position });
    }
    return result;
  }

  #versions(): Map<string, { value: string; version: number | undefined }> {
    const entries = Array.from(this.entries());
    return new Map(entries.map(([key, value]) => [key, { value, version: this.versionOf(key) }]));
  }

  /** The lists, then the map. */
  protected override freeze(): FrozenState {
    const lists = Array.from(this.#lists, ([key, list]) => [key, [...list]]);
    const { slices, ...frozen } = super.freeze();
    const all = function* (): Iterable<unknown> {
      yield lists;
      yield* slices;
    };
    return { ...frozen, slices: all() };
  }

  protected override restoring(): Restoring {
    const map = super.restoring();
    let lists: [string, Placed[]][] | undefined;
    return {
      take: (slice) => {
        if (lists === undefined) lists = slice as [string, Placed[]][];
        else map.take(slice);
      },
      end: () => {
        map.end();
        this.#lists = new Map(lists);
      },
    };
  }
}
