/** What README.md says of watches, by two clients on one thread. */
import { getEventListeners } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../shared-memory/within.ts';
import { codeOf, OpenedLogs } from '../opened-logs.ts';
import type { Tango } from '../tango.ts';
import type { NodeEvent } from './node-operations.ts';
import type { NodeWatch } from './node-watches.ts';
import type { TangoNamespace, WatchKind } from './tango-namespace.ts';

const DEADLINE_MS = 20_000;
const logs = new OpenedLogs({ logBytes: 4 * 2 ** 20, attachMax: 16, link: 'direct' });
const watches = suite('watches');
const SEQUENTIAL = { sequential: true };

let clients: [tango: Tango, other: Tango];
let names = 0;

watches.before(async () => {
  const tango = await logs.open({ compaction: false });
  clients = [tango, await logs.attach(tango)];
});
watches.after(() => logs.close());

async function two() {
  const [tango, other] = clients;
  const name = `n${++names}`;
  return {
    tango,
    other,
    name,
    one: await tango.namespace(name),
    same: await other.namespace(name),
  };
}

/** What a watch has told so far, and tells from now on. */
class Told {
  readonly #events: NodeEvent[] = [];

  constructor(watch: NodeWatch) {
    void this.#follow(watch);
  }

  /** Those since the last call. */
  async events(): Promise<NodeEvent[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.#events.splice(0);
  }

  async words(): Promise<string[]> {
    return (await this.events()).map(({ type, path }) => `${type} ${path}`);
  }

  async #follow(watch: NodeWatch): Promise<void> {
    try {
      for await (const event of watch) this.#events.push(event);
    } catch {
      // The log is closed.
    }
  }
}

/** undefined: it is not settled, though all microtasks have run. */
function first<T>(promise: Promise<T>): Promise<T | undefined> {
  return Promise.race([
    promise,
    new Promise<undefined>((resolve) => setImmediate(resolve, undefined)),
  ]);
}

const CHANGES: Record<string, (namespace: TangoNamespace) => unknown> = {
  'create it': (namespace) => namespace.createSync('/new'),
  'set it': (namespace) => namespace.setSync('/a', 1),
  'delete it': (namespace) => namespace.deleteSync('/leaf'),
  'create a child': (namespace) => namespace.createSync('/a/c'),
  'delete a child': (namespace) => namespace.deleteSync('/a/b'),
  'set a child': (namespace) => namespace.setSync('/a/b', 1),
};

const ONCE: Record<WatchKind, readonly (readonly [path: string, change: string, type?: string])[]> =
  {
    exists: [
      ['/new', 'create it', 'created'],
      ['/a', 'set it', 'changed'],
      ['/leaf', 'delete it', 'deleted'],
      ['/a', 'create a child'],
      ['/a', 'delete a child'],
      ['/a', 'set a child'],
    ],
    data: [
      ['/a', 'set it', 'changed'],
      ['/leaf', 'delete it', 'deleted'],
      ['/a', 'create a child'],
      ['/a', 'delete a child'],
      ['/a', 'set a child'],
    ],
    children: [
      ['/a', 'set it'],
      ['/leaf', 'delete it', 'deleted'],
      ['/a', 'create a child', 'children'],
      ['/a', 'delete a child', 'children'],
      ['/a', 'set a child'],
      ['/', 'create it', 'children'],
      ['/', 'create a child'],
    ],
  };

watches('one-time watches are those of ZooKeeper’s reads', async () => {
  for (const [kind, rows] of Object.entries(ONCE)) {
    for (const [path, change, type] of rows) {
      const { tango, one, same } = await two();
      for (const node of ['/a', '/a/b', '/leaf']) one.createSync(node);
      const told = one.watchOnce(path, kind as WatchKind);
      const position = tango.log.tailSync();
      CHANGES[change](same);
      one.exists('/');
      const event = await first(told);
      const words = `${kind} of ${path}: ${change}`;
      assert.equal(event, type && { type, path, position }, words);
      // Whoever waits for nothing any more does not keep anything.
      same.setSync('/a', 'again');
      if (event === undefined) void told.catch(() => {});
    }
  }
});

watches('a one-time watch is told once, in the order of the log', async () => {
  const { one, same } = await two();
  one.createSync('/a');
  const data = one.watchOnce('/a', 'data');
  const again = one.watchOnce('/a', 'data');
  for (let i = 0; i < 3; i++) same.setSync('/a', i);
  const [told, other] = [await within(DEADLINE_MS, 'told', data), await again];
  assert.equal([told.type, told], ['changed', other]);
  assert.is(one.exists('/a')?.version, 3);
  const next = one.watchOnce('/a', 'data');
  assert.is(await first(next), undefined, 'it has to be set again');
  same.deleteSync('/a');
  assert.is((await within(DEADLINE_MS, 'deleted', next)).type, 'deleted');
});

watches('only a node that is there has data and children to be watched', async () => {
  const { one, same } = await two();
  for (const kind of ['data', 'children'] as const) {
    assert.is(await codeOf(() => one.watchOnce('/a', kind)), 'ERR_NO_NODE');
  }
  same.createSync('/a');
  const watched = one.watchOnce('/a', 'children');
  same.createSync('/a/b');
  assert.is(
    (await within(DEADLINE_MS, 'a child', watched)).type,
    'children',
    'it was created elsewhere',
  );
});

watches('a persistent watch is told everything of its node, own changes as well', async () => {
  const { one, same } = await two();
  const told = new Told(one.watch('/a'));
  for (const by of [same, one]) {
    by.createSync('/a');
    by.createSync('/a/b');
    by.createSync('/ab');
    by.setSync('/a/b', 1);
    by.setSync('/a', 1);
    by.deleteSync('/a/b');
    by.deleteSync('/a');
    by.deleteSync('/ab');
  }
  const round = ['created /a', 'children /a', 'changed /a', 'children /a', 'deleted /a'];
  assert.equal(await told.words(), [...round, ...round]);
  assert.equal(await told.words(), []);
});

watches('a recursive watch is told of the node and all below, and of no children', async () => {
  const { one, same } = await two();
  const told = new Told(one.watch('/a', { recursive: true }));
  const root = new Told(one.watch('/', { recursive: true }));
  same.createSync('/a');
  same.createSync('/a/', 1, SEQUENTIAL);
  same.createSync('/ab');
  same.multiSync([{ create: '/a/c' }, { create: '/a/c/d' }, { set: '/a/c/d', data: 1 }]);
  same.deleteSync('/a/c/d');
  same.setSync('/', 1);
  one.exists('/');
  const below = [
    ...['created /a', 'created /a/0000000000', 'created /a/c', 'created /a/c/d'],
    ...['changed /a/c/d', 'deleted /a/c/d'],
  ];
  assert.equal(await told.words(), below);
  below.splice(2, 0, 'created /ab');
  assert.equal(await root.words(), [...below, 'changed /']);
});

watches('nobody has to read: who waits is told, in another client as well', async () => {
  const { one, same } = await two();
  const watch = one.watch('/', { recursive: true });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { type, path } of watch) {
      seen.push(`${type} ${path}`);
      if (type === 'deleted') break;
    }
  })();
  for (let i = 0; i < 5; i++) {
    await same.create(`/${i}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await same.delete('/0');
  await within(DEADLINE_MS, 'the loop ends', reading);
  const created = Array.from({ length: 5 }, (_, i) => `created /${i}`);
  assert.equal(seen, [...created, 'deleted /0']);
  same.createSync('/later');
  assert.equal(await watch.next(), { done: true, value: undefined });
});

watches('an event is there before a read shows what it tells', async () => {
  const { one, same } = await two();
  one.createSync('/a', 0);
  const watch = one.watch('/a');
  const order: string[] = [];
  const waiting = watch.next().then(({ value }) => order.push(`event ${value?.type}`));
  same.setSync('/a', 1);
  assert.is(one.get('/a').data, 1);
  // Whoever learns of the read later than this turn learns of the event first.
  await Promise.resolve().then(() => order.push('read'));
  await within(DEADLINE_MS, 'told', waiting);
  assert.equal(order, ['event changed', 'read']);
  same.setSync('/a', 2);
  const { mzxid } = one.get('/a').stat;
  const { value } = await watch.next();
  assert.is(value?.position, mzxid, 'kept until it is asked for');
  const [early, late] = [watch.next(), watch.next()];
  same.setSync('/a', 3);
  same.deleteSync('/a');
  const both = await within(DEADLINE_MS, 'two at once', Promise.all([early, late]));
  assert.equal(
    both.map((next) => next.value?.type),
    ['changed', 'deleted'],
  );
});

watches('whoever reads in the same turn misses nothing', async () => {
  const { one, same } = await two();
  one.createSync('/n', 0);
  const LAST = 40;
  const writing = (async () => {
    for (let i = 1; i <= LAST; i++) {
      await same.set('/n', i);
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const following = (async () => {
    for (;;) {
      const { data } = one.get('/n');
      if (data === LAST) return;
      await one.watchOnce('/n', 'data');
    }
  })();
  await within(DEADLINE_MS, 'the last value', Promise.all([writing, following]));
  const { mzxid } = one.get('/n').stat;
  same.setSync('/n', 'since the read');
  const told = one.watchOnce('/n', 'data');
  assert.ok((await within(DEADLINE_MS, 'told', told)).position > mzxid);
});

watches('events are those of the feed, in its order, whoever changes what', async () => {
  const { tango, name, one, same } = await two();
  const from = tango.log.tailSync();
  const watch = new Told(one.watch('/', { recursive: true }));
  const work = async (namespace: TangoNamespace, salt: number) => {
    for (let i = 0; i < 30; i++) {
      const path = `/${(i * salt) % 5}`;
      const isThere = namespace.exists(path) !== undefined;
      const change = isThere
        ? i % 2 === 0
          ? namespace.delete(path)
          : namespace.set(path, i)
        : namespace.create(path);
      await change.catch(() => {});
    }
  };
  await Promise.all([work(one, 3), work(same, 7), work(one, 4)]);
  one.exists('/');
  const told = await watch.events();
  const nodes = new Set<string>();
  const expected: NodeEvent[] = [];
  const to = tango.log.tailSync();
  for await (const { position, updates } of tango.changes({ objects: [name], from, to })) {
    for (const { operation } of updates) {
      const { create, set, delete: gone } = operation as Record<string, string | undefined>;
      const path = (create ?? set ?? gone) as string;
      if (nodes.has(path) === (create !== undefined)) continue;
      const type = create ? 'created' : set ? 'changed' : 'deleted';
      if (type === 'deleted') nodes.delete(path);
      else nodes.add(path);
      expected.push({ type, path, position });
    }
  }
  assert.ok(expected.length > 30, `${expected.length} events`);
  assert.equal(told, expected);
});

watches('what takes effect together is told together, and what does not is not', async () => {
  const { tango, one, same } = await two();
  const told = new Told(one.watch('/', { recursive: true }));
  await codeOf(() => same.multi([{ create: '/a' }, { create: '/a' }]));
  const body = (): void => {
    one.createSync('/b');
    one.createSync('/b/c');
    one.setSync('/b', one.children('/b'));
  };
  const thrown = (): void => {
    body();
    throw new Error('thrown by the body');
  };
  assert.throws(() => tango.transactSync(thrown), /thrown by the body/);
  assert.equal(await told.events(), []);
  const position = tango.log.tailSync();
  tango.transactSync(body);
  const [b, c] = ['/b', '/b/c'];
  assert.equal(await told.events(), [
    { type: 'created', path: b, position },
    { type: 'created', path: c, position },
    { type: 'changed', path: b, position },
  ]);
});

watches('ends with its signal, return(), its scope, and the log', async () => {
  const { tango, one, same } = await two();
  const late = await logs.attach(tango);
  const ending = await late.namespace(one.name);
  const stop = new AbortController();
  const { signal } = stop;
  const aborted = [one.watch('/', { signal }), one.watch('/', { signal, recursive: true })];
  const told = [aborted[0].next(), one.watchOnce('/no', 'exists', { signal })].map((next) =>
    codeOf(() => next),
  );
  const closed = [ending.watch('/no').next(), ending.watchOnce('/', 'data')].map((next) =>
    codeOf(() => next),
  );
  same.createSync('/a');
  one.exists('/');
  assert.is(await told[0], 'none', 'told in time');
  stop.abort(new Error('enough'));
  assert.is(await told[1], 'ERR_ABORTED');
  for (const watch of aborted) assert.is(await codeOf(() => watch.next()), 'ERR_ABORTED');
  assert.is(await codeOf(() => one.watch('/', { signal })), 'ERR_ABORTED');
  assert.is(await codeOf(() => one.watchOnce('/', 'data', { signal })), 'ERR_ABORTED');
  let watch: NodeWatch;
  {
    await using scoped = one.watch('/');
    watch = scoped;
  }
  const later = new AbortController();
  const returned = one.watch('/', { signal: later.signal });
  const waiting = returned.next();
  const once = one.watchOnce('/', 'data', { signal: later.signal });
  assert.is(getEventListeners(later.signal, 'abort').length, 1, 'one for both');
  await returned.return();
  one.setSync('/', 1);
  await once;
  assert.equal(getEventListeners(later.signal, 'abort'), [], 'nothing is left of them');
  assert.equal(
    [await waiting, await watch.next()],
    [
      { done: true, value: undefined },
      { done: true, value: undefined },
    ],
  );
  await late.close();
  const codes = await within(DEADLINE_MS, 'the log is closed', Promise.all(closed));
  assert.equal(codes, ['ERR_CLOSED', 'ERR_CLOSED']);
  assert.is(await codeOf(() => ending.watchOnce('/', 'exists')), 'ERR_CLOSED', 'nor later');
});

watches('nothing is watched in the body of a transaction', async () => {
  const { tango, one } = await two();
  const outside = one.watch('/');
  const codes: Promise<string>[] = [];
  tango.transactSync(() => {
    assert.throws(() => one.watch('/'), /transaction/);
    codes.push(codeOf(() => one.watchOnce('/', 'data')));
    void outside.next();
    one.createSync('/a');
  });
  assert.equal(await Promise.all(codes), ['ERR_UNSUPPORTED']);
  // What is refused fails the body: nobody would hear of a promise.
  assert.throws(() => tango.transactSync(() => void one.watchOnce('/', 'data')), /transaction/);
  one.createSync('/b');
  assert.is((await within(DEADLINE_MS, 'told', outside.next())).value?.type, 'children');
});

watches('a view that begins at a checkpoint tells the differences', async () => {
  const tango = await logs.open({ logBytes: 2 ** 20, compaction: false });
  const other = await logs.attach(tango);
  const [one, behind] = [await tango.namespace('n'), await other.namespace('n')];
  for (const path of ['/a', '/a/b', '/again', '/again/x', '/kept', '/gone', '/gone/y']) {
    one.createSync(path);
  }
  behind.exists('/');
  const all = new Told(behind.watch('/', { recursive: true }));
  const a = new Told(behind.watch('/a'));
  const filler = await tango.register<string>('filler');
  one.setSync('/a', 1);
  one.multiSync([{ delete: '/again/x' }, { delete: '/again' }, { create: '/again', data: 2 }]);
  one.multiSync([{ delete: '/gone/y' }, { delete: '/gone' }]);
  one.createSync('/passing');
  one.deleteSync('/passing');
  one.createSync('/new');
  one.createSync('/a/c');
  // Never so far behind otherwise: the entries it would play have to be gone.
  for (let i = 0; i < 5000; i++) filler.setSync('x');
  await tango.forget(await tango.checkpoint());
  one.setSync('/a', 'behind it');
  assert.is(behind.get('/a').data, 'behind it');
  const told = await all.events();
  assert.equal(
    told.map(({ type, path }) => `${type} ${path}`),
    [
      ...['changed /a', 'deleted /again/x', 'deleted /again', 'created /again'],
      // As late as they can have been.
      ...['deleted /gone/y', 'deleted /gone', 'created /new', 'created /a/c', 'changed /a'],
    ],
  );
  const positions = told.map(({ position }) => position);
  assert.equal(
    positions,
    [...positions].sort((x, y) => x - y),
  );
  assert.equal(await a.words(), ['changed /a', 'children /a', 'changed /a']);
});

watches.run();
