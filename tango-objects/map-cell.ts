/** Holds a map that is changed on trial, and that stands still for a checkpoint. */
import { GrowingMap } from './growing-map.ts';
import { type Layered, LayeredMap } from './layered-map.ts';

/** What was changed since tryOut(): one of the two is called, once. */
export interface Trial {
  keep(): void;
  undo(): void;
}

export class MapCell<K, V> {
  map: Layered<K, V>;
  /** By layers that were thawed while others were on trial over them: what holds all of it now. */
  readonly #thawed = new WeakMap<Layered<K, V>, Layered<K, V>>();

  constructor(map: GrowingMap<K, V> = new GrowingMap()) {
    this.map = map;
  }

  /** What follows is on trial: O(1). Trials end in the opposite order. */
  tryOut(): Trial {
    const below = this.map;
    const layer = new LayeredMap(below);
    this.map = layer;
    return new LayerTrial(this, layer, below);
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
        const settled = yield* layer.settle();
        // Not if another state was restored meanwhile.
        if (cell.map === layer) cell.map = settled;
        else cell.#thawed.set(layer, settled);
      },
    };
  }

  /** What is in use instead of `layer`; `isChanged`: something went into that since it was thawed. */
  settled(layer: Layered<K, V>, isChanged: boolean): Layered<K, V> {
    const settled = this.#thawed.get(layer);
    if (settled === undefined) return layer;
    if (isChanged) for (const _step of (layer as LayeredMap<K, V>).settle());
    return this.settled(settled, isChanged);
  }
}

class LayerTrial<K, V> implements Trial {
  readonly #cell: MapCell<K, V>;
  readonly #layer: LayeredMap<K, V>;
  readonly #below: Layered<K, V>;

  constructor(cell: MapCell<K, V>, layer: LayeredMap<K, V>, below: Layered<K, V>) {
    this.#cell = cell;
    this.#layer = layer;
    this.#below = below;
  }

  keep(): void {
    // In one go: it costs what was changed.
    for (const _step of this.#layer.settle());
    this.#cell.map = this.#cell.settled(this.#below, true);
  }

  undo(): void {
    this.#cell.map = this.#cell.settled(this.#below, false);
  }
}
