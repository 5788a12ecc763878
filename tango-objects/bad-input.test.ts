/** What no object accepts is refused by name, before anything is appended. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import type { ObjectType } from '../runtime/views/object-type.ts';
import type { MapOptions } from './map-options.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import type { Tango } from './tango.ts';

const logs = new OpenedLogs({ logBytes: 4 * 1024 * 1024, attachMax: 8, link: 'direct' });
const input = suite('bad input');

input.after.each(() => logs.close());

/** A call with an argument that is wrong, and the word of the message that names it. */
type BadCall = readonly [argument: string, call: () => unknown];

/** What a caller without types might pass. */
function wrong<T>(value: unknown): T {
  return value as T;
}

const nothing = (): void => {};

async function mapCalls(tango: Tango): Promise<BadCall[]> {
  const map = await tango.map<string, number>('map', { indexes: { half: (value) => value / 2 } });
  const sorted = await tango.sortedMap<string, number>('sorted');
  return [
    ['key', () => map.set(wrong(nothing), 1)],
    ['the change', () => map.set('a', wrong(Symbol('one')))],
    ['version', () => map.setIfVersion('a', 1, -1)],
    ['fn', () => map.update('a', wrong('double'))],
    ['index', () => map.find('third', 1)],
    ['callback', () => map.forEach(wrong(undefined))],
    ['key', () => sorted.set(wrong({}), 1)],
    ['limit', () => sorted.range({ limit: -1 })],
    ['reverse', () => sorted.range({ reverse: wrong(1) })],
    ['gt', () => sorted.range({ gte: 'a', gt: 'a' })],
    ['option', () => sorted.range(wrong({ from: 'a' }))],
    ['indexes.half', () => tango.map('other', wrong<MapOptions>({ indexes: { half: 2 } }))],
    ['codec', () => tango.map('other', wrong<MapOptions>({ codec: {} }))],
    ['values', () => tango.map('other', wrong<MapOptions>({ values: 'disk' }))],
    ['name', () => tango.map(wrong(7))],
  ];
}

async function elementCalls(tango: Tango): Promise<BadCall[]> {
  const counter = await tango.counter('counter');
  const register = await tango.register<unknown>('register');
  const set = await tango.set<unknown>('set');
  const list = await tango.list<number>('list');
  const queue = await tango.queue<unknown>('queue');
  return [
    ['n', () => counter.add(0.5)],
    ['n', () => counter.increaseSync(wrong('1'))],
    ['the change', () => register.set(nothing)],
    ['the key', () => set.add(Promise.resolve())],
    ['callback', () => set.forEach(wrong(1))],
    ['index', () => list.set(-1, 0)],
    ['index', () => list.at(wrong('0'))],
    ['end', () => list.slice(0, 0.5)],
    ['callback', () => list.forEach(wrong(null))],
    ['the change', () => queue.push(1, nothing)],
    ['signal', () => queue.take({ signal: wrong(1) })],
    ['option', () => queue.take(wrong({ singal: 1 }))],
  ];
}

async function coordinationCalls(tango: Tango): Promise<BadCall[]> {
  const lock = await tango.lock('lock');
  const namespace = await tango.namespace<number>('namespace');
  const ledgers = await tango.ledgers('ledgers');
  const ledger = await ledgers.create();
  return [
    ['signal', () => lock.acquire({ signal: wrong('now') })],
    ['path', () => namespace.create('a')],
    ['ephemeral', () => namespace.create('/a', 1, { ephemeral: wrong(1) })],
    ['version', () => namespace.set('/', 1, -2)],
    ['path', () => namespace.delete('/')],
    ['changes', () => namespace.multi(wrong('/a'))],
    ['changes', () => namespace.multi([wrong(undefined)])],
    ['changes', () => namespace.multi([wrong({})])],
    ['version', () => namespace.multi([wrong({ create: '/a', version: 1 })])],
    ['data', () => namespace.multi([wrong({ delete: '/a', data: 1 })])],
    ['create', () => namespace.multi([wrong({ creat: '/a' })])],
    ['other', () => namespace.move('/a', wrong(tango))],
    ['kind', () => namespace.watchOnce('/', wrong('all'))],
    ['ledger', () => ledgers.append(ledger + 1, new Uint8Array(1))],
    ['bytes', () => ledgers.append(ledger, wrong('one'))],
    ['to', () => ledgers.read(ledger, 2, 1)],
  ];
}

function tangoCalls(tango: Tango): BadCall[] {
  return [
    ['body', () => tango.transact(wrong(1))],
    ['retries', () => tango.transact(nothing, { retries: wrong(null) })],
    ['readOnly', () => tango.transactSync(nothing, { readOnly: wrong('yes') })],
    ['options', () => tango.transact(nothing, wrong(3))],
    ['read', () => tango.until(wrong(undefined))],
    ['from', () => tango.changes({ from: wrong(null) })],
    ['from.position', () => tango.changes({ from: wrong({}) })],
    ['objects', () => tango.changes({ objects: wrong('map') })],
    ['position', () => tango.at(-1)],
    ['position', () => tango.forget(wrong('all'))],
    ['type', () => tango.object(wrong<ObjectType<unknown>>(Map), 'map')],
    ['module', () => tango.pool({ module: './tasks.js' })],
    ['maxThreads', () => tango.pool({ module: '/tasks.js', maxThreads: 0 })],
  ];
}

async function refusalOf(call: () => unknown): Promise<TangoError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof TangoError) return error;
    throw error;
  }
  throw new Error(`accepted: ${call}`);
}

for (const [name, callsOf] of Object.entries({
  maps: mapCalls,
  elements: elementCalls,
  'locks, nodes, ledgers': coordinationCalls,
  tango: tangoCalls,
})) {
  input(`${name}: a wrong argument is named, and nothing appended`, async () => {
    const tango = await logs.open();
    const calls = await callsOf(tango);
    const tail = tango.log.tailSync();
    for (const [argument, call] of calls) {
      const error = await refusalOf(call);
      assert.is(error.code, 'ERR_INVALID_ARGUMENT', String(call));
      assert.ok(error.message.includes(argument), `${call}: ${error.message}`);
      assert.is(tango.log.tailSync(), tail, String(call));
    }
  });
}

input('options that are undefined are as if they were left out', async () => {
  const tango = await logs.open({ storageUnits: undefined, signal: undefined });
  const options: { signal: AbortSignal | undefined } = { signal: undefined };
  const queue = await tango.queue<number>('queue');
  await queue.push(1);
  assert.is(await queue.take(options), 1);
  const hold = await (await tango.lock('lock')).acquire(options);
  assert.is(await hold.release(), true);
  const map = await tango.sortedMap<number, string>('map', { indexes: undefined });
  await tango.transact(() => map.setSync(1, 'one'), { ...options, retries: undefined });
  assert.equal([...map.range({ gte: undefined, lt: 2, limit: undefined })], [[1, 'one']]);
  assert.is(await tango.until(() => map.get(1), options), 'one');
  const namespace = await tango.namespace<number>('nodes');
  const created = { create: '/a', data: 1, ephemeral: undefined } as const;
  assert.equal(await namespace.multi([created, { check: '/a', version: undefined }]), [
    '/a',
    undefined,
  ]);
  const changes = tango.changes({ ...options, from: 0, to: tango.log.tailSync() });
  let count = 0;
  for await (const change of changes) count += change.updates.length;
  assert.ok(count >= 4);
});

input('in history every change is told to be one', async () => {
  const tango = await logs.open();
  const ledgers = await tango.ledgers('ledgers');
  const ledger = await ledgers.create();
  const past = await (await tango.at(tango.log.tailSync())).ledgers('ledgers');
  assert.is(await codeOf(() => past.append(ledger, new Uint8Array(1))), 'ERR_UNSUPPORTED');
  assert.is(await codeOf(() => past.appendSync(ledger, new Uint8Array(1))), 'ERR_UNSUPPORTED');
  assert.is(await codeOf(() => past.seal(ledger)), 'ERR_UNSUPPORTED');
  assert.is(await ledgers.append(ledger, new Uint8Array(1)), 0);
});

input.run();
