import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';

const LATEST_MS = 20_000;

const until = suite('until');
const logs = new OpenedLogs({ logBytes: 1 << 20 });

until.after.each(() => logs.close());

for (const link of ['mailbox', 'direct'] as const) {
  until(`finds at once what is there, and later what another client sets: ${link}`, async () => {
    const tango = await logs.open({ link });
    const other = await logs.attach(tango);
    const map = await tango.map<string, number>('m');
    const its = await other.map<string, number>('m');
    its.setSync('a', 1);
    assert.is(await tango.until(() => map.get('a')), 1);
    const found = tango.until(() => map.get('b'));
    const both = tango.until(() => (map.size >= 3 ? [...map.keys()] : undefined));
    await its.set('b', 2);
    assert.is(await within(LATEST_MS, 'b', found), 2);
    its.setSync('c', 3);
    assert.equal(await within(LATEST_MS, 'all', both), ['a', 'b', 'c']);
  });
}

until('runs a transaction until that finds what it wants', async () => {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const queue = await tango.queue<string>('q');
  const taken = await tango.list<string>('taken');
  const job = tango.until(() =>
    tango.transactSync(() => {
      const next = queue.shiftSync();
      if (next !== undefined) taken.pushSync(next);
      return next;
    }),
  );
  await (await other.queue<string>('q')).push('one', 'two');
  assert.is(await within(LATEST_MS, 'a job', job), 'one');
  assert.equal([...taken], ['one']);
  assert.equal([...queue], ['two']);
});

until('ends with the signal, with what the look throws, and with the log', async () => {
  const tango = await logs.open();
  const map = await tango.map<string, number>('m');
  const never = (): number | undefined => map.get('x');
  const stop = new AbortController();
  const aborted = codeOf(() => tango.until(never, { signal: stop.signal }));
  stop.abort();
  assert.is(await aborted, 'ERR_ABORTED');
  assert.is(await codeOf(() => tango.until(never, { signal: stop.signal })), 'ERR_ABORTED');
  const thrown = tango.until(() => {
    if (map.has('x')) throw new RangeError('no');
    return undefined;
  });
  map.setSync('x', 1);
  assert.instance(await thrown.catch((error: unknown) => error), RangeError);
  const closed = codeOf(() => tango.until(() => map.get('y')));
  await tango.close();
  assert.is(await within(LATEST_MS, 'the end', closed), 'ERR_CLOSED');
});

until(
  'lets many share a signal, as do appends: Node warns of more than ten listeners',
  async () => {
    const tango = await logs.open();
    const map = await tango.map<number, number>('m');
    const warnings: Error[] = [];
    const warned = (warning: Error): number => warnings.push(warning);
    process.on('warning', warned);
    const stop = new AbortController();
    const { signal } = stop;
    const payload = Buffer.from('x');
    await Promise.all(Array.from({ length: 20 }, () => tango.log.append(payload, { signal })));
    const waits = Array.from({ length: 20 }, (_, i) =>
      codeOf(() => tango.until(() => map.get(i), { signal })),
    );
    await new Promise((resolve) => setTimeout(resolve, 1));
    stop.abort();
    assert.equal(new Set(await Promise.all(waits)), new Set(['ERR_ABORTED']));
    process.off('warning', warned);
    assert.equal(warnings, []);
  },
);

until('leaves others their turn, though there is always something new', async () => {
  const tango = await logs.open({ link: 'direct' });
  const other = await logs.attach(tango);
  const its = await other.register<number>('r');
  let isOver = false;
  setTimeout(() => {
    isOver = true;
  }, 1);
  let looks = 0;
  const found = tango.until(() => {
    if (++looks > 100_000) throw new RangeError('nobody else has had a turn');
    its.setSync(looks);
    return isOver || undefined;
  });
  assert.is(await found, true);
});

until('what is awaited on the direct link lets timers have their turn', async () => {
  const tango = await logs.open({ link: 'direct' });
  const map = await tango.map<number, number>('m');
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const ways: Record<string, (i: number) => Promise<unknown>> = {
    append: () => tango.log.append(Buffer.from('x')),
    set: (i) => map.set(i % 10, i),
    update: (i) => map.update(i % 10, (n = 0) => n + 1),
    sync: () => tango.sync(),
  };
  for (const [name, way] of Object.entries(ways)) {
    const before = ticks;
    const end = performance.now() + 10_000;
    for (let i = 0; ticks < before + 2 && performance.now() < end; i++) await way(i);
    assert.ok(ticks >= before + 2, `${name}: the event loop turns`);
  }
  clearInterval(timer);
});

until('changes that wait for a turn go on together', async () => {
  const tango = await logs.open({ link: 'direct' });
  const register = await tango.register<number>('r');
  const before = tango.log.tailSync();
  const changes = 64 * 200;
  const writer = async (): Promise<void> => {
    for (let i = 0; i < changes / 64; i++) await register.set(i);
  };
  await Promise.all(Array.from({ length: 64 }, writer));
  const entries = tango.log.tailSync() - before;
  assert.ok(entries < changes / 32, `${entries} entries of ${changes} changes`);
});

until('is refused in a body, and without a function', async () => {
  const tango = await logs.open();
  const inBody = (): Promise<unknown> => tango.transact(() => void tango.until(() => 1));
  assert.is(await codeOf(inBody), 'ERR_UNSUPPORTED');
  assert.is(await codeOf(() => tango.until(5 as never)), 'ERR_INVALID_ARGUMENT');
  const awaits = async (): Promise<never> => {
    throw new RangeError('nobody hears of it');
  };
  assert.is(await codeOf(() => tango.until(awaits)), 'ERR_INVALID_ARGUMENT');
  const wrong = { signal: 'now' } as never;
  assert.is(await codeOf(() => tango.until(() => 1, wrong)), 'ERR_INVALID_ARGUMENT');
});

until.run();
