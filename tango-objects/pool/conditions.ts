/** Waiting for something to hold, with no clock: whoever changes what it depends on says so. */
interface Watcher {
  readonly holds: () => boolean;
  readonly told: () => void;
}

export class Conditions {
  readonly #watchers = new Set<Watcher>();

  /** Settles once `holds()`, which is asked now and whenever look() is called. */
  once(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((told) => {
      this.#watchers.add({ holds, told });
    });
  }

  look(): void {
    for (const watcher of this.#watchers) {
      if (!watcher.holds()) continue;
      this.#watchers.delete(watcher);
      watcher.told();
    }
  }
}
