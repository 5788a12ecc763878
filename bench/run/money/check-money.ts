/**
 * What must hold of the money. Every check throws a MoneyError at the first difference:
 *
 *   checkBooks       one snapshot, of any thread at any time: no money is made or lost
 *   checkSame        two threads hold the same at the end
 *   checkTransfers   the end of a round: what is there is what the threads were told
 *   checkBalances    the end of a round, and any moment before: the balances are what the transfers make
 */
import { type Books, OPENING_BALANCE } from './bank.ts';
import { type KnownTransfer, TransferState } from './transfer-journal.ts';

export class MoneyError extends Error {
  override readonly name = 'MoneyError';

  constructor(where: string, expected: string, found: string) {
    super(`${where}: expected ${expected}, found ${found}`);
  }
}

/** `accounts`: how many there are. */
export function checkBooks(books: Books, accounts: number, where: string): void {
  const { sum, lowest, transfers, receipts } = books;
  const wanted = accounts * OPENING_BALANCE;
  if (books.accounts !== accounts) {
    throw new MoneyError(where, `${accounts} accounts`, String(books.accounts));
  }
  if (sum !== wanted) throw new MoneyError(where, `a sum of ${wanted}`, String(sum));
  if (lowest < 0) throw new MoneyError(where, 'no balance below 0', String(lowest));
  if (receipts !== transfers) {
    throw new MoneyError(where, `${transfers} receipts`, String(receipts));
  }
}

/** The tellers have counted each transfer since `countedBefore` once, in any snapshot of all of them. */
export function checkCounted(books: Books, countedBefore: number, where: string): void {
  const counted = books.counted - countedBefore;
  if (counted === books.transfers) return;
  throw new MoneyError(where, `${books.transfers} transfers counted`, String(counted));
}

export function checkSame(books: Books, others: Books, where: string): void {
  const show = ({ transfers, digest }: Books): string => `${transfers} transfers, digest ${digest}`;
  if (show(books) !== show(others)) throw new MoneyError(where, show(others), show(books));
}

export interface CheckedTransfers {
  /** Acknowledged, and there. */
  readonly moved: number;
  /** Nobody was told how they ended, and how many of these took effect. */
  readonly unknown: number;
  readonly landed: number;
}

/** What is there at the end of a round, or at a moment of it. */
export interface RoundState {
  /** Of every account, at the beginning of the round. */
  readonly before: ReadonlyMap<number, number>;
  readonly balances: ReadonlyMap<number, number>;
  readonly transfers: ReadonlyMap<number, number>;
}

/**
 * Acknowledged transfers are there, those that were refused or in conflict are not, those of unknown
 * outcome may be; nothing else is there.
 */
export function checkTransfers(
  known: Iterable<KnownTransfer>,
  { transfers }: Pick<RoundState, 'transfers'>,
): CheckedTransfers {
  let [moved, unknown, landed] = [0, 0, 0];
  for (const { id, amount, state } of known) {
    const there = transfers.get(id);
    const isUnknown = state === TransferState.BEGUN || state === TransferState.UNKNOWN;
    if (isUnknown) unknown++;
    if (there === undefined) {
      if (state !== TransferState.MOVED) continue;
      throw new MoneyError(`transfer ${id}`, 'an acknowledged transfer', 'none');
    }
    if (state === TransferState.MOVED) moved++;
    else if (isUnknown) landed++;
    else throw new MoneyError(`transfer ${id}`, 'none, it was not made', `one of ${there}`);
    if (there !== amount) throw new MoneyError(`transfer ${id}`, `one of ${amount}`, String(there));
  }
  if (transfers.size !== moved + landed) {
    throw new MoneyError(
      'transfers',
      `${moved + landed}, those that began`,
      String(transfers.size),
    );
  }
  return { moved, unknown, landed };
}

/** The balances are what the transfers that are there, each once, make of those before. */
export function checkBalances(
  known: Iterable<KnownTransfer>,
  { before, balances, transfers }: RoundState,
  where: string,
): void {
  const expected = new Map(before);
  for (const { id, from, to, amount } of known) {
    if (!transfers.has(id)) continue;
    expected.set(from, (expected.get(from) ?? 0) - amount);
    expected.set(to, (expected.get(to) ?? 0) + amount);
  }
  for (const [account, balance] of expected) {
    const found = balances.get(account);
    if (found === balance) continue;
    throw new MoneyError(`${where}, account ${account}`, `a balance of ${balance}`, String(found));
  }
}
