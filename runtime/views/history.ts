/** Objects as they were at a position: read-only views over a prefix of the log (Tango 2.8). */
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';
import { DIRECTORY_ID } from './checkpoint-index.ts';
import { detachedObject } from './detached-binding.ts';
import { Directory } from './directory.ts';
import type { LogReference } from './log-reference.ts';
import { checkObject, checkType, type ObjectType, typeNameOf } from './object-type.ts';
import { Playback } from './playback.ts';
import type { Update } from './record.ts';

export interface HistoryWorld {
  readonly client: LogClient;
  /** The change at a place in the log; undefined: it is trimmed. */
  readonly updateAt: (at: LogReference) => Update | undefined;
  run<T>(procedure: Procedure<T>): Promise<T>;
}

/** The objects of one position. */
export interface ObjectsAt {
  readonly position: Position;
  object<O>(type: ObjectType<O>, name: string, options?: unknown): Promise<O>;
}

/**
 * Every object at one position: all changes in entries below it, and none from it on, so that the
 * objects are consistent with each other. Reads are of this thread's memory; changes are
 * ERR_UNSUPPORTED. Holds nothing in the log: what was not opened before a trim passes it is gone, and what an
 * object keeps in the log (values of a map with `values: 'log'`, ledgers) what was not read: ERR_TRIMMED.
 */
export class Snapshot implements ObjectsAt {
  /** Exclusive. */
  readonly position: Position;
  readonly #world: HistoryWorld;
  readonly #directory: Directory;
  readonly #views = new Map<string, Promise<unknown>>();

  /** @internal Use `tango.at`. */
  constructor(world: HistoryWorld, position: Position, directory: Directory) {
    this.#world = world;
    this.position = position;
    this.#directory = directory;
  }

  /**
   * The object of that name as it was; where there was none yet, one without any changes. Rejects with
   * ERR_TYPE_MISMATCH, ERR_INVALID_ARGUMENT, ERR_TRIMMED, ERR_CLOSED. `options`: of the first call.
   */
  async object<O>(type: ObjectType<O>, name: string, options?: unknown): Promise<O> {
    checkObject(type, name);
    const typeName = typeNameOf(type);
    const entry = this.#directory.find(name);
    checkType(name, typeName, entry?.type ?? typeName);
    const known = this.#views.get(name);
    if (known !== undefined) return (await known) as O;
    const view = this.#replayed(type, name, options);
    this.#views.set(name, view);
    try {
      return await view;
    } catch (error) {
      this.#views.delete(name);
      throw error;
    }
  }

  async #replayed<O>(type: ObjectType<O>, name: string, options: unknown): Promise<O> {
    const { client, run, updateAt } = this.#world;
    const entry = this.#directory.find(name);
    const id = entry?.id ?? DIRECTORY_ID;
    const { object, player } = detachedObject(type, id, name, options, updateAt);
    if (entry === undefined) return object;
    const past = new Playback(client);
    past.host(id, player);
    await run(past.begin(this.position, entry.since));
    await run(past.playTo(this.position));
    return object;
  }
}

/** ERR_TRIMMED: neither the log nor a checkpoint reaches back to `position`. */
export async function snapshotAt(world: HistoryWorld, position: Position): Promise<Snapshot> {
  const { object, player } = detachedObject(Directory, DIRECTORY_ID, 'the directory');
  const past = new Playback(world.client);
  past.host(DIRECTORY_ID, player);
  await world.run(past.begin(position));
  await world.run(past.playTo(position));
  return new Snapshot(world, position, object);
}
