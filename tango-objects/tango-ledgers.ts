/** Ledgers with one writer each, as BookKeeper has them (TangoBK; Tango, section 6). */
import { TangoError } from '../actors/tango-error.ts';
import {
  abortedError,
  checkInteger,
  checkKeys,
  checkSignal,
  invalid,
} from '../runtime/arguments.ts';
import type { FrozenState, Restoring } from '../runtime/views/object-state.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { SlicedObject } from '../runtime/views/sliced-object.ts';
import type { PlacedEntry } from './entry-places.ts';
import {
  FIRST_EPOCH,
  type Ledger,
  ledgerSlices,
  newLedger,
  placesOf,
  restoringLedgers,
} from './ledger-slices.ts';
import { MapCell } from './map-cell.ts';

/** What a change does; in the log. */
const CREATE = 0;
const APPEND = 1;
const SEAL = 2;
const DELETE = 3;
const RELOCATE = 4;

type Operation =
  | readonly [typeof CREATE, writer: number]
  | readonly [typeof APPEND, ledger: number, writer: number, bytes: Uint8Array]
  | readonly [typeof SEAL | typeof DELETE, ledger: number]
  | readonly [typeof RELOCATE, ledger: number, entry: number, bytes: Uint8Array];

export interface LedgerEntriesOptions {
  /** First entry, inclusive; default: 0. */
  readonly from?: number | undefined;
  /** Exclusive; default: those that the ledger has when the iteration begins. */
  readonly to?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Number of an entry; undefined: the ledger is sealed, another's, or deleted. */
type Told = number | undefined;

/** The key that the list of ledgers is; those of ledgers are numbers. */
const LIST = 'ledgers';
/** Bytes that are read before anybody else has a turn. */
const TURN_BYTES = 256 * 1024;
const ENTRIES_MAX = 2 ** 32 - 1;
const NO_WRITER = 0;

/**
 * A ledger has entries of bytes, numbered from 0 without gaps, and one writer: the thread that created it.
 * Anybody reads, and seals: from that place in the log on nothing is appended, also by a writer that does not
 * know of it yet, or that lives on after others took it for dead. Whoever goes on for a writer seals its
 * ledgers, reads them to the end, and creates new ones.
 *
 * Views keep the places of entries, not the bytes; those are in the log until the ledger is deleted, and
 * compaction moves them along: they may take about a third of the log. Ledgers conflict one by one.
 *
 * Of a number that is no ledger's every call throws ERR_INVALID_ARGUMENT, of a deleted one's ERR_TRIMMED.
 * Other errors: see TangoObject.
 */
export class TangoLedgers extends SlicedObject<Operation> {
  static readonly typeName: string = 'ledgers';

  /** For change feeds. */
  static describe(operation: unknown): unknown {
    const [kind, ledger, , bytes] = operation as Operation;
    if (kind === CREATE) return { create: true };
    if (kind === APPEND) return { append: ledger, bytes };
    return kind === SEAL ? { seal: ledger } : { delete: ledger };
  }

  /** In the order of their numbers. */
  #ledgers = new MapCell<number, Ledger>();
  #created = 0;
  /** What is of an earlier one stands still: in a checkpoint that is written, or below a trial. */
  #epoch = FIRST_EPOCH;

  /** The numbers of all ledgers that are not deleted, ascending. Conflicts with create and delete alone. */
  list(): number[] {
    this.ready(LIST);
    return Array.from(this.#ledgers.map, ([ledger]) => ledger);
  }

  /** The number of the last entry; -1: there is none. */
  last(ledger: number): number {
    return this.#known(ledger).entries.last;
  }

  /** Whether nothing is appended any more. */
  isSealed(ledger: number): boolean {
    return this.#known(ledger).writer === undefined;
  }

  /**
   * The bytes of the entries in [from, to), by default all; read from the log. Blocks only for an entry of
   * the log that its writer has not finished. Throws ERR_UNWRITTEN: beyond the last entry.
   */
  read(ledger: number, from = 0, to = this.last(ledger) + 1): Uint8Array[] {
    checkInteger('from', from, 0, ENTRIES_MAX);
    checkInteger('to', to, from, ENTRIES_MAX);
    // Also where nothing is asked for.
    this.#known(ledger);
    const found: Uint8Array[] = [];
    for (let entry = from; entry < to; entry++) found.push(this.#bytes(ledger, entry));
    return found;
  }

  /**
   * As read, entry after entry, so that not all need be in memory; others have their turn in between. Also
   * rejects with ERR_ABORTED.
   */
  async *entries(ledger: number, options: LedgerEntriesOptions = {}): AsyncGenerator<Uint8Array> {
    checkKeys('entries', options, ['from', 'to', 'signal']);
    const { from = 0, to = this.last(ledger) + 1 } = options;
    checkInteger('from', from, 0, ENTRIES_MAX);
    checkInteger('to', to, from, ENTRIES_MAX);
    const signal = checkSignal(options.signal);
    this.#known(ledger);
    let bytes = 0;
    for (let entry = from; entry < to; entry++) {
      if (signal?.aborted) throw abortedError(signal);
      const found = this.#bytes(ledger, entry);
      yield found;
      bytes += found.length;
      if (bytes < TURN_BYTES) continue;
      bytes = 0;
      await this.turn();
    }
  }

  /** Resolves to the number of a new ledger, which this thread writes: they are counted from 0. */
  create(): Promise<number> {
    return this.change<number>([CREATE, this.writer], [LIST]);
  }

  /** As create; blocks. */
  createSync(): number {
    return this.changeSync<number>([CREATE, this.writer], [LIST]);
  }

  /**
   * Appends an entry; resolves to its number once it is in the log. Entries have the order of the calls.
   * Rejects with ERR_SEALED: the ledger is sealed, and the entry not in it, or another thread writes it.
   */
  append(ledger: number, bytes: Uint8Array): Promise<number> {
    const appended = this.change<Told>([APPEND, ledger, this.writer, bytes], [ledger]);
    return appended.then((entry) => this.#told(ledger, entry));
  }

  /** As append; blocks. */
  appendSync(ledger: number, bytes: Uint8Array): number {
    const operation = [APPEND, ledger, this.writer, bytes] as const;
    return this.#told(ledger, this.changeSync<Told>(operation, [ledger]));
  }

  /**
   * Ends the ledger, whoever writes it; resolves to the number of its last entry, -1 without any: no other
   * will be appended. Of a ledger that is sealed: the same.
   */
  seal(ledger: number): Promise<number> {
    return this.change<Told>([SEAL, ledger], [ledger]).then((last) => this.#told(ledger, last));
  }

  /** As seal; blocks. */
  sealSync(ledger: number): number {
    return this.#told(ledger, this.changeSync<Told>([SEAL, ledger], [ledger]));
  }

  /** Gives up the ledger, sealed or not, and the room of its entries; resolves to whether it was there. */
  delete(ledger: number): Promise<boolean> {
    return this.change<boolean>([DELETE, ledger], [ledger, LIST]);
  }

  /** As delete; blocks. */
  deleteSync(ledger: number): boolean {
    return this.changeSync<boolean>([DELETE, ledger], [ledger, LIST]);
  }

  protected override check(operation: Operation): void {
    if (operation[0] === CREATE || operation[0] === RELOCATE) return;
    const { writer } = this.#known(operation[1]);
    if (operation[0] !== APPEND) return;
    // A view that is only read has none, and the change is refused.
    if (this.writer !== NO_WRITER && writer !== this.writer)
      throw sealedError(this.name, operation[1]);
    const bytes = operation[3];
    if (!(bytes instanceof Uint8Array)) throw invalid('bytes', bytes, 'a Uint8Array');
  }

  protected apply(operation: Operation, at: ApplyContext): number | boolean | undefined {
    if (operation[0] === CREATE) return this.#create(operation[1]);
    const number = operation[1];
    const ledger = this.#ledgers.map.get(number);
    if (ledger === undefined) return operation[0] === DELETE ? false : undefined;
    switch (operation[0]) {
      case APPEND:
        if (operation[2] !== ledger.writer) return undefined;
        return this.#own(number, ledger).entries.push(at);
      case SEAL:
        this.#ledgers.map.set(number, { ...ledger, writer: undefined });
        return ledger.entries.last;
      case DELETE:
        return this.#ledgers.map.delete(number);
      case RELOCATE:
        // An entry is what it is: one place is as good as another.
        this.#own(number, ledger).entries.move(operation[2], at);
        return undefined;
    }
  }

  protected freeze(): FrozenState {
    const { map, thaw } = this.#ledgers.freeze();
    this.#epoch++;
    return { slices: ledgerSlices(this.#created, map), references: placesOf(map), thaw };
  }

  protected restoring(): Restoring {
    return restoringLedgers((created, ledgers) => {
      this.#created = created;
      this.#ledgers = new MapCell(ledgers);
      this.#epoch++;
    });
  }

  protected override *references(): Iterable<PlacedEntry> {
    for (const [ledger, { entries }] of this.#ledgers.map) yield* entries.placed(ledger);
  }

  protected override relocation(operation: Operation, at: ApplyContext): Operation | undefined {
    const { ledger, entry } = at as PlacedEntry;
    if (!this.#ledgers.map.get(ledger)?.entries.isAt(entry, at)) return undefined;
    return [RELOCATE, ledger, entry, bytesOf(operation)];
  }

  protected override tryOut(): () => void {
    const created = this.#created;
    const trial = this.#ledgers.tryOut();
    this.#epoch++;
    return () => {
      trial.undo();
      this.#created = created;
      // What was made on trial shares the nodes of what stood below.
      this.#epoch++;
    };
  }

  #create(writer: number): number {
    const ledger = this.#created++;
    this.#ledgers.map.set(ledger, newLedger(writer));
    return ledger;
  }

  /** The ledger, to be changed in place. */
  #own(number: number, ledger: Ledger): Ledger {
    if (ledger.epoch === this.#epoch) return ledger;
    const own = { ...ledger, entries: ledger.entries.fork(), epoch: this.#epoch };
    this.#ledgers.map.set(number, own);
    return own;
  }

  #told(ledger: number, entry: Told): number {
    if (entry !== undefined) return entry;
    this.#known(ledger);
    throw sealedError(this.name, ledger);
  }

  /** The ledger as it is now. */
  #known(ledger: number): Ledger {
    checkInteger('ledger', ledger, 0, Number.MAX_SAFE_INTEGER);
    this.ready(ledger);
    const known = this.#ledgers.map.get(ledger);
    if (known !== undefined) return known;
    // It may be created, which is no change of a ledger that there is.
    this.ready(LIST);
    if (ledger >= this.#created) throw invalid('ledger', ledger, 'the number of a ledger');
    const text = `the ledger is deleted: ledger=${ledger}`;
    throw new TangoError('ERR_TRIMMED', text, { object: this.name, key: ledger });
  }

  #bytes(ledger: number, entry: number): Uint8Array {
    const operation = this.operationAt(() => this.#known(ledger).entries.get(entry), ledger);
    if (operation !== undefined) return bytesOf(operation);
    const text = `the ledger has no such entry: ledger=${ledger}, entry=${entry}`;
    throw new TangoError('ERR_UNWRITTEN', text, { object: this.name, key: ledger });
  }
}

function bytesOf(operation: Operation): Uint8Array {
  if (operation[0] === APPEND || operation[0] === RELOCATE) return operation[3];
  throw new TangoError('ERR_CORRUPT', 'an entry of a ledger is not where it was');
}

function sealedError(object: string, ledger: number): TangoError {
  const text = `the ledger is sealed, or written by another thread: ledger=${ledger}`;
  return new TangoError('ERR_SEALED', text, { object, key: ledger });
}
