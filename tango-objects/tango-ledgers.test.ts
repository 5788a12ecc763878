/** Ledgers: one writer each, fenced by whoever seals (PROTOCOL case 55), by clients on both links. */
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../shared-memory/within.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import type { Tango } from './tango.ts';
import type { TangoLedgers } from './tango-ledgers.ts';

const KIB = 1024;
const logs = new OpenedLogs({ logBytes: 1024 * KIB, compaction: false });
const cases = suite('ledgers');

cases.after.each(() => logs.close());

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

function texts(entries: readonly Uint8Array[]): string[] {
  return entries.map((one) => Buffer.from(one).toString());
}

async function streamed(entries: AsyncIterable<Uint8Array>): Promise<string[]> {
  const all: Uint8Array[] = [];
  for await (const one of entries) all.push(one);
  return texts(all);
}

async function two(link: 'mailbox' | 'direct' = 'direct'): Promise<{
  tango: Tango;
  other: Tango;
  own: TangoLedgers;
  others: TangoLedgers;
}> {
  const tango = await logs.open({ link });
  const other = await logs.attach(tango);
  return { tango, other, own: await tango.ledgers('l'), others: await other.ledgers('l') };
}

for (const link of ['mailbox', 'direct'] as const) {
  cases(
    `entries are numbered in the order of the calls, and read by anybody, ${link}`,
    async () => {
      const { own, others } = await two(link);
      const ledger = await own.create();
      assert.is(others.last(ledger), -1);
      assert.equal(others.read(ledger), []);
      const appended = Array.from({ length: 100 }, (_, i) => own.append(ledger, bytes(`${i}`)));
      assert.equal(
        await Promise.all(appended),
        Array.from({ length: 100 }, (_, i) => i),
      );
      assert.is(own.appendSync(ledger, bytes('last')), 100);
      assert.is(others.last(ledger), 100);
      assert.equal(texts(others.read(ledger, 98)), ['98', '99', 'last']);
      assert.equal(texts(own.read(ledger, 5, 7)), ['5', '6']);
      assert.is((await streamed(others.entries(ledger))).length, 101);
      assert.equal(await streamed(others.entries(ledger, { from: 3, to: 5 })), ['3', '4']);
      // Of the next one: another number, and entries from 0 again.
      const next = await others.create();
      assert.is.not(next, ledger);
      assert.is(await others.append(next, bytes('x')), 0);
      assert.equal(own.list(), [ledger, next]);
    },
  );
}

cases('one of two writers is fenced, and no entry is lost or duplicated (case 55)', async () => {
  const { own, others } = await two();
  const ledger = await own.create();
  const acknowledged: string[] = [];
  let refused = 0;
  const tell = (text: string) => (entry: number) => {
    assert.is(entry, acknowledged.length);
    acknowledged.push(text);
  };
  const appends: Promise<void>[] = [];
  for (let i = 0; i < 50; i++) appends.push(own.append(ledger, bytes(`${i}`)).then(tell(`${i}`)));
  await Promise.all(appends.splice(0));
  // These are on their way while the other one seals.
  for (let i = 50; i < 60; i++) {
    const text = `${i}`;
    appends.push(
      own.append(ledger, bytes(text)).then(tell(text), async (error) => {
        assert.is(await codeOf(() => Promise.reject(error)), 'ERR_SEALED');
        refused++;
      }),
    );
  }
  const last = others.sealSync(ledger);
  await Promise.all(appends);
  assert.is(acknowledged.length + refused, 60);
  assert.ok(refused > 0, 'the seal came first');
  assert.is(last, acknowledged.length - 1);
  assert.equal(texts(others.read(ledger)), acknowledged);
  assert.is(await codeOf(() => own.append(ledger, bytes('late'))), 'ERR_SEALED');
  assert.is(await codeOf(() => own.appendSync(ledger, bytes('late'))), 'ERR_SEALED');
  assert.is(await own.seal(ledger), last, 'sealed again: the same');
  // Whoever goes on makes a ledger of its own.
  const next = await others.create();
  assert.is(await others.append(next, bytes('goes on')), 0);
  assert.is(await codeOf(() => own.append(next, bytes('x'))), 'ERR_SEALED', 'not its writer');
  assert.is(own.last(next), 0);
});

cases('what cannot be is refused before anything is appended', async () => {
  const { tango, own, others } = await two();
  const ledger = await own.create();
  const sealed = await own.create();
  const deleted = await own.create();
  await own.append(ledger, bytes('x'));
  await own.seal(sealed);
  assert.is(await others.delete(deleted), true);
  const tail = tango.log.tailSync();
  const wrong: [string, () => unknown][] = [
    ['ERR_INVALID_ARGUMENT', () => own.append(99, bytes('x'))],
    ['ERR_INVALID_ARGUMENT', () => own.append(-1, bytes('x'))],
    ['ERR_INVALID_ARGUMENT', () => own.append(ledger, 'text' as unknown as Uint8Array)],
    ['ERR_INVALID_ARGUMENT', () => own.read(ledger, 1, 0)],
    ['ERR_INVALID_ARGUMENT', () => own.seal(99)],
    ['ERR_INVALID_ARGUMENT', () => own.last('0' as unknown as number)],
    ['ERR_UNWRITTEN', () => own.read(ledger, 0, 2)],
    ['ERR_UNWRITTEN', () => streamed(own.entries(ledger, { to: 2 }))],
    ['ERR_SEALED', () => own.append(sealed, bytes('x'))],
    ['ERR_SEALED', () => others.append(ledger, bytes('x'))],
    ['ERR_TRIMMED', () => own.append(deleted, bytes('x'))],
    ['ERR_TRIMMED', () => own.read(deleted)],
    ['ERR_TRIMMED', () => own.delete(deleted)],
    ['ERR_ABORTED', () => streamed(own.entries(ledger, { signal: AbortSignal.abort() }))],
  ];
  for (const [code, call] of wrong) assert.is(await codeOf(call), code, String(call));
  assert.is(tango.log.tailSync(), tail);
  assert.equal([own.isSealed(ledger), own.isSealed(sealed)], [false, true]);
  assert.equal(own.list(), [ledger, sealed]);
});

cases(
  'in a transaction an entry is appended with what else is changed, or not at all',
  async () => {
    const { tango, other, own, others } = await two();
    const map = await tango.map<string, number>('m');
    const ledger = await own.create();
    await own.append(ledger, bytes('a'));
    const made = await tango.transact(() => {
      const entry = own.appendSync(ledger, bytes('b'));
      map.setSync('entry', entry);
      const inside = own.createSync();
      own.appendSync(inside, bytes('c'));
      // Before they are in the log.
      assert.equal(texts(own.read(ledger)), ['a', 'b']);
      return inside;
    });
    assert.is(map.get('entry'), 1);
    assert.equal(texts(others.read(ledger)), ['a', 'b']);
    assert.equal(texts(others.read(made)), ['c']);
    const thrown = await codeOf(() =>
      tango.transact(() => {
        own.appendSync(ledger, bytes('x'));
        own.sealSync(made);
        own.deleteSync(ledger);
        map.setSync('entry', 99);
        own.appendSync(made, bytes('it is sealed'));
      }),
    );
    assert.is(thrown, 'ERR_SEALED');
    assert.equal([own.list(), own.last(ledger), own.isSealed(made)], [[ledger, made], 1, false]);
    // A seal that comes between: the body begins again, and fails.
    let runs = 0;
    const fenced = await codeOf(() =>
      tango.transact(() => {
        runs++;
        const entry = own.appendSync(ledger, bytes('y'));
        others.sealSync(ledger);
        map.setSync('entry', entry);
      }),
    );
    assert.equal([fenced, runs, map.get('entry')], ['ERR_SEALED', 2, 1]);
    assert.is(await other.transact(() => others.last(ledger)), 1);
  },
);

cases(
  'a checkpoint keeps the entries, and history reads them as long as they are there',
  async () => {
    const { tango, own, others } = await two();
    const ledger = await own.create();
    for (let i = 0; i < 30; i++) await own.append(ledger, bytes(`${i}`));
    const before = tango.log.tailSync();
    await own.seal(ledger);
    const past = await (await tango.at(before)).ledgers('l');
    assert.equal([past.isSealed(ledger), past.last(ledger)], [false, 29]);
    assert.equal(texts(past.read(ledger, 28)), ['28', '29']);
    const next = await own.create();
    await own.append(next, bytes('next'));
    const covered = await tango.checkpoint();
    await tango.forget(covered);
    assert.is(tango.log.readSync(before - 1).kind, 'trimmed');
    const late = await (await logs.attach(tango)).ledgers('l');
    for (const one of [own, others, late]) {
      assert.equal(
        texts(one.read(ledger)),
        Array.from({ length: 30 }, (_, i) => `${i}`),
      );
      assert.equal([one.isSealed(ledger), one.isSealed(next), one.list()], [true, false, [0, 1]]);
    }
    assert.is(await own.append(next, bytes('on')), 1, 'it still writes');
    assert.is(await codeOf(() => past.read(ledger)), 'ERR_TRIMMED');
    assert.equal(texts((await (await tango.at(covered)).ledgers('l')).read(ledger, 29)), ['29']);
  },
);

cases('entries that need several of the log are whole, and are moved along', async () => {
  const tango = await logs.open({ entryBytesMax: 4 * KIB });
  const own = await tango.ledgers('l');
  const ledger = await own.create();
  const large = Buffer.alloc(20 * KIB, 'large');
  await own.append(ledger, large);
  await own.append(ledger, bytes('small'));
  for (let i = 0; i < 2; i++) {
    const tail = tango.log.tailSync();
    await tango.forget(await tango.checkpoint());
    assert.is(tango.log.readSync(tail - 1).kind, 'trimmed');
    const [first, second] = own.read(ledger);
    assert.ok(large.equals(first));
    assert.equal(texts([second]), ['small']);
  }
});

cases('a writer is killed: what it was told is there, and whoever goes on fences it', async () => {
  const tango = await logs.open({ logBytes: 4096 * KIB });
  const own = await tango.ledgers('l');
  const file = fileURLToPath(
    new URL(`./ledger-worker${extname(import.meta.url)}`, import.meta.url),
  );
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(file, { workerData: tango.handle });
    const told: number[] = [];
    let ledger = -1;
    const enough = new Promise<void>((resolve) => {
      worker.on('message', (message: { ledger: number; entry: number }) => {
        ledger = message.ledger;
        told.push(message.entry);
        if (told.length === 200 * (round + 1)) resolve();
      });
    });
    await within(20_000, 'entries of a worker', enough);
    // The first one is fenced while it lives.
    if (round === 0) {
      const exited = once(worker, 'exit');
      own.sealSync(ledger);
      await within(20_000, 'the writer to hear of it', exited);
    } else await worker.terminate();
    const last = own.sealSync(ledger);
    const entries = texts(own.read(ledger));
    assert.is(entries.length, last + 1);
    // Each once, in order: those that it was told, and perhaps some whose answer it has not lived to hear.
    assert.equal(
      entries,
      Array.from(entries, (_, i) => `${i}`),
    );
    assert.ok(told.every((entry, i) => entry === i));
    assert.ok(last >= told[told.length - 1]);
    assert.is(await own.delete(ledger), true);
  }
});

cases.run();
