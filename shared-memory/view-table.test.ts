import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateViewTable, Right, ViewTable } from './view-table.ts';
import { within } from './within.ts';

const LATEST_MS = 10_000;

const viewTable = suite('view table');

function freshTable(): ViewTable {
  return new ViewTable(allocateViewTable(4));
}

viewTable('wakes who waits for a change, and all of them', async () => {
  const table = freshTable();
  const waits = [1, 2].map(() => table.waitAsync(table.prepareToWait(), LATEST_MS));
  table.ring();
  for (const wait of waits) assert.is(await within(LATEST_MS, 'the ring', wait ?? fail()), 'ok');
});

viewTable('loses no ring between the announcement and the wait', () => {
  const table = freshTable();
  const heard = table.prepareToWait();
  table.ring();
  assert.is(table.waitAsync(heard, LATEST_MS), undefined);
});

viewTable('rings for who announced itself while another ring was under way', () => {
  const table = freshTable();
  const first = table.prepareToWait();
  table.ring();
  const second = table.prepareToWait();
  assert.is(table.waitAsync(first, LATEST_MS), undefined);
  table.ring();
  assert.is(table.waitAsync(second, LATEST_MS), undefined);
});

viewTable('does not ring while nobody waits, and ends a wait that nobody rings for', async () => {
  const table = freshTable();
  table.ring();
  table.ring();
  const heard = table.prepareToWait();
  assert.is(heard, 0);
  const wait = table.waitAsync(heard, 1) ?? fail();
  assert.is(await within(LATEST_MS, 'the end', wait), 'timed-out');
});

viewTable('counts the beats of each thread, apart from what it holds', () => {
  const table = freshTable();
  table.hold(2, 77);
  table.beat(2);
  table.beat(2);
  table.beat(3);
  assert.equal(
    [0, 1, 2, 3].map((thread) => table.beats(thread)),
    [0, 0, 2, 1],
  );
  assert.is(
    table.lowestHold(4, () => true),
    77,
  );
  table.release(2);
  assert.is(table.beats(2), 2);
});

viewTable('gives a right to one at a time, and to another when its owner has died', () => {
  const table = freshTable();
  const { CHECKPOINT, PRECEDENCE } = Right;
  assert.ok(table.tryTake(CHECKPOINT, 5, () => true));
  assert.not(table.tryTake(CHECKPOINT, 6, () => true));
  assert.ok(table.tryTake(PRECEDENCE, 6, () => true));
  assert.ok(table.tryTake(CHECKPOINT, 6, (incarnation) => incarnation !== 5));
  table.give(CHECKPOINT, 5);
  assert.is(table.owner(CHECKPOINT), 6, 'who has lost it gives nothing back');
});

function fail(): never {
  throw new Error('it has rung already');
}

viewTable.run();
