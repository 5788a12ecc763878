/**
 * What ledgers do, whoever writes them: a ledger is created with its entries in one transaction. What other
 * threads may not do is in tango-ledgers.test.ts.
 */
import fc from 'fast-check';
import { TangoError, type TangoErrorCode } from '../../actors/tango-error.ts';
import { TangoLedgers } from '../tango-ledgers.ts';
import { call, type ObjectContract } from './object-contract.ts';

interface ModelLedger {
  isSealed: boolean;
  readonly entries: readonly Uint8Array[];
}

class LedgersModel {
  created = 0;
  readonly held = new Map<number, ModelLedger>();

  list(): number[] {
    return [...this.held.keys()];
  }

  last(ledger: number): number {
    return this.known(ledger).entries.length - 1;
  }

  isSealed(ledger: number): boolean {
    return this.known(ledger).isSealed;
  }

  read(ledger: number, from = 0, to = this.last(ledger) + 1): readonly Uint8Array[] {
    const { entries } = this.known(ledger);
    if (from < to && to > entries.length) throw failure('ERR_UNWRITTEN');
    return entries.slice(from, to);
  }

  write(...entries: readonly Uint8Array[]): unknown[] {
    this.held.set(this.created, { isSealed: false, entries });
    return [this.created++, ...entries.keys()];
  }

  seal(ledger: number): number {
    this.known(ledger).isSealed = true;
    return this.last(ledger);
  }

  remove(ledger: number): boolean {
    this.known(ledger);
    return this.held.delete(ledger);
  }

  /** A transaction that is refused seals nothing. */
  sealAndAppend(ledger: number, _bytes: Uint8Array): never {
    this.known(ledger);
    throw failure('ERR_SEALED');
  }

  private known(ledger: number): ModelLedger {
    const known = this.held.get(ledger);
    if (known !== undefined) return known;
    throw failure(ledger < this.created ? 'ERR_TRIMMED' : 'ERR_INVALID_ARGUMENT');
  }
}

function failure(code: TangoErrorCode): TangoError {
  return new TangoError(code, 'by the model');
}

const ledger = fc.nat({ max: 3 });
const bytes = fc.uint8Array({ maxLength: 6 });

export const ledgersContract: ObjectContract<TangoLedgers, LedgersModel> = {
  name: 'ledgers',
  type: TangoLedgers,
  model: LedgersModel,
  observe: (ledgers) =>
    ledgers.list().map((one) => [one, ledgers.isSealed(one), ledgers.read(one).map(String)]),
  calls: fc.oneof(
    { weight: 2, arbitrary: call('write', bytes, bytes) },
    call('write'),
    call('write', bytes),
    call('seal', ledger),
    call('remove', ledger),
    call('sealAndAppend', ledger, bytes),
    call('list'),
    call('last', ledger),
    call('isSealed', ledger),
    call('read', ledger),
    call('read', ledger, fc.nat({ max: 1 }), fc.constantFrom(1, 2)),
  ),
  errors: ['ERR_INVALID_ARGUMENT', 'ERR_TRIMMED', 'ERR_UNWRITTEN', 'ERR_SEALED'],
  composed: (ledgers) => ({
    write: (...entries: readonly Uint8Array[]) => {
      const created = ledgers.createSync();
      return [created, ...entries.map((one) => ledgers.appendSync(created, one))];
    },
    // Alone, one that another was faster with gives false: it has looked for the ledger before.
    remove: (one: number) => ledgers.deleteSync(one),
    sealAndAppend: (one: number, more: Uint8Array) => {
      ledgers.sealSync(one);
      return ledgers.appendSync(one, more);
    },
  }),
  conflicts: [
    {
      given: [
        ['write', Uint8Array.of(1)],
        ['write', Uint8Array.of(2), Uint8Array.of(3)],
      ],
      meanwhile: [
        ['write', Uint8Array.of(4)],
        ['seal', 0],
        ['remove', 0],
        ['remove', 1],
      ],
      inBody: [
        [['last', 0], '.xx.'],
        [['isSealed', 1], '...x'],
        [['read', 0], '.xx.'],
        [['read', 1, 0, 2], '...x'],
        [['list'], 'x.xx'],
        // It may be created.
        [['last', 2], 'x.xx'],
        [['write', Uint8Array.of(5)], 'x.xx'],
        [['seal', 0], '.xx.'],
        [['remove', 1], 'x.xx'],
      ],
    },
  ],
  holders: [
    {
      name: 'entry',
      put: (one) => ['write', one],
      found: (ledgers) => ledgers.read(0)[0],
      refuses: (one) => !(one instanceof Uint8Array),
    },
  ],
};
