/** Counters, by two clients on one thread that take turns. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { codeOf, OpenedLogs } from './opened-logs.ts';

const MIB = 1024 * 1024;
const MOST = Number.MAX_SAFE_INTEGER;
const logs = new OpenedLogs({ logBytes: 4 * MIB, attachMax: 8, link: 'direct' });
const counters = suite('counter');

counters.after.each(() => logs.close());

async function twoCounters() {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const counter = await tango.counter('counter');
  const same = await other.counter('counter');
  return { tango, other, counter, same };
}

counters('add in a transaction reads the sum, increase does not', async () => {
  const { tango, counter, same } = await twoCounters();
  for (const [name, change, conflicts] of [
    ['addSync', () => counter.addSync(1), true],
    ['nextSync', () => counter.nextSync(), true],
    ['add', () => void counter.add(1), true],
    ['increaseSync', () => counter.increaseSync(1), false],
    ['increase', () => void counter.increase(1), false],
  ] as const) {
    const before = same.value;
    let runs = 0;
    tango.transactSync(() => {
      change();
      if (runs++ === 0) same.addSync(10);
    });
    assert.is(runs, conflicts ? 2 : 1, name);
    assert.equal([counter.value, same.value], [before + 11, before + 11], name);
  }
});

counters('what was increased is seen by the body, and by a read after it', async () => {
  const { tango, counter, same } = await twoCounters();
  await counter.increase();
  counter.increaseSync(4);
  assert.is(same.value, 5);
  const seen = tango.transactSync(() => {
    counter.increaseSync(-2);
    return counter.value;
  });
  assert.equal([seen, same.value], [3, 3]);
  for (const n of [1.5, Number.NaN, MOST + 1, '1', 1n]) {
    assert.is(await codeOf(() => counter.increase(n as number)), 'ERR_INVALID_ARGUMENT');
  }
  assert.is(same.value, 3);
});

counters('a sum beyond the safe integers is refused, and no number is given twice', async () => {
  const { tango, counter, same } = await twoCounters();
  assert.is(await counter.add(MOST - 1), MOST - 1);
  assert.is(await counter.next(), MOST - 1, 'the last number');
  assert.is(counter.value, MOST);
  for (const refused of [
    () => counter.next(),
    () => same.nextSync(),
    () => counter.add(1),
    () => same.addSync(MOST),
    () => tango.transact(() => void counter.next()),
    () => tango.transactSync(() => counter.addSync(2)),
  ]) {
    assert.is(await codeOf(refused), 'ERR_INVALID_ARGUMENT', String(refused));
    assert.equal([counter.value, same.value], [MOST, MOST]);
  }
  await counter.increase(1);
  assert.equal([counter.value, same.value], [MOST, MOST], 'and nobody is told');
  const late = await (await logs.attach(tango)).counter('counter');
  assert.is(await late.add(-MOST), 0);
  assert.is(await counter.add(-MOST), -MOST);
  assert.is(await codeOf(() => same.add(-1)), 'ERR_INVALID_ARGUMENT');
});

counters.run();
