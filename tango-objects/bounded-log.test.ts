/**
 * State in a bounded log (Tango 2.8): what fits runs for ever, what does not is refused at once, with the
 * sizes, and what makes it smaller always goes through.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import type { LinkKind } from '../runtime/client-options.ts';
import { TangoObject } from '../runtime/views/tango-object.ts';
import { chosen } from './chosen-cases.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import type { Tango } from './tango.ts';
import type { TangoMap } from './tango-map.ts';

const bounded = chosen(suite('bounded log'));

const KIB = 1024;
const MIB = 1024 * KIB;
const LINKS: readonly LinkKind[] = ['direct', 'mailbox'];
const logs = new OpenedLogs();

bounded.after.each(() => logs.close());

type Values = TangoMap<number, Uint8Array>;

/** Of so many values, under so many keys, how many were refused: all of them for lack of room. */
async function refused(map: Values, count: number, keys: number, bytes: number): Promise<number> {
  let refusals = 0;
  for (let i = 0; i < count; i++) {
    try {
      await map.set(i % keys, new Uint8Array(bytes).fill(i));
    } catch (error) {
      checkFull(error);
      refusals++;
    }
  }
  return refusals;
}

function checkFull(error: unknown): void {
  assert.instance(error, TangoError);
  assert.is((error as TangoError).code, 'ERR_LOG_FULL');
  assert.match((error as TangoError).message, /needed=\d+, free=\d+/);
}

/** What was refused has changed nothing, and the log goes on as if it had not been asked. */
async function goesOn(tango: Tango, map: Values): Promise<void> {
  const other = await logs.attach(tango);
  const same: Values = await other.map('m');
  assert.equal([...same.keys()], [...map.keys()]);
  for (const [key, value] of map) assert.ok(isSame(same.get(key), value));
  await map.clear();
  await map.set(-1, new Uint8Array(100));
  assert.is(await codeOf(() => tango.checkpoint()), 'none');
  await map.set(-2, new Uint8Array(100));
  assert.is(same.size, 2);
}

function isSame(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.compare(one, other) === 0;
}

interface Shape {
  readonly logBytes: number;
  readonly keys: number;
  readonly bytes: number;
  readonly entryBytesMax?: number;
}

/** Each more than the log holds. */
const BEARABLE: readonly Shape[] = [
  { logBytes: 8 * MIB, keys: 1, bytes: 1e6 },
  { logBytes: 8 * MIB, keys: 1, bytes: 2_300_000 },
  { logBytes: 8 * MIB, keys: 20, bytes: 1e5 },
  { logBytes: 8 * MIB, keys: 45, bytes: 60_000 },
  { logBytes: MIB, keys: 1, bytes: 1e5 },
  { logBytes: MIB, keys: 1, bytes: 180_000 },
  { logBytes: MIB, keys: 1, bytes: 300_000, entryBytesMax: 4096 },
  { logBytes: MIB, keys: 40, bytes: 9_000, entryBytesMax: 4096 },
  { logBytes: 256 * KIB, keys: 1, bytes: 60_000, entryBytesMax: 4096 },
  // What names the parts of a checkpoint does not fit an entry, nor does what names the parts of that.
  { logBytes: 256 * KIB, keys: 60, bytes: 60, entryBytesMax: 64 },
];

const TOO_MUCH: readonly Shape[] = [
  { logBytes: 8 * MIB, keys: 1, bytes: 3e6 },
  { logBytes: 8 * MIB, keys: 50, bytes: 1e5 },
  { logBytes: 8 * MIB, keys: 1, bytes: 9e6 },
  { logBytes: MIB, keys: 1, bytes: 4e5 },
  { logBytes: MIB, keys: 8, bytes: 1e5 },
  { logBytes: 256 * KIB, keys: 200, bytes: 2_000, entryBytesMax: 4096 },
];

function named({ logBytes, keys, bytes }: Shape): string {
  return `${keys} times ${bytes} bytes in a log of ${logBytes}`;
}

/** Where every step waits for another thread, not all of them. */
function chosenFor(link: LinkKind, shapes: readonly Shape[]): readonly Shape[] {
  return link === 'direct' ? shapes : shapes.filter((_, i) => i % 3 === 0);
}

for (const link of LINKS) {
  for (const { keys, bytes, ...options } of chosenFor(link, BEARABLE)) {
    bounded(`${named({ keys, bytes, ...options })} runs for ever, ${link}`, async () => {
      const tango = await logs.open({ ...options, link });
      const map: Values = await tango.map('m');
      const count = Math.ceil((1.3 * options.logBytes) / bytes);
      assert.is(await refused(map, count, keys, bytes), 0);
      assert.is(map.size, Math.min(keys, count));
      await goesOn(tango, map);
    });
  }
  for (const { keys, bytes, ...options } of chosenFor(link, TOO_MUCH)) {
    bounded(`${named({ keys, bytes, ...options })} are refused, ${link}`, async () => {
      const tango = await logs.open({ ...options, link });
      const map: Values = await tango.map('m');
      assert.ok((await refused(map, keys + 3, keys, bytes)) > 0);
      await goesOn(tango, map);
    });
  }
}

for (const link of LINKS) {
  bounded(`values are deleted one by one where there is no room for more, ${link}`, async () => {
    const tango = await logs.open({ logBytes: MIB, entryBytesMax: 4096, link });
    const map: Values = await tango.map('m');
    assert.ok((await refused(map, 400, 400, 3000)) > 0);
    const held = map.size;
    assert.ok(held * 3000 > 0.35 * MIB, `${held} values`);
    for (const key of map.keys()) assert.is(await map.delete(key), true);
    assert.is(map.size, 0);
    assert.is(await refused(map, held - 5, 400, 3000), 0, 'and as many again');
  });
}

bounded('changes of one turn that are too much are refused, not those before', async () => {
  const tango = await logs.open({ logBytes: MIB, entryBytesMax: 4096, link: 'direct' });
  const map: Values = await tango.map('m');
  const changes = Array.from({ length: 1000 }, (_, i) => map.set(i, new Uint8Array(2000)));
  const outcomes = await Promise.allSettled(changes);
  const done = outcomes.filter(({ status }) => status === 'fulfilled').length;
  for (const outcome of outcomes) if (outcome.status === 'rejected') checkFull(outcome.reason);
  assert.ok(done < 1000);
  assert.is(map.size, done);
  await goesOn(tango, map);
});

bounded(
  'changes that were made while a checkpoint was written leave room for the next one',
  async () => {
    for (const [logBytes, bytes] of [
      [2 * MIB, 60],
      [2 * MIB, 300],
      [4 * MIB, 300],
    ]) {
      const tango = await logs.open({ logBytes, entryBytesMax: 4096, link: 'direct' });
      const map: Values = await tango.map('m');
      const value = new Uint8Array(bytes);
      for (let key = 0, isFull = false; !isFull; key += 200) {
        const changes = Array.from({ length: 200 }, (_, i) => map.set(key + i, value));
        const outcomes = await Promise.allSettled(changes);
        isFull = outcomes.some(({ status }) => status === 'rejected');
      }
      assert.is(await codeOf(() => tango.checkpoint()), 'none', `${bytes} bytes, ${logBytes}`);
    }
  },
);

bounded('the largest value that there is is put into the log again', async () => {
  const tango = await logs.open({ logBytes: 2 * MIB, entryBytesMax: 1024, link: 'direct' });
  const map = await tango.map<number, Uint8Array>('m', { values: 'log' });
  let bytes = 125_000;
  while ((await codeOf(() => map.set(0, new Uint8Array(bytes)))) !== 'none') bytes--;
  await map.set(0, new Uint8Array(bytes).fill(7));
  for (let i = 0; i < 5000; i++) await map.set(1 + (i % 10), new Uint8Array(900));
  assert.equal(map.get(0), new Uint8Array(bytes).fill(7));
});

bounded('two threads write large values at once', async () => {
  const tango = await logs.open({ logBytes: 8 * MIB, link: 'mailbox' });
  const other = await logs.attach(tango);
  const map: Values = await tango.map('m');
  const same: Values = await other.map('m');
  const refusals = await Promise.all([
    refused(map, 8, 1, 1e6),
    refused(same, 8, 1, 1e6),
    refused(map, 8, 1, 5e4),
  ]);
  assert.equal(refusals, [0, 0, 0]);
  await goesOn(tango, map);
});

bounded('a checkpoint that is asked for finds room, as often as it is asked for', async () => {
  for (const link of LINKS) {
    const tango = await logs.open({ logBytes: MIB, link });
    const map: Values = await tango.map('m');
    await map.set(0, new Uint8Array(1e5));
    for (let i = 0; i < 20; i++) {
      assert.is(await codeOf(() => tango.checkpoint()), 'none', `${link}, number ${i}`);
      await map.set(i % 2, new Uint8Array(1e5));
    }
  }
});

bounded('without compaction what does not fit is refused before any of it is there', async () => {
  const tango = await logs.open({ logBytes: MIB, compaction: false, link: 'direct' });
  const map: Values = await tango.map('m');
  const tail = tango.log.tailSync();
  try {
    await map.set(0, new Uint8Array(1.5e6));
    assert.unreachable();
  } catch (error) {
    checkFull(error);
  }
  assert.is(tango.log.tailSync(), tail);
});

/** Its state is much larger than what made it. */
class Swelling extends TangoObject<number> {
  #bytes = 0;

  get bytes(): number {
    return this.query(() => this.#bytes);
  }

  grow(bytes: number): Promise<void> {
    return this.update(bytes);
  }

  protected apply(bytes: number): void {
    this.#bytes = bytes;
  }

  protected checkpoint(): unknown {
    return new Uint8Array(this.#bytes);
  }

  protected restore(state: unknown): void {
    this.#bytes = (state as Uint8Array).length;
  }
}

bounded('a state that no checkpoint has room for can be made smaller', async () => {
  const tango = await logs.open({ logBytes: MIB, entryBytesMax: 4096, link: 'direct' });
  const swelling = await tango.object(Swelling, 's');
  const map: Values = await tango.map('m');
  await swelling.grow(2 * MIB);
  assert.ok((await refused(map, 400, 5, 3000)) > 0);
  assert.is(await codeOf(() => tango.checkpoint()), 'ERR_LOG_FULL');
  assert.is(await codeOf(() => swelling.grow(3 * MIB)), 'ERR_LOG_FULL');
  assert.is(swelling.bytes, 2 * MIB);
  await swelling.grow(0);
  assert.is(await refused(map, 1000, 5, 3000), 0);
  await goesOn(tango, map);
});

bounded.run();
