/** What the contract of every object does not say of queues: waiting, and threads that die. */
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FIRST_OBJECT_ID } from '../runtime/views/checkpoint-index.ts';
import { within } from '../shared-memory/within.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import { END_MARK, type QueueRole, type QueueWorkerData, READY } from './queue-worker.ts';
import { attachScripted, updateOf } from './scripted-tango.ts';
import { attach, type Tango } from './tango.ts';
import { TangoQueue } from './tango-queue.ts';

const DEADLINE_MS = 30_000;
const WORKER = new URL(`./queue-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

const queues = suite('queue');
const logs = new OpenedLogs({ logBytes: 2 ** 22, compaction: false, link: 'direct' });
let tango: Tango;
let other: Tango;
let names = 0;

queues.before(async () => {
  tango = await logs.open();
  other = logs.add(await attach(tango.handle, { link: 'mailbox' }));
});

queues.after(() => logs.close());

/** A queue that nobody has used, in both clients. */
async function twoQueues<T = number>() {
  const name = `q${++names}`;
  return { queue: await tango.queue<T>(name), same: await other.queue<T>(name) };
}

/** Changes of the queue since `from`, as the feed tells them. */
async function toldSince(from: number, { name }: TangoQueue): Promise<unknown[]> {
  const told: unknown[] = [];
  const to = tango.log.tailSync();
  for await (const { updates } of tango.changes({ from, to, objects: [name] })) {
    told.push(...updates.map(({ operation }) => operation));
  }
  return told;
}

queues('who takes waits, and is given what another pushes, in order', async () => {
  const { queue, same } = await twoQueues();
  const takes = [queue.take(), queue.take(), queue.take()];
  await same.push(1);
  assert.is(await within(DEADLINE_MS, 'the first', takes[0]), 1);
  await same.push(2, 3, 4);
  assert.equal(await within(DEADLINE_MS, 'the others', Promise.all(takes)), [1, 2, 3]);
  assert.is(await queue.take(), 4, 'there already');
  assert.equal([queue.length, same.length], [0, 0]);
});

queues('undefined is an element as any other', async () => {
  const { queue, same } = await twoQueues<number | undefined>();
  await same.push(undefined, 1);
  assert.equal([queue.length, queue.peek(), [...queue]], [2, undefined, [undefined, 1]]);
  assert.is(await within(DEADLINE_MS, 'it', queue.take()), undefined);
  assert.equal([same.length, await same.take()], [1, 1]);
});

queues('who waits in one thread asks for no more elements than there are', async () => {
  const { queue, same } = await twoQueues();
  const from = tango.log.tailSync();
  const count = 30;
  const takes = Array.from({ length: count }, () => same.take());
  for (let i = 0; i < count; i += 3) await queue.push(i, i + 1, i + 2);
  const taken = await within(DEADLINE_MS, 'all', Promise.all(takes));
  assert.equal(taken, Array.from(taken.keys()));
  const told = await toldSince(from, queue);
  assert.is(told.filter((one) => 'shift' in (one as object)).length, count);
});

queues('what one is about to be given, no other of its thread asks for', async () => {
  const { queue, same } = await twoQueues();
  await queue.push(0);
  const from = tango.log.tailSync();
  // Whatever goes by mailbox is on its way for so long.
  const stalled = tango.stall('sequencer', 300);
  await tango.actorStats();
  const takes = Array.from({ length: 5 }, () => same.take());
  assert.is(await within(DEADLINE_MS, 'the first', takes[0]), 0);
  await within(DEADLINE_MS, 'the sequencer', stalled);
  await queue.push(1, 2, 3, 4);
  assert.equal(await within(DEADLINE_MS, 'the others', Promise.all(takes)), [0, 1, 2, 3, 4]);
  const told = await toldSince(from, queue);
  assert.is(told.filter((one) => 'shift' in (one as object)).length, 5);
});

queues('a signal ends the waiting, and takes nothing', async () => {
  const { queue, same } = await twoQueues();
  const ending = new AbortController();
  const waits = codeOf(() => queue.take({ signal: ending.signal }));
  const patient = queue.take();
  await queue.push();
  ending.abort();
  assert.is(await within(DEADLINE_MS, 'the end', waits), 'ERR_ABORTED');
  await same.push(1, 2);
  assert.is(await within(DEADLINE_MS, 'the other', patient), 1);
  assert.is(await codeOf(() => queue.take({ signal: ending.signal })), 'ERR_ABORTED');
  assert.equal([...same], [2]);
});

queues('who stands in line may leave it', async () => {
  const { queue, same } = await twoQueues();
  const ending = new AbortController();
  const first = queue.take();
  const second = codeOf(() => queue.take({ signal: ending.signal }));
  const third = queue.take();
  ending.abort();
  assert.is(await within(DEADLINE_MS, 'who leaves', second), 'ERR_ABORTED');
  await same.push(1, 2);
  assert.equal(await within(DEADLINE_MS, 'the others', Promise.all([first, third])), [1, 2]);
});

queues('who has asked for an element that another was given waits for the next', async () => {
  const { queue, same } = await twoQueues();
  const from = tango.log.tailSync();
  const rounds = 40;
  for (let round = 0; round < rounds; round++) {
    await queue.push(round);
    const taken = queue.take();
    // The other is faster, or slower, or comes when the take is on its way.
    for (let turns = round; turns > 0; turns--) await null;
    const isLate = same.shiftSync() === round;
    if (isLate) await same.push(-round);
    assert.is(await within(DEADLINE_MS, 'the take', taken), isLate ? -round : round);
  }
  const told = await toldSince(from, queue);
  const shifts = told.filter((one) => 'shift' in (one as object)).length;
  assert.ok(shifts > 2 * rounds, 'some have asked twice');
});

queues('whenever a signal is raised: each element is given once, or still there', async () => {
  const { queue, same } = await twoQueues();
  const count = 200;
  const given: number[] = [];
  const takes: Promise<string>[] = [];
  for (let i = 0; i < count; i++) {
    const ending = new AbortController();
    const taker = i % 2 === 0 ? queue : same;
    takes.push(
      codeOf(async () => {
        given.push(await taker.take({ signal: ending.signal }));
      }),
    );
    const pushed = i % 3 === 0 ? same.push(i) : queue.push(i);
    // After some turns of the microtask queue, fewer or more each time.
    for (let turns = i % 25; turns > 0; turns--) await null;
    ending.abort();
    await pushed;
  }
  const ends = await within(DEADLINE_MS, 'the takes', Promise.all(takes));
  assert.equal(new Set(ends), new Set(['none', 'ERR_ABORTED']), 'both happen');
  const all = [...given, ...queue].sort((a, b) => a - b);
  assert.equal(all, Array.from(all.keys()));
  assert.is(all.length, count);
});

queues('closing ends the waiting, and takes nothing', async () => {
  const { queue } = await twoQueues();
  const third = await logs.attach(tango);
  const same = await third.queue<number>(queue.name);
  const waits = codeOf(() => same.take());
  await queue.push();
  await third.close();
  assert.is(await within(DEADLINE_MS, 'the end', waits), 'ERR_CLOSED');
  await queue.push(1);
  assert.is(queue.length, 1);
});

queues('an element that was asked for before closing is given', async () => {
  const { queue } = await twoQueues();
  const third = await logs.attach(tango);
  const same = await third.queue<number>(queue.name);
  await queue.push(1);
  const shifted = same.shift();
  await third.close();
  assert.is(await within(DEADLINE_MS, 'it', shifted), 1);
});

queues(
  'a signal that is raised while the log is asked for what another gets is heard',
  async () => {
    const own = await logs.open();
    const queue = await own.queue<number>('q');
    const client = logs.add(await attachScripted(own.handle));
    const same = await client.queue<number>('q');
    const stop = new AbortController();
    const takes = [same.take({ signal: stop.signal }), same.take()];
    const before = (): void => {
      queue.shiftSync();
      stop.abort();
    };
    client.aroundAppend(FIRST_OBJECT_ID, { before });
    await queue.push(1);
    assert.is(
      await within(
        DEADLINE_MS,
        'the abort',
        codeOf(() => takes[0]),
      ),
      'ERR_ABORTED',
    );
    await queue.push(2);
    assert.is(await within(DEADLINE_MS, 'the next', takes[1]), 2);
    const last = codeOf(() => same.take());
    client.write(updateOf(FIRST_OBJECT_ID, null));
    assert.is(await within(DEADLINE_MS, 'the end', last), 'ERR_CORRUPT', 'its view has failed');
  },
);

queues('nobody waits in a body, or in history', async () => {
  const { queue } = await twoQueues();
  const body = (): void => {
    queue.pushSync(1);
    void queue.take();
  };
  assert.is(await codeOf(() => tango.transactSync(body)), 'ERR_UNSUPPORTED');
  assert.is(await codeOf(() => tango.transact(body)), 'ERR_UNSUPPORTED');
  assert.is(queue.length, 0, 'the body has failed');
  await queue.push(1);
  const past = await (await tango.at(tango.log.tailSync())).queue(queue.name);
  assert.is(past.length, 1);
  assert.is(await codeOf(() => past.take()), 'ERR_UNSUPPORTED');
  for (const options of [{ sginal: 1 }, { signal: 1 }, 1]) {
    assert.is(await codeOf(() => queue.take(options as never)), 'ERR_INVALID_ARGUMENT');
  }
});

queues('of transactions that shift at one snapshot each gets another element', async () => {
  const { queue, same } = await twoQueues();
  const moved = await tango.map<number, number>('moved');
  const moved2 = await other.map<number, number>('moved');
  const count = 60;
  await queue.push(...Array.from({ length: count }, (_, i) => i));
  const shifted: (number | undefined)[] = [];
  const move = (i: number): Promise<void> => {
    const [by, from, to] = i % 2 === 0 ? [tango, queue, moved] : [other, same, moved2];
    return by.transact(() => {
      const element = from.shiftSync();
      if (element !== undefined) to.setSync(element, (to.get(element) ?? 0) + 1);
      shifted[i] = element;
    });
  };
  // Two find nothing.
  await Promise.all(Array.from({ length: count + 2 }, (_, i) => move(i)));
  const elements = Array.from({ length: count }, (_, i) => i);
  assert.equal(
    shifted.filter((one) => one !== undefined).sort((a, b) => a - b),
    elements,
  );
  assert.equal(
    [...moved].sort(([a], [b]) => a - b),
    elements.map((one) => [one, 1]),
  );
});

queues('what a consumer has found empty is not filled behind its back', async () => {
  const { queue, same } = await twoQueues();
  const state = await tango.register<string>('state');
  let runs = 0;
  // Either the worker sleeps, and nothing is in the queue, or it works: never both.
  tango.transactSync(() => {
    const element = queue.shiftSync();
    if (++runs === 1) same.pushSync(1);
    state.setSync(element === undefined ? 'asleep' : 'at work');
  });
  assert.equal([runs, state.get(), queue.length], [2, 'at work', 0]);
});

queues('many elements come and go, also on trial', async () => {
  const { queue, same } = await twoQueues();
  let pushed = 0;
  let shifted = 0;
  const push = (): void => queue.pushSync(pushed++);
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 150; i++) push();
    for (let i = 0; i < 60; i++) assert.is(same.shiftSync(), shifted++);
    const [first, next] = [shifted, pushed];
    const body = (end: () => void) => (): void => {
      [shifted, pushed] = [first, next];
      for (let i = 0; i < 70; i++) assert.is(queue.shiftSync(), shifted++);
      for (let i = 0; i < 70; i++) push();
      assert.is(queue.length, pushed - shifted);
      end();
    };
    const abandon = (): void => {
      throw new Error('given up');
    };
    assert.throws(() => tango.transactSync(body(abandon)), /given up/);
    tango.transactSync(body(() => {}));
    assert.equal([queue.length, same.peek()], [pushed - shifted, shifted]);
  }
  const rest = Array.from({ length: pushed - shifted }, (_, i) => shifted + i);
  assert.equal([...same], rest);
});

queues('a feed tells pushes, shifts and clears', async () => {
  const { queue } = await twoQueues();
  const from = tango.log.tailSync();
  queue.pushSync(1, 2);
  queue.shiftSync();
  queue.clearSync();
  assert.is(queue.shiftSync(), undefined);
  const shift = { shift: true };
  assert.equal(await toldSince(from, queue), [{ push: [1, 2] }, shift, { clear: true }, shift]);
  assert.equal(TangoQueue.describe([2]), { clear: true });
});

/** A worker of the queue, and what it has told. */
class Seat {
  readonly told: number[] = [];
  readonly ready: Promise<unknown>;
  readonly exit: Promise<unknown>;
  readonly role: QueueRole;
  isKilled = false;
  readonly #worker: Worker;

  constructor(workerData: QueueWorkerData, heard: (from: Seat) => void) {
    this.role = workerData.role;
    this.#worker = new Worker(WORKER, { workerData });
    this.ready = once(this.#worker, 'message');
    this.exit = once(this.#worker, 'exit');
    this.#worker.on('message', (element: number) => {
      if (element === READY) return;
      this.told.push(element);
      heard(this);
    });
  }

  /** Wherever it stands. */
  kill(): void {
    this.isKilled = true;
    void this.#worker.terminate();
  }
}

queues('producers and consumers are killed: nothing is lost, nothing is given twice', async () => {
  const { queue } = await twoQueues();
  const moved = await tango.map<number, number>('moved by workers');
  const COUNT = 150;
  const data = { handle: tango.handle, queue: queue.name, moved: moved.name };
  let seats = 0;
  const seat = (role: QueueRole, first: number, heard: (from: Seat) => void): Seat => {
    const link = seats++ % 2 === 0 ? 'mailbox' : 'direct';
    return new Seat({ ...data, link, role, first, end: first + COUNT }, heard);
  };
  const consumer = (role: QueueRole): Seat => seat(role, 0, () => {});
  const consumers = [consumer('taker'), consumer('taker'), consumer('mover')];
  await within(DEADLINE_MS, 'the consumers', Promise.all(consumers.map(({ ready }) => ready)));
  let acknowledgements = 0;
  const producers = [0, 1, 2, 3].map((i) =>
    seat('producer', i * COUNT, (from) => {
      if (from.told.length === [50, 90][i]) from.kill();
      const victim = [undefined, 100, 200].indexOf(++acknowledgements);
      if (victim < 0) return;
      consumers[victim].kill();
      consumers.push(consumer(consumers[victim].role));
    }),
  );
  await within(DEADLINE_MS, 'the producers', Promise.all(producers.map(({ exit }) => exit)));
  const living = consumers.filter(({ isKilled }) => !isKilled);
  await queue.push(...living.map(() => END_MARK));
  await within(DEADLINE_MS, 'the consumers', Promise.all(living.map(({ exit }) => exit)));

  assert.equal([...queue], []);
  assert.equal(new Set(moved.values()), new Set([1]), 'each is moved once');
  const takers = consumers.filter(({ role }) => role === 'taker');
  const given = [...takers.flatMap(({ told }) => told), ...moved.keys()];
  assert.is(new Set(given).size, given.length, 'each is given once');
  const acknowledged = producers.flatMap(({ told }) => told);
  const found = new Set(given);
  const lost = acknowledged.filter((element) => !found.has(element));
  assert.ok(lost.length <= 1, `what the taker that was killed had just been given: ${lost}`);
  // What was under way when its producer died may have got there.
  assert.ok(found.size - (acknowledged.length - lost.length) <= 2, 'one for each producer');
  for (const { told } of consumers) {
    for (let i = 0; i < 4; i++) {
      const ofOne = told.filter((element) => Math.floor(element / COUNT) === i);
      assert.equal(
        ofOne,
        ofOne.slice().sort((a, b) => a - b),
        'in the order of its producer',
      );
    }
  }
  const sizes = [...producers, ...consumers].map(({ isKilled }) => isKilled);
  assert.equal(sizes.filter(Boolean).length, 4, 'so many were killed');
});

queues.run();
