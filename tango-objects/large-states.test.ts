/** States of many elements are encoded and restored while the thread, and the objects, go on. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DetachedObject, detachedObject } from '../runtime/views/detached-binding.ts';
import {
  decodeSlice,
  encodeFrozen,
  joinedPieces,
  lowestOfState,
  RecordedHistory,
  StateReader,
} from '../runtime/views/object-state.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { RecordKind, type Update } from '../runtime/views/record.ts';
import { TangoObject } from '../runtime/views/tango-object.ts';
import { encodeValue } from '../runtime/views/value-codec.ts';
import { OpenedLogs } from './opened-logs.ts';
import type { Tango } from './tango.ts';

const ELEMENTS = 60_000;
const PER_CHANGE = 1000;
/** Turns of the event loop that others have at least, on the fastest of machines. */
const TURNS_MIN = 5;
/** Makes a queue or a list of numbers something that takes a while. */
const PADDING = Array.from({ length: 20 }, (_, i) => i);

const large = suite('large states');
const logs = new OpenedLogs({ link: 'direct', logBytes: 64 << 20, compaction: false });

large.after.each(() => logs.close());

interface Kind {
  /** Elements [from, to), some of them to be changed and deleted. */
  add(tango: Tango, from: number, to: number): Promise<unknown>;
  /** Once more and once more: what is made twice, or not at all, is seen. */
  change(tango: Tango, i: number): Promise<unknown>;
  elements(tango: Tango): Promise<unknown[]>;
}

const KINDS: Record<string, Kind> = {
  map: {
    add: async (tango, from, to) => {
      const map = await tango.map<string | number[], number>('map', { indexes: { mod } });
      for (let i = from; i < to; i++) void map.set(i % 3 === 0 ? [i] : `key ${i}`, i);
      await tango.sync();
    },
    change: async (tango, i) => {
      const map = await tango.map<string | number[], number>('map', { indexes: { mod } });
      if (i === 40) await map.clear();
      await Promise.all([
        map.delete([3 * i]),
        map.set([3 * i], -i),
        map.delete(`key ${3 * i + 1}`),
      ]);
      await map.update('sum', (n = 0) => n + i);
    },
    elements: async (tango) => {
      const map = await tango.map<string | number[], number>('map', { indexes: { mod } });
      return [...map, ...map.find('mod', 5)];
    },
  },
  set: {
    add: async (tango, from, to) => {
      const set = await tango.set<number>('set');
      for (let i = from; i < to; i++) void set.add(i);
      await tango.sync();
    },
    change: async (tango, i) => {
      const set = await tango.set<number>('set');
      await Promise.all([set.delete(i), set.add(i), set.delete(2 * i), set.add(-i)]);
    },
    elements: async (tango) => [...(await tango.set('set'))],
  },
  sortedMap: {
    add: async (tango, from, to) => {
      const map = await tango.sortedMap<number, string>('sorted');
      for (let i = from; i < to; i++) void map.set((i * 7919) % ELEMENTS, `value ${i}`);
      await tango.sync();
    },
    change: async (tango, i) => {
      const map = await tango.sortedMap<number, string>('sorted');
      await Promise.all([map.delete(100 * i), map.set(i + 0.5, 'new'), map.set(i, 'changed')]);
    },
    elements: async (tango) => [...(await tango.sortedMap('sorted'))],
  },
  list: {
    add: async (tango, from, to) => {
      const list = await tango.list<unknown>('list');
      for (let i = from; i < to; i++) void list.append([i, PADDING]);
      await tango.sync();
    },
    change: async (tango, i) => {
      const list = await tango.list<unknown>('list');
      await Promise.all([
        list.insert(10 * i, -i),
        list.delete(3 * i),
        list.append(i),
        list.set(i, i),
      ]);
    },
    elements: async (tango) => [...(await tango.list('list'))],
  },
  queue: {
    add: async (tango, from, to) => {
      const queue = await tango.queue<unknown>('queue');
      for (let i = from; i < to; i++) void queue.push([i, PADDING]);
      await tango.sync();
    },
    change: async (tango, i) => {
      const queue = await tango.queue<unknown>('queue');
      await Promise.all([queue.shift(), queue.push(-i), queue.shift()]);
    },
    elements: async (tango) => [...(await tango.queue('queue'))],
  },
  logMap: {
    add: async (tango, from, to) => {
      const map = await tango.map<number, number>('log map', { values: 'log' });
      for (let i = from; i < to; i++) void map.set(i, i);
      await tango.sync();
    },
    change: async (tango, i) => {
      const map = await tango.map<number, number>('log map', { values: 'log' });
      await Promise.all([map.delete(3 * i), map.set(5 * i, -i), map.set(-i, i)]);
    },
    elements: async (tango) => {
      const map = await tango.map<number, number>('log map', { values: 'log' });
      const keys = [...map.keys()];
      return [keys, keys.filter((_, i) => i % 50 === 0).map((key) => map.get(key))];
    },
  },
  namespace: {
    add: async (tango, from, to) => {
      const namespace = await tango.namespace<number>('namespace');
      if (from === 0) await namespace.create('/many');
      for (let i = from; i < to; i++) void namespace.create(`/many/${i}`, i);
      await tango.sync();
    },
    change: async (tango, i) => {
      const namespace = await tango.namespace<number>('namespace');
      if (namespace.exists(`/many/${2 * i}`)) await namespace.delete(`/many/${2 * i}`);
      const isMade = namespace.multi([
        { create: `/many/${2 * i}`, data: -i },
        { set: `/many/${2 * i + 1}`, data: -i },
        { delete: i % 2 === 0 ? '/many' : `/many/${2 * i + 1}` },
      ]);
      await isMade.catch(() => namespace.create(`/many/after-`, i, { sequential: true }));
    },
    elements: async (tango) => {
      const namespace = await tango.namespace<number>('namespace');
      const children = namespace.children('/many');
      return [children, children.map((name) => namespace.get(`/many/${name}`))];
    },
  },
  ledgers: {
    add: async (tango, from, to) => {
      const ledgers = await tango.ledgers('ledgers');
      const ledger = from === 0 ? await ledgers.create() : from / PER_CHANGE - 1;
      void ledgers.create();
      for (let i = from; i < to; i++) void ledgers.append(ledger, Uint8Array.of(i, i >> 8));
      await tango.sync();
    },
    change: async (tango, i) => {
      const ledgers = await tango.ledgers('ledgers');
      const own = await ledgers.create();
      const other = ledgers.list()[i % 40];
      await Promise.all([
        ledgers.append(own, Uint8Array.of(i)),
        i % 3 === 0 ? ledgers.seal(own) : ledgers.append(own, Uint8Array.of(i, i)),
        i % 7 === 0 ? ledgers.delete(other) : ledgers.seal(other),
      ]);
    },
    elements: async (tango) => {
      const ledgers = await tango.ledgers('ledgers');
      return ledgers.list().map((one) => {
        const last = ledgers.last(one);
        return [one, last, ledgers.isSealed(one), ledgers.read(one, Math.max(0, last - 20))];
      });
    },
  },
};

function mod(value: unknown): number {
  return (value as number) % 1000;
}

async function fill(kind: Kind, tango: Tango): Promise<void> {
  for (let from = 0; from < ELEMENTS; from += PER_CHANGE) {
    await kind.add(tango, from, from + PER_CHANGE);
  }
}

/** How many turns of the event loop there were until `done`. */
async function turnsUntil(done: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const end = (): void => {
    isDone = true;
  };
  done.then(end, end);
  for (; !isDone; turns++) await new Promise((resolve) => setImmediate(resolve));
  await done;
  return turns;
}

for (const [name, kind] of Object.entries(KINDS)) {
  large(
    `${name}: a checkpoint of one position, whatever is changed while it is written`,
    async () => {
      const tango = await logs.open();
      await fill(kind, tango);
      let isWritten = false;
      const written = tango.checkpoint().finally(() => {
        isWritten = true;
      });
      let changes = 0;
      const changed = (async () => {
        while (!isWritten || changes < 60) {
          await kind.change(tango, changes++);
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      const turnsWritten = await turnsUntil(written);
      await changed;
      assert.ok(turnsWritten >= TURNS_MIN, `the loop turns meanwhile: ${turnsWritten}`);
      const expected = await kind.elements(tango);
      const late = await logs.attach(tango);
      const opened = kind.elements(late);
      const turnsOpened = await turnsUntil(opened);
      assert.ok(turnsOpened >= TURNS_MIN, `and while it is restored: ${turnsOpened}`);
      assert.equal(await opened, expected);
      // The view of the thread that has written it is whole, and so is the next one.
      await kind.change(tango, 7);
      await tango.checkpoint();
      const later = await logs.attach(tango);
      assert.equal(await kind.elements(later), await kind.elements(tango));
      await tango.forget(await tango.checkpoint());
      await kind.change(late, 8);
      assert.equal(await kind.elements(late), await kind.elements(tango));
    },
  );
}

large('a view is brought up to date in turns as well, and waits for nobody who reads', async () => {
  const tango = await logs.open();
  await fill(KINDS.map, tango);
  const late = await logs.attach(tango);
  const opened = KINDS.map.elements(late);
  const turns = await turnsUntil(opened);
  assert.ok(turns >= TURNS_MIN, `the loop turns meanwhile: ${turns}`);
  assert.equal(await opened, await KINDS.map.elements(tango));
  const map = await tango.map<string, number>('map', { indexes: { mod } });
  const same = await late.map<string, number>('map', { indexes: { mod } });
  const setMany = async (): Promise<void> => {
    for (let i = 0; i < ELEMENTS; i++) void map.set('last', i);
    await tango.sync();
  };
  await setMany();
  // Few entries, and long ones.
  const turnsToTail = await turnsUntil(late.sync());
  assert.ok(turnsToTail >= TURNS_MIN, `nor does it stand still for those: ${turnsToTail}`);
  await setMany();
  const synced = late.sync();
  await new Promise((resolve) => setImmediate(resolve));
  // In the midst of that, and not of an entry.
  map.setSync('last', -1);
  assert.is(same.get('last'), -1);
  await synced;
});

/** Its checkpoint() tells what it goes on with. */
class Journal extends TangoObject<string> {
  #lines: string[] = [];

  get lines(): readonly string[] {
    return this.query(() => [...this.#lines]);
  }

  add(line: string): Promise<void> {
    return this.update(line);
  }

  protected apply(line: string): void {
    this.#lines.push(line);
  }

  /** How many lines each time that all of it was told. */
  readonly told: number[] = [];

  protected checkpoint(): unknown {
    this.told.push(this.#lines.length);
    return this.#lines;
  }

  protected restore(state: unknown): void {
    this.#lines = state as string[];
  }
}

large('an object that tells its own lines, and objects that are created meanwhile', async () => {
  const tango = await logs.open();
  await fill(KINDS.map, tango);
  const journal = await tango.object(Journal, 'j');
  const other = await logs.attach(tango);
  const same = await other.object(Journal, 'j');
  let isWritten = false;
  const written = tango.checkpoint().finally(() => {
    isWritten = true;
  });
  for (let i = 0; !isWritten; i++) {
    await journal.add(`line ${i}`);
    if (i % 4 === 0) await tango.counter(`counter ${i}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await written;
  await tango.sync();
  const late = await logs.attach(tango);
  assert.equal((await late.object(Journal, 'j')).lines, journal.lines);
  assert.equal(same.lines, journal.lines, 'nor is it taken for another state');
});

large('what a view was restored to is not told again before its next change', async () => {
  const tango = await logs.open();
  const journal = await tango.object(Journal, 'j');
  await journal.add('one');
  await tango.checkpoint();
  const late = await (await logs.attach(tango)).object(Journal, 'j');
  assert.equal(late.lines, ['one']);
  await late.add('two');
  await journal.add('three');
  assert.equal(late.lines, ['one', 'two', 'three']);
  assert.ok(
    late.told.every((lines) => lines === 0),
    `lines: ${late.told}`,
  );
});

large('a view that was restored goes back to its beginning where a history begins there', () => {
  const changes = [5, 7, 9].map((by): [Update, ApplyContext] => {
    const bytes = encodeValue(by, 'a change');
    const operation = { bytes, start: 0, end: bytes.length, operation: undefined };
    const update = { kind: RecordKind.UPDATE, object: 5, keys: [], ...operation } as const;
    return [update, { position: by, index: 0, update: 0, from: by }];
  });
  const sum = (): DetachedObject<Sum> => detachedObject(Sum, 5, 'sum');
  const known = sum();
  for (const [update, at] of changes.slice(0, 2)) known.player.apply(update, at);
  // Of a thread that did not know the class, nor the checkpoint of who did.
  const unknown = new RecordedHistory();
  for (const [update, at] of changes) unknown.apply(update, at);
  const { object, player } = sum();
  player.restore(known.player.state());
  assert.is(object.sum, 12);
  player.restore(unknown.state());
  assert.is(object.sum, 21);
  const late = sum();
  late.player.restore(unknown.state());
  assert.is(late.object.sum, 21);
});

class Sum extends TangoObject<number> {
  #sum = 0;

  get sum(): number {
    return this.query(() => this.#sum);
  }

  protected apply(by: number): void {
    this.#sum += by;
  }

  protected checkpoint(): unknown {
    return this.#sum;
  }

  protected restore(state: unknown): void {
    this.#sum = state as number;
  }
}

large('slices are what they were, in however many pieces they come', () => {
  const slices = [1, 'two', [], new Uint8Array(1000).fill(4), null, 'x'.repeat(300)];
  const many = Array.from({ length: 3000 }, (_, i) => ({ from: 3077 - i }));
  for (const [references, lowest] of [
    [[], Number.POSITIVE_INFINITY],
    [many, 78],
  ] as const) {
    const state = joinedPieces(encodeFrozen({ slices, references }, 'a state'));
    assert.is(lowestOfState(state), lowest);
    for (const bytes of [1, 2, 3, 7, 64, 1000, state.length]) {
      assert.equal(readInPieces(state, bytes), slices, `${bytes} bytes each`);
    }
    assert.throws(() => readInPieces(state.subarray(0, -1), 7), /not intact/);
  }
  // Each of so many pieces is not copied with all that came before.
  const whole = [new Uint8Array(2 << 20).fill(1)];
  assert.equal(readInPieces(joinedPieces(encodeFrozen({ slices: whole }, 'a state')), 16), whole);
});

function readInPieces(state: Uint8Array, bytes: number): unknown[] {
  const reader = new StateReader();
  const found: unknown[] = [];
  for (let at = 0; at < state.length; at += bytes) {
    for (const slice of reader.read(state.subarray(at, at + bytes))) found.push(decodeSlice(slice));
  }
  reader.checkEnd();
  return found;
}

large.run();
