/** The base class of an application's own objects. */
import { ReplicatedObject } from './replicated-object.ts';

/**
 * An object of your own: apply() changes the view, in log order, the same in every thread; query()
 * reads it; update() changes it through the log. Open it with `tango.object(Type, name)`.
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
