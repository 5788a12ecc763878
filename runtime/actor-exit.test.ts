/** What a client sees when actor threads are killed under it. */
import { extname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sequencerActor } from '../actors/actor-ids.ts';
import { ActorSystem } from '../actors/actor-system.ts';
import { allocateLog, LogMemory } from '../actors/log-memory.ts';
import { placeActors } from '../actors/placement.ts';
import { firstProjection } from '../actors/projection.ts';
import { TangoError } from '../actors/tango-error.ts';
import { within } from '../shared-memory/within.ts';
import type { Position } from './log-entry.ts';
import type { LogThreadData } from './log-worker.ts';
import { MailboxLink } from './mailbox-link.ts';
import { SharedLog } from './shared-log.ts';

const ENTRY = new URL(`./log-worker${extname(import.meta.url)}`, import.meta.url);
const DEADLINE_MS = 8000;
/** Sequencer, then one unit each. */
const [SEQUENCER, HEAD, TAIL] = [0, 1, 2];

const actorExit = suite('actor exit');

/** A log whose actor threads can be killed. */
class Bench {
  readonly exits: number[] = [];
  readonly memory: LogMemory;
  readonly log: SharedLog;
  readonly #system: ActorSystem;
  readonly #link: MailboxLink;

  private constructor(memory: LogMemory, system: ActorSystem, link: MailboxLink) {
    this.memory = memory;
    this.#system = system;
    this.#link = link;
    this.log = new SharedLog(link, () => false);
  }

  static async start(): Promise<Bench> {
    const log = { storageUnits: 2, logBytes: 1 << 20, entryBytesMax: 4096 };
    const buffers = allocateLog({ ...log, backpointers: 4, actorThreads: 3, attachMax: 2 });
    const memory = new LogMemory(buffers);
    const placement = placeActors(3, 2);
    memory.layoutStore.propose(firstProjection(2, 2, sequencerActor(0)));
    memory.sequencer.setServingEpoch(1);
    const thread = memory.threads.claim(3, 4);
    const times = { holeFillMs: 5000, requestMs: 1000, operationMs: 60_000 };
    const exits: number[] = [];
    const system = await ActorSystem.start<LogThreadData>({
      buffers,
      memory,
      placement,
      entry: ENTRY,
      extra: { times },
      onExit: (exited) => exits.push(exited),
    });
    const incarnation = memory.threads.incarnation(thread);
    const link = new MailboxLink({ memory, placement, thread, incarnation, times });
    const bench = new Bench(memory, system, link);
    return Object.assign(bench, { exits });
  }

  async kill(thread: number): Promise<void> {
    await within(DEADLINE_MS, 'the kill', this.#system.kill(thread));
  }

  async close(): Promise<void> {
    this.#link.leave();
    await within(DEADLINE_MS, 'the close', this.#system.close());
  }
}

let bench: Bench;

actorExit.before.each(async () => {
  bench = await Bench.start();
});

actorExit.after.each(async () => {
  await bench.close();
});

const payload = (i: number): Uint8Array => new Uint8Array(20).fill(i);

async function appendAll(count: number): Promise<Position[]> {
  const appends = Array.from({ length: count }, (_, i) => bench.log.append(payload(i)));
  return within(DEADLINE_MS, 'appends', Promise.all(appends));
}

async function failed(promise: Promise<unknown>): Promise<TangoError> {
  const thrown = await within(DEADLINE_MS, 'a rejection', promise).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.instance(thrown, TangoError);
  return thrown as TangoError;
}

/** Appends with 32 under way until something is killed; all of them must end. */
async function loadUntilKilled(thread: number): Promise<{ done: Position[]; codes: Set<string> }> {
  const done: Position[] = [];
  const codes = new Set<string>();
  const lane = async (): Promise<void> => {
    try {
      while (codes.size === 0) done.push(await bench.log.append(payload(1)));
    } catch (error) {
      codes.add(TangoError.from(error).code);
    }
  };
  const lanes = Promise.all(Array.from({ length: 32 }, lane));
  while (done.length < 200) await new Promise((resolve) => setTimeout(resolve, 1));
  await bench.kill(thread);
  await within(DEADLINE_MS, 'the end of every append under way', lanes);
  return { done, codes };
}

for (const [name, thread] of Object.entries({ sequencer: SEQUENCER, head: HEAD, tail: TAIL })) {
  actorExit(`ends appends under way with ERR_ACTOR_EXITED: ${name}`, async () => {
    const { done, codes } = await loadUntilKilled(thread);
    assert.equal([...codes], ['ERR_ACTOR_EXITED']);
    assert.equal(bench.exits, [thread]);
    assert.is(new Set(done).size, done.length);
    // What was acknowledged is complete: it is read without any actor.
    for (const position of done) {
      const entry = bench.log.readSync(position);
      assert.is(entry.kind, 'data', `position ${position}`);
    }
  });

  actorExit(`refuses what comes after the exit: ${name}`, async () => {
    const positions = await appendAll(50);
    await bench.kill(thread);
    assert.is((await failed(bench.log.append(payload(1)))).code, 'ERR_ACTOR_EXITED');
    await assertThrows('ERR_ACTOR_EXITED', () => bench.log.appendSync(payload(1)));
    for (const [i, position] of positions.entries()) {
      const entry = await bench.log.read(position);
      assert.equal(entry.kind === 'data' && entry.payload, payload(i));
    }
    const tail = bench.log.tailSync();
    assert.ok(tail >= positions.length);
    assert.is((await failed(bench.log.read(tail))).code, 'ERR_UNWRITTEN');
    if (thread !== SEQUENCER) {
      assert.is((await failed(bench.log.trimPrefix(1))).code, 'ERR_ACTOR_EXITED');
      assert.is((await failed(bench.log.trim(1))).code, 'ERR_ACTOR_EXITED');
    } else {
      assert.is((await failed(bench.log.stream(1).sync())).code, 'ERR_ACTOR_EXITED');
    }
  });
}

async function assertThrows(code: string, call: () => unknown): Promise<void> {
  assert.is((await failed(new Promise((resolve) => resolve(call())))).code, code);
}

actorExit('tells the position of an append whose fate is not known', async () => {
  await appendAll(10);
  const appends = Array.from({ length: 200 }, (_, i) =>
    bench.log.append(payload(i)).catch((error: unknown) => error as TangoError),
  );
  await bench.kill(TAIL);
  const outcomes = await within(DEADLINE_MS, 'the appends', Promise.all(appends));
  for (const outcome of outcomes) {
    if (typeof outcome === 'number') continue;
    assert.is(outcome.code, 'ERR_ACTOR_EXITED');
    assert.type(outcome.position, 'number');
    assert.is(outcome.epoch, 1);
  }
});

actorExit.run();
