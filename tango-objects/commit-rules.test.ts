/**
 * What decides a commit, case by case, over entries that are made up (Tango 2.3): every way to read the log
 * has to find the same, whether somebody has told the verdict or not. CASE= runs those with it in their name.
 *
 * The objects are counters whose changes have keys, so that the sum tells which records took effect.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import type { OpenOptions } from '../runtime/open-options.ts';
import { FIRST_OBJECT_ID } from '../runtime/views/checkpoint-index.ts';
import { CONFLICT_WINDOW } from '../runtime/views/judge.ts';
import { type BatchRecord, encodeRecord } from '../runtime/views/record.ts';
import { chosen } from './chosen-cases.ts';
import { codeOf, forgetVerdicts, OpenedLogs } from './opened-logs.ts';
import {
  attachScripted,
  commitOf,
  readOf,
  type ScriptedTango,
  updateOf,
} from './scripted-tango.ts';
import { attach, type Tango } from './tango.ts';

const rules = chosen(suite('commit rules'));
const logs = new OpenedLogs({ logBytes: 2 ** 20, compaction: false, link: 'direct' });
const MIB = 2 ** 20;
const DEADLINE_MS = 10_000;
const [A, B, C] = [FIRST_OBJECT_ID, FIRST_OBJECT_ID + 1, FIRST_OBJECT_ID + 2];

rules.after.each(() => logs.close());

interface World {
  readonly tango: Tango;
  readonly writer: ScriptedTango;
  /** Plays every entry soon after it was written. */
  readonly eager: () => number;
}

async function world(options: OpenOptions = {}): Promise<World> {
  const tango = await logs.open(options);
  await tango.counter('a');
  const b = await tango.counter('b');
  const writer = await attachScripted(tango.handle);
  logs.add(writer);
  return { tango, writer, eager: () => b.value };
}

/** What object b is for whoever begins now; nobody has told a verdict. */
async function late(tango: Tango, names: readonly string[]): Promise<number> {
  forgetVerdicts(tango);
  const other = await logs.attach(tango);
  for (const name of names) await other.counter(name);
  return (await other.counter('b')).value;
}

async function inFeed(tango: Tango, from: number): Promise<number> {
  forgetVerdicts(tango);
  let sum = 0;
  for await (const { updates } of tango.changes({ from, to: tango.log.tailSync() })) {
    for (const { object, operation } of updates) if (object === 'b') sum += operation as number;
  }
  return sum;
}

async function inHistory(tango: Tango): Promise<number> {
  forgetVerdicts(tango);
  return (await (await tango.at(tango.log.tailSync())).counter('b')).value;
}

/** Everybody finds the same sum in b. */
async function agreeOn(expected: number, { tango, eager }: World): Promise<void> {
  forgetVerdicts(tango);
  assert.is(eager(), expected, 'who has played all of it');
  assert.is(await late(tango, ['a']), expected, 'who begins now');
  assert.is(await late(tango, []), expected, 'who hosts b alone');
  assert.is(await inHistory(tango), expected, 'history');
  assert.is(await inFeed(tango, 0), expected, 'a feed');
  await late(tango, []);
  assert.is((await (await tango.at(tango.log.tailSync())).counter('b')).value, expected, 'told');
}

type Entry = (at: number) => readonly BatchRecord[];

/** Entries one after the other; each is told where the first one is. The sum of b at the end. */
const CASES: readonly (readonly [title: string, sum: number, ...entries: Entry[]])[] = [
  [
    'a key that was read is changed',
    0,
    () => [updateOf(A, 1, 'x')],
    (at) => [commitOf(at, readOf(A, 'x'), updateOf(B, 10))],
  ],
  [
    'another key is changed',
    10,
    () => [updateOf(A, 1, 'y')],
    (at) => [commitOf(at, readOf(A, 'x'), updateOf(B, 10))],
  ],
  [
    'one of many keys that were read is changed',
    10,
    () => [updateOf(A, 1, 'k9')],
    (at) => [commitOf(at, readOf(A, ...'abcdefghi', 'k9'), updateOf(B, 1))],
    (at) => [commitOf(at, readOf(A, ...'abcdefghi', 'k8'), updateOf(B, 10))],
  ],
  [
    'the whole object was read, a key is changed',
    0,
    () => [updateOf(A, 1, 'x')],
    (at) => [commitOf(at, readOf(A), updateOf(B, 10))],
  ],
  [
    'a key was read, the whole object is changed',
    0,
    () => [updateOf(A, 1)],
    (at) => [commitOf(at, readOf(A, 'x'), updateOf(B, 10))],
  ],
  [
    'another object is changed',
    110,
    () => [updateOf(B, 100, 'x')],
    (at) => [commitOf(at, readOf(A), updateOf(B, 10))],
  ],
  [
    'a change below the snapshot',
    10,
    () => [updateOf(A, 1, 'x')],
    () => [],
    (at) => [commitOf(at + 1, readOf(A, 'x'), updateOf(B, 10))],
  ],
  [
    'a commit that takes effect changes what was read',
    1,
    (at) => [commitOf(at, readOf(A, 'z'), updateOf(A, 1, 'x'), updateOf(B, 1))],
    (at) => [commitOf(at, readOf(A, 'x'), updateOf(B, 10))],
  ],
  [
    'a commit that aborts would change what was read',
    10,
    () => [updateOf(A, 1, 'z')],
    (at) => [commitOf(at, readOf(A, 'z'), updateOf(A, 1, 'x'), updateOf(B, 1))],
    (at) => [commitOf(at, readOf(A, 'x'), updateOf(B, 10))],
  ],
  [
    'a commit that aborts, of objects that not everybody hosts',
    1010,
    () => [updateOf(A, 1, 'z')],
    (at) => [commitOf(at, readOf(A, 'z'), updateOf(A, 1, 'x'))],
    (at) => [commitOf(at, readOf(A, 'u'), updateOf(A, 1, 'y'))],
    (at) => [commitOf(at, readOf(A, 'x'), updateOf(B, 10))],
    (at) => [commitOf(at, readOf(A, 'y'), updateOf(B, 100))],
    (at) => [commitOf(at, readOf(A, 'y'), updateOf(A, 1, 'w'))],
    (at) => [commitOf(at, readOf(A, 'w'), updateOf(B, 1000))],
  ],
  [
    'each commit depends on the one before',
    1010,
    () => [updateOf(A, 1, 'x0')],
    (at) => [commitOf(at, readOf(A, 'x0'), updateOf(A, 1, 'x1'), updateOf(B, 1))],
    (at) => [commitOf(at, readOf(A, 'x1'), updateOf(A, 1, 'x2'), updateOf(B, 10))],
    (at) => [commitOf(at, readOf(A, 'x2'), updateOf(A, 1, 'x3'), updateOf(B, 100))],
    (at) => [commitOf(at, readOf(A, 'x3'), updateOf(A, 1, 'x4'), updateOf(B, 1000))],
  ],
  [
    'a record before it in its own entry changes what was read',
    0,
    (at) => [updateOf(A, 1, 'x'), commitOf(at, readOf(A, 'x'), updateOf(B, 10))],
  ],
  [
    'an entry and its own one, where records before it change what was read',
    0,
    () => [updateOf(A, 1, 'y')],
    (at) => [updateOf(A, 1, 'x'), commitOf(at, readOf(A, 'x'), updateOf(B, 10))],
  ],
  [
    'records of its own entry, decided together with one that others have to be read for',
    1,
    () => [updateOf(A, 1, 'y')],
    (at) => [
      commitOf(at, readOf(A, 'u'), updateOf(B, 1)),
      updateOf(A, 1, 'x'),
      commitOf(at, readOf(A, 'x'), updateOf(B, 10)),
    ],
  ],
  [
    'a record behind it in its own entry changes what was read',
    10,
    (at) => [commitOf(at, readOf(A, 'x'), updateOf(B, 10)), updateOf(A, 1, 'x')],
  ],
  [
    'a commit before it in its own entry aborts',
    10,
    () => [updateOf(A, 1, 'z')],
    (at) => [
      commitOf(at, readOf(A, 'z'), updateOf(A, 1, 'x'), updateOf(B, 1)),
      commitOf(at, readOf(A, 'x'), updateOf(B, 10)),
    ],
  ],
  ['nothing was read', 10, () => [updateOf(A, 1)], (at) => [commitOf(at, [], updateOf(B, 10))]],
];

for (const [title, sum, ...entries] of CASES) {
  rules(`a commit is decided by the log: ${title}`, async () => {
    const all = await world();
    all.eager();
    const at = all.tango.log.tailSync();
    for (const entry of entries) {
      all.writer.write(...entry(at));
      all.eager();
    }
    await agreeOn(sum, all);
  });
}

rules('a verdict that was told is of its own entry', async () => {
  const { tango, writer, eager } = await world();
  // One slot for all positions.
  const verdicts = new SharedArrayBuffer(8);
  const { handle } = tango;
  const at = tango.log.tailSync();
  writer.write(updateOf(A, 1, 'x'));
  writer.write(commitOf(at, readOf(A, 'y'), updateOf(B, 1)));
  writer.write(commitOf(at, readOf(A, 'x'), updateOf(B, 10)));
  writer.write(commitOf(at, readOf(A, 'y'), updateOf(B, 100)));
  assert.is(eager(), 101);
  for (const names of [['a'], []]) {
    const other = await attach({ ...handle, buffers: { ...handle.buffers, verdicts } });
    logs.add(other);
    for (const name of names) await other.counter(name);
    assert.is((await other.counter('b')).value, 101);
  }
});

rules('a commit further from its snapshot than the conflict window aborts', async () => {
  const { tango, writer, eager } = await world({ logBytes: 64 * MIB, entryBytesMax: 1024 });
  const at = tango.log.tailSync();
  const nothing = new Uint8Array(1);
  while (tango.log.tailSync() < at + CONFLICT_WINDOW - 2) tango.log.appendSync(nothing);
  // The log has entries of its own now and then: which of them are too far is asked of each.
  let expected = 0;
  for (const amount of [1, 10, 100, 1000, 10_000]) {
    const position = writer.write(commitOf(at, readOf(A, 'x'), updateOf(B, amount)));
    if (position - at < CONFLICT_WINDOW) expected += amount;
  }
  assert.ok(expected > 0 && expected < 11_111);
  assert.is(eager(), expected);
  assert.is(await late(tango, []), expected);
  assert.is(await inHistory(tango), expected);
});

rules(
  'a large record takes effect where it is named, and once all of its parts are there',
  async () => {
    const all = await world();
    const { tango, writer, eager } = all;
    const at = tango.log.tailSync();
    const update = updateOf(B, 1, 'a long key'.repeat(9));
    // What nobody names is nothing, though it is a whole change.
    writer.writePart(encodeRecord(update), [B]);
    const parts = writer.writeParts(update);
    assert.is(eager(), 0);
    writer.writeNaming(update, parts);
    assert.is(eager(), 1);
    writer.write(updateOf(A, 1, 'x'));
    for (const commit of [
      commitOf(at, readOf(A, 'x'), updateOf(B, 10)),
      commitOf(at, readOf(A, 'y'), updateOf(A, 1, 'z'), updateOf(B, 100)),
    ]) {
      writer.writeNaming(commit, writer.writeParts(commit));
    }
    writer.write(commitOf(at, readOf(A, 'z'), updateOf(B, 1000)));
    await agreeOn(101, all);
  },
);

const LOST = (position: number): Error =>
  new TangoError('ERR_TIMEOUT', 'nobody knows', { position });

rules('a change of which nobody knows what became of it is looked for', async () => {
  const { tango, writer } = await world();
  const b = await writer.counter('b');
  const before = tango.log.tailSync();
  writer.loseAppend(B, LOST);
  assert.is(b.addSync(1), 1, 'it is there');
  // Another entry is where its own was granted.
  writer.loseAppend(B, () => LOST(before - 1));
  assert.is(await codeOf(() => b.addSync(10)), 'ERR_TIMEOUT');
  writer.loseAppend(B, () => LOST(before));
  assert.is(await codeOf(() => b.addSync(100)), 'ERR_TIMEOUT', 'an entry of its own before');
});

rules('what decides a commit is held, from before the body runs until it is decided', async () => {
  const { tango, writer } = await world();
  const b = await writer.counter('b');
  const map = await writer.map<string, number>('m');
  const none = Number.POSITIVE_INFINITY;
  const held: number[] = [];
  const note = (): void => void held.push(writer.lowestHold);
  const all = (): number[] => [...held.splice(0), writer.lowestHold];
  let at = await writer.sync();
  writer.aroundAppend(B, { before: note, after: note });
  await writer.transact(() => {
    note();
    b.addSync(1);
    // Once the body has run, and before its commit is sent.
    queueMicrotask(note);
  });
  assert.equal(all(), [at, at, at, at, none]);
  // Entries that this thread has not played: its own lowest position is the one it needs.
  at = await writer.sync();
  tango.log.appendSync(new Uint8Array(1));
  writer.aroundAppend(C, { before: note });
  writer.transactSync(() => map.setSync('x', 1), { stale: true });
  assert.equal(all(), [at, none]);
  // A change that asks for its result needs what is between the view and itself.
  at = await writer.sync();
  tango.log.appendSync(new Uint8Array(1));
  writer.aroundAppend(B, { before: note });
  b.addSync(1);
  assert.equal(all(), [at, none]);
  writer.transactSync(() => b.value);
  assert.throws(() =>
    writer.transactSync(() => {
      throw new Error('of the body');
    }),
  );
  assert.equal(all(), [none], 'a body without changes, or one that throws');
});

rules('an entry that a read has played before its writer is told is not played again', async () => {
  const { tango } = await world();
  const writer = await attachScripted(tango.handle, 'mailbox');
  logs.add(writer);
  const b = await writer.counter('b');
  writer.aroundAppend(B, { after: () => assert.is(b.value, 1) });
  assert.is(b.addSync(1), 1);
  assert.is(b.value, 1);
});

rules('a change waits for the large one before it', async () => {
  const { tango } = await world();
  const other = await attach(tango.handle, { link: 'mailbox' });
  logs.add(other);
  const map = await other.map<string, string>('m');
  const large = map.set('k', 'large '.repeat(20_000));
  await null;
  await Promise.all([large, map.set('k', 'small')]);
  assert.is(map.get('k'), 'small');
  assert.is((await tango.map('m')).get('k'), 'small');
});

/** More than this is far: playback looks for a checkpoint to go on from. */
const FAR = 4096;

rules('a change that waits for its outcome is not passed by a checkpoint', async () => {
  const { tango, writer } = await world({ holeFillMs: 10_000 });
  const other = await attach(tango.handle, { link: 'mailbox' });
  logs.add(other);
  const b = await other.counter('b');
  const at = tango.log.tailSync();
  const adding = b.add(1);
  await null;
  // The request for a token leaves, and whoever waits for the answer does not turn meanwhile.
  other.log.readSync(0);
  const deadline = performance.now() + DEADLINE_MS;
  while (tango.log.tailSync() === at) assert.ok(performance.now() < deadline, 'a token is granted');
  const nothing = new Uint8Array(1);
  for (let i = 0; i < FAR; i++) tango.log.appendSync(nothing);
  const covered = tango.log.tailSync();
  const states = [[B, 1]] as const;
  writer.writeCheckpoint({ covered, limit: covered, limitBefore: 0, aborted: [] }, states);
  assert.is(b.value, 1);
  assert.is(await adding, 1);
});

rules.run();
