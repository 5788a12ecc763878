/** Holds a Map that is changed on trial, and that stands still for a checkpoint. */
import { LayeredMap } from './layered-map.ts';

/** A Map, or one or more layers over it. */
export type Layered<K, V> = Map<K, V> | LayeredMap<K, V>;

export class MapCell<K, V> {
  map: Layered<K, V> = new Map();

  /** What follows is on trial, until the function returned takes it back: O(1), and not twice. */
  tryOut(): () => void {
    const below = this.map;
    this.map = layered(below);
    return () => {
      this.map = below;
    };
  }

  /**
   * The map as it is now, in O(1): it stands still up to thaw(), which then costs what was changed meanwhile.
   * Who freezes it last, thaws it first.
   */
  freeze(): { readonly map: Layered<K, V>; thaw(): Iterable<void> } {
    const map = this.map;
    const layer = layered(map);
    this.map = layer;
    const cell = this;
    return {
      map,
      *thaw() {
        const settled = yield* layer.settle();
        // Not if another state was restored meanwhile.
        if (cell.map === layer) cell.map = settled as Layered<K, V>;
      },
    };
  }
}

/** A layer over `below`, which is left alone. */
export function layered<K, V>(below: Layered<K, V>): LayeredMap<K, V> {
  return new LayeredMap(below);
}
