/**
 * Names of objects (Tango 2.8): an object with a fixed id. The first record in the log that creates a
 * name decides, so all threads agree on its id and type.
 */
import type { Position } from '../log-entry.ts';
import { FIRST_OBJECT_ID } from './checkpoint-index.ts';
import type { ApplyContext } from './playback.ts';
import type { ObjectId } from './record.ts';
import { ReplicatedObject } from './replicated-object.ts';

export interface DirectoryEntry {
  readonly id: ObjectId;
  readonly type: string;
  /** Where it was created: nothing below changes it. */
  readonly since: Position;
  /** Its views keep places in the log. */
  readonly refers?: true;
}

const REFERS = { refers: true } as const;

interface Create {
  readonly name: string;
  readonly type: string;
  readonly refers?: true;
}

export class Directory extends ReplicatedObject<Create> {
  #entries = new Map<string, DirectoryEntry>();
  readonly #names = new Map<ObjectId, string>();

  /** What the name stands for; undefined: nothing yet. */
  find(name: string): DirectoryEntry | undefined {
    return this.query(() => this.#entries.get(name), name);
  }

  /** All names, as far as was played. */
  get entries(): ReadonlyMap<string, DirectoryEntry> {
    return this.#entries;
  }

  /** As far as was played. */
  nameOf(object: ObjectId): string | undefined {
    return this.#names.get(object);
  }

  /** Resolves to what the name stands for: another thread may have been first. */
  create(name: string, type: string, refers: boolean): Promise<DirectoryEntry> {
    return this.change({ name, type, ...(refers && REFERS) }, [name]);
  }

  protected apply({ name, type, refers }: Create, { position }: ApplyContext): DirectoryEntry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const id = FIRST_OBJECT_ID + this.#entries.size;
    const entry = { id, type, since: position, ...(refers && REFERS) };
    this.#entries.set(name, entry);
    this.#names.set(entry.id, name);
    return entry;
  }

  protected checkpoint(): unknown {
    return this.#entries;
  }

  protected restore(state: unknown): void {
    this.#entries = state as Map<string, DirectoryEntry>;
    this.#names.clear();
    for (const [name, { id }] of this.#entries) this.#names.set(id, name);
  }
}
