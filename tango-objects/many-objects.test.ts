/** A thousand objects with few changes each: they cost nothing while nothing happens. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OpenedLogs } from './opened-logs.ts';

const COUNT = 1000;
const IDLE_MS = 200;
const many = suite('many objects');
const logs = new OpenedLogs({ logBytes: 16 * 2 ** 20 });

many.after.each(() => logs.close());

for (const link of ['mailbox', 'direct'] as const) {
  many(`idle objects do nothing, and are there at once: ${link}`, async () => {
    const tango = await logs.open({ link });
    const names = Array.from({ length: COUNT }, (_, i) => `c${i}`);
    const counters = await Promise.all(names.map((name) => tango.counter(name)));
    await Promise.all(counters.map((one, i) => one.add(i)));
    const other = await logs.attach(tango);
    const same = await Promise.all(names.map((name) => other.counter(name)));
    assert.equal(
      same.map(({ value }) => value),
      names.map((_, i) => i),
    );
    const counted = (): string => JSON.stringify([tango, other].map((one) => one.stats().thread));
    const before = counted();
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    for (const { value } of same) assert.type(value, 'number');
    assert.is(counted(), before, 'no message, no sleep, no entry fetched');
    // Checkpoints hold them all, and a thread that opens one of them reads one of them.
    await tango.forget(await tango.checkpoint());
    const third = await logs.attach(tango);
    assert.is((await third.counter('c77')).value, 77);
    assert.is(await counters[77].add(1), 78);
    assert.is(same[77].value, 78);
  });
}

many.run();
