/** What a client sees when actor threads are killed under it: a pause, and nothing lost. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import { within } from '../shared-memory/within.ts';
import type { LinkKind } from './client-options.ts';
import type { Position } from './log-entry.ts';
import { open } from './open.ts';
import type { ServedBy, Tango } from './tango.ts';

const DEADLINE_MS = 8000;
const MIB = 1024 * 1024;

const actorExit = suite('actor exit');
let tango: Tango;

/** Sequencer and units have a thread each. */
async function openLog(link: LinkKind): Promise<void> {
  const sizes = { logBytes: 8 * MIB, entryBytesMax: 4096, spareUnits: 4 };
  tango = await open({ ...sizes, link, actorThreads: 3, holeFillMs: 20 });
}

actorExit.after.each(async () => {
  await within(DEADLINE_MS, 'the close', tango.close());
});

const payload = (i: number): Uint8Array => new Uint8Array(20).fill(i);

/** The thread to kill: of the sequencer, or of the head or tail of the active chain. */
function servedBy(what: 'sequencer' | 'head' | 'tail'): ServedBy {
  const chain = tango.log.projection().ranges.at(-1)?.extents[0].chain ?? [];
  if (what === 'sequencer') return what;
  return what === 'head' ? chain[0] : chain[chain.length - 1];
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const wait = async (): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await within(DEADLINE_MS, what, wait());
}

function chainIsWhole(): Promise<void> {
  return until('the rebuild', () => {
    const { ranges } = tango.log.projection();
    return ranges.length === 1 && ranges[0].extents[0].chain.length === 2;
  });
}

async function checkEntries(done: readonly Position[], byte: number): Promise<void> {
  assert.is(new Set(done).size, done.length, 'no position twice');
  for (const position of done) {
    const entry = await within(DEADLINE_MS, `reading ${position}`, tango.log.read(position));
    assert.equal(entry.kind === 'data' && entry.payload, payload(byte), `position ${position}`);
  }
}

for (const link of ['mailbox', 'direct'] as const) {
  for (const what of ['sequencer', 'head', 'tail'] as const) {
    actorExit(`ends appends under way as done: ${what}, ${link}`, async () => {
      await openLog(link);
      const done: Position[] = [];
      let killed = false;
      const lane = async (): Promise<void> => {
        while (!killed) {
          done.push(await tango.log.append(payload(1), { streams: [5] }));
          if (link === 'direct') await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const lanes = Promise.all(Array.from({ length: 16 }, lane));
      while (done.length < 200) await new Promise((resolve) => setTimeout(resolve, 1));
      await within(DEADLINE_MS, 'the kill', tango.kill(servedBy(what)));
      killed = true;
      await within(DEADLINE_MS, 'the end of every append under way', lanes);
      done.push(await tango.log.append(payload(1), { streams: [5] }));
      await until('a new epoch', () => tango.log.projection().epoch > 1);
      await checkEntries(done, 1);
      await chainIsWhole();
      await checkEntries(done, 1);
      const cursor = tango.log.stream(5);
      cursor.syncSync();
      const played = new Set<Position>();
      cursor.playSync(({ position }) => played.add(position));
      for (const position of done) assert.ok(played.has(position), `stream lacks ${position}`);
    });
  }

  actorExit(`serves every call after an exit: ${link}`, async () => {
    await openLog(link);
    const positions: Position[] = [];
    for (let i = 0; i < 50; i++) positions.push(await tango.log.append(payload(i)));
    for (const what of ['sequencer', 'head', 'tail'] as const) {
      await within(DEADLINE_MS, 'the kill', tango.kill(servedBy(what)));
      positions.push(tango.log.appendSync(payload(positions.length)));
      await tango.log.trim(positions[positions.length - 2]);
      await within(DEADLINE_MS, 'a sync', tango.log.stream(1).sync());
      await chainIsWhole();
    }
    for (const [i, position] of positions.slice(0, 48).entries()) {
      const entry = await tango.log.read(position);
      assert.equal(entry.kind === 'data' && entry.payload, payload(i));
    }
    await tango.log.trimPrefix(40);
    assert.is((await tango.log.read(39)).kind, 'trimmed');
    const unwritten = await tango.log.read(tango.log.tailSync()).catch((error: unknown) => error);
    assert.is(TangoError.from(unwritten).code, 'ERR_UNWRITTEN');
  });
}

actorExit('goes on when every actor thread is killed at once', async () => {
  await openLog('mailbox');
  const position = await tango.log.append(payload(7));
  const all = (['sequencer', 'head', 'tail'] as const).map((what) => tango.kill(servedBy(what)));
  await within(DEADLINE_MS, 'the kills', Promise.all([...all, tango.kill('housekeeper')]));
  const next = await within(DEADLINE_MS, 'an append', tango.log.append(payload(7)));
  await checkEntries([position, next], 7);
});

actorExit.run();
