/** A map whose values are in the log alone (Tango 2.8: the index over the log). */
import { TangoError } from '../actors/tango-error.ts';
import { isSamePlace } from '../runtime/views/log-reference.ts';
import type { ObjectBinding } from '../runtime/views/object-binding.ts';
import type { FrozenState } from '../runtime/views/object-state.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { KeyIndexes } from './key-indexes.ts';
import { type Operation, RELOCATE, type Relocate } from './map-operation.ts';
import type { MapOptions } from './map-options.ts';
import { type KeptPlace, PlacedEntries } from './placed-entries.ts';
import { ReplicatedMap } from './replicated-map.ts';
import type { FrozenEntries } from './versioned-entries.ts';

/** An entry in a checkpoint. */
type EntryState<K> = readonly [
  key: K,
  version: number,
  position: number,
  index: number,
  update: number,
  from: number,
];

/**
 * As TangoMap in all that it does and in what conflicts, but a view holds, beside the keys, only where in the
 * log each value is: about 150 bytes a key. Reading a value reads the log: an entry is copied, and the value
 * decoded. So values may be more than fits the heap. They have to fit the log: a third of it is well used by
 * them; where it is more than half, compaction, which moves them along, writes several times what others do.
 *
 * Iteration reads value after value. One that was changed since the iteration began is read as it was, unless
 * a trim has passed it: then it is ERR_TRIMMED; not so in a transaction. Other errors: see TangoObject.
 */
export class TangoLogMap<K = unknown, V = unknown> extends ReplicatedMap<K, V> {
  static readonly typeName: string = 'log-map';
  readonly #places: PlacedEntries<K>;
  readonly #functions: MapOptions<K, V>['indexes'];

  /** @internal Use `tango.map` with `values: 'log'`. */
  constructor(binding: ObjectBinding) {
    const places = new PlacedEntries<K>();
    super(binding, places, undefined, 'log');
    this.#places = places;
    this.#functions = (binding.options as MapOptions<K, V> | undefined)?.indexes;
  }

  /** As of TangoMap, but reads the log: blocks while it copies an entry. The value is the reader's own. */
  override get(key: K): V | undefined {
    const own = this.keyOf(key);
    return this.#valueOf(this.operationAt(() => this.#places.get(own)?.at, own));
  }

  /** Keys of one moment; values are read from the log one by one, see above. */
  override entries(): IterableIterator<[K, V]> {
    this.ready();
    return this.#read(Array.from(this.#places));
  }

  /** As of TangoMap; the first one after the view began at a checkpoint reads all values from the log. */
  override find(index: string, value: unknown): [K, V][] {
    for (;;) {
      try {
        return super.find(index, value);
      } catch (error) {
        // All that is found is of one moment: of a later one.
        if (!(error instanceof PassedError)) throw error;
      }
    }
  }

  protected override apply(operation: Operation<K>, at: ApplyContext): boolean | undefined {
    if (operation[0] !== RELOCATE) return super.apply(operation, at);
    const [, key, , position, index, update] = operation;
    this.#places.move(key, { position, index, update, from: position }, at);
    return undefined;
  }

  protected override kept(_value: unknown, at: ApplyContext): ApplyContext {
    return at;
  }

  /** What was set since the view has told `kept` is none of it. */
  protected override read(kept: KeptPlace<K>): V {
    const found = this.tryOperationAt(kept.at);
    if (found !== undefined) return this.#valueOf(found) as V;
    const operation = this.operationAt(() => {
      const now = this.#places.get(kept.key);
      if (now?.version === kept.version) return now.at;
      throw new PassedError(this.name, kept.at.from);
    });
    return this.#valueOf(operation) as V;
  }

  /** Made on first use: restore() is told no values. */
  protected override indexed(): KeyIndexes<K, V> {
    if (this.#functions === undefined) return super.indexed();
    while (this.indexes === undefined) {
      const indexes = new KeyIndexes<K, V>(this.#functions);
      if (this.#tryFill(indexes)) this.indexes = indexes;
    }
    return this.indexes;
  }

  protected override stateOf(key: K, kept: KeptPlace<K>, version: number): EntryState<K> {
    const { position, index, update, from } = kept.at;
    return [key, version, position, index, update, from];
  }

  protected override entryOf(state: unknown): readonly [K, ApplyContext, number] {
    const [key, version, position, index, update, from] = state as EntryState<K>;
    return [key, { position, index, update, from }, version];
  }

  /** Values are not in the state: indexes are made when they are asked for. */
  protected override restoredIndexes(): undefined {
    return undefined;
  }

  protected override tryOut(): () => void {
    const { indexes } = this;
    const undo = super.tryOut();
    return () => {
      undo();
      this.indexes = indexes;
    };
  }

  protected override frozenState(frozen: FrozenEntries<K, KeptPlace<K>>): FrozenState {
    const references = function* (): Iterable<ApplyContext> {
      for (const [, { at }] of frozen.entries) yield at;
    };
    return { ...super.frozenState(frozen), references: references() };
  }

  protected override *references(): Iterable<ApplyContext> {
    for (const [, { at }] of this.#places) yield at;
  }

  protected override relocation(
    operation: Operation<K>,
    at: ApplyContext,
  ): Relocate<K> | undefined {
    const [key, value] = settingOf(operation);
    const now = this.#places.get(key);
    if (now === undefined || !isSamePlace(now.at, at)) return undefined;
    return [RELOCATE, key, value, at.position, at.index, at.update];
  }

  *#read(entries: readonly (readonly [K, KeptPlace<K>])[]): IterableIterator<[K, V]> {
    for (const [key, kept] of entries) yield [key, this.read(kept)];
  }

  /** False: the view has moved meanwhile, since what it told is trimmed. */
  #tryFill(indexes: KeyIndexes<K, V>): boolean {
    for (const [key, kept] of this.#places) {
      const operation = this.tryOperationAt(kept.at);
      if (operation === undefined) {
        // Throws where the view cannot catch up.
        this.operationAt(() => this.#places.get(kept.key)?.at);
        return false;
      }
      const [, value] = settingOf(operation);
      indexes.set(key, () => this.decoded(value));
    }
    return true;
  }

  #valueOf(operation: Operation<K> | undefined): V | undefined {
    if (operation === undefined) return undefined;
    const [, value] = settingOf(operation);
    return value === undefined ? undefined : this.decoded(value);
  }
}

/** What was set, and to what. */
function settingOf<K>(operation: Operation<K>): readonly [key: K, value: unknown] {
  const [, key, value] = operation;
  if (operation.length < 3) throw new TangoError('ERR_CORRUPT', 'a value is not where it was');
  return [key as K, value];
}

/** The value that was to be read is set anew, and trimmed. */
class PassedError extends TangoError {
  constructor(object: string, position: number) {
    super('ERR_TRIMMED', `a value was changed and trimmed before it was read: object=${object}`, {
      object,
      position,
    });
  }
}
