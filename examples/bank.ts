/** An object of your own: its changes are in the log, its view is any structure that you like. */
import { type ApplyContext, open, TangoObject } from '../index.ts';

type Transfer = readonly [from: string, to: string, amount: number];

export class Bank extends TangoObject<Transfer> {
  /** A name in the log: the class may be renamed. */
  static readonly typeName = 'example-bank';

  #balances = new Map<string, number>();
  #lastAt = 0;

  /** Linearizable; in a transaction it conflicts with transfers from and to the account. */
  balance(account: string): number {
    return this.query(() => this.#balances.get(account) ?? 0, account);
  }

  /** Resolves to whether there was enough. Conflicts with what concerns one of the two accounts. */
  transfer(from: string, to: string, amount: number): Promise<boolean> {
    return this.update([from, to, amount], [from, to]);
  }

  transferSync(from: string, to: string, amount: number): boolean {
    return this.updateSync([from, to, amount], [from, to]);
  }

  /** Of all accounts; conflicts with every transfer. */
  get total(): number {
    return this.query(() => [...this.#balances.values()].reduce((sum, one) => sum + one, 0));
  }

  /** Where in the log the last transfer is. */
  get lastAt(): number {
    return this.query(() => this.#lastAt);
  }

  /** Refused before anything is in the log. */
  protected override check([, , amount]: Transfer): void {
    if (!Number.isSafeInteger(amount) || amount <= 0) throw new RangeError(`amount: ${amount}`);
  }

  /** The only code that changes the view: the same in every thread, from the log alone. */
  protected apply([from, to, amount]: Transfer, { position }: ApplyContext): boolean {
    const has = this.#balances.get(from) ?? 0;
    // The mint makes money; the others have to have it.
    if (from !== 'mint' && has < amount) return false;
    this.#balances.set(from, has - amount);
    this.#balances.set(to, (this.#balances.get(to) ?? 0) + amount);
    this.#lastAt = position;
    return true;
  }

  protected checkpoint(): unknown {
    return [this.#balances, this.#lastAt];
  }

  protected restore(state: unknown): void {
    [this.#balances, this.#lastAt] = state as [Map<string, number>, number];
  }
}

async function main(): Promise<void> {
  await using tango = await open();
  const bank = await tango.object(Bank, 'bank');
  const audit = await tango.list<string>('audit');
  await bank.transfer('mint', 'ann', 100);
  console.log(
    `ann has ${bank.balance('ann')}; ${await bank.transfer('bob', 'ann', 1)}: bob has none`,
  );

  // With any other object in one transaction: both, or neither.
  await tango.transact(() => {
    if (!bank.transferSync('ann', 'bob', 30)) throw new Error('not enough');
    audit.pushSync('ann paid bob 30');
  });
  const failed = tango.transact(() => {
    audit.pushSync('ann paid bob 500');
    if (!bank.transferSync('ann', 'bob', 500)) throw new Error('not enough');
  });
  console.log(await failed.catch((error: Error) => `refused: ${error.message}`));
  console.log(`ann ${bank.balance('ann')}, bob ${bank.balance('bob')}, total ${bank.total}`);
  console.log(`audit: ${[...audit].join('; ')}`);
  console.log(
    await bank.transfer('ann', 'bob', 0.5).catch((error: Error) => `refused: ${error.message}`),
  );
}

void main();
