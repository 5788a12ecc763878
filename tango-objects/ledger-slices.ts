/** Ledgers in a checkpoint: how many there were ever, each of them, then the places of entries in slices. */
import type { Restoring } from '../runtime/views/object-state.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { slicesOf } from '../runtime/views/sliced-object.ts';
import { EntryPlaces } from './entry-places.ts';

export interface Ledger {
  /** undefined: it is sealed. */
  writer: number | undefined;
  readonly entries: EntryPlaces;
}

/** The first slice. */
type Head = readonly [
  created: number,
  ledgers: readonly (readonly [ledger: number, writer: number | undefined])[],
];

type EntryState = readonly [
  ledger: number,
  position: number,
  index: number,
  update: number,
  from: number,
];

/** Of the ledgers as they are now, whatever becomes of them. */
export function ledgerSlices(created: number, all: ReadonlyMap<number, Ledger>): Iterable<unknown> {
  const ledgers = [...all].sort(([one], [other]) => one - other);
  const head: Head = [created, ledgers.map(([ledger, { writer }]) => [ledger, writer])];
  const places = ledgers.map(([ledger, { entries }]) => [ledger, entries.slice()] as const);
  return (function* () {
    yield head;
    for (const [ledger, all] of places) {
      for (const slice of slicesOf(all)) yield slice.map((at) => stateOf(ledger, at));
    }
  })();
}

/** Takes what ledgerSlices() has told; `end` gets the ledgers. */
export function restoringLedgers(
  end: (created: number, ledgers: Map<number, Ledger>) => void,
): Restoring {
  let created: number | undefined;
  const ledgers = new Map<number, Ledger>();
  return {
    take: (slice) => {
      if (created !== undefined) {
        for (const [ledger, position, index, update, from] of slice as EntryState[]) {
          ledgers.get(ledger)?.entries.push({ position, index, update, from });
        }
        return;
      }
      const [count, all] = slice as Head;
      created = count;
      for (const [ledger, writer] of all) {
        ledgers.set(ledger, { writer, entries: new EntryPlaces() });
      }
    },
    end: () => end(created ?? 0, ledgers),
  };
}

function stateOf(ledger: number, { position, index, update, from }: ApplyContext): EntryState {
  return [ledger, position, index, update, from];
}
