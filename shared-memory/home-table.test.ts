import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateHomeTable, HomeTable } from './home-table.ts';
import { NO_THREAD } from './thread-table.ts';

const homes = suite('home table');

homes('has nobody at home in fresh memory', () => {
  const table = new HomeTable(allocateHomeTable(5));
  assert.is(table.count, 5);
  for (let index = 0; index < 5; index++) assert.is(table.home(index), NO_THREAD);
});

homes('finds each actor where it has moved last, through every view', () => {
  const buffer = allocateHomeTable(4);
  const [mover, looker] = [new HomeTable(buffer), new HomeTable(buffer)];
  mover.move(0, 0);
  mover.move(2, 7);
  mover.move(3, 1000);
  assert.equal(
    [0, 1, 2, 3].map((index) => looker.home(index)),
    [0, NO_THREAD, 7, 1000],
  );
  mover.move(2, 0);
  mover.move(0, NO_THREAD);
  assert.equal(
    [0, 1, 2, 3].map((index) => looker.home(index)),
    [NO_THREAD, NO_THREAD, 0, 1000],
  );
});

homes('tells one stay from another, on the same thread', () => {
  const table = new HomeTable(allocateHomeTable(2));
  assert.is(table.stay(0, NO_THREAD + 1), 0);
  table.move(0, 5);
  const first = table.stay(0, 5);
  assert.is.not(first, 0);
  assert.is(table.stay(0, 6), 0, 'somebody else is at home');
  table.move(1, 5);
  assert.is(table.stay(0, 5), first);
  table.move(0, 6);
  table.move(0, 5);
  assert.is.not(table.stay(0, 5), first);
  for (let i = 0; i < 2 ** 20; i++) table.move(0, i % 2);
  assert.is(table.home(0), 1, 'the count wraps, the thread stays');
});

homes('takes threads only', () => {
  const table = new HomeTable(allocateHomeTable(1));
  assert.throws(() => table.move(0, -2), /a home is a thread/);
  assert.is(table.home(0), NO_THREAD);
});

homes.run();
