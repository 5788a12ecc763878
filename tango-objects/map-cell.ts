/** Holds a Map that is changed on trial, and that stands still for a checkpoint. */
import { LayeredMap } from './layered-map.ts';

/** A Map, or one or more layers over it. */
export type Layered<K, V> = Map<K, V> | LayeredMap<K, V>;

export class MapCell<K, V> {
  map: Layered<K, V> = new Map();
  /** A layer that was thawed while another one was on trial over it, and what holds all of it now. */
  #thawed: readonly [layer: Layered<K, V>, settled: Layered<K, V>] | undefined;

  /** What follows is on trial, until the function returned takes it back: O(1), and not twice. */
  tryOut(): () => void {
    const below = this.map;
    this.map = layered(below);
    return () => {
      this.map = this.#thawed?.[0] === below ? this.#thawed[1] : below;
      this.#thawed = undefined;
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
        const settled = (yield* layer.settle()) as Layered<K, V>;
        // Not if another state was restored meanwhile.
        if (cell.map === layer) cell.map = settled;
        else cell.#thawed = [layer, settled];
      },
    };
  }
}

/** A layer over `below`, which is left alone. */
export function layered<K, V>(below: Layered<K, V>): LayeredMap<K, V> {
  return new LayeredMap(below);
}
