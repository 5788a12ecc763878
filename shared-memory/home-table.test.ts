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

homes('takes threads only', () => {
  const table = new HomeTable(allocateHomeTable(1));
  assert.throws(() => table.move(0, -2), /a home is a thread/);
  assert.is(table.home(0), NO_THREAD);
});

homes.run();
