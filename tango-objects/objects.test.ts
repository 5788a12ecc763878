/** Objects and transactions over the log, by two clients on one thread that take turns. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TangoError } from '../actors/tango-error.ts';
import type { OpenOptions } from '../runtime/open-options.ts';
import { TangoObject } from '../runtime/views/tango-object.ts';
import { within } from '../shared-memory/within.ts';
import { chosen } from './chosen-cases.ts';
import { attach, open, type Tango } from './tango.ts';
import type { TangoMap } from './tango-map.ts';

const DEADLINE_MS = 20_000;
const MIB = 1024 * 1024;
const objects = chosen(suite('objects'));
const opened: Tango[] = [];

async function openLog(options: OpenOptions = {}): Promise<Tango> {
  const tango = await open({ logBytes: 4 * MIB, attachMax: 8, link: 'direct', ...options });
  opened.push(tango);
  return tango;
}

/** Two clients with views of their own. */
async function openTwo(options: OpenOptions = {}): Promise<[Tango, Tango]> {
  const tango = await openLog(options);
  const other = await attach(tango.handle);
  opened.push(other);
  return [tango, other];
}

async function twoMaps(options?: OpenOptions) {
  const [tango, other] = await openTwo(options);
  const map = await tango.map<unknown, unknown>('map');
  const same = await other.map<unknown, unknown>('map');
  return { tango, other, map, same };
}

async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof TangoError) return error.code;
    throw error;
  }
  return 'none';
}

objects.after.each(async () => {
  // Those that are attached first.
  for (const one of opened.splice(0).reverse()) await one.close();
});

for (const link of ['mailbox', 'direct'] as const) {
  objects(`what one client has changed, the other reads at once: ${link}`, async () => {
    const [tango, other] = await openTwo({ link });
    const register = await tango.register<number>('r');
    const counter = await tango.counter('c');
    const map = await tango.map<string, number>('m');
    const [register2, counter2, map2] = await Promise.all([
      other.register<number>('r'),
      other.counter('c'),
      other.map<string, number>('m'),
    ]);
    assert.equal([register2.get(), counter2.value, map2.size], [undefined, 0, 0]);
    await register.set(5);
    assert.is(await counter.add(3), 3);
    map.setSync('a', 1);
    assert.equal([register2.get(), counter2.value, [...map2]], [5, 3, [['a', 1]]]);
    assert.equal([counter2.nextSync(), await counter.next(), counter2.value], [3, 4, 5]);
    assert.is(await register2.compareAndSet(4, 6), false);
    assert.is(register2.compareAndSetSync(5, 6), true);
    assert.is(register.get(), 6);
  });
}

objects('a map does what a Map does, and what several threads need', async () => {
  const { map, same } = await twoMaps();
  await Promise.all([map.set('a', 1), map.set(1, 'one'), map.set('b', undefined)]);
  assert.equal([...same.keys()], ['a', 1, 'b']);
  assert.equal([...same.values()], [1, 'one', undefined]);
  assert.equal(
    [same.has('b'), same.get('b'), same.has('c'), same.size],
    [true, undefined, false, 3],
  );
  assert.is(await same.setIfAbsent('a', 9), false);
  assert.is(await same.setIfAbsent('c', 9), true);
  const version = map.versionOf('a') as number;
  assert.is(await same.setIfVersion('a', 2, version), true);
  assert.is(map.setIfVersionSync('a', 3, version), false, 'set since');
  assert.is(await map.update('a', (value) => (value as number) * 10), 20);
  assert.is(same.get('a'), 20);
  assert.is(await same.delete('a'), true);
  assert.is(map.deleteSync('a'), false);
  const seen: unknown[] = [];
  map.forEach((value, key) => {
    seen.push([key, value]);
  });
  assert.equal(seen, [
    [1, 'one'],
    ['b', undefined],
    ['c', 9],
  ]);
  await map.clear();
  assert.equal([same.size, [...same]], [0, []]);
});

objects('keys may be values of any kind, equal when they look the same', async () => {
  const { tango, map, same } = await twoMaps();
  const keys = [
    1,
    '1',
    true,
    undefined,
    Number.NaN,
    5n,
    new Date(5),
    { a: [1] },
    new Map([[1, 2]]),
  ];
  for (const key of keys) map.setSync(key, key);
  assert.is(same.size, keys.length);
  for (const key of keys) assert.equal(same.get(structuredClone(key)), key);
  assert.equal([...same.keys()], keys);
  map.setSync({ a: [1] }, 'again');
  assert.equal(
    [same.size, same.get({ a: [1] }), same.has({ a: [2] })],
    [keys.length, 'again', false],
  );
  tango.transactSync(() => {
    assert.is(map.deleteSync({ a: [1] }), true);
    map.setSync({ a: [2] }, 1);
    assert.equal([map.has({ a: [1] }), map.get({ a: [2] })], [false, 1]);
    map.setSync({ a: [1] }, 2);
    assert.is(map.get({ a: [1] }), 2);
  });
  assert.equal([same.get({ a: [1] }), map.get({ a: [2] })], [2, 1]);
  assert.is(await map.delete({ a: [1] }), true);
  assert.equal([same.has({ a: [1] }), map.deleteSync({ a: [1] })], [false, false]);
});

objects('changes of one turn share an entry, in order', async () => {
  const { tango, map, same } = await twoMaps();
  const before = tango.log.tailSync();
  await Promise.all(Array.from({ length: 100 }, (_, i) => map.set(i % 10, i)));
  assert.is(tango.log.tailSync(), before + 1);
  assert.equal([...same.values()], [90, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
});

objects('changes of one client take effect in the order in which they were made', async () => {
  const { map, same } = await twoMaps({ link: 'mailbox' });
  const changes: Promise<void>[] = [];
  for (let i = 0; i < 50; i++) {
    changes.push(map.set('key', i));
    if (i % 7 === 0) await null;
    if (i % 20 === 0) map.setSync('sync', i);
  }
  await Promise.all(changes);
  assert.equal([same.get('key'), same.get('sync')], [49, 40]);
});

objects('two clients that create one name get one object, whoever is first (case 54)', async () => {
  const [tango, other] = await openTwo();
  const [one, two] = await Promise.all([tango.counter('jobs'), other.counter('jobs')]);
  await one.add(1);
  assert.is(await two.add(1), 2);
  assert.is(await tango.counter('jobs'), one, 'the same each time');
  assert.is(await codeOf(() => other.map('jobs')), 'ERR_TYPE_MISMATCH');
  assert.is(await codeOf(() => tango.map(5 as unknown as string)), 'ERR_INVALID_ARGUMENT');
});

objects(
  'an object that is opened late has its whole history, aborted changes left out',
  async () => {
    const { tango, other, map } = await twoMaps();
    const late = await tango.counter('late');
    await late.add(2);
    assert.throws(() =>
      tango.transactSync(() => {
        late.addSync(100);
        throw new Error('no');
      }),
    );
    tango.transactSync(() => {
      map.setSync('moved', 1);
      late.addSync(3);
    });
    assert.is((await other.counter('late')).value, 5);
  },
);

objects('a commit aborts iff what it has read was changed in between (case 42)', async () => {
  const { tango, other, map, same } = await twoMaps();
  map.setSync('x', 1);
  let runs = 0;
  const run = (meanwhile: () => void): unknown =>
    tango.transactSync(() => {
      const x = map.get('x');
      if (runs++ === 0) meanwhile();
      map.setSync('result', [x, runs]);
      return map.get('result');
    });
  assert.equal(
    run(() => same.setSync('x', 2)),
    [2, 2],
    'another has changed the key',
  );
  runs = 0;
  assert.equal(
    run(() => same.setSync('y', 2)),
    [2, 1],
    'another key',
  );
  runs = 0;
  const third = await attach(tango.handle);
  opened.push(third);
  const seen = await third.map('map');
  const aborts = (): void => {
    let isFirst = true;
    // Aborted by a change of what it has read, each time: its own change never happens.
    const code = other.transactSync(() => {
      same.get('z');
      if (isFirst) seen.setSync('z', 1);
      if (!isFirst) return 'gave up';
      isFirst = false;
      same.setSync('x', 3);
      return 'changed';
    });
    assert.is(code, 'gave up');
  };
  assert.equal(run(aborts), [2, 1], 'the change of an aborted transaction');
  runs = 0;
  assert.equal(
    run(() => same.setSync('x', 2)),
    [2, 2],
    'the same value is a change',
  );
  runs = 0;
  assert.equal(
    run(() => same.clearSync()),
    [undefined, 2],
    'the whole object',
  );
});

objects('the result of a change in a body is read: its key is', async () => {
  const { tango, map, same } = await twoMaps();
  map.setSync('x', 1);
  let runs = 0;
  const wasThere = tango.transactSync(() => {
    const found = map.deleteSync('x');
    if (runs++ === 0) same.deleteSync('x');
    map.setSync('found', found);
    return found;
  });
  assert.equal([wasThere, runs, same.get('found')], [false, 2, false]);
});

objects('absent keys, size and iteration conflict with insertions (case 43)', async () => {
  const { tango, map, same } = await twoMaps();
  for (const [name, read] of [
    ['an absent key', () => map.get('new')],
    ['has', () => map.has('new')],
    ['size', () => map.size],
    ['iteration', () => [...map].length],
  ] as const) {
    map.clearSync();
    let runs = 0;
    tango.transactSync(() => {
      const seen = read();
      if (runs++ === 0) same.setSync('new', 1);
      map.setSync('seen', seen);
    });
    assert.is(runs, 2, name);
  }
});

objects('of two commits in one entry that conflict the first wins (case 44)', async () => {
  const { tango, map, same } = await twoMaps();
  map.setSync('n', 0);
  const before = tango.log.tailSync();
  const runs = [0, 0, 0, 0];
  const add = (i: number): Promise<void> =>
    tango.transact(() => {
      runs[i]++;
      const key = i < 2 ? 'n' : `n${i}`;
      map.setSync(key, ((map.get(key) as number) ?? 0) + 1);
    });
  await Promise.all([0, 1, 2, 3].map(add));
  assert.equal([map.get('n'), same.get('n'), map.get('n2'), same.get('n3')], [2, 2, 1, 1]);
  assert.equal(runs, [1, 2, 1, 1]);
  assert.is(tango.log.tailSync(), before + 2, 'four in one entry, and one again');
});

objects(
  'what changes nothing appends nothing; what reads nothing plays nothing (case 45)',
  async () => {
    const { tango, map, same } = await twoMaps();
    same.setSync('x', 1);
    const before = tango.log.tailSync();
    assert.is(
      tango.transactSync(() => map.get('x'), { readOnly: true }),
      1,
    );
    assert.is(tango.log.tailSync(), before, 'nothing is appended');
    same.setSync('x', 2);
    assert.is(
      tango.transactSync(() => map.get('x'), { stale: true }),
      1,
      'no look at the log',
    );
    assert.is(
      tango.transactSync(() => map.get('x')),
      2,
    );
    same.setSync('y', 3);
    tango.transactSync(() => map.setSync('z', 4), { stale: true });
    assert.is(
      tango.transactSync(() => map.has('y'), { stale: true }),
      false,
      'nothing was played',
    );
    assert.is(map.get('y'), 3);
    assert.is(
      await codeOf(() => tango.transactSync(() => map.setSync('x', 9), { readOnly: true })),
      'ERR_INVALID_ARGUMENT',
    );
    assert.is(map.get('x'), 2);
  },
);

objects('the stale snapshot of a read-write transaction aborts it', async () => {
  const { tango, map, same } = await twoMaps();
  map.setSync('x', 1);
  same.setSync('x', 5);
  let runs = 0;
  tango.transactSync(
    () => {
      runs++;
      map.setSync('x', (map.get('x') as number) + 1);
    },
    { stale: true },
  );
  assert.equal([runs, same.get('x')], [2, 6]);
});

objects('a transaction over several objects is seen as a whole (case 49)', async () => {
  const { tango, other, map, same } = await twoMaps();
  const counter = await tango.counter('c');
  const counter2 = await other.counter('c');
  const before = tango.log.tailSync();
  const result = await tango.transact(() => {
    map.setSync('x', 1);
    const sum = counter.addSync(5);
    map.setSync('sum', sum);
    return [map.get('sum'), counter.value, map.size];
  });
  assert.equal(result, [5, 5, 2]);
  assert.is(tango.log.tailSync(), before + 1);
  assert.equal(
    [counter2.value, [...same]],
    [
      5,
      [
        ['x', 1],
        ['sum', 5],
      ],
    ],
  );
});

objects(
  'the body sees its own changes, in all ways to read, and they are gone if it throws',
  async () => {
    const { tango, map } = await twoMaps();
    for (const key of ['a', 'b', 'c']) map.setSync(key, key);
    const before = [...map];
    assert.throws(
      () =>
        tango.transactSync(() => {
          map.deleteSync('a');
          map.setSync('b', 'B');
          map.setSync('d', 'd');
          map.setSync('a', 'again');
          assert.equal(
            [...map],
            [
              ['b', 'B'],
              ['c', 'c'],
              ['d', 'd'],
              ['a', 'again'],
            ],
          );
          map.clearSync();
          assert.is(map.size, 0);
          map.setSync('e', 1);
          assert.equal([...map], [['e', 1]]);
          throw new Error('thrown by the body');
        }),
      /thrown by the body/,
    );
    assert.equal([...map], before);
    assert.is(tango.log.tailSync(), 4, 'the name and three keys');
  },
);

objects(
  'promises of changes in a body are settled, and nothing is sent before the end',
  async () => {
    const { tango, map } = await twoMaps();
    const counter = await tango.counter('c');
    let result: Promise<number> | undefined;
    tango.transactSync(() => {
      void map.set('x', 1);
      result = counter.add(2);
    });
    assert.is(await result, 2);
    assert.is(map.get('x'), 1);
  },
);

objects('a transaction within another is a part of it', async () => {
  const { tango, map, same } = await twoMaps();
  tango.transactSync(() => {
    map.setSync('outer', 1);
    assert.throws(() =>
      tango.transactSync(() => {
        map.setSync('inner', 1);
        assert.is(map.get('inner'), 1);
        throw new Error('inner');
      }),
    );
    assert.is(map.has('inner'), false, 'what threw leaves nothing');
    assert.is(map.get('outer'), 1);
    tango.transactSync(() => map.setSync('joined', map.size));
    map.updateSync('outer', (value) => (value as number) + 1);
  });
  assert.equal(
    [...same],
    [
      ['outer', 2],
      ['joined', 1],
    ],
  );
});

objects('a body that fails to win tells so, and one that awaits is refused', async () => {
  const { tango, map, same } = await twoMaps();
  let runs = 0;
  const body = (): void => {
    map.get('x');
    same.setSync('x', runs++);
    map.setSync('y', 1);
  };
  assert.is(await codeOf(() => tango.transactSync(body, { retries: 3 })), 'ERR_CONFLICT');
  assert.is(runs, 4);
  assert.is(map.has('y'), false);
  assert.is(await codeOf(() => tango.transact(body, { retries: 0 })), 'ERR_CONFLICT');
  const awaits = async (): Promise<void> => map.setSync('y', 1);
  assert.is(await codeOf(() => tango.transact(awaits)), 'ERR_ASYNC_TRANSACTION');
  assert.is(await codeOf(() => tango.transactSync(awaits)), 'ERR_ASYNC_TRANSACTION');
  assert.is(map.has('y'), false);
  const signal = AbortSignal.abort();
  assert.is(await codeOf(() => tango.transact(() => 1, { signal })), 'ERR_ABORTED');
  for (const options of [{ retries: -1 }, { retry: 1 }, { stale: 1 }, { readOnly: 'yes' }]) {
    const code = await codeOf(() => tango.transact(() => 1, options as object));
    assert.is(code, 'ERR_INVALID_ARGUMENT', JSON.stringify(options));
  }
  assert.is(await codeOf(() => tango.transact(5 as never)), 'ERR_INVALID_ARGUMENT');
});

objects(
  'too many objects, or too much, is refused before anything is appended (case 56)',
  async () => {
    const tango = await openLog({ entryBytesMax: 4096 });
    const counters = await Promise.all(
      Array.from({ length: 33 }, (_, i) => tango.counter(`c${i}`)),
    );
    const map = await tango.map('m');
    const before = tango.log.tailSync();
    const addAll = (): void => {
      for (const one of counters) void one.add(1);
    };
    assert.is(await codeOf(() => tango.transactSync(addAll)), 'ERR_TOO_MANY_STREAMS');
    assert.is(await codeOf(() => map.set('k', 'x'.repeat(3_000_000))), 'ERR_ENTRY_TOO_LARGE');
    assert.is(await codeOf(() => map.set('k', () => {})), 'ERR_INVALID_ARGUMENT');
    assert.is(await codeOf(() => counters[0].add(1.5)), 'ERR_INVALID_ARGUMENT');
    assert.is(tango.log.tailSync(), before);
    assert.is(counters[0].value, 0);
    await Promise.all(counters.map((one) => one.add(1)));
    assert.is(tango.log.tailSync(), before + 2, '33 objects, at most 32 an entry');
  },
);

objects('a full log refuses changes, and what is there is read as before', async () => {
  // With compaction each refusal comes after seconds in which room might come: checkpoint.test.ts.
  const options = { logBytes: 64 * 1024, entryBytesMax: 1024, compaction: false } as const;
  const tango = await openLog(options);
  const map = await tango.map<number, string>('m');
  let set = 0;
  const fill = async (): Promise<void> => {
    for (; ; set++) await map.set(set, 'x'.repeat(500));
  };
  assert.is(await codeOf(fill), 'ERR_LOG_FULL');
  assert.ok(set > 10);
  assert.is(map.size, set);
  assert.is(await codeOf(() => map.setSync(set, 'x'.repeat(500))), 'ERR_LOG_FULL');
});

objects('entries of the application are none of an object', async () => {
  const { tango, map, same } = await twoMaps();
  map.setSync('x', 1);
  const [, entry] = [tango.log.readSync(0), tango.log.readSync(tango.log.tailSync() - 1)];
  assert.is(entry.kind, 'data');
  const streams = entry.kind === 'data' ? entry.streams : [];
  const payload = entry.kind === 'data' ? entry.payload : new Uint8Array();
  tango.log.appendSync(payload, { streams });
  tango.log.appendSync(Uint8Array.of(1, 2, 3), { streams });
  map.setSync('y', map.versionOf('x'));
  assert.equal([...same.keys()], ['x', 'y']);
  assert.is(same.versionOf('x'), entry.position);
});

objects('a hole below the tail is decided, and a trimmed history is told', async () => {
  const { tango, map, same } = await twoMaps({ holeFillMs: 20 });
  map.setSync('x', 1);
  assert.is(map.get('x'), 1);
  await tango.log.trimPrefix(tango.log.tailSync());
  assert.is(map.get('x'), 1, 'what a view has, it has');
  same.setSync('y', 1);
  assert.is(map.get('y'), 1);
  assert.is(await codeOf(() => tango.counter('late')), 'none', 'nothing of it was trimmed');
  const third = await attach(tango.handle);
  opened.push(third);
  assert.is(await codeOf(() => third.map('map')), 'ERR_TRIMMED');
});

class Ledger extends TangoObject<number | 'fail' | 'promise'> {
  #sum = 0;

  get sum(): number {
    return this.query(() => this.#sum);
  }

  add(n: number | 'fail' | 'promise'): Promise<number> {
    return this.update(n);
  }

  addSync(n: number): number {
    return this.updateSync(n);
  }

  protected apply(n: number | 'fail' | 'promise'): unknown {
    if (n === 'fail') throw new Error('apply has failed');
    if (n === 'promise') return Promise.resolve(1);
    // The object's own reads see the view as it is.
    this.#sum = this.sum + n;
    return this.#sum;
  }

  protected checkpoint(): unknown {
    return this.#sum;
  }

  protected restore(state: unknown): void {
    this.#sum = state as number;
  }
}

objects('an object of one’s own takes part in transactions', async () => {
  const { tango, other, map } = await twoMaps();
  const [one, two] = [await tango.object(Ledger, 'l'), await other.object(Ledger, 'l')];
  assert.is(await one.add(2), 2);
  const seen = tango.transactSync(() => {
    const sum = one.addSync(5);
    map.setSync('sum', sum);
    return [sum, one.sum, one.addSync(1)];
  });
  assert.equal(seen, [7, 7, 8]);
  assert.equal([two.sum, one.sum], [8, 8]);
  assert.throws(() =>
    tango.transactSync(() => {
      one.addSync(100);
      throw new Error('no');
    }),
  );
  assert.is(one.sum, 8);
});

for (const failure of ['fail', 'promise'] as const) {
  objects(
    `apply that fails is told with object and position, others go on: ${failure}`,
    async () => {
      const { tango, map } = await twoMaps();
      const ledger = await tango.object(Ledger, 'broken');
      await ledger.add(1);
      const at = tango.log.tailSync();
      assert.is(await codeOf(() => ledger.add(failure)), 'ERR_CORRUPT');
      try {
        assert.unreachable(String(ledger.sum));
      } catch (error) {
        const { code, object, position, cause } = TangoError.from(error);
        assert.equal([code, object, position], ['ERR_CORRUPT', 'broken', at]);
        assert.instance(cause, Error);
      }
      map.setSync('x', 1);
      assert.is(map.get('x'), 1);
    },
  );
}

objects('nothing is left under way, or usable, after close', async () => {
  const tango = await openLog({ link: 'mailbox' });
  const map = await tango.map<string, number>('m');
  const pending = map.set('x', 1);
  const closing = tango.close();
  const settled = await within(
    DEADLINE_MS,
    'the change ends',
    codeOf(() => pending),
  );
  assert.ok(['none', 'ERR_CLOSED'].includes(settled), settled);
  await closing;
  for (const call of [
    () => map.get('x'),
    () => map.set('x', 2),
    () => map.setSync('x', 2),
    () => tango.map('m'),
    () => tango.transact(() => 1),
    () => tango.transactSync(() => 1),
    () => tango.sync(),
  ]) {
    assert.is(await codeOf(call), 'ERR_CLOSED', String(call));
  }
});

for (const link of ['mailbox', 'direct'] as const) {
  objects(`closing waits for what was changed before it, large or not: ${link}`, async () => {
    const { tango, map } = await twoMaps({ link, entryBytesMax: 4096 });
    const changes = [map.set('small', 1), map.set('large', new Uint8Array(500_000))];
    const closed = tango.close();
    await within(DEADLINE_MS, 'the changes', Promise.all(changes));
    await within(DEADLINE_MS, 'the end', closed);
    assert.is(await codeOf(() => map.set('late', 1)), 'ERR_CLOSED');
  });
}

for (const link of ['mailbox', 'direct'] as const) {
  objects(
    `a thousand transactions of one thread on one key at once all commit: ${link}`,
    async () => {
      const { map, same } = await twoMaps({ link, logBytes: 16 * MIB });
      const add = (one: TangoMap<unknown, unknown>): Promise<unknown> =>
        one.update('n', (value) => ((value as number) ?? 0) + 1);
      await Promise.all(Array.from({ length: 1000 }, (_, i) => add(i % 10 === 0 ? same : map)));
      assert.is(map.get('n'), 1000);
    },
  );
}

objects('what a body changes by a promise, and that fails, fails the body', async () => {
  const { tango, map } = await twoMaps();
  const counter = await tango.counter('c');
  const failing: [string, () => unknown][] = [
    ['ERR_INVALID_ARGUMENT', () => map.set('bob', () => 30)],
    ['ERR_INVALID_ARGUMENT', () => counter.add(Number.NaN)],
    ['ERR_ASYNC_TRANSACTION', () => tango.transact(async () => {})],
    ['ERR_INVALID_ARGUMENT', () => tango.transact(() => map.set('bob', 1), { readOnly: true })],
  ];
  for (const [code, change] of failing) {
    const body = (): void => {
      map.setSync('alice', 70);
      void change();
    };
    assert.is(await codeOf(() => tango.transact(body)), code);
    assert.is(map.size, 0, 'nothing of it');
  }
});

objects('the sequencer dies in the middle of transactions: each has one effect', async () => {
  const { tango, map, same } = await twoMaps({ link: 'mailbox', actorThreads: 2 });
  const counter = await tango.counter('c');
  const add = (view: TangoMap<unknown, unknown>, by: Tango): Promise<void> =>
    by.transact(() => view.setSync('n', ((view.get('n') as number) ?? 0) + 1));
  const other = opened[1];
  const work = async (): Promise<void> => {
    for (let i = 0; i < 40; i++) {
      await Promise.all([add(map, tango), add(same, other), counter.add(1)]);
    }
  };
  const working = work();
  for (let i = 0; i < 3; i++) await tango.kill('sequencer').catch(() => {});
  await within(DEADLINE_MS, 'the transactions', working);
  assert.equal([map.get('n'), same.get('n'), counter.value], [80, 80, 40]);
});

objects.run();
