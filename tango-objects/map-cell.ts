/** Holds a map that is changed on trial, and that stands still for a checkpoint. */
import { GrowingMap } from './growing-map.ts';
import { LayeredMap } from './layered-map.ts';

/** A map, or one or more layers over it. */
export type Layered<K, V> = GrowingMap<K, V> | LayeredMap<K, V>;

/** What was changed since tryOut(): one of the two is called, once. */
export interface Trial {
  keep(): void;
  undo(): void;
}

export class MapCell<K, V> {
  map: Layered<K, V>;
  /** A layer that was thawed while another one was on trial over it, and what holds all of it now. */
  #thawed: readonly [layer: Layered<K, V>, settled: Layered<K, V>] | undefined;

  constructor(map: GrowingMap<K, V> = new GrowingMap()) {
    this.map = map;
  }

  /** What follows is on trial: O(1). Trials end in the opposite order. */
  tryOut(): Trial {
    const below = this.map;
    const layer = new LayeredMap(below);
    this.map = layer;
    const end = (): void => {
      this.map = this.#thawed?.[0] === below ? this.#thawed[1] : below;
      this.#thawed = undefined;
    };
    return {
      keep: () => {
        // In one go: it costs what was changed.
        for (const _step of layer.settle());
        end();
      },
      undo: end,
    };
  }

  /**
   * The map as it is now, in O(1): it stands still up to thaw(), which then costs what was changed meanwhile.
   * Who freezes it last, thaws it first.
   */
  freeze(): { readonly map: Layered<K, V>; thaw(): Iterable<void> } {
    const map = this.map;
    const layer = new LayeredMap(map);
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
