/**
 * What every replicated object is made of: a view in this thread's memory, changed by apply() alone,
 * in log order, and so the same in every thread (Tango 2.1).
 */
import { TangoError } from '../../actors/tango-error.ts';
import { trimmedError } from './entry-loader.ts';
import { isSamePlace, type LogReference, ON_TRIAL } from './log-reference.ts';
import { inBody, type ObjectBinding } from './object-binding.ts';
import { encodeKey, type ObjectKey } from './object-key.ts';
import {
  decodeSlice,
  encodeFrozen,
  encodeState,
  type FrozenBytes,
  type FrozenReferences,
  type FrozenState,
  joinedPieces,
  type Restoring,
  restoreState,
} from './object-state.ts';
import { type ApplyContext, resultOf } from './playback.ts';
import { RELOCATION_KEYS, RecordKind, type Update } from './record.ts';
import { decodeValue, encodeFlat, encodeValue, flatCopy } from './value-codec.ts';

type Encoded = Pick<Update, 'bytes' | 'start' | 'end' | 'operation'>;

export abstract class ReplicatedObject<Operation = unknown> {
  readonly name: string;
  readonly #binding: ObjectBinding;
  /** What apply() threw: the view is not to be trusted any more. */
  #failure: TangoError | undefined;
  #isApplying = false;
  /** Nothing was changed, nor restored. */
  #isFresh = true;
  /** The state before that; undefined: it cannot be told. */
  #first: Uint8Array | undefined;

  /** @internal Use `tango.object`. */
  constructor(binding: ObjectBinding) {
    this.#binding = binding;
    this.name = binding.name;
    binding.bind(
      {
        apply: (update, at) => this.#play(update, at),
        state: () => this.#state(),
        restore: (state) => this.#restoreAll(state),
        freeze: () => this.#frozen(),
        restoring: () => this.#restoring(),
        references: () => this.references?.() ?? [],
        frozenReferences: () => this.#frozenReferences(),
        relocated: (update, at) => this.#relocated(update, at),
        failure: () => this.#failure,
        fail: (error) => {
          this.#failure ??= error;
        },
      },
      {
        id: binding.id,
        begin: () => this.#begin(),
        make: (update) => this.#make(update, new TrialContext(update)),
      },
    );
  }

  /**
   * Makes a change in the view: the only code that does, and deterministic: no clock, no chance, no
   * other object. Returns the change's result; a TangoError, where it refuses the operation and changes
   * nothing: the caller gets it thrown, and the view goes on. Must not await.
   */
  protected abstract apply(operation: Operation, at: ApplyContext): unknown;

  /** Override it to refuse an operation (throw) before anything is appended. */
  protected check(_operation: Operation): void {}

  /** The whole state as a value: what restore() makes the same view of. */
  protected abstract checkpoint(): unknown;
  protected abstract restore(state: unknown): void;

  /**
   * For an object that keeps places in the log, as apply() was called with them, and reads with
   * operationAt() what is there: all places that its view keeps, the log keeps them as well. With it goes
   * relocation(). (Tango 2.8: the index over the log.)
   */
  protected references?(): Iterable<ApplyContext>;

  /**
   * The operation that puts into the log once more what the one at `at` has put there. Its apply() replaces
   * `at` by the new place if the view keeps `at` still, and changes nothing else: it counts as no change.
   * undefined: the view does not keep it any more.
   */
  protected relocation?(operation: Operation, at: ApplyContext): Operation | undefined;

  /** The state as it is now, in many slices, with its references() if there are any: SlicedObject. */
  protected freeze?(): FrozenState;

  /** Takes the slices of freeze(), or what checkpoint() has told. */
  protected restoring(): Restoring {
    let state: unknown;
    return {
      take: (slice) => {
        state = slice;
      },
      end: () => this.restore(state),
    };
  }

  /**
   * From here on apply() is called on trial, within a transaction; the function returned takes all
   * of it back. Override it where a copy of the whole state is too dear.
   */
  protected tryOut(): () => void {
    const state = encodeValue(this.checkpoint(), `the state of ${this.name}`);
    return () => this.restore(decodeValue(state));
  }

  /**
   * Reads the view, linearizable: whatever had returned before, in any thread, is in it. `key`:
   * what `read` depends on; without one, on the whole object. Within a transaction the view stands
   * still, and its own changes are in it. Blocks only for an entry that its writer has not finished.
   * Throws ERR_CORRUPT once apply() has failed, ERR_TRIMMED, ERR_CLOSED.
   */
  protected query<T>(read: () => T, key?: unknown): T {
    this.ready(key);
    return read();
  }

  /** As query, for a read that follows at once: after it the view may be looked at. */
  protected ready(key?: unknown): void {
    if (!this.#isApplying) this.#binding.read(key);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * The operation at the place that `find` tells of the view, after what `query` does; undefined: `find`
   * tells none. Blocks only for an entry that its writer has not finished. Throws ERR_TRIMMED: the log was
   * trimmed by hand, or, in history, since.
   */
  protected operationAt(
    find: () => ApplyContext | undefined,
    key?: unknown,
  ): Operation | undefined {
    for (let before: ApplyContext | undefined; ; ) {
      this.ready(key);
      const at = find();
      if (at === undefined) return undefined;
      const operation = this.tryOperationAt(at);
      if (operation !== undefined) return operation;
      // Who trims has put it somewhere else before, and a view that has caught up knows where.
      if (before !== undefined && isSamePlace(before, at)) throw trimmedError(at.from);
      before = at;
    }
  }

  /** As operationAt, of a place that the view has told; undefined: it is trimmed. */
  protected tryOperationAt(at: ApplyContext): Operation | undefined {
    if (this.#isApplying) throw new TangoError('ERR_UNSUPPORTED', 'apply() reads the log');
    const update = at instanceof TrialContext ? at.change : this.#binding.updateAt(at);
    if (update === undefined) return undefined;
    return decodeValue(update.bytes, update.start, update.end) as Operation;
  }

  /** Of this thread's log client: never given twice, and another one in every thread. */
  protected get writer(): number {
    return this.#binding.writer;
  }

  /** Resolves after everybody else in this thread has had a turn. */
  protected turn(): Promise<void> {
    return this.#binding.turn();
  }

  /**
   * Changes the object; resolves to what apply() returns at the change's place in the log. `keys`:
   * what it changes, and what its result depends on; none: the whole object.
   */
  protected change<R>(operation: Operation, keys: readonly unknown[] = []): Promise<R> {
    // What fails in a body fails the body: nobody would hear of a promise.
    if (this.#binding.isInBody()) return Promise.resolve(this.changeSync<R>(operation, keys));
    return this.#changed<R>(operation, keys);
  }

  /** As change; blocks. */
  protected changeSync<R>(operation: Operation, keys: readonly unknown[] = []): R {
    return this.#result<R>(this.#binding.changeSync(this.#updateOf(operation, keys), true));
  }

  /** As change, without a result: resolves once the change is in the log, and plays nothing. */
  protected write(operation: Operation, keys: readonly unknown[] = []): Promise<void> {
    if (this.#binding.isInBody()) return Promise.resolve(this.writeSync(operation, keys));
    return this.#written(operation, keys);
  }

  /** As write; blocks. */
  protected writeSync(operation: Operation, keys: readonly unknown[] = []): void {
    this.#binding.changeSync(this.#updateOf(operation, keys), false);
  }

  /** Runs `body` as a transaction of its own, or as a part of the one that is under way. */
  protected transact<T>(body: () => T): Promise<T> {
    return this.#binding.transact(body);
  }

  /** As transact; blocks. */
  protected transactSync<T>(body: () => T): T {
    return this.#binding.transactSync(body);
  }

  /**
   * Waits until `read`, called with all that has returned in the view, finds something, and resolves
   * to that. Rejects with what `read` throws, ERR_ABORTED, ERR_CLOSED; ERR_UNSUPPORTED in the body of a
   * transaction. Keeps the thread alive meanwhile.
   */
  protected until<T>(read: () => T | undefined, signal?: AbortSignal): Promise<T> {
    return this.#binding.until(read, signal);
  }

  /** Throws ERR_UNSUPPORTED in the body of a transaction: `what` waits for others. */
  protected outsideBody(what: string): void {
    if (this.#binding.isInBody()) throw inBody(what);
  }

  async #changed<R>(operation: Operation, keys: readonly unknown[]): Promise<R> {
    const outcome = await this.#binding.change(this.#updateOf(operation, keys), true);
    return this.#result<R>(resultOf(outcome));
  }

  /** One promise for a change, as there may be many of them. */
  #written(operation: Operation, keys: readonly unknown[]): Promise<void> {
    try {
      const update = this.#updateOf(operation, keys);
      return this.#binding.change(update, false) as Promise<undefined>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #updateOf(operation: Operation, keys: readonly unknown[]): Update {
    this.check(operation);
    return this.#encoded(operation, keys.length === 1 ? [encodeKey(keys[0])] : keys.map(encodeKey));
  }

  #relocated({ bytes, start, end }: Update, at: LogReference): Update | undefined {
    const operation = this.relocation?.(decodeValue(bytes, start, end) as Operation, at);
    return operation === undefined ? undefined : this.#encoded(operation, RELOCATION_KEYS);
  }

  #encoded(operation: Operation, keys: readonly ObjectKey[]): Update {
    const flat = flatCopy(operation);
    const bytes = flat === undefined ? encodeValue(operation, 'the change') : encodeFlat(flat);
    return {
      kind: RecordKind.UPDATE,
      object: this.#binding.id,
      keys,
      bytes,
      start: 0,
      end: bytes.length,
      operation: flat,
    };
  }

  #result<R>(result: unknown): R {
    if (this.#failure !== undefined) throw this.#failure;
    if (result instanceof TangoError) throw result;
    return result as R;
  }

  /** A failure stays with its object: the others go on. */
  #play(update: Encoded, at: ApplyContext): unknown {
    if (this.#failure !== undefined) return undefined;
    try {
      this.#keepFirst();
      return this.#make(update, at);
    } catch (cause) {
      const text = `apply() of ${this.name} has failed: position=${at.position}`;
      const details = { object: this.name, position: at.position, cause };
      this.#failure = new TangoError('ERR_CORRUPT', text, details);
      return undefined;
    }
  }

  /** A view that cannot be taken back is not to be trusted any more. */
  #begin(): () => void {
    const undo = this.tryOut();
    return () => {
      try {
        undo();
      } catch (cause) {
        const text = `the changes of a transaction cannot be taken back: object=${this.name}`;
        this.#failure = new TangoError('ERR_CORRUPT', text, { object: this.name, cause });
      }
    };
  }

  /** BEFORE the first change, or what is restored: what was copied instead of a state begins from there. */
  #keepFirst(): void {
    if (!this.#isFresh) return;
    this.#isFresh = false;
    try {
      this.#first = this.#state();
    } catch {
      // Who asks for it will be told.
    }
  }

  #state(): Uint8Array {
    const { pieces, thaw } = this.#frozen();
    try {
      return joinedPieces(pieces);
    } finally {
      for (const _step of thaw?.() ?? []);
    }
  }

  #frozen(): FrozenBytes {
    const what = `the state of ${this.name}`;
    const frozen = this.freeze?.();
    if (frozen === undefined) {
      // At once: what checkpoint() returns may be the view's own, and changes with it.
      return { pieces: [encodeState(this.checkpoint(), what, this.references?.())] };
    }
    const references = frozen.references ?? this.references?.() ?? [];
    const pieces = encodeFrozen({ ...frozen, references }, what);
    return frozen.thaw === undefined ? { pieces } : { pieces, thaw: frozen.thaw };
  }

  /** undefined also where it fails: the state will not be told either. */
  #frozenReferences(): FrozenReferences | undefined {
    if (this.references === undefined) return undefined;
    try {
      const { references, thaw = () => [] } = this.freeze?.() ?? {};
      if (references !== undefined) return { references, thaw };
      for (const _step of thaw());
      return { references: [...this.references()], thaw: () => [] };
    } catch {
      return undefined;
    }
  }

  /** What fails leaves a view that is not to be trusted. */
  #restoring(): { take(slice: Uint8Array): void; end(): void } {
    const restoring = this.restoring();
    let failure: { readonly cause: unknown } | undefined;
    const tried = (step: () => void): void => {
      try {
        if (failure === undefined) step();
      } catch (cause) {
        failure = { cause };
      }
    };
    return {
      take: (slice) => tried(() => restoring.take(decodeSlice(slice))),
      end: () => {
        this.#keepFirst();
        tried(() => restoring.end());
        this.#failure = failure === undefined ? undefined : this.#notRestored(failure.cause);
      },
    };
  }

  #notRestored(cause: unknown): TangoError {
    const text = `restore() of ${this.name} has failed`;
    return new TangoError('ERR_CORRUPT', text, { object: this.name, cause });
  }

  /** What a checkpoint has instead of the history is as good as that: a failure ends with it. */
  #restoreAll(state: Uint8Array): void {
    this.#failure = undefined;
    try {
      restoreState(state, {
        reset: () => {
          if (this.#isFresh) return;
          if (this.#first === undefined) throw new Error('the first state is not known here');
          this.#restoreAll(this.#first);
        },
        restoring: () => {
          this.#keepFirst();
          return this.restoring();
        },
        apply: (bytes, at) => {
          this.#play({ bytes, start: 0, end: bytes.length, operation: undefined }, at);
        },
      });
    } catch (cause) {
      this.#failure = this.#notRestored(cause);
    }
  }

  #make({ bytes, start, end, operation }: Encoded, at: ApplyContext): unknown {
    this.#isApplying = true;
    try {
      // A copy for each call: what one does with it is nothing to the next.
      const own = flatCopy(operation) ?? decodeValue(bytes, start, end);
      const result = this.apply(own as Operation, at);
      if (result instanceof Promise) throw new TypeError('apply() has returned a promise');
      return result;
    } finally {
      this.#isApplying = false;
    }
  }
}

/** On trial there is no place yet: it is above every other, and knows the change itself. */
class TrialContext implements ApplyContext {
  readonly position = ON_TRIAL;
  readonly index = 0;
  readonly update = 0;
  readonly from = ON_TRIAL;
  readonly change: Encoded;

  constructor(change: Encoded) {
    this.change = change;
  }
}
