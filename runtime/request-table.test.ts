import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type RequestHandler, RequestTable } from './request-table.ts';

const requests = suite('request table');

const handler = (): RequestHandler => ({ onReply: () => {} });

requests('ends each request once, with its own handler', () => {
  const table = new RequestTable();
  const handlers = [handler(), handler(), handler()];
  const numbers = handlers.map((one) => table.issue(one, 7));
  assert.is(new Set(numbers).size, 3);
  assert.is(table.open, 3);
  for (const i of [1, 0, 2]) {
    assert.is(table.take(numbers[i]), handlers[i]);
    assert.is(table.take(numbers[i]), undefined, 'a reply that comes twice finds nobody');
  }
  assert.is(table.open, 0);
});

requests('does not take a late reply for one to the next request of its slot', () => {
  const table = new RequestTable();
  const late = table.issue(handler(), 7);
  table.take(late);
  const second = handler();
  const next = table.issue(second, 7);
  assert.is.not(next, late);
  assert.is(table.take(late), undefined);
  assert.is(table.open, 1);
  assert.is(table.take(next), second);
});

requests('gives a number again only after 65,536 others, all of them 32-bit words', () => {
  const table = new RequestTable();
  const seen = new Set<number>();
  for (let i = 0; i < 65_536; i++) {
    const number = table.issue(handler(), 7);
    seen.add(number);
    if ((number | 0) !== number) assert.unreachable(`number ${number} crosses a mailbox`);
    assert.is(table.take(number)?.onReply.name, 'onReply');
  }
  assert.is(seen.size, 65_536);
  assert.ok(seen.has(table.issue(handler(), 7)), 'then they begin anew');
});

requests('finds nobody under a number that was never given', () => {
  const table = new RequestTable();
  const number = table.issue(handler(), 7);
  for (const strange of [number + 1, number + 65_536, -1, -2147483648, 2147483647]) {
    assert.is(table.take(strange), undefined, `${strange}`);
  }
  assert.is(table.open, 1);
});

requests('knows which are open to a thread that has died', () => {
  const table = new RequestTable();
  const [DEAD, ALIVE] = [3, 4];
  const numbers = [DEAD, ALIVE, DEAD, ALIVE].map((receiver) => table.issue(handler(), receiver));
  table.take(numbers[0]);
  assert.equal(
    table.sentTo((receiver) => receiver === DEAD),
    [numbers[2]],
  );
  // The slot that is free again is used for somebody else.
  const reused = table.issue(handler(), ALIVE);
  assert.equal(
    table.sentTo((receiver) => receiver === ALIVE).toSorted(),
    [numbers[1], numbers[3], reused].toSorted(),
  );
  assert.is(table.sentTo(() => true).length, table.open);
});

requests('are overdue after one whole period, not before, and until they end', () => {
  const table = new RequestTable();
  const early = table.issue(handler(), 7);
  assert.equal(table.overdue(), [], 'the period it was issued in was not a whole one');
  const late = table.issue(handler(), 7);
  assert.equal(table.overdue(), [early]);
  assert.equal(table.overdue().toSorted(), [early, late].toSorted());
  table.take(early);
  assert.equal(table.overdue(), [late]);
  table.take(late);
  assert.equal(table.overdue(), []);
  const again = table.issue(handler(), 7);
  assert.equal(table.overdue(), [], 'a slot that is used again has a period of its own');
  assert.equal(table.overdue(), [again]);
});

requests.run();
