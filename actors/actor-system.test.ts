import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Flight } from '../shared-memory/flight.ts';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { within } from '../shared-memory/within.ts';
import { ActorHost } from './actor-host.ts';
import { clientActor, sequencerActor, unitActor } from './actor-ids.ts';
import { ActorSystem } from './actor-system.ts';
import { type Behaviour, TEST_THREAD, type TestThreadData } from './actor-system-worker.ts';
import { allocateLog, type LogBuffers, LogMemory } from './log-memory.ts';
import { Message, MessageType } from './message.ts';
import { directoryOf, placeActors, settle } from './placement.ts';
import { firstProjection } from './projection.ts';
import { TangoError } from './tango-error.ts';

const DEADLINE_MS = 10_000;
const UNITS = 2;

const actorSystem = suite('actor system');

interface Exit {
  readonly thread: number;
  readonly error: TangoError;
}

/** A system of actor threads, and this thread as a client of it. */
class Bench {
  readonly buffers: LogBuffers;
  readonly memory: LogMemory;
  readonly behaviours: readonly Behaviour[];
  readonly exits: Exit[] = [];
  /** Waited for before an index gets its next tenant; undefined: nobody is replaced. */
  vacated: ((thread: number, closing: AbortSignal) => Promise<void>) | undefined;
  /** The system has no room for a thread. */
  isFull = false;
  readonly replies: Message[] = [];
  #system: ActorSystem | undefined;
  #host: ActorHost | undefined;

  constructor(...behaviours: Behaviour[]) {
    this.behaviours = behaviours;
    const actorThreads = behaviours.length;
    const log = { logBytes: 64 * 1024, entryBytesMax: 64, backpointers: 4, attachMax: 2 };
    const sizes = { ...log, storageUnits: UNITS, spareUnits: 0, replicas: UNITS, actorThreads };
    this.buffers = allocateLog(sizes, { streamsMax: 64 });
    this.memory = new LogMemory(this.buffers);
    settle(this.memory.homes, placeActors(actorThreads, UNITS));
    this.memory.layoutStore.propose(firstProjection(UNITS, UNITS, sequencerActor(0)));
  }

  get system(): ActorSystem {
    if (this.#system === undefined) throw new Error('the system is started');
    return this.#system;
  }

  async start(entry = TEST_THREAD): Promise<ActorSystem> {
    const { buffers, memory, behaviours } = this;
    const isFull = (): boolean => this.isFull;
    const starting = ActorSystem.start<TestThreadData>({
      buffers,
      memory,
      flight: new Flight(memory.threads, memory.threads.count - 1),
      entry,
      extra: {
        behaviours,
        // What cannot be cloned makes `new Worker` throw, as a lack of threads does.
        get refused() {
          return isFull() ? () => {} : undefined;
        },
      },
      onExit: (thread, error) => this.exits.push({ thread, error }),
      ...(this.vacated && { vacated: this.vacated }),
    });
    this.#system = await within(DEADLINE_MS, 'the start of actor threads', starting);
    return this.#system;
  }

  state(thread: number): ThreadState {
    return this.memory.threads.state(thread);
  }

  /** Sends a trim of address `position` to `unit`; its reply comes to `replies`. */
  ask(unit: number, position: number): void {
    const thread = this.behaviours.length;
    if (this.#host === undefined) {
      const { threads } = this.memory;
      assert.is(threads.claim(thread, thread + 1), thread);
      const directory = directoryOf(this.memory.homes);
      const flight = new Flight(threads, thread);
      this.#host = new ActorHost({ thread, threads, grid: this.memory.grid(), directory, flight });
      this.#host.add(clientActor(thread), {
        role: 'test',
        receive: (message) => void this.replies.push(Object.assign(new Message(), message)),
      });
    }
    const message = new Message();
    message.to = unitActor(unit);
    message.type = MessageType.UNIT_FILL;
    message.epoch = 1;
    message.position = position;
    this.#host.send(clientActor(thread), message);
    this.#host.turn();
  }

  /** Turns as a client until `holds()`. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const end = performance.now() + DEADLINE_MS;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
      this.#host?.turn();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async close(): Promise<void> {
    await within(
      DEADLINE_MS,
      'the close of actor threads',
      this.#system?.close() ?? Promise.resolve(),
    );
  }
}

const benches: Bench[] = [];

function bench(...behaviours: Behaviour[]): Bench {
  const made = new Bench(...behaviours);
  benches.push(made);
  return made;
}

async function failed(promise: Promise<unknown>): Promise<TangoError> {
  const thrown = await within(DEADLINE_MS, 'a rejection', promise).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.instance(thrown, TangoError);
  return thrown as TangoError;
}

/** Workers this process still has. */
function workers(): number {
  return process.getActiveResourcesInfo().filter((one) => one === 'Worker').length;
}

actorSystem.after.each(async () => {
  for (const one of benches.splice(0)) await one.close();
});

actorSystem('starts every actor thread, and each serves', async () => {
  const one = bench('serve', 'serve', 'serve');
  await one.start();
  for (const thread of [0, 1, 2]) assert.is(one.state(thread), ThreadState.ALIVE);
  one.ask(0, 5);
  one.ask(1, 6);
  await one.until('two replies', () => one.replies.length === 2);
  assert.equal(
    one.replies.map(({ from }) => from).toSorted(),
    [unitActor(0), unitActor(1)].toSorted(),
  );
  const stats = await one.system.stats();
  assert.equal(
    stats.map(({ received }) => received),
    [0, 1, 1],
  );
  for (const { busyMs } of stats) assert.ok(busyMs >= 0);
  assert.is(one.exits.length, 0);
});

actorSystem('marks threads exited when it closes, and may be closed again', async () => {
  const one = bench('serve', 'serve');
  const system = await one.start();
  await one.close();
  for (const thread of [0, 1]) assert.is(one.state(thread), ThreadState.EXITED);
  assert.is(one.exits.length, 0, 'what was asked for is no news');
  assert.equal(await within(DEADLINE_MS, 'figures of nobody', system.stats()), []);
  await one.close();
  await within(DEADLINE_MS, 'a terminate after the close', system.terminate());
});

actorSystem('does not hold the process', async () => {
  await bench('serve', 'serve').start();
  assert.is(workers(), 0, 'no worker is referenced');
});

actorSystem('notices a killed thread: tells, marks, retires', async () => {
  const one = bench('serve', 'serve', 'serve');
  const system = await one.start();
  const incarnation = one.memory.threads.incarnation(2);
  const { chunks } = one.memory.unit(1);
  const free = chunks.freeCount();
  const held = chunks.lease(incarnation, 64, false);
  const others = chunks.lease(one.memory.threads.incarnation(1), 64, false, held + 1);
  const version = one.memory.threads.membershipVersion();
  const pending = system.stats();
  await within(DEADLINE_MS, 'the kill', system.kill(2));
  const told = await within(DEADLINE_MS, 'figures asked for before the kill', pending);
  assert.ok(told.length >= 2, 'the living tell theirs all the same');
  assert.is(one.state(2), ThreadState.EXITED);
  assert.not(one.memory.threads.inFlight(2));
  assert.is(one.state(1), ThreadState.ALIVE);
  assert.ok(one.memory.threads.membershipVersion() > version);
  assert.is(one.exits.length, 1);
  const [{ thread, error }] = one.exits;
  assert.is(thread, 2);
  assert.is(error.code, 'ERR_ACTOR_EXITED');
  assert.match(error.message, 'tangolog actors 2');
  assert.is(chunks.freeCount(), free - 1, 'only what the dead held is free again');
  assert.is.not(held, others);
  one.ask(0, 1);
  await one.until('a reply of the living', () => one.replies.length === 1);
  one.ask(1, 1);
  const stats = await within(DEADLINE_MS, 'figures of the living', system.stats());
  assert.is(stats.length, 2, 'the dead tells nothing');
  await within(DEADLINE_MS, 'a second kill', system.kill(2));
});

actorSystem('does not replace a thread that has exited unless it is told when it may', async () => {
  const one = bench('serve', 'serve', 'serve');
  const system = await one.start();
  await within(DEADLINE_MS, 'the kill', system.kill(1));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is(one.state(1), ThreadState.EXITED);
});

actorSystem(
  'replaces a thread that has exited, under a new incarnation, and it serves',
  async () => {
    const one = bench('serve', 'serve', 'serve');
    one.vacated = async () => {};
    const system = await one.start();
    const { threads } = one.memory;
    const before = threads.incarnation(1);
    one.ask(0, 1);
    await one.until('a reply', () => one.replies.length === 1);
    for (let round = 1; round <= 3; round++) {
      await within(DEADLINE_MS, 'the kill', system.kill(1));
      await one.until('a successor', () => one.state(1) === ThreadState.ALIVE);
      await one.until('it takes messages', () => threads.attends(1));
      one.ask(0, 1 + round);
      await one.until('a reply of the successor', () => one.replies.length === 1 + round);
      assert.is(one.exits.length, round);
    }
    assert.ok(threads.incarnation(1) >= before + 3, 'each has an incarnation of its own');
    assert.not(threads.lives(before));
    assert.is((await system.stats()).length, 3);
    assert.is(workers(), 0, 'a successor does not hold the process either');
  },
);

actorSystem('tries again where the system has no room for a thread', async () => {
  const one = bench('serve', 'serve', 'serve');
  let asked = 0;
  one.vacated = async () => void asked++;
  const system = await one.start();
  one.isFull = true;
  await within(DEADLINE_MS, 'the kill', system.kill(1));
  await one.until('it was tried a few times', () => asked >= 3);
  assert.is(one.state(1), ThreadState.FREE, 'nobody is announced who is not there');
  one.isFull = false;
  await one.until('a successor', () => one.state(1) === ThreadState.ALIVE);
  one.ask(0, 1);
  await one.until('a reply of the successor', () => one.replies.length === 1);
});

actorSystem('a start that fails ends although an exit waits to be followed up', async () => {
  const one = bench('serve', 'exit', 'throw');
  one.vacated = (_thread, closing) =>
    new Promise((resolve) => closing.addEventListener('abort', () => resolve()));
  await failed(within(DEADLINE_MS, 'the start', one.start()));
  assert.is(workers(), 0);
});

actorSystem('gives the index to a successor only once it is vacated', async () => {
  const one = bench('serve', 'serve', 'serve');
  let vacate = (): void => {};
  const asked: number[] = [];
  one.vacated = (thread) =>
    new Promise((resolve) => {
      asked.push(thread);
      vacate = resolve;
    });
  const system = await one.start();
  const incarnation = one.memory.threads.incarnation(2);
  await within(DEADLINE_MS, 'the kill', system.kill(2));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(asked, [2]);
  assert.is(one.state(2), ThreadState.EXITED, 'messages to the dead find nobody');
  assert.is(one.memory.threads.incarnation(2), incarnation);
  vacate();
  await one.until('a successor', () => one.state(2) === ThreadState.ALIVE);
});

actorSystem(
  'starts anew again and again what dies before it is ready, and can be closed',
  async () => {
    const one = bench('serve', 'serve', 'exit-later');
    one.vacated = async () => {};
    const system = await one.start();
    const before = one.memory.threads.incarnation(2);
    await within(DEADLINE_MS, 'the kill', system.kill(2));
    await one.until('three deaths', () => one.exits.length >= 3);
    assert.ok(one.memory.threads.incarnation(2) > before + 1);
    assert.is(one.state(1), ThreadState.ALIVE, 'the others live on');
    await one.close();
    for (const thread of [0, 1, 2]) assert.is(one.state(thread), ThreadState.EXITED);
  },
);

actorSystem('replaces nobody once it is closing', async () => {
  const one = bench('serve', 'serve');
  let vacate = (): void => {};
  one.vacated = () =>
    new Promise((resolve) => {
      vacate = resolve;
    });
  const system = await one.start();
  await within(DEADLINE_MS, 'the kill', system.kill(1));
  const closing = one.close();
  vacate();
  await closing;
  for (const thread of [0, 1]) assert.is(one.state(thread), ThreadState.EXITED);
});

actorSystem('notices a thread that fails on its own, with what it threw', async () => {
  const one = bench('serve', 'fail', 'serve');
  await one.start();
  one.ask(0, 1);
  await one.until('the exit', () => one.exits.length === 1);
  const [{ thread, error }] = one.exits;
  assert.is(thread, 1);
  assert.match(error.message, 'exit code=1');
  assert.match((error.cause as Error).message, 'broken by a message');
  assert.is(one.state(1), ThreadState.EXITED);
  one.ask(1, 1);
  await one.until('a reply of the living', () => one.replies.length === 1);
});

actorSystem('terminates a thread that does not stop when asked', async () => {
  const one = bench('serve', 'spin', 'serve');
  await one.start();
  one.ask(0, 1);
  await one.close();
  for (const thread of [0, 1, 2]) assert.is(one.state(thread), ThreadState.EXITED);
  assert.is(one.exits.length, 0);
});

actorSystem('leaves nothing behind when a thread throws at its start', async () => {
  const before = workers();
  const one = bench('serve', 'throw', 'serve');
  const error = await failed(one.start());
  assert.match(error.message, 'tangolog actors 1');
  assert.match((error.cause as Error | undefined)?.message ?? 'no cause', 'broken on purpose');
  for (const thread of [0, 1, 2]) assert.is(one.state(thread), ThreadState.EXITED);
  assert.is(workers(), before);
});

actorSystem('leaves nothing behind when a thread ends at its start', async () => {
  const one = bench('exit', 'serve');
  const error = await failed(one.start());
  assert.is(error.code, 'ERR_ACTOR_EXITED');
  assert.match(error.message, 'tangolog actors 0');
  for (const thread of [0, 1]) assert.is(one.state(thread), ThreadState.EXITED);
});

actorSystem('fails to start with an entry that does not exist', async () => {
  const one = bench('serve');
  const error = await failed(one.start(new URL('./no-such-worker.js', import.meta.url)));
  assert.is(error.code, 'ERR_ACTOR_EXITED');
  assert.is(one.state(0), ThreadState.EXITED);
});

actorSystem('stops what it has started while a start is torn down at once', async () => {
  for (let round = 0; round < 5; round++) {
    const one = bench('serve', 'serve');
    const system = await one.start();
    await within(DEADLINE_MS, 'a terminate', system.terminate());
    for (const thread of [0, 1]) assert.is(one.state(thread), ThreadState.EXITED);
  }
});

actorSystem.run();
