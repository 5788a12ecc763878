/** A map whose keys conflict one by one (Tango, section 3). */
import type { ObjectBinding } from '../runtime/views/object-binding.ts';
import { KeyedMap } from './keyed-map.ts';
import { ReplicatedMap } from './replicated-map.ts';

/**
 * Keys are equal as in a Map; keys that are no primitives are equal when their encodings are: objects with
 * the same properties in the same order. In the order in which keys were first set. Reading a key conflicts
 * with changes of that key only; `size` and iteration with every change.
 *
 * Operations on a key, `size` and `clear` are O(1), iteration is O(n); a key that is no primitive is
 * encoded, which costs its size. Errors: see TangoObject.
 */
export class TangoMap<K = unknown, V = unknown> extends ReplicatedMap<K, V> {
  static readonly typeName: string = 'map';

  /** @internal Use `tango.map`. */
  constructor(binding: ObjectBinding) {
    super(binding, new KeyedMap());
  }
}
