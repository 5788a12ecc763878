/** Makes views of the states that a checkpoint has. */
import type { LogClient } from '../log-client.ts';
import type { Procedure } from '../procedure.ts';
import type { Section } from './checkpoint-index.ts';
import type { EntryLoader } from './entry-loader.ts';
import { joined, partAt } from './large-record.ts';
import { isInSlices, StateReader } from './object-state.ts';
import type { Player } from './playback.ts';
import { Turns } from './turns.ts';

export class StateRestorer {
  readonly #client: LogClient;
  readonly #loader: EntryLoader;
  readonly #foreign: (body: () => void) => void;

  /** `foreign` runs code of objects. */
  constructor(client: LogClient, loader: EntryLoader, foreign: (body: () => void) => void) {
    this.#client = client;
    this.#loader = loader;
    this.#foreign = foreign;
  }

  /** Returns what makes the view that state: what is read of it in slices is made ready meanwhile. */
  *read(player: Player, { bytes, parts }: Section): Procedure<() => void> {
    const first = yield* partAt(this.#loader, parts[0]);
    if (player.restoring === undefined || !isInSlices(first)) {
      const state = yield* joined(this.#loader, parts, bytes);
      return () => player.restore(state);
    }
    const restoring = player.restoring();
    const reader = new StateReader();
    const turns = new Turns(this.#client.context);
    for (const position of parts) {
      for (const slice of reader.read(yield* partAt(this.#loader, position))) {
        this.#foreign(() => restoring.take(slice));
        if (turns.isOver()) yield* turns.next();
      }
    }
    reader.checkEnd();
    return () => restoring.end();
  }
}
