import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ThreadState } from '../shared-memory/thread-table-layout.ts';
import { within } from '../shared-memory/within.ts';
import { ActorHost } from './actor-host.ts';
import { clientActor, unitActor } from './actor-ids.ts';
import { ActorSystem } from './actor-system.ts';
import { type Behaviour, TEST_THREAD, type TestThreadData } from './actor-system-worker.ts';
import { allocateLog, type LogBuffers, LogMemory } from './log-memory.ts';
import { Message, MessageType } from './message.ts';
import { directoryOf, type Placement, placeActors } from './placement.ts';
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
  readonly placement: Placement;
  readonly buffers: LogBuffers;
  readonly memory: LogMemory;
  readonly behaviours: readonly Behaviour[];
  readonly exits: Exit[] = [];
  readonly replies: Message[] = [];
  #system: ActorSystem | undefined;
  #host: ActorHost | undefined;

  constructor(...behaviours: Behaviour[]) {
    this.behaviours = behaviours;
    const actorThreads = behaviours.length;
    this.placement = placeActors(actorThreads, UNITS);
    const log = { logBytes: 64 * 1024, entryBytesMax: 64, backpointers: 4, attachMax: 2 };
    const sizes = { ...log, storageUnits: UNITS, actorThreads };
    this.buffers = allocateLog(sizes, { streamsMax: 64 });
    this.memory = new LogMemory(this.buffers);
  }

  get system(): ActorSystem {
    if (this.#system === undefined) throw new Error('the system is started');
    return this.#system;
  }

  async start(entry = TEST_THREAD): Promise<ActorSystem> {
    const { buffers, memory, placement, behaviours } = this;
    const starting = ActorSystem.start<TestThreadData>({
      buffers,
      memory,
      placement,
      entry,
      extra: { behaviours },
      onExit: (thread, error) => this.exits.push({ thread, error }),
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
      const directory = directoryOf(this.placement);
      this.#host = new ActorHost({ thread, threads, grid: this.memory.grid(), directory });
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
  assert.is((await failed(system.stats())).code, 'ERR_ACTOR_EXITED');
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
  const held = chunks.lease(incarnation, 64, false);
  const others = chunks.lease(one.memory.threads.incarnation(1), 64, false, held + 1);
  const version = one.memory.threads.membershipVersion();
  const pending = failed(system.stats());
  await within(DEADLINE_MS, 'the kill', system.kill(2));
  assert.is((await pending).code, 'ERR_ACTOR_EXITED');
  assert.is(one.state(2), ThreadState.EXITED);
  assert.is(one.memory.threads.inFlight(2), 0);
  assert.is(one.state(1), ThreadState.ALIVE);
  assert.ok(one.memory.threads.membershipVersion() > version);
  assert.is(one.exits.length, 1);
  const [{ thread, error }] = one.exits;
  assert.is(thread, 2);
  assert.is(error.code, 'ERR_ACTOR_EXITED');
  assert.match(error.message, 'tangolog actors 2');
  assert.is(chunks.reclaim(0), 1, 'only what the dead held is retired');
  assert.is.not(held, others);
  one.ask(0, 1);
  await one.until('a reply of the living', () => one.replies.length === 1);
  one.ask(1, 1);
  assert.is((await failed(system.stats())).code, 'ERR_ACTOR_EXITED');
  await within(DEADLINE_MS, 'a second kill', system.kill(2));
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
