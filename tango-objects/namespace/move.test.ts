/** Moves between namespaces, by threads that are killed: a node is in exactly one (PROTOCOL case 55). */
import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../shared-memory/within.ts';
import { codeOf, OpenedLogs } from '../opened-logs.ts';
import type { Tango } from '../tango.ts';
import type { NamespaceOrder } from './namespace-worker.ts';
import type { TangoNamespace } from './tango-namespace.ts';

const DEADLINE_MS = 20_000;
const WORKER = new URL(`./namespace-worker${extname(import.meta.url)}`, import.meta.url);
const KILLS = 4;
const MOVERS = 2;

const moves = suite('move');
const logs = new OpenedLogs({ logBytes: 64 * 2 ** 20, link: 'direct', compaction: false });
const workers: Worker[] = [];

moves.after.each(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
  await logs.close();
});

async function two() {
  const tango = await logs.open();
  return { tango, one: await tango.namespace('one'), other: await tango.namespace('other') };
}

function tree(namespace: TangoNamespace, path: string): unknown {
  const { data } = namespace.get(path);
  return [data, namespace.children(path).map((name) => [name, tree(namespace, `${path}/${name}`)])];
}

function plant(namespace: TangoNamespace): void {
  namespace.multiSync([
    { create: '/a', data: 'a' },
    { create: '/a/b', data: { deep: 1n } },
    { create: '/a/b/', data: 0, sequential: true },
    { create: '/a/c' },
  ]);
}

moves('takes along the data and all that is below', async () => {
  const { tango, one, other } = await two();
  plant(one);
  one.setSync('/a', 'set');
  const before = tree(one, '/a');
  const watched = one.watch('/', { recursive: true });
  const told = other.watch('/', { recursive: true });
  assert.is(await one.move('/a', other), '/a');
  assert.equal([tree(other, '/a'), one.children('/')], [before, []]);
  const { version, czxid, mzxid } = other.get('/a').stat;
  assert.equal([version, czxid, mzxid], [0, tango.log.tailSync() - 1, czxid], 'new nodes');
  const paths = ['/a', '/a/b', '/a/b/0000000000', '/a/c'];
  for (const path of paths) {
    const { value } = await watched.next();
    assert.is(value?.type, 'deleted');
    assert.equal((await told.next()).value, { type: 'created', path, position: czxid });
  }
  other.createSync('/x');
  assert.is(other.moveSync('/a/b', one, '/b'), '/b');
  assert.is(other.moveSync('/a', other, '/x/y'), '/x/y', 'or within one');
  assert.equal([one.children('/b'), other.children('/x/y')], [['0000000000'], ['c']]);
});

moves('moves all or nothing', async () => {
  const { tango, one, other } = await two();
  const foreign = await (await logs.attach(tango)).namespace('other');
  plant(one);
  one.createSync('/a/c/e', 1, { ephemeral: true });
  other.multiSync([{ create: '/a' }, { create: '/x' }, { create: '/e' }]);
  one.createSync('/plain');
  const before = [tree(one, '/a'), tree(other, '/a')];
  const refused: (readonly [call: () => unknown, code: string, key?: string])[] = [
    [() => one.move('/no', other), 'ERR_NO_NODE'],
    [() => one.move('/plain', other, '/no/plain'), 'ERR_NO_NODE'],
    [() => one.move('/plain', other, '/x'), 'ERR_NODE_EXISTS'],
    [() => one.move('/plain', one), 'none'],
    [() => one.move('/plain', one, '/plain/below'), 'ERR_NO_NODE'],
    [() => one.moveSync('/a', other, '/b'), 'ERR_UNSUPPORTED'],
    [() => one.move('/', other, '/b'), 'ERR_UNSUPPORTED'],
    [() => other.move('/', one, '/b'), 'ERR_INVALID_ARGUMENT'],
    [() => one.move('/plain', foreign, '/b'), 'ERR_INVALID_ARGUMENT'],
  ];
  for (const [call, code] of refused) assert.is(await codeOf(call), code, String(call));
  assert.equal([tree(one, '/a'), tree(other, '/a')], before);
  assert.equal(
    [one.children('/'), other.children('/')],
    [
      ['a', 'plain'],
      ['a', 'e', 'x'],
    ],
  );
});

moves(
  'is part of a transaction with any other object, and conflicts by what it moves',
  async () => {
    const { tango, one, other } = await two();
    const log = await tango.list<string>('moves');
    const same = await (await logs.attach(tango)).namespace('one');
    plant(one);
    let runs = 0;
    await tango.transact(() => {
      one.moveSync('/a', other, '/moved');
      log.pushSync('/a');
      // One that comes meanwhile goes along, and what does not concern it is no conflict.
      if (runs === 0) same.createSync('/beside');
      if (runs++ === 0) same.createSync('/a/c/late', 'late');
    });
    assert.is(runs, 2);
    assert.equal([other.children('/moved/c'), one.children('/')], [['late'], ['beside']]);
    assert.equal([...log], ['/a']);
    const thrown = (): void => {
      other.moveSync('/moved', one, '/back');
      assert.equal([one.children('/'), other.children('/')], [['back', 'beside'], []]);
      throw new Error('thrown by the body');
    };
    assert.throws(() => tango.transactSync(thrown), /thrown by the body/);
    assert.equal([one.children('/'), other.children('/')], [['beside'], ['moved']]);
  },
);

moves('a node is in exactly one, at every position, though who moves it is killed', async () => {
  const { tango, one, other } = await two();
  one.createSync('/token', 'the one');
  one.createSync('/token/below', 'it');
  const from = tango.log.tailSync();
  const start = async (): Promise<Worker> => {
    const workerData: NamespaceOrder = {
      ...{ handle: tango.handle, namespaces: ['one', 'other'], what: 'move', stallMs: 0 },
    };
    const worker = new Worker(WORKER, { workerData });
    workers.push(worker);
    await within(DEADLINE_MS, 'it begins', once(worker, 'message'));
    return worker;
  };
  const movers = await Promise.all(Array.from({ length: MOVERS }, start));
  for (let kill = 0; kill < KILLS; kill++) {
    const mover = movers.shift() as Worker;
    await within(DEADLINE_MS, 'it moves', once(mover, 'message'));
    // Anywhere in a move: the others go on meanwhile.
    await mover.terminate();
    movers.push(await start());
    for (let look = 0; look < 20; look++) assert.is(placesIn(tango, one, other), 1);
  }
  for (const mover of movers) await mover.terminate();
  const to = tango.log.tailSync();
  assert.is(placesIn(tango, one, other), 1);
  const moved = await countMoves(tango, from, to);
  assert.ok(moved > KILLS, `${moved} moves`);
  for (let position = from; position < to; position += Math.ceil((to - from) / 8)) {
    const past = await tango.at(position);
    const [a, b] = [await past.namespace('one'), await past.namespace('other')];
    const places = [a, b].filter((namespace) => namespace.exists('/token') !== undefined);
    assert.is(places.length, 1, `at ${position}`);
    assert.equal(tree(places[0], '/token'), ['the one', [['below', ['it', []]]]]);
  }
});

function placesIn(tango: Tango, one: TangoNamespace, other: TangoNamespace): number {
  const look = (): number =>
    [one, other].filter((namespace) => namespace.exists('/token') !== undefined).length;
  return tango.transactSync(look, { readOnly: true });
}

/** Of those in the log: a move is one record, which takes it from one and puts it into the other. */
async function countMoves(tango: Tango, from: number, to: number): Promise<number> {
  let count = 0;
  const objects = ['one', 'other'];
  let place = 0;
  for await (const { updates } of tango.changes({ objects, from, to })) {
    const [gone, come] = updates.map(({ object }) => objects.indexOf(object));
    assert.equal([updates.length, gone, come], [2, place, 1 - place]);
    place = come;
    count++;
  }
  return count;
}

moves.run();
