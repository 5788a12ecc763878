/** Objects of many elements, whose state is encoded and restored in slices. */
import { TangoError } from '../../actors/tango-error.ts';
import type { ObjectBinding } from './object-binding.ts';
import type { FrozenState, Restoring } from './object-state.ts';
import { ReplicatedObject } from './replicated-object.ts';

/** Elements of a slice: their encoding takes a fraction of a millisecond, or what their size demands. */
const SLICE_ELEMENTS = 64;

export abstract class SlicedObject<Operation> extends ReplicatedObject<Operation> {
  /** @internal Use `tango.object`. */
  constructor(binding: ObjectBinding) {
    super(binding);
    const { checkpoint, restore } = SlicedObject.prototype;
    if (this.checkpoint === checkpoint && this.restore === restore) return;
    // They would not be called, and what they keep be lost with the next checkpoint.
    const text = 'a class that adds to the state of this one overrides freeze() and restoring()';
    throw new TangoError('ERR_UNSUPPORTED', text, { object: this.name });
  }

  protected abstract override freeze(): FrozenState;
  protected abstract override restoring(): Restoring;

  protected checkpoint(): unknown {
    const { slices, thaw } = this.freeze();
    const all = [...slices];
    for (const _step of thaw?.() ?? []);
    return all;
  }

  protected restore(state: unknown): void {
    const restoring = this.restoring();
    for (const slice of state as unknown[]) restoring.take(slice);
    restoring.end();
  }
}

/** The elements, so many at a time. */
export function* slicesOf<T>(elements: Iterable<T>): Iterable<T[]> {
  let slice: T[] = [];
  for (const element of elements) {
    slice.push(element);
    if (slice.length < SLICE_ELEMENTS) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}
