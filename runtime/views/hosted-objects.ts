/** The objects that are open in this thread: made once each, and played to where all others are. */
import { TangoError } from '../../actors/tango-error.ts';
import { invalid } from '../arguments.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import { type Procedure, pause } from '../procedure.ts';
import { DIRECTORY_ID } from './checkpoint-index.ts';
import { detachedObject } from './detached-binding.ts';
import type { Directory, DirectoryEntry } from './directory.ts';
import { isTrimmedError } from './entry-loader.ts';
import type { ObjectBinding, ObjectPlayer } from './object-binding.ts';
import { RecordedHistory } from './object-state.ts';
import {
  checkType,
  keepsReferences,
  newObject,
  type ObjectType,
  sameOptions,
  typeNameOf,
} from './object-type.ts';
import { Playback, type Player } from './playback.ts';
import type { ObjectId } from './record.ts';

/** How long who opens an object waits before it looks again whether a pass has ended. */
const HOST_PAUSE_MS = 0.1;

export interface HostedObject {
  readonly type: ObjectType<unknown>;
  readonly options: unknown;
  readonly name: string;
  readonly object: unknown;
  readonly player: ObjectPlayer;
}

export interface HostingWorld {
  readonly client: LogClient;
  /** Of all that is hosted. */
  readonly playback: Playback;
  readonly directory: () => Directory;
  run<T>(procedure: Procedure<T>): Promise<T>;
  /** Plays to the tail. */
  sync(): Promise<Position>;
  /** An object that was made has not become one of this thread. */
  discarded(object: unknown): void;
  /** What the object is made with; `host` gets its view. */
  bind(entry: ObjectEntry, host: (player: ObjectPlayer) => void): ObjectBinding;
}

/** What is known of an object before it is made. */
export interface ObjectEntry {
  readonly id: ObjectId;
  readonly name: string;
  readonly options: unknown;
}

export class HostedObjects {
  readonly #world: HostingWorld;
  /** Classes of which views can be made, by the names of types. */
  readonly #types: Map<string, ObjectType<unknown>>;
  readonly #hosted = new Map<ObjectId, HostedObject>();
  readonly #opening = new Map<string, Promise<unknown>>();

  constructor(world: HostingWorld, types: readonly ObjectType<unknown>[]) {
    this.#world = world;
    this.#types = new Map(types.map((type) => [typeNameOf(type), type]));
  }

  get count(): number {
    return this.#hosted.size;
  }

  get(object: ObjectId): HostedObject | undefined {
    return this.#hosted.get(object);
  }

  *players(): Iterable<readonly [ObjectId, ObjectPlayer]> {
    for (const [object, { player }] of this.#hosted) yield [object, player];
  }

  /** The class whose objects have that name of a type. */
  type(typeName: string): ObjectType<unknown> | undefined {
    return this.#types.get(typeName);
  }

  /** The object of that name, the same one each time; creates it if there is none. */
  async open<O>(type: ObjectType<O>, name: string, options: unknown): Promise<O> {
    // One after the other: the second finds what the first has hosted.
    const before = this.#opening.get(name);
    const opening = (before ?? Promise.resolve())
      .catch(() => {})
      .then(() => this.#open(type, name, options));
    this.#opening.set(name, opening);
    try {
      return (await opening) as O;
    } finally {
      if (this.#opening.get(name) === opening) this.#opening.delete(name);
    }
  }

  /** The view of a hosted object; undefined: there is none to be trusted. */
  healthy(object: ObjectId): Player | undefined {
    const player = this.#world.playback.players.get(object);
    const hosted = this.#hosted.get(object)?.player;
    return hosted?.failure() === undefined ? player : undefined;
  }

  /** A view at its beginning of an object that is not hosted, or has failed here. */
  detached(object: ObjectId): Player {
    for (const [name, { id, type, refers }] of this.#world.directory().entries) {
      if (id !== object) continue;
      const known = this.#types.get(type);
      // A view that has failed here would fail again.
      if (known === undefined || this.#hosted.has(object)) return new RecordedHistory(refers);
      try {
        return detachedObject(known, id, name).player;
      } catch {
        // One that is made with options alone.
        return new RecordedHistory(refers);
      }
    }
    return new RecordedHistory();
  }

  /** As detached, for one whose class cannot be asked. */
  recorded(object: ObjectId): Player {
    for (const { id, refers } of this.#world.directory().entries.values()) {
      if (id === object) return new RecordedHistory(refers);
    }
    return new RecordedHistory();
  }

  async #open<O>(type: ObjectType<O>, name: string, options: unknown): Promise<O> {
    const directory = this.#world.directory();
    const typeName = typeNameOf(type);
    let entry = directory.find(name);
    if (entry === undefined) {
      // BEFORE the name is taken for ever: nothing is, by a class of which none can be made.
      detachedObject(type, DIRECTORY_ID, name, options);
      entry = await directory.create(name, typeName, keepsReferences(type));
    }
    checkType(name, typeName, entry.type);
    const known = this.#hosted.get(entry.id);
    if (known !== undefined) return sameObject(known, type, options);
    const { object, player } = await this.#replayed(type, entry, { id: entry.id, name, options });
    this.#hosted.set(entry.id, { type, options, name, object, player });
    this.#types.set(typeName, type);
    return object;
  }

  /** A view of the object at the position of all others. */
  async #replayed<O>(
    type: ObjectType<O>,
    { id, since }: DirectoryEntry,
    entry: ObjectEntry,
  ): Promise<{ object: O; player: ObjectPlayer }> {
    const { client, playback, run, sync, bind } = this.#world;
    for (;;) {
      const past = new Playback(client);
      const { position } = playback;
      let player: ObjectPlayer | undefined;
      const host = (one: ObjectPlayer): void => {
        player = one;
        past.host(id, one);
      };
      const object = newObject(type, bind(entry, host));
      if (player === undefined) throw invalid('type', type, 'a class that extends TangoObject');
      try {
        await run(past.begin(position, since));
        // A pass under way would go past what it does not know to be hosted.
        while (past.position < playback.position || playback.isOccupied) {
          if (playback.isOccupied) await run(pause(HOST_PAUSE_MS));
          await run(past.playTo(playback.position));
        }
      } catch (error) {
        this.#world.discarded(object);
        if (!isTrimmedError(error)) throw error;
        // A checkpoint has passed this thread's views, and they go on from there: once more.
        await sync();
        if (playback.position === position) throw error;
        continue;
      }
      playback.host(id, player);
      return { object, player };
    }
  }
}

/** ERR_TYPE_MISMATCH, ERR_INVALID_ARGUMENT. */
function sameObject<O>(known: HostedObject, type: ObjectType<O>, options: unknown): O {
  const { name } = known;
  if (known.type !== type) {
    const text = `the object is open as another class: name=${name}, class=${known.type.name}`;
    throw new TangoError('ERR_TYPE_MISMATCH', text, { object: name });
  }
  if (sameOptions(known.options, options)) return known.object as O;
  throw invalid('options', options, `those with which ${name} is open in this thread`);
}

/** Every object there is. */
export function allObjects(directory: Directory): ObjectId[] {
  return [DIRECTORY_ID, ...Array.from(directory.entries.values(), ({ id }) => id)];
}
