/**
 * Reconfiguration of a log on real threads: the conformance cases (PROTOCOL 4) that are about
 * threads, closing in the middle of a reconfiguration, and what may be asked for.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogMemory } from '../actors/log-memory.ts';
import { TangoError } from '../actors/tango-error.ts';
import { within } from '../shared-memory/within.ts';
import type { ProjectionChange } from './asked-change.ts';
import { AttachedWorker } from './attach-worker.ts';
import type { LinkKind } from './client-options.ts';
import type { Position } from './log-entry.ts';
import { attach, open } from './open.ts';
import type { OpenOptions } from './open-options.ts';
import type { Tango } from './tango.ts';

const DEADLINE_MS = 20_000;
const CLOSE_MS_MAX = 5000;
const MIB = 1024 * 1024;
const SMALL: OpenOptions = { logBytes: 4 * MIB, entryBytesMax: 256, attachMax: 4, holeFillMs: 20 };
const LINKS: readonly LinkKind[] = ['mailbox', 'direct'];
const [RED, BLUE] = [7, 8];

const reconfiguration = suite('reconfiguration on real threads');
const opened: Tango[] = [];

async function opening(options: OpenOptions = {}): Promise<Tango> {
  const tango = await open({ ...SMALL, ...options });
  opened.push(tango);
  return tango;
}

reconfiguration.after.each(async () => {
  for (const tango of opened.splice(0)) await within(DEADLINE_MS, 'a close', tango.close());
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function textAt({ log }: Tango, position: Position): Promise<string> {
  const entry = await within(DEADLINE_MS, `reading ${position}`, log.read(position));
  return entry.kind === 'data' ? new TextDecoder().decode(entry.payload) : entry.kind;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const wait = async (): Promise<void> => {
    while (!holds()) await delay(2);
  };
  await within(DEADLINE_MS, what, wait());
}

async function failed(promise: Promise<unknown>): Promise<TangoError> {
  const ended = promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  const error = await within(DEADLINE_MS, 'a rejection', ended);
  assert.instance(error, TangoError);
  return error as TangoError;
}

async function played({ log }: Tango, stream: number): Promise<Position[]> {
  const cursor = log.stream(stream);
  await cursor.sync();
  const positions: Position[] = [];
  for (;;) {
    const entry = await within(DEADLINE_MS, 'a stream', cursor.readnext());
    if (entry === undefined) return positions;
    positions.push(entry.position);
  }
}

/** Appends with some under way until it is ended. */
class Load {
  readonly done = new Map<Position, string>();
  readonly red: Position[] = [];
  readonly #lanes: Promise<unknown>;
  #ended = false;

  constructor(tango: Tango) {
    this.#lanes = Promise.all(Array.from({ length: 16 }, (_, lane) => this.#run(tango, lane)));
  }

  async #run({ log }: Tango, lane: number): Promise<void> {
    for (let i = 0; !this.#ended; i++) {
      const text = `${lane}.${i}`;
      const isRed = (lane + i) % 3 === 0;
      const position = await log.append(bytes(text), { streams: isRed ? [RED] : [BLUE] });
      assert.not(this.done.has(position), `position ${position} was acknowledged twice`);
      this.done.set(position, text);
      if (isRed) this.red.push(position);
      // On the direct link nothing else would have its turn.
      if (i % 4 === 0) await turn();
    }
  }

  async grownBy(count: number): Promise<void> {
    const before = this.done.size;
    await until('appends', () => this.done.size >= before + count);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await within(DEADLINE_MS, 'the appends under way', this.#lanes);
  }
}

for (const link of LINKS) {
  // CORFU 1.12, case 30
  reconfiguration(
    `case 30: the sequencer is killed under load, again and again: ${link}`,
    async () => {
      const tango = await opening({ link, actorThreads: 3 });
      const worker = await AttachedWorker.start(tango.handle);
      await worker.call('startLoad', 20);
      const load = new Load(tango);
      for (let i = 0; i < 3; i++) {
        const { epoch } = tango.log.projection();
        await load.grownBy(100);
        await within(DEADLINE_MS, 'the kill', tango.kill('sequencer'));
        await until('a new sequencer', () => tango.log.projection().epoch > epoch);
      }
      await load.grownBy(100);
      await load.end();
      const others = worker.call('loadEnd');
      await worker.terminate();
      await failedOrNot(others);
      const tail = tango.log.tailSync();
      for (const [position, text] of load.done) assert.is(await textAt(tango, position), text);
      for (let position = 0; position < tail; position++) {
        assert.ok(['data', 'junk'].includes((await tango.log.read(position)).kind));
      }
      const red = load.red.sort((a, b) => a - b);
      assert.equal(await played(tango, RED), red);
    },
  );

  // CORFU 1.12, case 33
  reconfiguration(`case 33: without a sequencer, and back to one: ${link}`, async () => {
    const tango = await opening({ link, actorThreads: 2 });
    const other = await AttachedWorker.start(tango.handle);
    const first = await tango.log.append(bytes('red'), { streams: [RED] });
    assert.is((await tango.log.reconfigure({ sequencer: 'none' })).sequencer, 0);
    const lanes = Array.from({ length: 3 }, async (_, lane) => {
      const positions: Position[] = [];
      for (let i = 0; i < 30; i++) {
        const floor = tango.log.tailSync();
        const position = await tango.log.append(bytes(`${lane}.${i}`));
        assert.ok(position >= floor, 'above every append that had returned');
        assert.ok(tango.log.tailSync() > position);
        positions.push(position);
      }
      return positions;
    });
    const all = await within(
      DEADLINE_MS,
      'appends',
      Promise.all([...lanes, other.call('append', 30, 'other')]),
    );
    const positions = all.flat();
    assert.is(new Set(positions).size, 120);
    for (const [lane, own] of all.slice(0, 3).entries()) {
      for (const [i, position] of own.entries()) {
        assert.is(await textAt(tango, position), `${lane}.${i}`);
      }
    }
    const refused = tango.log.append(bytes('red'), { streams: [RED] });
    assert.is((await failed(refused)).code, 'ERR_UNSUPPORTED');
    await tango.log.reconfigure({ sequencer: 'replace' });
    const second = await tango.log.append(bytes('red'), { streams: [RED] });
    assert.ok(second > Math.max(...positions));
    assert.equal(await played(tango, RED), [first, second]);
    await other.call('close');
    await other.terminate();
  });

  // CORFU 1.13: the fast tail of a sequencer that is gone is stale
  reconfiguration(
    `case 31: who has slept knows the tail of a log without a sequencer: ${link}`,
    async () => {
      const tango = await opening({ link });
      const sleeper = await attach(tango.handle);
      opened.unshift(sleeper);
      await tango.log.reconfigure({ sequencer: 'none' });
      const position = await tango.log.append(bytes('probed'));
      const entry = await sleeper.log.fill(position);
      assert.is(entry.kind, 'data');
      const seen: Position[] = [];
      for await (const { position: one } of sleeper.log.entries()) seen.push(one);
      assert.equal(seen, [position]);
      const next = await tango.log.append(bytes('probed'));
      await sleeper.log.trimPrefix(next + 1);
      assert.is(await textAt(tango, next), 'trimmed');
    },
  );

  // CORFU 1.11, case 27
  reconfiguration(`case 27: a log grows under load, and no unit is sealed: ${link}`, async () => {
    const tango = await opening({ link, actorThreads: 2, spareUnits: 2 });
    const memory = new LogMemory(tango.handle.buffers);
    const sealed = (): number[] => [0, 1].map((unit) => memory.unit(unit).slots.sealedEpoch());
    const load = new Load(tango);
    await load.grownBy(100);
    const before = sealed();
    const { ranges, epoch } = await tango.log.reconfigure({ add: 2 });
    assert.equal(sealed(), before);
    assert.ok(before.every((one) => one < epoch - 1));
    await load.grownBy(100);
    await load.end();
    assert.equal(sealed(), before);
    const active = ranges[ranges.length - 1];
    assert.equal(
      active.extents.map(({ chain }) => chain),
      [
        [0, 1],
        [130, 131],
      ],
    );
    const isOnNew = (position: Position): boolean => (position - active.from) % 2 === 1;
    const beyond = [...load.done.keys()].filter((position) => position >= active.from);
    assert.ok(beyond.some(isOnNew));
    for (const position of beyond.filter(isOnNew)) {
      const address = active.extents[1].start + (position - active.from - 1) / 2;
      assert.is.not(memory.unit(130).slots.load(address), 0);
    }
    for (const [position, text] of load.done) assert.is(await textAt(tango, position), text);
  });

  reconfiguration(`more units are lost than a chain tolerates: ${link}`, async () => {
    const tango = await opening({ link, actorThreads: 3, spareUnits: 2 });
    const memory = new LogMemory(tango.handle.buffers);
    const last = await appendAll(tango, 50);
    for (const unit of [0, 1]) memory.unit(unit).markLost();
    await until('the loss to be noticed', () => tango.log.projection().epoch > 1);
    for (const operation of ['read', 'fill', 'trim'] as const) {
      const error = await failed(tango.log[operation](last));
      assert.is(error.code, 'ERR_CORRUPT');
      assert.is(error.position, last);
      assert.match(error.message, `${last}`);
    }
    const position = await within(DEADLINE_MS, 'an append', tango.log.append(bytes('after')));
    assert.is(await textAt(tango, position), 'after');
    // What is lost is no trimmed prefix: nobody begins behind it without being told.
    const all = (async () => {
      for await (const _ of tango.log.entries()) assert.unreachable('nothing comes before it');
    })();
    assert.is((await failed(all)).code, 'ERR_CORRUPT');
    // Nobody is left to take over: appends end all the same.
    const { chain } = tango.log.projection().ranges.at(-1)?.extents[0] ?? { chain: [] };
    assert.is(chain.length, 2);
    for (const unit of chain) memory.unit(unit).markLost();
    const { epoch } = tango.log.projection();
    await until('the loss to be noticed', () => tango.log.projection().epoch > epoch);
    await tango.log.append(bytes('the memory of the lost ones, wiped'));
  });

  for (const what of ['a sequencer failover', 'a rebuild', 'growth'] as const) {
    reconfiguration(`a log is closed in the middle of ${what}: ${link}`, async () => {
      const threads = await threadsAfterClose(await open({ ...SMALL, link }));
      const tango = await open({
        ...SMALL,
        link,
        actorThreads: 3,
        spareUnits: 2,
        logBytes: 16 * MIB,
      });
      const last = await appendAll(tango, 20_000);
      const begun = begin(tango, what);
      if (what === 'a rebuild') {
        await until('the split', () => tango.log.projection().ranges.length > 1);
      }
      assert.is(tango.log.tailSync() > last, true);
      const after = await threadsAfterClose(tango);
      await failedOrNot(within(DEADLINE_MS, what, begun));
      assert.ok(after <= threads, `threads: ${threads} before, ${after} after`);
    });
  }
}

/** Begins what changes the log; nobody waits for its end. */
function begin(
  tango: Tango,
  what: 'a sequencer failover' | 'a rebuild' | 'growth',
): Promise<unknown> {
  if (what === 'growth') return tango.log.reconfigure({ add: 2 });
  return tango.kill(what === 'a rebuild' ? 1 : 'sequencer');
}

async function appendAll({ log }: Tango, count: number): Promise<Position> {
  let last = -1;
  for (let i = 0; i < count; i += 500) {
    const batch = Array.from({ length: Math.min(500, count - i) }, () =>
      log.append(bytes('entry')),
    );
    last = Math.max(last, ...(await within(DEADLINE_MS, 'appends', Promise.all(batch))));
  }
  return last;
}

/** Either end will do. */
async function failedOrNot(promise: Promise<unknown>): Promise<void> {
  await promise.catch((error: unknown) => error);
}

/** Threads of the process once a log is closed and they have gone. */
async function threadsAfterClose(tango: Tango): Promise<number> {
  await within(CLOSE_MS_MAX, 'the close', tango.close());
  await delay(50);
  return readdirSync('/proc/self/task').length;
}

const REFUSED: readonly [name: string, change: unknown, text: RegExp][] = [
  ['an unknown key', { removed: 1 }, /removed/],
  ['nothing', {}, /one of remove, add, sequencer/],
  ['something that is no object', 7, /./],
  ['an unknown sequencer', { sequencer: 'new' }, /'replace' or 'none'/],
  ['a unit that is not of the log', { remove: 17 }, /remove.*17/],
  ['a unit of another generation', { remove: 128 }, /remove.*128/],
  ['what is no unit', { remove: '1' }, /remove/],
  ['half a chain', { add: 1 }, /multiple of replicas=2/],
  ['no unit at all', { add: 0 }, /add/],
  ['a fraction', { add: 2.5 }, /add/],
  ['too many units', { add: 1000 }, /add/],
];

reconfiguration('what cannot be asked for is refused, and nothing is changed', async () => {
  const tango = await opening({ spareUnits: 2 });
  for (const [name, change, text] of REFUSED) {
    const error = await failed(tango.log.reconfigure(change as ProjectionChange));
    assert.is(error.code, 'ERR_INVALID_ARGUMENT', name);
    assert.match(error.message, text, name);
  }
  const beyond = await failed(tango.log.reconfigure({ add: 4 }));
  assert.is(beyond.code, 'ERR_LOG_FULL');
  assert.match(beyond.message, /add=4, spare=2/);
  await tango.log.append(bytes('still there'));
});

reconfiguration('the last replica of a position is not removed', async () => {
  const single = await opening({ storageUnits: 1, replicas: 1, spareUnits: 1 });
  await single.log.append(bytes('only here'));
  const error = await failed(single.log.reconfigure({ remove: 0 }));
  assert.is(error.code, 'ERR_INVALID_ARGUMENT');
  assert.match(error.message, /last replica of positions \[0, the tail\).*remove=0/);
  assert.is(single.log.projection().epoch, 1);

  const double = await opening({ spareUnits: 0 });
  assert.equal((await double.log.reconfigure({ remove: 0 })).ranges[0].extents[0].chain, [1]);
  assert.is((await failed(double.log.reconfigure({ remove: 1 }))).code, 'ERR_INVALID_ARGUMENT');
});

reconfiguration('a client that has slept reads where the entries are now', async () => {
  const tango = await opening({ storageUnits: 4, spareUnits: 1 });
  const idle = await attach(tango.handle);
  opened.unshift(idle);
  for (let i = 0; i < 16; i++) await tango.log.append(bytes(`entry ${i}`));
  assert.is(await textAt(idle, 2), 'entry 2');
  const isWhole = (): boolean => {
    const { ranges } = tango.log.projection();
    return ranges.length === 1 && ranges[0].extents.every(({ chain }) => chain.length === 2);
  };
  // The memory that unit 1 has left serves the other chain afterwards, at the same addresses.
  for (const unit of [1, 3]) {
    await tango.log.reconfigure({ remove: unit });
    await until(`unit ${unit} is replaced`, isWhole);
  }
  for (let i = 0; i < 16; i++) assert.is(await textAt(idle, i), `entry ${i}`);
});

reconfiguration('a change that is refused changes nothing, and holds nobody up', async () => {
  const tango = await opening({ spareUnits: 2 });
  const before = tango.log.projection();
  for (const add of [4, 64]) {
    const error = await failed(tango.log.reconfigure({ add }));
    assert.is(error.code, 'ERR_LOG_FULL');
    assert.match(error.message, new RegExp(`add=${add}`));
  }
  assert.equal(tango.log.projection(), before);
  const memory = new LogMemory(tango.handle.buffers);
  assert.is(memory.sequencer.sealedEpoch(), 0, 'nothing is sealed');
  await tango.log.reconfigure({ sequencer: 'none' });
  const { epoch } = tango.log.projection();
  assert.is((await tango.log.reconfigure({ sequencer: 'none' })).epoch, epoch, 'it is so already');
});

reconfiguration('the same is asked for twice, one after the other and at once', async () => {
  const tango = await opening({ spareUnits: 4 });
  const removals = [tango.log.reconfigure({ remove: 1 }), tango.log.reconfigure({ remove: 1 })];
  for (const { ranges } of await within(DEADLINE_MS, 'removals', Promise.all(removals))) {
    assert.not(ranges.some(({ extents }) => extents.some(({ chain }) => chain.includes(1))));
  }
  assert.match((await failed(tango.log.reconfigure({ remove: 1 }))).message, /remove.*1/);

  const growth = [tango.log.reconfigure({ add: 2 }), tango.log.reconfigure({ add: 2 })];
  const ends = await within(DEADLINE_MS, 'growth', Promise.allSettled(growth));
  const units = new Set(
    tango.log.projection().ranges.flatMap(({ extents }) => extents.flatMap(({ chain }) => chain)),
  );
  const grown = ends.filter(({ status }) => status === 'fulfilled').length;
  assert.ok(grown >= 1);
  assert.ok(units.size >= 2 + 2 * grown);
  for (const end of ends) {
    if (end.status === 'rejected') assert.is(TangoError.from(end.reason).code, 'ERR_LOG_FULL');
  }

  const { sequencerSince } = await tango.log.reconfigure({ sequencer: 'replace' });
  assert.ok(
    (await tango.log.reconfigure({ sequencer: 'replace' })).sequencerSince > sequencerSince,
  );
  await tango.log.append(bytes('entry'), { streams: [RED] });
});

reconfiguration.run();
