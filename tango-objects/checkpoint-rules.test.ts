/**
 * What makes checkpoints and trims safe, case by case (Tango 2.8): entries that come between a mark and its
 * record, writers that announce no snapshot, records whose parts are older than themselves. CASE= runs
 * those with it in their name.
 *
 * The objects are counters whose changes have keys, so that the sum tells which records took effect.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpenOptions } from '../runtime/open-options.ts';
import { DIRECTORY_ID, FIRST_OBJECT_ID } from '../runtime/views/checkpoint-index.ts';
import { TangoObject } from '../runtime/views/tango-object.ts';
import { chosen } from './chosen-cases.ts';
import { forgetVerdicts, OpenedLogs } from './opened-logs.ts';
import {
  attachScripted,
  commitOf,
  readOf,
  type ScriptedTango,
  updateOf,
} from './scripted-tango.ts';
import type { Tango } from './tango.ts';

const rules = chosen(suite('checkpoint rules'));
const logs = new OpenedLogs({ logBytes: 2 ** 20, compaction: false, link: 'direct' });
const [A, B, C] = [FIRST_OBJECT_ID, FIRST_OBJECT_ID + 1, FIRST_OBJECT_ID + 2];

rules.after.each(() => logs.close());

interface World {
  readonly tango: Tango;
  /** Hosts a, and takes the checkpoints. */
  readonly keeper: ScriptedTango;
  readonly writer: ScriptedTango;
  /** Of a client that plays every entry soon after it was written. */
  readonly eager: () => number;
}

async function world(options: OpenOptions = {}): Promise<World> {
  const tango = await logs.open(options);
  await tango.counter('a');
  const b = await tango.counter('b');
  const keeper = await attachScripted(tango.handle);
  const writer = await attachScripted(tango.handle);
  logs.add(keeper);
  logs.add(writer);
  await keeper.counter('a');
  return { tango, keeper, writer, eager: () => b.value };
}

/** What object b is for whoever begins now; nobody has told a verdict. */
async function late(tango: Tango, names: readonly string[] = []): Promise<number> {
  forgetVerdicts(tango);
  const other = await logs.attach(tango);
  for (const name of names) await other.counter(name);
  return (await other.counter('b')).value;
}

async function inHistory(tango: Tango, position = tango.log.tailSync()): Promise<number> {
  forgetVerdicts(tango);
  return (await (await tango.at(position)).counter('b')).value;
}

async function inFeed(tango: Tango, from: number): Promise<number> {
  forgetVerdicts(tango);
  let sum = 0;
  for await (const { updates } of tango.changes({ from, to: tango.log.tailSync() })) {
    for (const { object, operation } of updates) if (object === 'b') sum += operation as number;
  }
  return sum;
}

/** Everybody finds the same sum in b. */
async function agreeOn(expected: number, { tango, eager }: World): Promise<void> {
  forgetVerdicts(tango);
  assert.is(eager(), expected, 'who has played all of it');
  assert.is(await late(tango, ['a']), expected, 'who begins now');
  assert.is(await late(tango), expected, 'who hosts b alone');
  assert.is(await inHistory(tango), expected, 'history');
}

function isTrimmed(tango: Tango, position: number): boolean {
  return tango.log.readSync(position).kind === 'trimmed';
}

rules('the states of a checkpoint are of its mark, whatever comes behind it', async () => {
  const all = await world();
  const { tango, keeper, writer } = all;
  writer.write(updateOf(A, 1), updateOf(B, 1));
  keeper.aroundMark({ after: () => writer.write(updateOf(A, 10), updateOf(B, 10)) });
  await keeper.forget(await keeper.checkpoint());
  await agreeOn(11, all);
  const other = await logs.attach(tango);
  assert.is((await other.counter('a')).value, 11);
});

rules('an object that is made before the mark is in the checkpoint', async () => {
  const { tango, keeper, writer } = await world();
  keeper.aroundMark({
    before: () => {
      writer.write(updateOf(DIRECTORY_ID, { name: 'young', type: 'counter' }, 'young'));
      writer.write(updateOf(C, 4));
    },
  });
  const covered = await keeper.checkpoint();
  await keeper.forget(covered);
  assert.ok(isTrimmed(tango, covered - 1));
  const other = await logs.attach(tango);
  assert.is((await other.counter('young')).value, 4);
});

rules('a commit above a checkpoint from below its limit aborts, seen by anybody', async () => {
  const all = await world();
  const { tango, keeper, writer, eager } = all;
  eager();
  const before = tango.log.tailSync();
  writer.write(updateOf(A, 1, 'x'));
  const covered = await keeper.checkpoint();
  writer.write(commitOf(before, readOf(A, 'y'), updateOf(B, 1)));
  writer.write(commitOf(covered, readOf(A, 'y'), updateOf(B, 10)));
  // Of an object that not everybody hosts, and what depends on it.
  writer.write(commitOf(before, readOf(A, 'y'), updateOf(A, 1, 'z')));
  writer.write(commitOf(covered, readOf(A, 'z'), updateOf(B, 100)));
  await agreeOn(110, all);
  assert.is(await inFeed(tango, before), 110);
  assert.is(await inFeed(tango, covered), 110);
});

rules('a large record with parts below the limit has no effect', async () => {
  const all = await world();
  const { keeper, writer } = all;
  const update = updateOf(B, 1, 'x');
  const parts = writer.writeParts(update);
  const covered = await keeper.checkpoint();
  writer.writeNaming(update, parts);
  await agreeOn(0, all);
  await keeper.forget(covered);
  await agreeOn(0, all);
});

rules('a commit between a mark and its record is judged without it', async () => {
  const all = await world();
  const { tango, keeper, writer, eager } = all;
  const before = tango.log.tailSync();
  writer.write(updateOf(A, 1, 'x'));
  keeper.aroundMark({
    after: () => {
      writer.write(commitOf(before, readOf(A, 'y'), updateOf(B, 1)));
      writer.write(commitOf(before, readOf(A, 'x'), updateOf(B, 10)));
      eager();
    },
  });
  const covered = await keeper.checkpoint();
  await agreeOn(1, all);
  assert.is(await inFeed(tango, before), 1);
  // Its snapshot was not announced: what it depends on stays, until the next checkpoint covers it.
  await keeper.forget(covered);
  assert.not(isTrimmed(tango, before));
  await agreeOn(1, all);
  await keeper.forget(await keeper.checkpoint());
  assert.ok(isTrimmed(tango, before));
  await agreeOn(1, all);
});

rules('a large record between a mark and its record keeps its parts', async () => {
  const all = await world();
  const { tango, keeper, writer, eager } = all;
  const update = updateOf(B, 1, 'x');
  const parts = writer.writeParts(update);
  keeper.aroundMark({ after: () => writer.writeNaming(update, parts) });
  await keeper.forget(await keeper.checkpoint());
  assert.not(isTrimmed(tango, parts[0]));
  assert.is(eager(), 1);
  await agreeOn(1, all);
});

rules('a snapshot that is held is kept, and what reads it may commit (case 51)', async () => {
  const all = await world();
  const { tango, keeper, writer } = all;
  const snapshot = tango.log.tailSync();
  writer.write(updateOf(A, 1, 'x'));
  writer.hold(snapshot);
  const covered = await keeper.checkpoint();
  await keeper.forget(covered);
  assert.ok(isTrimmed(tango, snapshot - 1));
  assert.not(isTrimmed(tango, snapshot));
  writer.write(commitOf(snapshot, readOf(A, 'y'), updateOf(B, 1)));
  writer.write(commitOf(snapshot, readOf(A, 'x'), updateOf(B, 10)));
  await agreeOn(1, all);
  assert.is(await inFeed(tango, snapshot), 1);
});

rules('what is held after the checkpoint is not trimmed either', async () => {
  const { tango, keeper, writer } = await world();
  for (let i = 0; i < 5; i++) writer.write(updateOf(A, 1));
  const covered = await keeper.checkpoint();
  writer.hold(covered - 3);
  await keeper.forget(covered);
  assert.not(isTrimmed(tango, covered - 3));
  writer.release();
  await keeper.forget(covered);
  assert.ok(isTrimmed(tango, covered - 1));
});

rules('a checkpoint tells what has aborted among the entries that stay', async () => {
  const all = await world();
  const { tango, keeper, writer } = all;
  const before = tango.log.tailSync();
  writer.write(updateOf(A, 1, 'x'));
  const snapshot = tango.log.tailSync();
  writer.write(
    commitOf(before, readOf(A, 'x'), updateOf(A, 1, 'y')),
    commitOf(before, readOf(A, 'u'), updateOf(A, 1, 'z')),
  );
  writer.hold(snapshot);
  await keeper.forget(await keeper.checkpoint());
  assert.ok(isTrimmed(tango, before));
  writer.write(commitOf(snapshot, readOf(A, 'y'), updateOf(B, 1)));
  writer.write(commitOf(snapshot, readOf(A, 'z'), updateOf(B, 10)));
  await agreeOn(1, all);
});

rules('a large record among the entries that stay keeps its parts', async () => {
  const all = await world();
  const { tango, keeper, writer } = all;
  const update = updateOf(A, 1, 'x');
  const parts = writer.writeParts(update);
  const snapshot = tango.log.tailSync();
  writer.writeNaming(update, parts);
  writer.hold(snapshot);
  await keeper.forget(await keeper.checkpoint());
  assert.not(isTrimmed(tango, parts[0]));
  writer.write(commitOf(snapshot, readOf(A, 'x'), updateOf(B, 1)));
  writer.write(commitOf(snapshot, readOf(A, 'y'), updateOf(B, 10)));
  await agreeOn(10, all);
});

rules('a large record that has aborted needs no parts', async () => {
  const all = await world();
  const { tango, keeper, writer } = all;
  const before = tango.log.tailSync();
  writer.write(updateOf(A, 1, 'x'));
  const large = commitOf(before, readOf(A, 'x'), updateOf(A, 1, 'y'));
  const parts = writer.writeParts(large);
  const snapshot = tango.log.tailSync();
  const at = writer.writeNaming(large, parts);
  writer.hold(snapshot);
  await keeper.forget(await keeper.checkpoint());
  assert.ok(isTrimmed(tango, parts[1]), 'it keeps nothing');
  assert.not(isTrimmed(tango, at));
  writer.write(commitOf(snapshot, readOf(A, 'y'), updateOf(B, 1)));
  writer.write(commitOf(snapshot, readOf(A, 'u'), updateOf(B, 10)));
  await agreeOn(11, all);
  assert.is(await inFeed(tango, at), 11);
  // Whoever begins at this checkpoint writes the next one.
  forgetVerdicts(tango);
  const other = await logs.attach(tango);
  await other.counter('a');
  await other.checkpoint();
  await agreeOn(11, all);
});

rules('the limit of a checkpoint holds on behind the mark of the next one', async () => {
  const all = await world();
  const { tango, keeper, writer, eager } = all;
  const before = tango.log.tailSync();
  writer.write(updateOf(A, 1, 'x'));
  await keeper.checkpoint();
  let at = 0;
  keeper.aroundMark({
    after: () => {
      at = writer.write(commitOf(before, readOf(A, 'y'), updateOf(B, 1)));
      writer.write(commitOf(before, readOf(A, 'y'), updateOf(A, 1, 'z')));
    },
  });
  const second = await keeper.checkpoint();
  assert.ok(at >= second);
  assert.is(eager(), 0);
  writer.write(commitOf(at, readOf(A, 'z'), updateOf(B, 10)));
  await agreeOn(10, all);
  assert.is(await inFeed(tango, second), 10);
});

rules('the limit of a checkpoint that was trimmed is told by the next one', async () => {
  const { tango, keeper, writer, eager } = await world();
  const before = tango.log.tailSync();
  writer.write(updateOf(A, 1, 'x'));
  await keeper.checkpoint();
  let at = 0;
  keeper.aroundMark({
    after: () => {
      at = writer.write(commitOf(before, readOf(A, 'y'), updateOf(B, 1)));
    },
  });
  const second = await keeper.checkpoint();
  assert.is(eager(), 0);
  writer.hold(second);
  await keeper.forget(await keeper.checkpoint());
  assert.ok(isTrimmed(tango, second - 1));
  assert.not(isTrimmed(tango, second));
  // The second checkpoint is the oldest one, and the first one's record is gone.
  assert.is(await inHistory(tango, at + 1), 0);
});

rules(
  'the limit of a checkpoint that was trimmed is in force where the next one tells nothing',
  async () => {
    const { tango, keeper, writer, eager } = await world();
    const before = tango.log.tailSync();
    writer.write(updateOf(A, 1, 'x'));
    await keeper.checkpoint();
    let at = 0;
    keeper.aroundMark({
      after: () => {
        at = writer.write(commitOf(before, readOf(A, 'y'), updateOf(B, 1)));
      },
    });
    const second = await keeper.checkpoint();
    assert.is(eager(), 0);
    // Its limit is above the commit, of which it says nothing, and which stays nevertheless.
    const third = await keeper.checkpoint();
    writer.hold(second);
    await keeper.forget(third);
    assert.ok(isTrimmed(tango, second - 1));
    assert.not(isTrimmed(tango, second));
    assert.is(await inHistory(tango, at + 1), 0);
  },
);

rules('a checkpoint that another one overtakes is taken once more', async () => {
  const all = await world();
  const { tango, keeper, writer } = all;
  writer.hold(tango.log.tailSync());
  writer.write(updateOf(A, 1), updateOf(B, 1));
  keeper.aroundMark({
    after: () => {
      const covered = tango.log.tailSync();
      const index = { covered, limit: covered, limitBefore: 0, aborted: [] };
      writer.writeCheckpoint(index, [
        [A, 1],
        [B, 1],
      ]);
      tango.log.trimPrefixSync(covered);
      writer.release();
    },
  });
  await keeper.forget(await keeper.checkpoint());
  await agreeOn(1, all);
});

rules(
  'what a checkpoint tells of commits is from the limit in force on, not from that of its parts',
  async () => {
    const { tango, keeper, writer, eager } = await world();
    const before = tango.log.tailSync();
    writer.write(updateOf(A, 1, 'q'));
    const large = updateOf(A, 1, 'large');
    let parts: readonly number[] = [];
    let early = 0;
    keeper.aroundMark({
      after: () => {
        parts = writer.writeParts(large);
        // Takes effect: the limit is not in force yet.
        early = writer.write(commitOf(before, readOf(A, 'y'), updateOf(A, 1, 'x')));
      },
    });
    await keeper.checkpoint();
    const at = writer.write(commitOf(early, readOf(A, 'x'), updateOf(B, 10)));
    keeper.aroundMark({ after: () => writer.writeNaming(large, parts) });
    writer.hold(await keeper.checkpoint());
    forgetVerdicts(tango);
    // For the parts of the large record its limit is below the first checkpoint.
    await keeper.checkpoint();
    assert.is(eager(), 0);
    assert.is(await inHistory(tango, at + 1), 0);
  },
);

class Journal extends TangoObject<string> {
  #lines: string[] = [];

  get text(): string {
    return this.query(() => this.#lines.join(' '));
  }

  add(line: string): Promise<void> {
    return this.update(line);
  }

  protected apply(line: string): void {
    this.#lines.push(line);
  }

  protected checkpoint(): unknown {
    return this.#lines;
  }

  protected restore(state: unknown): void {
    this.#lines = state as string[];
  }
}

rules('a view that has the beginning goes on from a history that begins there', async () => {
  const { tango, keeper } = await world();
  const other = await logs.attach(tango);
  const journal = await tango.object(Journal, 'j');
  const lagging = await other.object(Journal, 'j');
  await journal.add('a');
  assert.is(lagging.text, 'a');
  await journal.add('b');
  // Of a class that the keeper does not know.
  await keeper.forget(await keeper.checkpoint());
  await journal.add('c');
  assert.is(lagging.text, 'a b c');
  await keeper.forget(await keeper.checkpoint());
  assert.is(lagging.text, 'a b c');
});

rules.run();
