import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import { FIRST_OBJECT_ID } from '../runtime/views/checkpoint-index.ts';
import { within } from '../shared-memory/within.ts';
import { END_SESSION, REQUEST } from './lock-operation.ts';
import type { LockOrder } from './lock-worker.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import { attachScripted, updateOf } from './scripted-tango.ts';
import type { Tango } from './tango.ts';
import type { TangoLock } from './tango-lock.ts';

const LOCK_WORKER = new URL(`./lock-worker${extname(import.meta.url)}`, import.meta.url);
const LATEST_MS = 20_000;

const locks = suite('lock');
const logs = new OpenedLogs({ logBytes: 1 << 20 });
const workers: Worker[] = [];

locks.after.each(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
  await logs.close();
});

/** Another thread that does what the order says; resolves with its first message. */
async function start(
  tango: Tango,
  what: LockOrder['what'],
  shared = new SharedArrayBuffer(4),
): Promise<{ worker: Worker; first: unknown }> {
  const order: LockOrder = { handle: tango.handle, lock: 'l', what, shared, stallMs: 1500 };
  const worker = new Worker(LOCK_WORKER, { workerData: order });
  workers.push(worker);
  return { worker, first: await messageOf(worker) };
}

async function messageOf(worker: Worker): Promise<unknown> {
  const [message] = await within(LATEST_MS, 'a message', once(worker, 'message'));
  return message;
}

async function inLine(lock: TangoLock, count: number): Promise<void> {
  while (lock.waiting < count) await new Promise((resolve) => setTimeout(resolve, 1));
}

locks('has one holder at a time, each with a greater token', async () => {
  const tango = await logs.open();
  const lock = await tango.lock('l');
  const other = await (await logs.attach(tango)).lock('l');
  assert.is(lock.holder, undefined);
  const first = await lock.acquire();
  assert.is(first.token, 1);
  assert.equal(other.holder, { token: 1, writer: lock.holder?.writer });
  assert.is(await other.tryAcquire(), undefined);
  assert.is(other.tryAcquireSync(), undefined);
  assert.ok(first.isHeld);
  assert.is(await first.release(), true);
  assert.is(first.isHeld, false);
  assert.is(await first.release(), false, 'twice is once');
  const second = await other.tryAcquire();
  assert.is(second?.token, 2);
  assert.is(lock.tryAcquireSync(), undefined);
  assert.is(second?.releaseSync(), true);
  assert.is(lock.tryAcquireSync()?.token, 3);
});

locks('is given on in the order in which it was asked for', async () => {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const clients = [await tango.lock('l'), await other.lock('l')];
  const first = await clients[0].acquire();
  const order: number[] = [];
  const asked: Promise<unknown>[] = [];
  for (let i = 0; i < 6; i++) {
    const acquired = clients[i % 2].acquire().then((hold) => {
      order.push(i);
      return hold.release();
    });
    asked.push(acquired);
    await inLine(clients[0], i + 1);
  }
  await first.release();
  await within(LATEST_MS, 'all of them', Promise.all(asked));
  assert.equal(order, [0, 1, 2, 3, 4, 5]);
  assert.is(clients[1].holder, undefined);
});

locks('is released at the end of a block', async () => {
  const tango = await logs.open();
  const lock = await tango.lock('l');
  {
    await using hold = await lock.acquire();
    assert.is(lock.holder?.token, hold.token);
  }
  assert.is(lock.holder, undefined);
});

locks('leaves the line when the signal is raised', async () => {
  const tango = await logs.open();
  const lock = await tango.lock('l');
  const first = await lock.acquire();
  const stop = new AbortController();
  const asked = codeOf(() => lock.acquire({ signal: stop.signal }));
  await inLine(lock, 1);
  stop.abort();
  assert.is(await asked, 'ERR_ABORTED');
  assert.is(lock.waiting, 0);
  await first.release();
  assert.is(lock.holder, undefined);
  assert.is(await codeOf(() => lock.acquire({ signal: stop.signal })), 'ERR_ABORTED');
  assert.is(lock.holder, undefined, 'what was asked with a signal that is raised is given up');
  assert.is(await codeOf(() => lock.acquire({ signal: 5 } as never)), 'ERR_INVALID_ARGUMENT');
});

locks('is taken in a transaction with what that changes, or not at all', async () => {
  const tango = await logs.open();
  const lock = await tango.lock('l');
  const map = await tango.map<string, number>('m');
  const hold = tango.transactSync(() => {
    const one = lock.tryAcquireSync();
    map.setSync('token', one?.token ?? 0);
    return one;
  });
  assert.is(map.get('token'), 1);
  assert.ok(hold?.isHeld);
  await hold?.release();
  assert.throws(() =>
    tango.transactSync(() => {
      lock.tryAcquireSync();
      throw new Error('no');
    }),
  );
  assert.is(lock.holder, undefined);
  assert.is(await codeOf(() => tango.transact(() => void lock.acquire())), 'ERR_UNSUPPORTED');
});

locks('excludes threads from each other', async () => {
  const tango = await logs.open();
  const shared = new SharedArrayBuffer(4);
  const rounds = 30;
  const ended = [1, 2, 3].map(() => start(tango, rounds, shared));
  await within(LATEST_MS, 'all of them', Promise.all(ended));
  assert.is(new Int32Array(shared)[0], 3 * rounds);
});

for (const how of ['killed', 'closed'] as const) {
  locks(`is freed when its holder is ${how}, for who waits and who tries`, async () => {
    const tango = await logs.open();
    const lock = await tango.lock('l');
    const { worker, first } = await start(tango, how === 'killed' ? 'hold' : 'close');
    assert.is(first, 1);
    if (how === 'killed') assert.is(await lock.tryAcquire(), undefined);
    const waited = lock.acquire();
    if (how === 'killed') await worker.terminate();
    const hold = await within(LATEST_MS, 'the lock', waited);
    assert.is(hold.token, 2);
    await hold.release();
  });
}

locks('passes over a place in the line whose thread has died', async () => {
  const tango = await logs.open();
  const lock = await tango.lock('l');
  const first = await lock.acquire();
  const order: LockOrder = {
    handle: tango.handle,
    lock: 'l',
    what: 'hold',
    shared: new SharedArrayBuffer(4),
    stallMs: 0,
  };
  const worker = new Worker(LOCK_WORKER, { workerData: order });
  workers.push(worker);
  await inLine(lock, 1);
  await worker.terminate();
  const asked = lock.acquire();
  await first.release();
  const hold = await within(LATEST_MS, 'the lock', asked);
  assert.ok(hold.isHeld);
});

locks('is lost by a thread whose event loop stands, which is told and may ask again', async () => {
  const tango = await logs.open({ sessionTimeoutMs: 200 });
  const lock = await tango.lock('l');
  const { worker, first } = await start(tango, 'stall');
  assert.is(first, 1);
  const hold = await within(LATEST_MS, 'the lock', lock.acquire());
  assert.is(hold.token, 2);
  assert.equal(await messageOf(worker), { isHeld: false, wasHeld: false });
  const asked = messageOf(worker);
  await hold.release();
  assert.is(await asked, 3, 'with another session');
  let ends = 0;
  for await (const { updates } of tango.changes({ from: 0, to: await tango.sync() })) {
    for (const { operation } of updates)
      if (Object.hasOwn(operation as object, 'endSession')) ends++;
  }
  // Once while it stood; at its end, if that was noticed already, another time.
  assert.ok(ends === 1 || ends === 2, `${ends} ends`);
});

locks('is as it was in history, in feeds, and from a checkpoint', async () => {
  const tango = await logs.open();
  const lock = await tango.lock('l');
  const hold = await lock.acquire();
  const held = await tango.sync();
  const waits = lock.acquire();
  await inLine(lock, 1);
  await tango.checkpoint();
  await hold.release();
  await waits;
  const late = await (await logs.attach(tango)).lock('l');
  assert.equal(late.holder, lock.holder);
  assert.is(late.holder?.token, 2);
  const before = await (await tango.at(held)).lock('l');
  assert.is(before.holder?.token, 1);
  assert.is(await codeOf(() => before.acquire()), 'ERR_UNSUPPORTED');
});

const L = FIRST_OBJECT_ID;
const UNKNOWN = new TangoError('ERR_TIMEOUT', 'not known what became of it');

/** A lock in two clients; what the second one appends may be lost. */
async function scripted() {
  const tango = await logs.open();
  const lock = await tango.lock('l');
  const client = logs.add(await attachScripted(tango.handle));
  return { tango, lock, client, same: await client.lock('l') };
}

async function freed(lock: TangoLock): Promise<void> {
  while (lock.holder !== undefined) await new Promise((resolve) => setTimeout(resolve, 1));
}

locks('is not held by a request of which nobody knows what became of it', async () => {
  const { lock, client, same } = await scripted();
  const ways = [() => same.tryAcquire(), () => same.tryAcquireSync(), () => same.acquire()];
  for (const [i, way] of ways.entries()) {
    client.loseAppend(L, () => UNKNOWN);
    assert.is(await codeOf(way), 'ERR_TIMEOUT', String(way));
    await within(LATEST_MS, 'it is free', freed(lock));
    const hold = await lock.acquire();
    assert.is(hold.token, 2 * i + 2, 'it was held');
    await hold.release();
  }
});

function sessionOf(lock: TangoLock): number {
  assert.ok(lock.holder);
  return [...lock.sessions()][0];
}

locks('what does not get out of the line at once does so later', async () => {
  const { lock, client, same } = await scripted();
  const hold = await lock.acquire();
  const stop = new AbortController();
  const asked = codeOf(() => same.acquire({ signal: stop.signal }));
  await inLine(lock, 1);
  client.refuseAppend(L, UNKNOWN);
  stop.abort();
  assert.is(await asked, 'ERR_ABORTED');
  assert.is(lock.waiting, 1, 'nobody could say that it is gone');
  await hold.release();
  await within(LATEST_MS, 'it is free', freed(lock));
  for (const how of ['release', 'releaseSync'] as const) {
    const own = await same.acquire();
    client.refuseAppend(L, UNKNOWN);
    assert.is(await codeOf(() => own[how]()), 'ERR_TIMEOUT');
    assert.ok(own.isHeld);
    await within(LATEST_MS, 'it is free', freed(lock));
  }
});

locks('is lost in every object at once, once it is lost in one', async () => {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const names = ['l', 'm', 'n'];
  const [one, ...others] = await Promise.all(names.map((name) => tango.lock(name)));
  const holds = await Promise.all(names.map(async (name) => (await other.lock(name)).acquire()));
  const from = tango.log.tailSync();
  await one.endSession(sessionOf(one), false);
  assert.is(holds[0].isHeld, false);
  await within(LATEST_MS, 'the others are free', Promise.all(others.map(freed)));
  assert.equal(
    holds.map((hold) => hold.isHeld),
    [false, false, false],
  );
  const ends: number[] = [];
  for await (const { position } of tango.changes({ from, to: await tango.sync() })) {
    ends.push(position);
  }
  assert.is(ends.length, 3);
  assert.is(ends[1], ends[2], 'no object waits for another');
});

locks('is asked for again by a session that was ended meanwhile', async () => {
  const { tango, client, same } = await scripted();
  const script = logs.add(await attachScripted(tango.handle));
  for (const way of [() => same.tryAcquire(), () => same.tryAcquireSync(), () => same.acquire()]) {
    const held = await same.acquire();
    const session = sessionOf(same);
    await held.release();
    const before = (): void => void script.write(updateOf(L, [END_SESSION, session, false]));
    client.aroundAppend(L, { before });
    const hold = await way();
    assert.ok(hold?.isHeld, String(way));
    await hold?.release();
  }
});

locks('is taken in a transaction from a dead thread, in the same change', async () => {
  const { tango, lock, client, same } = await scripted();
  const map = await tango.map<string, number>('m');
  const dead = 999 * 2 ** 20;
  client.write(updateOf(L, [REQUEST, dead, 1]));
  assert.equal(same.holder, { token: 1, writer: 999 });
  const tail = tango.log.tailSync();
  const taken = tango.transactSync(() => {
    map.setSync('k', 1);
    return { hold: lock.tryAcquire() };
  });
  assert.is(tango.log.tailSync(), tail + 1);
  assert.is(same.holder?.token, 2);
  assert.ok((await taken.hold)?.isHeld);
});

locks('does not wait with a view that is not to be trusted', async () => {
  const { lock, client, same } = await scripted();
  await same.acquire();
  const asked = codeOf(() => lock.acquire());
  await inLine(same, 1);
  client.write(updateOf(L, null));
  assert.is(await within(LATEST_MS, 'the end', asked), 'ERR_CORRUPT');
});

locks(
  'a hold may be disposed of after its log was closed; release() tells ERR_CLOSED',
  async () => {
    const tango = await logs.open();
    const other = await logs.attach(tango);
    const [lock, same] = [await tango.lock('l'), await other.lock('l')];
    {
      await using hold = await same.acquire();
      await other.close();
      assert.is(await codeOf(() => hold.release()), 'ERR_CLOSED');
    }
    const next = await lock.acquire();
    assert.is(next.token, 2);
  },
);

locks.run();
