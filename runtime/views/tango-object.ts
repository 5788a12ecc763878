/** The base class of an application's own objects. */
import { ReplicatedObject } from './replicated-object.ts';

/**
 * An object of your own: apply() changes the view, in log order, the same in every thread; query()
 * reads it; update() changes it through the log. Open it with `tango.object(Type, name)` (Tango 2.1).
 *
 * Of every object, those that come with tangolog included: reads throw ERR_CLOSED, ERR_CORRUPT (apply()
 * has failed, or an entry is lost), ERR_TRIMMED (the view is behind a trim, and no checkpoint is there to go
 * on from), ERR_TIMEOUT. A change rejects with these, and its `Sync` twin throws them; also with
 * ERR_INVALID_ARGUMENT (what cannot be encoded: nothing is appended), ERR_ENTRY_TOO_LARGE (over 16 MiB),
 * ERR_LOG_FULL, ERR_ACTOR_EXITED, and ERR_UNSUPPORTED in history. After ERR_TIMEOUT or ERR_ACTOR_EXITED with
 * a `position` it is not known whether the change is in the log.
 */
export abstract class TangoObject<Operation = unknown> extends ReplicatedObject<Operation> {
  /**
   * Changes the object; resolves to what apply() returns at the change's place in the log. `keys`:
   * what it changes, and what its result depends on; none: the whole object. Within a transaction the
   * change is buffered, and the result is that of the snapshot with the transaction's own changes.
   */
  protected update<R>(operation: Operation, keys?: readonly unknown[]): Promise<R> {
    return this.change<R>(operation, keys);
  }

  /** As update; blocks. */
  protected updateSync<R>(operation: Operation, keys?: readonly unknown[]): R {
    return this.changeSync<R>(operation, keys);
  }
}
