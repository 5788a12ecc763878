/** Committed changes in log order, for whoever wants to follow them. */
import { quietTime, unlessAborted } from '../abort.ts';
import {
  abortedError,
  checkInteger,
  checkKeys,
  checkPosition,
  checkSignal,
  invalid,
} from '../arguments.ts';
import type { LogClient } from '../log-client.ts';
import type { Position } from '../log-entry.ts';
import type { Procedure } from '../procedure.ts';
import { checkpointsInLog, decodeIndex } from './checkpoint-index.ts';
import { EntryLoader } from './entry-loader.ts';
import { Judge } from './judge.ts';
import { decodeKey } from './object-key.ts';
import {
  isRelocation,
  type ObjectId,
  type RecordBatch,
  RecordKind,
  type Update,
} from './record.ts';
import { Turns } from './turns.ts';
import { decodeValue } from './value-codec.ts';

/** Where a change is in the log. */
export interface ChangePlace {
  /** Of its entry. */
  readonly position: Position;
  /** Among the records of that, from 0. */
  readonly index: number;
}

/** What one change, or one transaction, has changed. */
export interface Change extends ChangePlace {
  readonly updates: readonly ObjectChange[];
}

export interface ObjectChange {
  /** Its name. */
  readonly object: string;
  /**
   * What its apply() was called with, or what its class makes of that (`describe`): of a map
   * `{ set, value }`, `{ delete }` or `{ clear: true }`, of a set `{ add }` and so on, of a register
   * `{ set }`, of a counter a number. A change is told that was made for nothing, too: one of a
   * condition that did not hold, or one that apply() has refused.
   */
  readonly operation: unknown;
  /** What it changes there; empty: the whole object. */
  readonly keys: readonly unknown[];
}

export interface ChangesOptions {
  /** Only changes of objects of these names; the others of a transaction are left out. */
  readonly objects?: readonly string[] | undefined;
  /** First place, inclusive: a position, or a place in its entry; default: the tail, as it is now. */
  readonly from?: Position | ChangePlace | undefined;
  /** Last position, exclusive, at most the tail at the beginning; default: never ends. */
  readonly to?: Position | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a feed needs of its thread. */
export interface FeedWorld {
  readonly client: LogClient;
  run<T>(procedure: Procedure<T>): Promise<T>;
  /** Throws once the log is closed. */
  checkOpen(): void;
  /** Knows all names of objects that are changed below `position`. */
  namesUpTo(position: Position): Promise<void>;
  nameOf(object: ObjectId): string | undefined;
  /** An operation of the object of that name, as the feed tells it. */
  describe(name: string, operation: unknown): unknown;
}

const KEYS = ['objects', 'from', 'to', 'signal'];
/** A feed that waits looks at the tail again after this long, and less often while all is quiet. */
const PAUSE_MS = 1;
const PAUSE_MS_MAX = 25;
/** Positions between two looks at the clock. */
const LOOKED_AT_ONCE = 8;

/** Checks the options at once, reads lazily; every iterator begins anew. */
export function readChanges(world: FeedWorld, options: ChangesOptions): AsyncIterable<Change> {
  checkKeys('changes', options, KEYS);
  const { to, objects } = options;
  if (to !== undefined) checkPosition(to, 'to');
  if (objects !== undefined) checkNames(objects);
  const names = objects === undefined ? undefined : new Set(objects);
  const signal = checkSignal(options.signal);
  const from = checkPlace(options.from === undefined ? world.client.tail() : options.from);
  return { [Symbol.asyncIterator]: () => iterate(world, from, { to, names, signal }) };
}

interface Bounds {
  readonly to: Position | undefined;
  readonly names: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The committed records of one entry. */
interface EntryChanges {
  readonly position: Position;
  readonly records: readonly { readonly index: number; readonly updates: readonly Update[] }[];
}

async function* iterate(
  world: FeedWorld,
  from: ChangePlace,
  { to, names, signal }: Bounds,
): AsyncGenerator<Change> {
  const { client } = world;
  const feed = new Feed(client, from.position);
  const end = to === undefined ? undefined : Math.min(to, client.tail());
  let pauseMs = PAUSE_MS;
  for (;;) {
    if (signal?.aborted) throw abortedError(signal);
    world.checkOpen();
    const entry = await unlessAborted(world.run(feed.next(end ?? client.tail())), signal);
    if (entry === undefined && end !== undefined) return;
    if (entry === undefined) {
      await quietTime(pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
      continue;
    }
    pauseMs = PAUSE_MS;
    const { position } = entry;
    await world.namesUpTo(position + 1);
    for (const { index, updates } of entry.records) {
      if (position === from.position && index < from.index) continue;
      const told = updates.flatMap((update) => shown(world, update, names));
      if (told.length > 0) yield { position, index, updates: told };
    }
  }
}

class Feed {
  readonly #client: LogClient;
  readonly #loader: EntryLoader;
  readonly #judge: Judge;
  #position: Position;
  #isBegun = false;

  constructor(client: LogClient, from: Position) {
    this.#client = client;
    this.#loader = new EntryLoader(client);
    this.#judge = new Judge(client, this.#loader);
    this.#position = from;
  }

  /** The next entry below `limit` that changes something; undefined: there is none now. */
  *next(limit: Position): Procedure<EntryChanges | undefined> {
    if (!this.#isBegun) yield* this.#begin();
    const turns = new Turns(this.#client.context, LOOKED_AT_ONCE);
    while (this.#position < limit) {
      const position = this.#position;
      const batch = yield* this.#loader.load(position);
      const records = typeof batch === 'string' ? [] : yield* this.#committed(batch);
      this.#position = position + 1;
      if (records.length > 0) return { position, records };
      if (turns.isOver()) yield* turns.next();
    }
    return undefined;
  }

  /** What the checkpoints tell that are in the log: what is above them is judged by it. */
  *#begin(): Procedure<void> {
    this.#judge.learnAll(yield* checkpointsInLog(this.#client, this.#loader));
    this.#isBegun = true;
  }

  *#committed(batch: RecordBatch): Procedure<EntryChanges['records']> {
    const position = this.#position;
    const records = yield* this.#judge.whole(position, batch.records);
    const aborted =
      this.#judge.tryDecide(position, records) ?? (yield* this.#judge.decide(position, records));
    this.#judge.played(position, { records, aborted, bytes: batch.bytes });
    return records.flatMap((record, index) => {
      if (record.kind === RecordKind.CHECKPOINT) {
        this.#judge.passCheckpoint(position, decodeIndex(record.index, position));
      }
      if (aborted.has(index)) return [];
      if (record.kind === RecordKind.UPDATE) return [{ index, updates: [record] }];
      return record.kind === RecordKind.COMMIT ? [{ index, updates: record.updates }] : [];
    });
  }
}

/** Without a name it is the directory's. */
function shown(
  world: FeedWorld,
  update: Update,
  names: ReadonlySet<string> | undefined,
): ObjectChange[] {
  const { object, keys, bytes, start, end } = update;
  const name = world.nameOf(object);
  if (isRelocation(update)) return [];
  if (name === undefined || names?.has(name) === false) return [];
  const operation = world.describe(name, decodeValue(bytes, start, end));
  return [{ object: name, operation, keys: keys.map(decodeKey) }];
}

function checkNames(objects: unknown): void {
  const isNames = Array.isArray(objects) && objects.every((name) => typeof name === 'string');
  if (!isNames) throw invalid('objects', objects, 'an array of names of objects');
}

function checkPlace(from: unknown): ChangePlace {
  if (typeof from !== 'object' || from === null) {
    checkPosition(from as Position, 'from');
    return { position: from as Position, index: 0 };
  }
  const { position, index } = from as Partial<ChangePlace>;
  checkPosition(position as Position, 'from.position');
  checkInteger('from.index', index as number, 0, 0xffff);
  return { position: position as Position, index: index as number };
}
