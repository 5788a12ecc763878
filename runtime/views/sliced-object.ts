/** Objects of many elements, whose state is encoded and restored in slices. */
import type { FrozenState, Restoring } from './object-state.ts';
import { ReplicatedObject } from './replicated-object.ts';

/** Elements of a slice: their encoding takes a fraction of a millisecond, or what their size demands. */
const SLICE_ELEMENTS = 64;

export abstract class SlicedObject<Operation> extends ReplicatedObject<Operation> {
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
