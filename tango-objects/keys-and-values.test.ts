/** What keys and values may be, over all keyed objects. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import type { Tango } from './tango.ts';

const MIB = 1024 * 1024;
const logs = new OpenedLogs({ logBytes: 4 * MIB, attachMax: 8, link: 'direct' });
const cases = suite('keys and values');

cases.after.each(() => logs.close());

/** The calls that have a key, of each keyed object. */
interface Keyed {
  put(key: unknown): unknown;
  has(key: unknown): boolean;
  delete(key: unknown): boolean;
  keys(): unknown[];
}

async function keyedOf(tango: Tango): Promise<Record<string, Keyed>> {
  const map = await tango.map<unknown, unknown>('map');
  const set = await tango.set<unknown>('set');
  const sorted = await tango.sortedMap<unknown, unknown>('sorted');
  return {
    map: {
      put: (key) => map.setSync(key, key),
      has: (key) => map.has(key),
      delete: (key) => map.deleteSync(key),
      keys: () => [...map.keys()],
    },
    set: {
      put: (key) => set.addSync(key),
      has: (key) => set.has(key),
      delete: (key) => set.deleteSync(key),
      keys: () => [...set],
    },
    sorted: {
      put: (key) => sorted.setSync(key, key),
      has: (key) => sorted.has(key),
      delete: (key) => sorted.deleteSync(key),
      keys: () => [...sorted.keys()],
    },
  };
}

cases('keys that are one in a Map are one, however odd', async () => {
  const tango = await logs.open();
  const here = await keyedOf(tango);
  const there = await keyedOf(await logs.attach(tango));
  const odd = ['__proto__', 'constructor', 'toString', '', '0', 'a\u0000b', '😀', 'é'];
  const keys = [0, Number.NaN, -1, 2 ** 53, Number.POSITIVE_INFINITY, null, false, ...odd];
  for (const name of Object.keys(here)) {
    const [one, other] = [here[name], there[name]];
    for (const key of keys) one.put(key);
    for (const key of keys) assert.ok(other.has(key), `${name}: ${String(key)}`);
    one.put(-0);
    assert.ok(other.has(-0));
    assert.is(other.keys().length, keys.length, `${name}: one zero`);
    assert.is(other.keys().filter((key) => Object.is(key, 0)).length, 1);
    // The same letter in another form is another key.
    for (const absent of ['1', -2, 'valueOf', 'e\u0301', true]) assert.is(other.has(absent), false);
    assert.is(other.delete(Number.NaN), true);
    assert.is(one.has(Number.NaN), false);
    assert.is(one.delete('__proto__'), true);
    assert.is(other.delete('__proto__'), false);
  }
  assert.equal(Object.keys(Object.prototype), []);
});

cases('a key may have 65536 characters, and a longer one is refused with its size', async () => {
  const tango = await logs.open();
  const keyed = await keyedOf(tango);
  for (const [name, one] of Object.entries(keyed)) {
    const long = '\u20ac'.repeat(65_536);
    one.put(long);
    assert.ok(one.has(long), name);
    assert.is(one.delete(long), true);
    const before = tango.log.tailSync();
    for (const key of ['x'.repeat(MIB), new Uint8Array(MIB), ['x'.repeat(MIB)]]) {
      for (const call of [() => one.put(key), () => tango.transactSync(() => one.has(key))]) {
        try {
          call();
          assert.unreachable(name);
        } catch (error) {
          const { code, message } = TangoError.from(error);
          assert.is(code, 'ERR_INVALID_ARGUMENT', name);
          assert.match(message, /65536/);
          assert.match(message, /10485\d\d/);
        }
      }
    }
    assert.is(tango.log.tailSync(), before, `${name}: nothing was appended`);
  }
});

const UNENCODABLE = [
  () => {},
  Symbol('s'),
  new WeakMap(),
  Promise.resolve(),
  new (class Own {})(),
  'half a pair: \ud800',
  { ['__proto__']: 1 },
  { a: [() => {}] },
  new Map([[1, Symbol('s')]]),
];

cases('what cannot be encoded is refused before anything is appended', async () => {
  const tango = await logs.open();
  const keyed = await keyedOf(tango);
  const map = await tango.map<unknown, unknown>('map');
  const sorted = await tango.sortedMap<unknown, unknown>('sorted');
  const before = tango.log.tailSync();
  for (const value of UNENCODABLE) {
    const calls = [
      ...Object.values(keyed).map((one) => () => one.put(value)),
      () => map.set('key', value),
      () => map.setIfAbsent('key', value),
      () => map.setIfVersion('key', value, undefined),
      () => map.update('key', () => value),
      () => sorted.set('key', value),
    ];
    for (const call of calls) {
      assert.is(await codeOf(call), 'ERR_INVALID_ARGUMENT', `${String(value)}: ${call}`);
    }
  }
  assert.is(tango.log.tailSync(), before);
  assert.equal([map.size, sorted.size], [0, 0]);
});

cases('values come back as they went in, cycles included', async () => {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const cycle: Record<string, unknown> = { n: 1 };
  cycle.self = cycle;
  const values = [
    undefined,
    null,
    Number.NaN,
    10n ** 30n,
    new Date(7),
    new Map([[{ a: 1 }, new Set([1])]]),
    Uint8Array.of(1, 2),
    [undefined, [null]],
    { nested: { deep: ['x'] } },
  ];
  for (const open of [
    (of: Tango) => of.map<number, unknown>('map'),
    (of: Tango) => of.sortedMap<number, unknown>('sorted'),
  ]) {
    const [map, same] = [await open(tango), await open(other)];
    for (const [key, value] of values.entries()) map.setSync(key, value);
    for (const [key, value] of values.entries()) assert.equal(same.get(key), value);
    map.setSync(-1, cycle);
    const back = same.get(-1) as typeof cycle;
    assert.is(back.self, back);
  }
});

cases('a value of 10 MB goes through several entries', async () => {
  const tango = await logs.open({ logBytes: 64 * MIB });
  const other = await logs.attach(tango);
  const value = Buffer.alloc(10_000_000);
  for (let i = 0; i < value.length; i += 4) value.writeUInt32LE(i, i);
  const [map, sorted] = [
    await tango.map<string, Uint8Array>('map'),
    await tango.sortedMap<string, Uint8Array>('sorted'),
  ];
  const before = tango.log.tailSync();
  await map.set('large', value);
  sorted.setSync('large', value);
  assert.ok(tango.log.tailSync() - before > 4);
  for (const read of [
    (await other.map<string, Uint8Array>('map')).get('large'),
    (await other.sortedMap<string, Uint8Array>('sorted')).first()?.[1],
  ]) {
    assert.ok(read !== undefined && Buffer.compare(read, value) === 0);
  }
  assert.is(await codeOf(() => map.set('larger', Buffer.alloc(20 * MIB))), 'ERR_ENTRY_TOO_LARGE');
  assert.is(map.size, 1);
});

cases('of a view that a trim has passed nothing is left but what the checkpoint has', async () => {
  const tango = await logs.open();
  const other = await logs.attach(tango);
  const options = { indexes: { byValue: (value: unknown) => value } };
  const open = async (of: Tango) => ({
    map: await of.map<unknown, unknown>('map', options),
    sorted: await of.sortedMap<unknown, unknown>('sorted', options),
    set: await of.set<unknown>('set'),
  });
  const [here, there] = [await open(tango), await open(other)];
  for (const key of ['old', ['old'], 'kept']) {
    here.map.setSync(key, 1);
    here.sorted.setSync(key, 1);
    here.set.addSync(key);
  }
  assert.equal([there.map.size, there.sorted.size, there.set.size], [3, 3, 3]);
  for (const key of ['old', ['old']]) {
    here.map.deleteSync(key);
    here.sorted.deleteSync(key);
    here.set.deleteSync(key);
  }
  here.map.setSync('new', 1);
  here.sorted.setSync('new', 1);
  here.set.addSync('new');
  await tango.forget(await tango.checkpoint());
  for (const map of [there.map, there.sorted]) {
    assert.equal([...map.keys()], ['kept', 'new']);
    assert.equal(
      map.find('byValue', 1).map(([key]) => key),
      ['kept', 'new'],
    );
    assert.is(map.has(['old']), false);
  }
  assert.equal([...there.set], ['kept', 'new']);
  assert.is(there.set.has(['old']), false);
});

cases('a version is compared only if it can be one; undefined sets what is absent', async () => {
  const tango = await logs.open();
  const { map, sorted } = {
    map: await tango.map<string, number>('map'),
    sorted: await tango.sortedMap<string, number>('sorted'),
  };
  for (const one of [map, sorted]) {
    assert.is(await one.setIfVersion('a', 1, one.versionOf('a')), true, 'absent');
    assert.is(one.setIfVersionSync('a', 2, undefined), false);
    const version = one.versionOf('a');
    one.deleteSync('a');
    assert.is(one.setIfVersionSync('a', 3, version), false, 'deleted since');
    assert.is(one.setIfVersionSync('a', 4, undefined), true);
    const before = tango.log.tailSync();
    for (const wrong of [Number.NaN, -1, 1.5, '5', null, 2 ** 53]) {
      const call = () => one.setIfVersion('a', 9, wrong as number);
      assert.is(await codeOf(call), 'ERR_INVALID_ARGUMENT', String(wrong));
    }
    const ofItself = (): void => {
      one.setSync('b', 1);
      one.setIfVersionSync('b', 2, one.versionOf('b'));
    };
    assert.is(await codeOf(() => tango.transact(ofItself)), 'ERR_INVALID_ARGUMENT');
    for (const wrong of [5, undefined, 'x']) {
      const call = () => one.update('a', wrong as never);
      assert.is(await codeOf(call), 'ERR_INVALID_ARGUMENT', String(wrong));
    }
    assert.is(tango.log.tailSync(), before);
    assert.equal([...one], [['a', 4]]);
  }
});

cases.run();
