import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Books } from './bank.ts';
import {
  checkBalances,
  checkBooks,
  checkCounted,
  checkSame,
  checkTransfers,
  type RoundState,
} from './check-money.ts';
import { type KnownTransfer, TransferJournal, TransferState } from './transfer-journal.ts';

const BOOKS: Books = {
  sum: 3000,
  accounts: 3,
  lowest: 10,
  transfers: 5,
  receipts: 5,
  counted: 12,
  digest: 7,
};

const money = suite('check money');

money('a snapshot with all accounts and the whole sum is right', () => {
  checkBooks(BOOKS, 3, 'here');
  checkCounted(BOOKS, 7, 'here');
  checkSame(BOOKS, { ...BOOKS }, 'here');
});

money('tells a sum, a balance, an account, a count and a view that is not right', () => {
  const refuses = (books: Partial<Books>, message: RegExp): void => {
    assert.throws(() => checkBooks({ ...BOOKS, ...books }, 3, 'here'), message);
  };
  refuses({ sum: 2999 }, /^here: expected a sum of 3000, found 2999$/);
  refuses({ lowest: -1 }, /no balance below 0, found -1/);
  refuses({ accounts: 2 }, /3 accounts, found 2/);
  refuses({ receipts: 6 }, /expected 5 receipts, found 6/);
  assert.throws(() => checkCounted(BOOKS, 6, 'here'), /5 transfers counted, found 6/);
  for (const other of [{ digest: 8 }, { transfers: 4 }]) {
    assert.throws(() => checkSame(BOOKS, { ...BOOKS, ...other }, 'here'), /expected \d transfers/);
  }
});

const { BEGUN, MOVED, REFUSED, CONFLICT, UNKNOWN } = TransferState;
const KNOWN: readonly KnownTransfer[] = [
  { id: 1, from: 0, to: 1, amount: 5, state: MOVED },
  { id: 2, from: 1, to: 2, amount: 7, state: REFUSED },
  { id: 3, from: 1, to: 2, amount: 8, state: CONFLICT },
  { id: 4, from: 2, to: 0, amount: 9, state: BEGUN },
  { id: 5, from: 2, to: 0, amount: 1, state: UNKNOWN },
];
const before = new Map([
  [0, 100],
  [1, 100],
  [2, 100],
]);

/** The transfers that are there, with the balances that they make. */
function endWith(...ids: readonly number[]): RoundState {
  const balances = new Map(before);
  const add = (account: number, amount: number): void => {
    balances.set(account, (balances.get(account) ?? 0) + amount);
  };
  const there = KNOWN.filter(({ id }) => ids.includes(id));
  for (const { from, to, amount } of there) {
    add(from, -amount);
    add(to, amount);
  }
  return { before, balances, transfers: new Map(there.map(({ id, amount }) => [id, amount])) };
}

money('acknowledged transfers are there, and of unknown ones any', () => {
  assert.equal(checkTransfers(KNOWN, endWith(1)), { moved: 1, unknown: 2, landed: 0 });
  assert.equal(checkTransfers(KNOWN, endWith(1, 5)), { moved: 1, unknown: 2, landed: 1 });
  assert.equal(checkTransfers(KNOWN, endWith(1, 4, 5)), { moved: 1, unknown: 2, landed: 2 });
});

money('tells a transfer that is lost, and one that nobody was to make', () => {
  const refuses = (end: RoundState, message: RegExp): void => {
    assert.throws(() => checkTransfers(KNOWN, end), message);
  };
  refuses(endWith(), /transfer 1: expected an acknowledged transfer, found none/);
  refuses(endWith(1, 2), /transfer 2: expected none, it was not made, found one of 7/);
  refuses(endWith(1, 3), /transfer 3: expected none/);
  const stranger = endWith(1);
  refuses({ ...stranger, transfers: new Map([...stranger.transfers, [9, 1]]) }, /found 2$/);
  refuses({ ...stranger, transfers: new Map([[1, 6]]) }, /transfer 1: expected one of 5, found 6/);
});

money('tells balances of a moment at which some transfers were not there yet', () => {
  checkBalances(KNOWN, endWith(), 'history');
  const later = { ...endWith(), balances: endWith(1).balances };
  const message = /^history, account 0: expected a balance of 100, found 95/;
  assert.throws(() => checkBalances(KNOWN, later, 'history'), message);
});

money('tells a transfer that took effect twice', () => {
  const end = endWith(1);
  checkBalances(KNOWN, end, 'the end');
  const twice = new Map([...end.balances, [0, 90], [1, 110]]);
  const message = /^the end, account 0: expected a balance of 95, found 90/;
  assert.throws(() => checkBalances(KNOWN, { ...end, balances: twice }, 'the end'), message);
});

money('a journal tells what began, and how it ended, to whoever has its memory', () => {
  const journal = TransferJournal.allocate(3, 100);
  const first = journal.begin(4, 5, 60);
  const second = journal.begin(5, 6, 70);
  assert.ok(first !== undefined && second !== undefined && second.id === first.id + 1);
  journal.end(first, MOVED);
  assert.equal(
    [...new TransferJournal(3, journal.buffer)],
    [
      { ...first, state: MOVED },
      { ...second, state: BEGUN },
    ],
  );
  while (journal.begin(1, 2, 3) !== undefined);
  const known = [...journal];
  assert.is(new Set(known.map(({ id }) => id)).size, 100);
  assert.ok(TransferJournal.allocate(4, 100).begin(1, 2, 3)!.id > known[known.length - 1].id);
});

money.run();
