/** Checkpoints, forgetting, compaction, and changes that do not fit an entry (Tango 2.8, PROTOCOL 2.3). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { TangoObject } from '../runtime/views/tango-object.ts';
import { chosen } from './chosen-cases.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import type { Tango } from './tango.ts';
import type { TangoMap } from './tango-map.ts';

const checkpoints = chosen(suite('checkpoints'));

const KIB = 1024;
const logs = new OpenedLogs({ logBytes: 1024 * KIB, compaction: false });

checkpoints.after.each(() => logs.close());

/** A checkpoint of everything, and everything below it trimmed. */
async function compact(tango: Tango): Promise<number> {
  const covered = await tango.checkpoint();
  await tango.forget(covered);
  assert.is(await codeOf(async () => checkTrimmed(tango, covered - 1)), 'none');
  return covered;
}

function checkTrimmed(tango: Tango, position: number): void {
  assert.is(tango.log.readSync(position).kind, 'trimmed', `position ${position}`);
}

for (const link of ['mailbox', 'direct'] as const) {
  checkpoints(`a view that begins after a trim is what the others are, ${link}`, async () => {
    const tango = await logs.open({ link });
    const map = await tango.map<unknown, unknown>('m');
    const counter = await tango.counter('c');
    const register = await tango.register('r');
    for (let i = 0; i < 50; i++) await map.set(i, { i, text: 'x'.repeat(i) });
    map.deleteSync(7);
    map.setSync({ compound: 1 }, 'key');
    counter.addSync(5);
    register.setSync(new Map([[1, new Date(5)]]));
    await compact(tango);
    counter.addSync(1);
    map.setSync(3, 'after');
    const other = await logs.attach(tango);
    const same = await other.map<unknown, unknown>('m');
    assert.equal([...same], [...map]);
    assert.is(same.versionOf(2), map.versionOf(2), 'versions are those of the history');
    assert.is((await other.counter('c')).value, 6);
    assert.equal((await other.register('r')).get(), new Map([[1, new Date(5)]]));
    assert.is(await same.delete({ compound: 1 }), true);
    assert.is(map.has({ compound: 1 }), false);
    assert.is(await codeOf(() => other.counter('m')), 'ERR_TYPE_MISMATCH');
  });
}

checkpoints('a view that a trim has passed goes on from the checkpoint', async () => {
  const tango = await logs.open();
  const map = await tango.map<string, number>('m');
  const other = await logs.attach(tango);
  const lagging = await other.map<string, number>('m');
  map.setSync('a', 1);
  assert.is(lagging.get('a'), 1);
  map.setSync('a', 2);
  map.deleteSync('b');
  await compact(tango);
  map.setSync('b', 3);
  assert.equal(
    [...lagging],
    [
      ['a', 2],
      ['b', 3],
    ],
  );
  lagging.updateSync('a', (value) => (value as number) + 1);
  assert.is(map.get('a'), 3);
  // Objects that are younger than the checkpoint, in a thread that plays over it.
  const young = await tango.counter('young');
  young.addSync(4);
  assert.is((await other.counter('young')).value, 4);
});

checkpoints('nothing is trimmed without a checkpoint, or above it (case 51)', async () => {
  const tango = await logs.open();
  const map = await tango.map('m');
  for (let i = 0; i < 20; i++) map.setSync(i, i);
  await tango.forget(tango.log.tailSync());
  assert.is(tango.log.readSync(0).kind, 'data');
  const covered = await tango.checkpoint();
  map.setSync('more', 1);
  assert.is(await codeOf(() => tango.forget(tango.log.tailSync() + 1)), 'ERR_UNWRITTEN');
  assert.is(await codeOf(() => tango.forget(-1)), 'ERR_INVALID_ARGUMENT');
  await tango.forget(5);
  checkTrimmed(tango, 4);
  assert.is(tango.log.readSync(5).kind, 'data');
  await tango.forget(tango.log.tailSync());
  checkTrimmed(tango, covered - 1);
  assert.is(tango.log.readSync(covered).kind, 'data');
});

checkpoints(
  'a transaction that runs keeps what decides it, and commits or aborts (case 51)',
  async () => {
    const tango = await logs.open();
    const map = await tango.map<string, number>('m');
    const other = await logs.attach(tango);
    const same = await other.map<string, number>('m');
    map.setSync('x', 1);
    same.get('x');
    let runs = 0;
    const begun = other.transact(() => {
      const x = same.get('x') as number;
      // Between the snapshot and the commit: changed, and all of it behind a checkpoint.
      if (++runs === 1) map.setSync('x', x + 10);
      same.setSync('x', x + 1);
    });
    await Promise.all([begun, tango.checkpoint().then((covered) => tango.forget(covered))]);
    assert.is(runs, 2, 'the first attempt was in conflict');
    assert.is(map.get('x'), 12);
  },
);

class Journal extends TangoObject<string> {
  #lines: string[] = [];

  get lines(): readonly string[] {
    return this.query(() => this.#lines);
  }

  write1(line: string): Promise<number> {
    return this.update(line);
  }

  protected apply(line: string, { position }: ApplyContext): number {
    if (line === 'fail') throw new Error('apply has failed');
    return this.#lines.push(`${position}:${line}`);
  }

  protected checkpoint(): unknown {
    return this.#lines;
  }

  protected restore(state: unknown): void {
    this.#lines = state as string[];
  }
}

checkpoints('objects whose class is not known to who writes the checkpoint are kept', async () => {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const journal = await other.object(Journal, 'j');
  await journal.write1('a');
  await journal.write1('b');
  await compact(tango);
  await journal.write1('c');
  // Once more: what was copied is copied on, with what has come since.
  await compact(tango);
  await journal.write1('d');
  const third = await logs.attach(tango);
  const again = await third.object(Journal, 'j');
  assert.equal(again.lines, journal.lines);
  assert.is(again.lines.length, 4);
  await compact(other);
  const fourth = await logs.attach(tango);
  assert.equal((await fourth.object(Journal, 'j')).lines, journal.lines);
});

checkpoints('a view that has failed spoils no checkpoint', async () => {
  const tango = await logs.open();
  const journal = await tango.object(Journal, 'j');
  await journal.write1('a');
  assert.is(await codeOf(() => journal.write1('fail')), 'ERR_CORRUPT');
  const counter = await tango.counter('c');
  counter.addSync(1);
  await compact(tango);
  const other = await logs.attach(tango);
  const same = await other.object(Journal, 'j');
  assert.is(await codeOf(() => same.lines), 'ERR_CORRUPT', 'it fails there like here');
  assert.is((await other.counter('c')).value, 1, 'the others go on');
});

class Dice extends TangoObject<null> {
  static chance = 0;
  #value = 0;

  get value(): number {
    return this.query(() => this.#value);
  }

  roll(): Promise<void> {
    return this.update(null);
  }

  protected apply(): void {
    this.#value = ++Dice.chance;
  }

  protected checkpoint(): unknown {
    return this.#value;
  }

  protected restore(state: unknown): void {
    this.#value = state as number;
  }
}

checkpoints(
  'an apply() that differs between threads is told, with object and position',
  async () => {
    const tango = await logs.open();
    const other = await logs.attach(tango);
    const dice = await tango.object(Dice, 'dice');
    const same = await other.object(Dice, 'dice');
    await dice.roll();
    assert.is.not(dice.value, same.value, 'every view rolls for itself');
    const covered = await tango.checkpoint();
    try {
      void same.value;
      assert.unreachable();
    } catch (error) {
      assert.instance(error, TangoError);
      const { code, object, position, message } = error as TangoError;
      assert.equal([code, object, position], ['ERR_CORRUPT', 'dice', covered]);
      assert.match(message, /thread=\d+/);
    }
    assert.type(dice.value, 'number', 'the other goes on');
  },
);

checkpoints('changes that do not fit an entry are split, and take effect at once', async () => {
  const tango = await logs.open({ entryBytesMax: 1024, logBytes: 8 * 1024 * KIB });
  const map = await tango.map<string, string>('m');
  const other = await logs.attach(tango);
  const same = await other.map<string, string>('m');
  const long = 'long '.repeat(1000);
  await map.set('one', long);
  map.setSync('two', long);
  tango.transactSync(() => {
    for (let i = 0; i < 20; i++) map.setSync(`k${i}`, (map.get('one') as string) + i);
  });
  assert.is(same.get('k19'), `${long}19`);
  assert.is(same.size, 22);
  // Its own conflict is found, its parts or not.
  let runs = 0;
  tango.transactSync(() => {
    const value = map.get('one') as string;
    if (++runs === 1) same.setSync('one', 'changed');
    map.setSync('copy', value + long);
  });
  assert.is(runs, 2);
  assert.is(same.get('copy'), `changed${long}`);
  // Many keys read: as large as it gets.
  const keys = tango.transactSync(() => {
    const all = Array.from({ length: 2000 }, (_, i) => map.get(`absent ${i}`));
    map.setSync('read', 'them');
    return all.length;
  });
  assert.is(keys, 2000);
  // And states.
  await compact(tango);
  const third = await logs.attach(tango);
  assert.equal([...(await third.map('m'))], [...map]);
});

function rotate(map: TangoMap<number, string>, key: number): void {
  map.setSync(key, `${map.get(key)}`.slice(-50) + 'w'.repeat(200));
}

checkpoints('a store of bounded state runs for ever in a bounded log', async () => {
  const tango = await logs.open({ logBytes: 256 * KIB, entryBytesMax: 4096, compaction: true });
  const other = await logs.attach(tango);
  const map = await tango.map<number, string>('m');
  const same = await other.map<number, string>('m');
  const value = 'v'.repeat(200);
  // Ten times what fits.
  for (let i = 0; i < 12_000; i++) {
    if (i % 3 === 0) void map.set(i % 50, value + i);
    else if (i % 3 === 1) await other.transact(() => rotate(same, i % 50));
    else await map.set(i % 50, value + i);
  }
  assert.is(map.size, 50);
  assert.equal([...same], [...map]);
  assert.ok(tango.stats().all.checkpoints > 3, 'checkpoints were taken');
  const third = await logs.attach(tango);
  assert.equal([...(await third.map('m'))], [...map]);
});

checkpoints(
  'a log that is full of state says so, and goes on once there is less of it',
  async () => {
    const tango = await logs.open({ logBytes: 256 * KIB, entryBytesMax: 4096, compaction: true });
    const map = await tango.map<number, string>('m');
    const fill = async (): Promise<void> => {
      for (let i = 0; ; i++) await map.set(i, 'x'.repeat(2000));
    };
    assert.is(await codeOf(fill), 'ERR_LOG_FULL');
    const held = map.size;
    assert.ok(held > 20, `${held} values`);
  },
);

async function late(map: TangoMap<string, number>): Promise<void> {
  await Promise.resolve();
  map.setSync('late', 1);
}

checkpoints(
  'objects that are made while a checkpoint is written are in it, or above it',
  async () => {
    const tango = await logs.open();
    const other = await logs.attach(tango);
    const map = await tango.map<string, number>('m');
    for (let round = 0; round < 10; round++) {
      const making = other.map<string, number>(`made ${round}`).then((made) => late(made));
      await Promise.all([tango.checkpoint().then((covered) => tango.forget(covered)), making]);
      map.setSync('rounds', round + 1);
    }
    const third = await logs.attach(tango);
    for (let round = 0; round < 10; round++) {
      assert.is((await third.map<string, number>(`made ${round}`)).get('late'), 1);
    }
    assert.is((await third.map('m')).get('rounds'), 10);
  },
);

checkpoints.run();
