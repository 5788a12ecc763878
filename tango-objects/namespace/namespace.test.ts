/** What README.md says of nodes and their changes, by two clients on one thread that take turns. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../../actors/tango-error.ts';
import { codeOf, OpenedLogs } from '../opened-logs.ts';
import type { Tango } from '../tango.ts';
import type { NodeChange } from './node-changes.ts';
import { CREATE, changeNodes, SET } from './node-operations.ts';
import { NodeTree, type Stat } from './node-tree.ts';
import type { TangoNamespace } from './tango-namespace.ts';

const MIB = 1024 * 1024;
const logs = new OpenedLogs({
  logBytes: 64 * MIB,
  attachMax: 8,
  link: 'direct',
  compaction: false,
});
const nodes = suite('namespace');
const SEQUENTIAL = { sequential: true };
const EPHEMERAL = { ephemeral: true };

let clients: [tango: Tango, other: Tango];
let names = 0;

nodes.before(async () => {
  const tango = await logs.open();
  clients = [tango, await logs.attach(tango)];
});
nodes.after(() => logs.close());

/** The same new namespace in two clients. */
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

function paths(namespace: TangoNamespace, path = '/'): string[] {
  const below = namespace.children(path).map((name) => (path === '/' ? '/' : `${path}/`) + name);
  return [path, ...below.flatMap((one) => paths(namespace, one))];
}

nodes('what one client has changed, the other reads at once', async () => {
  const { one, same } = await two();
  assert.is(await one.create('/a', 1), '/a');
  assert.is(one.createSync('/a/b', { deep: [1n] }), '/a/b');
  assert.equal(same.get('/a/b').data, { deep: [1n] });
  assert.equal(
    [same.children('/'), same.children('/a'), same.children('/a/b')],
    [['a'], ['b'], []],
  );
  assert.is((await same.set('/a', 2)).version, 1);
  assert.is(same.setSync('/a', 3).version, 2);
  assert.equal([one.get('/a').data, one.exists('/a')], [3, same.get('/a').stat]);
  assert.is(await same.delete('/a/b'), undefined);
  assert.is(same.deleteSync('/a'), undefined);
  assert.equal([one.exists('/a'), paths(one)], [undefined, ['/']]);
});

nodes('paths are checked as ZooKeeper checks them, before anything is appended', async () => {
  const { tango, one } = await two();
  const good = [
    '/a',
    '/a/b c',
    '/...',
    '/a/.b',
    '/a/..b',
    '/a/b.',
    '/zookeeper',
    '/Grüße',
    '/\ufff0',
  ];
  for (const path of good.slice(0, -1)) one.createSync(path, path);
  const bad = [
    ...['', 'a', 'a/b', '/a/', '//', '//a', '/a//b', '/.', '/..', '/a/.', '/./a', '/a/../b'],
    ...[
      '/\0',
      '/a\u0001',
      '/\u001f',
      '/a\u007f/b',
      '/\u009f',
      '/\ud800',
      '/😀',
      '/\uf8ff',
      '/\ufff0',
    ],
    ...[undefined, null, 5, ['/a'], {}],
  ] as string[];
  const tail = tango.log.tailSync();
  for (const path of bad) {
    const calls: (() => unknown)[] = [
      () => one.get(path),
      () => one.exists(path),
      () => one.children(path),
      () => one.create(path),
      () => one.createSync(path),
      () => one.set(path, 1),
      () => one.delete(path),
      () => one.multi([{ check: '/a' }, { create: path }]),
      () => one.multi([{ set: path, data: 1 }]),
      () => one.move('/a', one, path === '/' ? '' : path),
      () => one.watch(path),
      () => one.watchOnce(path, 'exists'),
    ];
    for (const [i, call] of calls.entries()) {
      // Moved to where it is when no path is given.
      if (path === undefined && i === 9) continue;
      assert.is(await codeOf(call), 'ERR_INVALID_ARGUMENT', `${JSON.stringify(path)}, call ${i}`);
    }
  }
  for (const path of ['', '/a//', '/a/../', '/a\0']) {
    assert.is(await codeOf(() => one.create(path, 1, SEQUENTIAL)), 'ERR_INVALID_ARGUMENT', path);
  }
  assert.is(await codeOf(() => one.delete('/')), 'ERR_INVALID_ARGUMENT', 'the root stays');
  assert.is(tango.log.tailSync(), tail);
});

nodes('what is no option, version, change or value is refused', async () => {
  const { tango, one } = await two();
  const tail = tango.log.tailSync();
  const odd = (value: unknown) => value as never;
  const calls: (() => unknown)[] = [
    () => one.create('/a', 1, odd({ sequentiel: true })),
    () => one.create('/a', 1, odd({ ephemeral: 1 })),
    () => one.create('/a', () => 1),
    () => one.createSync('/a', Symbol('x')),
    () => one.set('/', 1, odd('1')),
    () => one.set('/', 1, -2),
    () => one.delete('/a', 0.5),
    () => one.multi(odd({})),
    () => one.multi([odd(null)]),
    () => one.multi([odd({})]),
    () => one.multi([odd({ check: '/', delete: '/a' })]),
    () => one.multi([odd({ check: '/', verison: 1 })]),
    () => one.create(`/${'x'.repeat(65_000)}`),
    () => one.create(`/${'x'.repeat(64_990)}`, 1, { sequential: true }),
    () => one.watch('/', odd({ persistent: true })),
    () => one.watchOnce('/', odd('toString')),
    () => one.watch('/', odd({ signal: 1 })),
    () => one.move('/a', odd({})),
  ];
  for (const [i, call] of calls.entries()) {
    assert.is(await codeOf(call), 'ERR_INVALID_ARGUMENT', `call ${i}`);
  }
  one.createSync('/a', 'a');
  const later = tango.log.tailSync();
  const no = (change: () => unknown): Promise<string> => codeOf(() => tango.transact(change));
  const inBody = [() => one.setSync('/a', () => 1), () => one.createSync('/b', Symbol('x'))];
  for (const change of inBody) assert.is(await no(change), 'ERR_INVALID_ARGUMENT');
  assert.equal([one.get('/a').data, one.exists('/b')], ['a', undefined]);
  assert.equal([tail + 1, tango.log.tailSync()], [later, later]);
});

/** What has to hold, and what one gets otherwise: in each of the ways in which changes are made. */
const REFUSED: readonly (readonly [change: NodeChange, code: string, key?: string])[] = [
  [{ create: '/no/a' }, 'ERR_NO_NODE'],
  [{ create: '/no/a', sequential: true }, 'ERR_NO_NODE'],
  [{ create: '/' }, 'ERR_NODE_EXISTS'],
  [{ create: '/a' }, 'ERR_NODE_EXISTS'],
  [{ create: '/e' }, 'ERR_NODE_EXISTS'],
  [{ create: '/s/n', sequential: true }, 'ERR_NODE_EXISTS', '/s/n0000000001'],
  [{ create: '/e/b' }, 'ERR_NO_CHILDREN_FOR_EPHEMERALS'],
  [{ create: '/e/b', ephemeral: true, sequential: true }, 'ERR_NO_CHILDREN_FOR_EPHEMERALS'],
  [{ set: '/no', data: 1 }, 'ERR_NO_NODE'],
  [{ set: '/no', data: 1, version: 3 }, 'ERR_NO_NODE'],
  [{ set: '/a', data: 1, version: 0 }, 'ERR_BAD_VERSION'],
  [{ set: '/a', data: 1, version: 2 }, 'ERR_BAD_VERSION'],
  [{ delete: '/no' }, 'ERR_NO_NODE'],
  [{ delete: '/a', version: 0 }, 'ERR_BAD_VERSION'],
  [{ delete: '/a' }, 'ERR_NOT_EMPTY'],
  [{ delete: '/a', version: 1 }, 'ERR_NOT_EMPTY'],
];

function alone(one: TangoNamespace, change: NodeChange, isSync: boolean): unknown {
  if ('create' in change) {
    const { create, data, ...options } = change;
    return one[isSync ? 'createSync' : 'create'](create, data, options);
  }
  if ('set' in change)
    return one[isSync ? 'setSync' : 'set'](change.set, change.data, change.version);
  if ('delete' in change)
    return one[isSync ? 'deleteSync' : 'delete'](change.delete, change.version);
  return undefined;
}

nodes('a precondition that does not hold is an error, the same in every way to call', async () => {
  const { tango, name, one, same } = await two();
  one.createSync('/a', 1);
  one.setSync('/a', 2);
  one.createSync('/a/b');
  one.createSync('/e', 1, EPHEMERAL);
  one.createSync('/s');
  one.createSync('/s/n0000000001');
  const before = paths(same).map((path) => [path, same.get(path)]);
  for (const [change, code, path] of REFUSED) {
    const ways: Record<string, () => unknown> = {
      promise: () => alone(one, change, false),
      sync: () => alone(one, change, true),
      'body, sync': () => tango.transactSync(() => alone(one, change, true)),
      'body, promise': () => tango.transact(() => void alone(one, change, false)),
      multi: () => one.multi([{ check: '/a', version: 1 }, { create: '/new' }, change]),
      multiSync: () => one.multiSync([{ create: '/new' }, { delete: '/new' }, change]),
      'body, multi': () =>
        tango.transact(() => void one.multi([{ check: '/' }, { check: '/' }, change])),
    };
    for (const [way, call] of Object.entries(ways)) {
      const error = await errorOf(call);
      const words = `${JSON.stringify(change)}, ${way}`;
      const asked = Object.values(change)[0];
      assert.equal([error.code, error.object, error.key], [code, name, path ?? asked], words);
      assert.is(error.index, way.includes('multi') ? 2 : undefined, words);
      assert.match(error.message, String(path ?? asked));
    }
  }
  assert.equal(
    paths(same).map((path) => [path, same.get(path)]),
    before,
  );
  for (const read of [() => one.get('/no'), () => one.children('/no')]) {
    const { code, key, object } = await errorOf(read);
    assert.equal([code, key, object], ['ERR_NO_NODE', '/no', name]);
  }
});

async function errorOf(call: () => unknown): Promise<TangoError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof TangoError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

nodes('what fails in a body and is caught there is no part of the transaction', async () => {
  const { tango, name, one, same } = await two();
  one.createSync('/a');
  const from = tango.log.tailSync();
  tango.transactSync(() => {
    one.createSync('/b', 1);
    assert.throws(() => one.createSync('/b', 2), /already/);
    assert.throws(() => one.multiSync([{ delete: '/b' }, { delete: '/c' }]), /not there/);
    assert.equal(one.get('/b').data, 1);
    one.deleteSync('/a');
    assert.equal(one.children('/'), ['b']);
  });
  assert.equal(paths(same), ['/', '/b']);
  const told = await operations(tango, name, from);
  assert.equal(told, [{ create: '/b', data: 1 }, { delete: '/a' }]);
});

nodes('versions: -1 is any, another one has to be the node’s', async () => {
  const { one } = await two();
  one.createSync('/a', 0);
  for (let version = 0; version < 3; version++) {
    assert.is(one.setSync('/a', 1, version).version, version + 1);
    assert.is(await codeOf(() => one.set('/a', 2, version)), 'ERR_BAD_VERSION');
  }
  assert.is(one.setSync('/a', 3).version, 4);
  assert.is(one.setSync('/a', 3, -1).version, 5);
  one.deleteSync('/a', 5);
  one.createSync('/a');
  assert.is(one.exists('/a')?.version, 0, 'of the new node');
});

nodes('sequential names have ten digits of a number that only ever grows', async () => {
  const { one, same } = await two();
  one.createSync('/q');
  assert.is(await one.create('/q/n-', 1, SEQUENTIAL), '/q/n-0000000000');
  assert.is(same.createSync('/q/n-', 2, SEQUENTIAL), '/q/n-0000000001');
  assert.is(one.createSync('/q/', 3, SEQUENTIAL), '/q/0000000002', 'a path that ends in /');
  one.createSync('/q/plain');
  one.deleteSync('/q/plain');
  one.deleteSync('/q/n-0000000001');
  assert.is(one.createSync('/q/m', 4, SEQUENTIAL), '/q/m0000000004', 'each child counts');
  const many = Array.from({ length: 20 }, (_, i) =>
    (i % 2 ? one : same).create('/q/n-', i, SEQUENTIAL),
  );
  assert.equal(
    (await Promise.all(many)).map((path) => Number(path.slice(-10))).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => i + 5),
  );
  assert.is(one.createSync('/', 1, SEQUENTIAL), '/0000000001');
  assert.is(
    one.createSync('/0000000001/', 1, SEQUENTIAL),
    '/0000000001/0000000000',
    'of its parent',
  );
});

nodes('Stat tells what ZooKeeper’s does', async () => {
  const { tango, one, same } = await two();
  const clock = Date.now;
  let now = 1000;
  Date.now = () => now;
  try {
    const at = (change: () => unknown): number => {
      const position = tango.log.tailSync();
      change();
      return position;
    };
    const stat = (path: string) => same.exists(path) as Stat;
    const root = { czxid: 0, mzxid: 0, ctime: 0, mtime: 0, version: 0, ephemeralOwner: 0 };
    assert.equal(stat('/'), { ...root, pzxid: 0, cversion: 0, dataLength: 0, numChildren: 0 });
    const a = at(() => one.createSync('/a', Uint8Array.of(1, 2, 3)));
    now = 2000;
    const b = at(() => one.createSync('/a/b', undefined, EPHEMERAL));
    const owner = one.session;
    assert.equal(stat('/a/b'), {
      ...{ czxid: b, mzxid: b, pzxid: b, ctime: 2000, mtime: 2000, version: 0, cversion: 0 },
      ...{ ephemeralOwner: owner, dataLength: 0, numChildren: 0 },
    });
    assert.is.not(owner, same.session, 'a session a thread');
    now = 3000;
    const set = at(() => one.setSync('/a', 'text'));
    const made = { czxid: a, ctime: 1000, ephemeralOwner: 0 };
    assert.equal(stat('/a'), {
      ...{ ...made, mzxid: set, mtime: 3000, version: 1, dataLength: 5 },
      ...{ pzxid: b, cversion: 1, numChildren: 1 },
    });
    const gone = at(() => one.deleteSync('/a/b'));
    assert.equal(stat('/a'), {
      ...{ ...made, mzxid: set, mtime: 3000, version: 1, dataLength: 5 },
      ...{ pzxid: gone, cversion: 2, numChildren: 0 },
    });
    assert.equal(one.setSync('/', { x: 1 }), stat('/'));
    assert.equal([stat('/').version, stat('/').mtime, stat('/').pzxid], [1, 3000, a]);
    const first = at(() =>
      one.multiSync([{ create: '/m' }, { create: '/m/n' }, { delete: '/m/n' }]),
    );
    const { czxid, mzxid, pzxid, cversion } = stat('/m');
    assert.equal([czxid, mzxid, pzxid, cversion], [first, first, first, 2], 'all at one position');
  } finally {
    Date.now = clock;
  }
});

nodes('multi makes all its changes or none, and each sees those before it', async () => {
  const { one, same } = await two();
  const results = await one.multi([
    { create: '/a', data: 1 },
    { create: '/a/n', sequential: true },
    { check: '/a', version: 0 },
    { set: '/a', data: 2, version: 0 },
    { check: '/a', version: 1 },
    { delete: '/a/n0000000000' },
  ]);
  assert.equal(results.slice(0, 3), ['/a', '/a/n0000000000', undefined]);
  assert.equal([(results[3] as Stat).version, (results[3] as Stat).numChildren], [1, 1]);
  assert.equal([results.slice(4), same.children('/a')], [[undefined, undefined], []]);
  const before = same.get('/a');
  const error = await errorOf(() =>
    one.multi([
      { delete: '/a' },
      { create: '/a', data: 9 },
      { create: '/b' },
      { check: '/a', version: 7 },
    ]),
  );
  assert.equal([error.code, error.index, error.key], ['ERR_BAD_VERSION', 3, '/a']);
  assert.equal([same.get('/a'), paths(same)], [before, ['/', '/a']]);
  assert.is(one.createSync('/', 0, SEQUENTIAL), '/0000000001', 'nor is the number used up');
  assert.equal(await one.multi([]), []);
  assert.equal(one.multiSync([{ check: '/' }]), [undefined]);
});

nodes('a body sees its own changes, at no position yet; they are gone when it throws', async () => {
  const { tango, one, same } = await two();
  one.createSync('/a', 1);
  const before = [one.get('/a'), one.get('/')];
  const body = (): void => {
    assert.is(one.createSync('/a/s', 1, SEQUENTIAL), '/a/s0000000000');
    assert.is(one.setSync('/a', 2).numChildren, 1);
    assert.equal([one.get('/a').data, one.children('/a')], [2, ['s0000000000']]);
    assert.is(one.exists('/a')?.mzxid, Number.MAX_SAFE_INTEGER);
    one.deleteSync('/a/s0000000000');
    one.createSync('/a/s', 1, SEQUENTIAL);
    one.multiSync([{ delete: '/a/s0000000001' }, { delete: '/a' }]);
    assert.equal(paths(one), ['/']);
  };
  const thrown = (): void => {
    body();
    throw new Error('thrown by the body');
  };
  assert.throws(() => tango.transactSync(thrown), /thrown by the body/);
  assert.equal([one.get('/a'), one.get('/')], before);
  assert.equal([same.get('/a'), same.get('/')], before);
  tango.transactSync(body);
  assert.equal([paths(one), paths(same)], [['/'], ['/']]);
  assert.equal(one.get('/'), same.get('/'));
});

nodes(
  'what a Stat tells of children conflicts with changes of them once it is looked at',
  async () => {
    const { tango, one, same } = await two();
    const fields = ['cversion', 'pzxid', 'numChildren', 'version', 'czxid', 'mtime'] as const;
    for (const [i, field] of fields.entries()) {
      const path = one.createSync('/', 1, SEQUENTIAL);
      const takes: (() => Stat | undefined)[] = [
        () => one.exists(path),
        () => one.get(path).stat,
        () => one.setSync(path, 2),
        () => one.multiSync([{ set: path, data: 2 }])[0] as Stat,
      ];
      for (const take of takes) {
        let runs = 0;
        const found = tango.transactSync(() => {
          const value = take()?.[field];
          if (runs++ === 0) same.createSync(`${path}/`, 1, SEQUENTIAL);
          one.setSync('/', field);
          return value;
        });
        assert.is(runs, i < 3 ? 2 : 1, `${field}, ${take}`);
        assert.type(found, 'number');
      }
    }
  },
);

nodes('the end of a session that holds something conflicts with everything', async () => {
  const { tango, one, same } = await two();
  for (const path of ['/a', '/b', '/c']) one.createSync(path);
  for (const read of [
    () => one.exists('/a'),
    () => one.children('/b'),
    () => one.deleteSync('/c'),
  ]) {
    same.createSync('/e', 1, EPHEMERAL);
    let runs = 0;
    tango.transactSync(() => {
      read();
      one.setSync('/', 1);
      if (runs++ > 0) return;
      void same.endSession(same.session as number, false);
      // What that client has asked for in this turn goes first.
      same.setSync('/', 'after it');
      assert.is(same.exists('/e'), undefined);
    });
    assert.is(runs, 2, String(read));
  }
});

nodes('history has the nodes as they were, and nothing changes there', async () => {
  const { tango, name, one } = await two();
  one.createSync('/a', 1);
  one.createSync('/e', 1, EPHEMERAL);
  const position = tango.log.tailSync();
  const then = paths(one).map((path) => [path, one.get(path)]);
  one.setSync('/a', 2);
  one.deleteSync('/e');
  const past = await (await tango.at(position)).namespace(name);
  assert.equal(
    paths(past).map((path) => [path, past.get(path)]),
    then,
  );
  assert.is(past.session, undefined);
  const changes: (() => unknown)[] = [
    () => past.create('/b'),
    () => past.createSync('/b', 1, EPHEMERAL),
    () => past.set('/a', 1),
    () => past.multi([]),
    () => past.move('/a', past, '/b'),
    () => past.watch('/a'),
    () => past.watchOnce('/a', 'data'),
  ];
  for (const change of changes) assert.is(await codeOf(change), 'ERR_UNSUPPORTED', String(change));
});

async function operations(tango: Tango, name: string, from: number): Promise<unknown[]> {
  const told: unknown[] = [];
  const to = tango.log.tailSync();
  for await (const { updates } of tango.changes({ objects: [name], from, to })) {
    told.push(...updates.map(({ operation }) => operation));
  }
  return told;
}

nodes('a feed tells what was asked for', async () => {
  const { tango, name, one } = await two();
  const from = tango.log.tailSync();
  one.createSync('/a', 1);
  one.createSync('/e', undefined, { ephemeral: true, sequential: true });
  one.setSync('/a', 2);
  one.setSync('/a', 3, 1);
  one.multiSync([{ check: '/a' }, { check: '/a', version: 2 }, { delete: '/a', version: 2 }]);
  await one.endSession(one.session as number, false);
  const told = await operations(tango, name, from);
  const session = (told[1] as { ephemeralOwner: number }).ephemeralOwner;
  assert.equal(told, [
    { create: '/a', data: 1 },
    { create: '/e', data: undefined, ephemeralOwner: session, sequential: true },
    { set: '/a', data: 2 },
    { set: '/a', data: 3, version: 1 },
    { multi: [{ check: '/a' }, { check: '/a', version: 2 }, { delete: '/a', version: 2 }] },
    { endSession: session },
  ]);
});

nodes('a view that starts from a checkpoint of 100,000 nodes is the same', async () => {
  const { tango, name, one } = await two();
  const parents = Array.from({ length: 100 }, (_, i) => `/p${i}`);
  for (const parent of parents) {
    const children = Array.from({ length: 999 }, () => ({
      create: `${parent}/`,
      sequential: true,
    }));
    one.multiSync([{ create: parent, data: parent }, ...children]);
  }
  one.createSync('/p7/e', 1, EPHEMERAL);
  one.deleteSync('/p5/0000000005');
  one.setSync('/p5', 'set');
  await tango.forget(await tango.checkpoint());
  const late = await (await logs.attach(tango)).namespace(name);
  assert.is(late.children('/').length, 100);
  for (const path of ['/', '/p5', '/p7', '/p7/e', '/p99/0000000998']) {
    assert.equal(late.get(path), one.get(path), path);
    assert.equal(late.children(path), one.children(path), path);
  }
  assert.is(late.exists('/p5/0000000005'), undefined);
  assert.is(late.createSync('/p5/', 1, SEQUENTIAL), '/p5/0000000999');
  one.setSync('/p5', 'later');
  assert.is(late.get('/p5').data, 'later');
});

nodes('of changes that throw on trial nothing is left', () => {
  const tree = new NodeTree();
  const context = {
    ...{ tree, position: 1, isEnded: () => false, happened: () => {} },
    stat: () => {
      throw new TypeError('data cannot be encoded');
    },
  };
  const operations = [
    [CREATE, '/a', 1, 0, false, 0],
    [SET, '/a', 2, -1, 0],
  ] as const;
  assert.throws(() => changeNodes(operations, context), /encoded/);
  assert.equal([tree.has('/a'), tree.childCount('/')], [false, 0]);
});

nodes.run();
