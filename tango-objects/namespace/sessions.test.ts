/** What README.md says of sessions, with threads that close the log, are killed, or stand still. */
import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogMemory } from '../../actors/log-memory.ts';
import { within } from '../../shared-memory/within.ts';
import { codeOf, OpenedLogs } from '../opened-logs.ts';
import type { Tango } from '../tango.ts';
import type { NamespaceOrder } from './namespace-worker.ts';
import type { TangoNamespace } from './tango-namespace.ts';

const DEADLINE_MS = 20_000;
const WORKER = new URL(`./namespace-worker${extname(import.meta.url)}`, import.meta.url);
const EPHEMERAL = { ephemeral: true };

const sessions = suite('sessions');
const logs = new OpenedLogs({ logBytes: 2 ** 20 });
const workers: Worker[] = [];

sessions.after.each(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
  await logs.close();
});

/** A namespace, and a thread that holds ephemeral nodes in it. */
async function withHolder(what: NamespaceOrder['what'], options = {}) {
  const tango = await logs.open(options);
  const namespace = await tango.namespace('n');
  namespace.multiSync([{ create: '/members' }, { create: '/held' }]);
  const worker = start(tango, what);
  const session = (await messageOf(worker)) as number;
  return { tango, namespace, worker, session };
}

function start(tango: Tango, what: NamespaceOrder['what']): Worker {
  const order: NamespaceOrder = {
    handle: tango.handle,
    namespaces: ['n', 'n'],
    what,
    stallMs: 1500,
  };
  const worker = new Worker(WORKER, { workerData: order });
  workers.push(worker);
  return worker;
}

async function churner(tango: Tango): Promise<Worker> {
  const worker = start(tango, 'churn');
  await messageOf(worker);
  return worker;
}

async function messageOf(worker: Worker): Promise<unknown> {
  const [message] = await within(DEADLINE_MS, 'a message', once(worker, 'message'));
  return message;
}

function held(namespace: TangoNamespace): string[] {
  return [...namespace.children('/members'), ...namespace.children('/held')];
}

/** Resolves to what a watch has told until all members are gone, though nobody has read anything. */
async function gone(namespace: TangoNamespace): Promise<string[]> {
  const events: string[] = [];
  const follow = async (): Promise<void> => {
    for await (const { type, path } of namespace.watch('/', { recursive: true })) {
      events.push(`${type} ${path}`);
      if (type === 'deleted' && path.startsWith('/members/')) return;
    }
  };
  await within(DEADLINE_MS, 'the session ends', follow());
  return events;
}

const ALL = ['w0000000000', 'one', 'two'];
const GONE = ['deleted /held/one', 'deleted /held/two', 'deleted /members/w0000000000'];

for (const end of ['close', 'kill'] as const) {
  sessions(`a session ends with its thread: ${end}`, async () => {
    const { tango, namespace, worker, session } = await withHolder(
      end === 'kill' ? 'hold' : 'close',
    );
    const tail = tango.log.tailSync();
    if (end === 'kill') {
      assert.equal(held(namespace), ALL);
      assert.is(namespace.exists('/held/one')?.ephemeralOwner, session);
      assert.is.not(namespace.session, session);
    }
    const telling = gone(namespace);
    if (end === 'kill') await worker.terminate();
    const told = await telling;
    assert.equal(told.slice(-3), GONE, 'in the order of paths, at one position');
    assert.equal(namespace.children('/'), ['held', 'members'], 'and nothing else');
    assert.is(namespace.createSync('/members/w', 1, { sequential: true }), '/members/w0000000001');
    assert.ok(tango.log.tailSync() > tail);
    // Of a dead thread nothing is remembered.
    assert.equal([...namespace.sessions()], []);
  });
}

function allSessions(namespace: TangoNamespace): number[] {
  return [...namespace.sessions(), ...namespace.endedSessions()];
}

sessions(
  'a session ends when its thread stands still, and the thread is given another one',
  async () => {
    const { namespace, worker, session } = await withHolder('stall', { sessionTimeoutMs: 200 });
    const said = messageOf(worker);
    assert.equal((await gone(namespace)).slice(-3), GONE);
    assert.equal(allSessions(namespace), [session], 'what it asks for later is refused');
    const { late, isThere, isNew } = (await said) as Record<string, unknown>;
    assert.equal([late, isThere, isNew], ['ERR_SESSION_EXPIRED', false, true]);
    assert.equal(held(namespace), ['w0000000001']);
    const telling = gone(namespace);
    worker.postMessage('end');
    await telling;
    assert.equal([...namespace.sessions()], [], 'forgotten with its thread');
  },
);

for (const link of ['mailbox', 'direct'] as const) {
  sessions(`threads that are killed while they create nodes leave none: ${link}`, async () => {
    const { tango, namespace, worker } = await withHolder('churn', {
      link,
      logBytes: 16 * 2 ** 20,
    });
    const mine = namespace.createSync('/held/mine', 1, EPHEMERAL);
    for (const killed of [worker, ...(await Promise.all([churner(tango), churner(tango)]))]) {
      for (let i = 0; i < 5; i++) await messageOf(killed);
      await killed.terminate();
    }
    // Those who die leave positions undecided, which others have to fill.
    const empty = async (): Promise<void> => {
      while (held(namespace).length > 1) {
        const path = namespace.children('/members').length > 0 ? '/members' : '/held';
        await namespace.watchOnce(path, 'children');
      }
    };
    await within(DEADLINE_MS, 'all are gone', empty());
    assert.equal([held(namespace), [...namespace.sessions()]], [['mine'], [namespace.session]]);
    assert.is(namespace.exists(mine)?.ephemeralOwner, namespace.session);
    const late = await (await logs.attach(tango)).namespace('n');
    assert.equal(held(late), ['mine']);
  });
}

sessions('who waits for an event keeps its thread alive, and nobody else does', async () => {
  const { namespace, worker } = await withHolder('watch');
  const exited = once(worker, 'exit');
  // Whoever looks for the doorbell does so many times meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(worker.threadId > 0, 'it waits');
  namespace.createSync('/go');
  await within(DEADLINE_MS, 'it ends by itself', exited);
});

sessions('an ended session stays so, in every view, at every position', async () => {
  const tango = await logs.open({ compaction: false });
  const other = await logs.attach(tango);
  const [one, same] = [await tango.namespace('n'), await other.namespace('n')];
  const session = same.session as number;
  same.createSync('/e', 1, EPHEMERAL);
  same.createSync('/p');
  await one.endSession(session, false);
  const position = tango.log.tailSync();
  // The other client has not played that yet.
  const promised = same.create('/late', 1, EPHEMERAL);
  assert.is(await codeOf(() => promised), 'ERR_SESSION_EXPIRED');
  assert.is.not(same.session, session);
  assert.is(await same.create('/late', 1, EPHEMERAL), '/late');
  assert.is(one.exists('/late')?.ephemeralOwner, same.session);
  assert.equal(one.children('/'), ['late', 'p']);
  await tango.checkpoint();
  const late = await (await logs.attach(tango)).namespace('n');
  assert.equal(allSessions(late), [same.session as number, session]);
  const past = await (await tango.at(position)).namespace('n');
  assert.equal([past.children('/'), allSessions(past)], [['p'], [session]]);
  const tail = tango.log.tailSync();
  await one.endSession(session, false);
  assert.is(tango.log.tailSync(), tail, 'it is not ended twice');
});

sessions('in each way to call, what belongs to an ended session is refused', async () => {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const [one, same] = [await tango.namespace('n'), await other.namespace('n')];
  const body = (): unknown => same.createSync('/e', 1, EPHEMERAL);
  const ways: (() => unknown)[] = [
    () => same.create('/e', 1, EPHEMERAL),
    body,
    () => same.multi([{ create: '/x' }, { create: '/e', ephemeral: true }]),
  ];
  for (const [i, way] of ways.entries()) {
    same.createSync(`/held${i}`, 1, EPHEMERAL);
    await one.endSession(same.session as number, false);
    assert.is(await codeOf(way), 'ERR_SESSION_EXPIRED', String(way));
  }
  same.createSync('/held', 1, EPHEMERAL);
  await one.endSession(same.session as number, false);
  // A transaction begins with a look at the log: its session is the next one.
  assert.is(other.transactSync(body), '/e');
  assert.equal(one.children('/'), ['e']);
});

sessions('a client that closes gives up what it holds at once, and leaves the rest', async () => {
  const tango = await logs.open();
  const namespace = await tango.namespace('n');
  const other: Tango = await logs.attach(tango);
  const same = await other.namespace('n');
  same.createSync('/p');
  same.createSync('/p/e', 1, EPHEMERAL);
  namespace.createSync('/p/mine', 1, EPHEMERAL);
  await other.close();
  assert.equal(namespace.children('/p'), ['mine']);
});

for (const link of ['mailbox', 'direct'] as const) {
  sessions(`a client that has closed says no more that it lives: ${link}`, async () => {
    const tango = await logs.open({ link });
    const namespace = await tango.namespace('n');
    const other: Tango = await logs.attach(tango);
    const same = await other.namespace('n');
    same.createSync('/e', 1, EPHEMERAL);
    const lock = await other.lock('l');
    for (let i = 0; i < 3; i++) void lock.acquire().catch(() => {});
    assert.ok(lock.tryAcquireSync() === undefined);
    // What it plays while it closes, and what is asked for later, has sessions.
    namespace.createSync('/later', 1, EPHEMERAL);
    const { threads, views } = new LogMemory(tango.handle.buffers);
    const incarnation = Math.floor((same.session as number) / 2 ** 20);
    const places = Array.from({ length: threads.count }, (_, thread) => thread);
    const place = places.find((thread) => threads.incarnation(thread) === incarnation) as number;
    const from = tango.log.tailSync();
    await other.close();
    assert.is(await codeOf(() => lock.acquire()), 'ERR_CLOSED');
    const { session } = same;
    assert.ok(session);
    const beats = views.beats(place);
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.is(views.beats(place), beats);
    const ended: string[] = [];
    for await (const { updates } of tango.changes({ from, to: await tango.sync() })) {
      for (const { object, operation } of updates) {
        if (Object.hasOwn(operation as object, 'endSession')) ended.push(object);
      }
    }
    assert.equal(ended.sort(), ['l', 'n'], 'once in each object');
  });
}

sessions.run();
