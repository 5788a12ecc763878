/** An application's own object passes as well: accounts that conflict one by one. */
import fc from 'fast-check';
import { TangoError } from '../../actors/tango-error.ts';
import { TangoObject } from '../../runtime/views/tango-object.ts';
import { call, type ObjectContract } from './object-contract.ts';

interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

export class Bank extends TangoObject<Transfer> {
  static readonly typeName = 'bank';
  #balances = new Map<string, number>();

  balance(account: string): number {
    return this.query(() => this.#balances.get(account) ?? 0, account);
  }

  total(): number {
    return this.query(() => [...this.#balances.values()].reduce((sum, one) => sum + one, 0));
  }

  accounts(): string[] {
    return this.query(() => [...this.#balances.keys()].sort());
  }

  /** Resolves to what `from` has left. */
  transfer(from: string, to: string, amount: number): Promise<number> {
    return this.update({ from, to, amount }, [from, to]);
  }

  transferSync(from: string, to: string, amount: number): number {
    return this.updateSync({ from, to, amount }, [from, to]);
  }

  protected override check({ amount }: Transfer): void {
    if (amount >= 0) return;
    throw new TangoError('ERR_INVALID_ARGUMENT', `at least 0 was expected: amount=${amount}`);
  }

  protected apply({ from, to, amount }: Transfer): number {
    this.#balances.set(from, (this.#balances.get(from) ?? 0) - amount);
    this.#balances.set(to, (this.#balances.get(to) ?? 0) + amount);
    return this.#balances.get(from) ?? 0;
  }

  protected checkpoint(): unknown {
    return this.#balances;
  }

  protected restore(state: unknown): void {
    this.#balances = state as Map<string, number>;
  }
}

class BankModel {
  readonly balances: Record<string, number> = {};

  balance(account: string): number {
    return this.balances[account] ?? 0;
  }

  total(): number {
    return Object.values(this.balances).reduce((sum, one) => sum + one, 0);
  }

  accounts(): string[] {
    return Object.keys(this.balances).sort();
  }

  transfer(from: string, to: string, amount: number): number {
    if (amount < 0) throw new TangoError('ERR_INVALID_ARGUMENT', 'less than 0');
    this.balances[from] = this.balance(from) - amount;
    this.balances[to] = this.balance(to) + amount;
    return this.balance(from);
  }
}

const account = fc.constantFrom('alice', 'bob', 'carol');

export const bankContract: ObjectContract<Bank, BankModel> = {
  name: 'bank',
  type: Bank,
  model: BankModel,
  observe: (bank) => bank.accounts().map((one) => [one, bank.balance(one)]),
  calls: fc.oneof(
    { weight: 3, arbitrary: call('transfer', account, account, fc.integer({ min: -1, max: 99 })) },
    call('balance', account),
    call('total'),
  ),
  errors: ['ERR_INVALID_ARGUMENT'],
  conflicts: [
    {
      given: [['transfer', 'bank', 'alice', 100]],
      meanwhile: [
        ['transfer', 'alice', 'bob', 10],
        ['transfer', 'carol', 'dave', 10],
      ],
      inBody: [
        [['balance', 'alice'], 'x.'],
        [['balance', 'bob'], 'x.'],
        [['balance', 'carol'], '.x'],
        [['balance', 'bank'], '..'],
        [['total'], 'xx'],
        [['accounts'], 'xx'],
        [['transfer', 'alice', 'carol', 5], 'xx'],
        [['transfer', 'bank', 'bob', 5], 'x.'],
        [['transfer', 'bank', 'erin', 5], '..'],
      ],
    },
  ],
};
