/** Ledgers in a checkpoint: how many there were ever, then each of them with the places of its entries. */
import type { Restoring } from '../runtime/views/object-state.ts';
import { slicesOf } from '../runtime/views/sliced-object.ts';
import { EntryPlaces, type PlacedEntry } from './entry-places.ts';
import { GrowingMap } from './growing-map.ts';

export interface Ledger {
  /** undefined: it is sealed. */
  readonly writer: number | undefined;
  readonly entries: EntryPlaces;
  /** It is changed in place as long as nobody has to find it as it is. */
  readonly epoch: number;
}

/** Of a ledger that was just restored. */
export const FIRST_EPOCH = 0;
/** Of one whose entries are NO_ENTRIES, which nobody changes. */
const NO_EPOCH = -1;
const NO_ENTRIES = new EntryPlaces();

/** Without entries. */
export function newLedger(writer: number | undefined): Ledger {
  return { writer, entries: NO_ENTRIES, epoch: NO_EPOCH };
}

type Element =
  | readonly [ledger: number, writer: number | undefined]
  | readonly [ledger: number, position: number, index: number, update: number, from: number];

/** Of ledgers that stand still. */
export function* ledgerSlices(
  created: number,
  ledgers: Iterable<[number, Ledger]>,
): Iterable<unknown> {
  yield created;
  yield* slicesOf(elementsOf(ledgers));
}

function* elementsOf(ledgers: Iterable<[number, Ledger]>): Iterable<Element> {
  for (const [ledger, { writer, entries }] of ledgers) {
    yield [ledger, writer];
    for (const { position, index, update, from } of entries.values()) {
      yield [ledger, position, index, update, from];
    }
  }
}

/** Takes what ledgerSlices() has told; `end` gets the ledgers. */
export function restoringLedgers(
  end: (created: number, ledgers: GrowingMap<number, Ledger>) => void,
): Restoring {
  let created: number | undefined;
  const ledgers = new GrowingMap<number, Ledger>();
  const take = (element: Element): void => {
    const [number] = element;
    if (element.length === 2) {
      ledgers.set(number, newLedger(element[1]));
      return;
    }
    const [, position, index, update, from] = element;
    let ledger = ledgers.get(number) as Ledger;
    if (ledger.epoch === NO_EPOCH) {
      ledger = { ...ledger, entries: new EntryPlaces(), epoch: FIRST_EPOCH };
      ledgers.set(number, ledger);
    }
    ledger.entries.push({ position, index, update, from });
  };
  return {
    take: (slice) => {
      if (created === undefined) created = slice as number;
      else for (const element of slice as Element[]) take(element);
    },
    end: () => end(created ?? 0, ledgers),
  };
}

/** Of all entries; undefined: behind a ledger. */
export function* placesOf(ledgers: Iterable<[number, Ledger]>): Iterable<PlacedEntry | undefined> {
  for (const [ledger, { entries }] of ledgers) {
    yield* entries.placed(ledger);
    yield undefined;
  }
}
