/**
 * Views that keep places in the log (PROTOCOL 2.8, case 53), case by case: a value is read after whatever
 * came between, and no trim passes a place that some view keeps. CASE= runs those with it in their name.
 *
 *   keeper: reads a value ──▶ appends it again ──▶ mark ──▶ states ──▶ record ──▶ trim
 *   between any two of them: a change, a deletion, another keeper, a view that lags, a death
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FIRST_OBJECT_ID } from '../runtime/views/checkpoint-index.ts';
import type { ApplyContext } from '../runtime/views/playback.ts';
import { RELOCATION_KEYS, type Update } from '../runtime/views/record.ts';
import { TangoObject } from '../runtime/views/tango-object.ts';
import { chosen } from './chosen-cases.ts';
import { RELOCATE } from './map-operation.ts';
import { codeOf, OpenedLogs } from './opened-logs.ts';
import { attachScripted, type ScriptedTango, updateOf } from './scripted-tango.ts';
import type { Tango } from './tango.ts';
import type { TangoLogMap } from './tango-log-map.ts';

const rules = chosen(suite('reference rules'));
const logs = new OpenedLogs({ logBytes: 2 ** 20, compaction: false, link: 'direct' });
const M = FIRST_OBJECT_ID;
const SET = 0;
const DELETE = 3;

rules.after.each(() => logs.close());

type TextMap = TangoLogMap<string, string>;

interface World {
  readonly tango: Tango;
  /** Of a client that plays all of it at once. */
  readonly map: TextMap;
  /** Takes the checkpoints, and hosts nothing. */
  readonly keeper: ScriptedTango;
  readonly writer: ScriptedTango;
}

async function world(): Promise<World> {
  const tango = await logs.open();
  const map = await tango.map<string, string>('m', { values: 'log' });
  const [keeper, writer] = [await attachScripted(tango.handle), await attachScripted(tango.handle)];
  logs.add(keeper);
  logs.add(writer);
  return { tango, map, keeper, writer };
}

function setOf(key: string, value: string): Update {
  return updateOf(M, [SET, key, value], key);
}

/** As whoever compacts appends it, for a value that is alone in its entry. */
function relocationOf(key: string, value: string, position: number): Update {
  return { ...updateOf(M, [RELOCATE, key, value, position, 0, 0]), keys: RELOCATION_KEYS };
}

function isTrimmed(tango: Tango, position: number): boolean {
  return tango.log.readSync(position).kind === 'trimmed';
}

/** Everybody finds these values: who has played all of it, who begins now, who never hosted the map. */
async function agreeOn(expected: Record<string, string>, { tango, map }: World): Promise<void> {
  const late = await (await logs.attach(tango)).map<string, string>('m', { values: 'log' });
  const past = await (await tango.at(tango.log.tailSync())).map('m', { values: 'log' });
  for (const one of [map, late, past]) assert.equal(Object.fromEntries(one), expected);
  for (const key of Object.keys(expected)) assert.is(late.versionOf(key), map.versionOf(key));
}

rules('what one turn and one transaction have set is read by its place (case 53)', async () => {
  const all = await world();
  const { tango, map, keeper } = all;
  const other = await tango.map<string, string>('other', { values: 'log' });
  const counter = await tango.counter('c');
  await Promise.all([
    counter.add(1),
    map.set('a', 'A'),
    tango.transact(() => {
      map.setSync('b', 'lost');
      counter.addSync(1);
      other.setSync('b', 'not here');
      map.setSync('b', 'B');
      map.setSync('c', 'C');
    }),
    map.set('d', 'D'),
    map.setIfAbsent('e', 'E'),
    map.setIfAbsent('a', 'not absent'),
  ]);
  await tango.transact(() => {
    if (counter.value === 2) map.setSync('f', 'F');
  });
  const expected = { a: 'A', b: 'B', c: 'C', d: 'D', e: 'E', f: 'F' };
  await agreeOn(expected, all);
  const tail = tango.log.tailSync();
  await keeper.forget(await keeper.checkpoint());
  assert.ok(isTrimmed(tango, tail - 1));
  await agreeOn(expected, all);
  assert.equal([...other], [['b', 'not here']]);
});

rules('a value in parts is read, and its parts are kept with it', async () => {
  const all = await world();
  const { tango, map, keeper, writer } = all;
  const large = 'x'.repeat(20_000);
  const set = setOf('large', large);
  const parts = writer.writeParts(set);
  keeper.aroundMark({ before: () => writer.writeNaming(set, parts) });
  await keeper.forget(await keeper.checkpoint());
  // It came when all was moved, and its parts are far below.
  assert.not(isTrimmed(tango, parts[0]));
  assert.is(map.get('large'), large);
  await agreeOn({ large }, all);
  await keeper.forget(await keeper.checkpoint());
  assert.ok(isTrimmed(tango, parts[0]));
  await agreeOn({ large }, all);
});

rules('a value that is set while it is moved is the one that was set', async () => {
  const all = await world();
  const { tango, map, keeper, writer } = all;
  map.setSync('a', 'old');
  map.setSync('b', 'b');
  let at = 0;
  keeper.aroundAppend(M, {
    before: () => {
      at = writer.write(setOf('a', 'new'));
    },
  });
  await keeper.forget(await keeper.checkpoint());
  assert.is(map.versionOf('a'), at);
  // Nobody has moved it.
  assert.not(isTrimmed(tango, at));
  assert.ok(isTrimmed(tango, at - 1));
  await agreeOn({ a: 'new', b: 'b' }, all);
  await keeper.forget(await keeper.checkpoint());
  assert.ok(isTrimmed(tango, at));
  await agreeOn({ a: 'new', b: 'b' }, all);
  assert.is(map.versionOf('a'), at, 'a move is no change');
});

rules('a value that is deleted while it is moved stays deleted', async () => {
  const all = await world();
  const { map, keeper, writer } = all;
  map.setSync('a', 'A');
  map.setSync('b', 'B');
  keeper.aroundAppend(M, { before: () => writer.write(updateOf(M, [DELETE, 'a'], 'a')) });
  await keeper.forget(await keeper.checkpoint());
  await agreeOn({ b: 'B' }, all);
});

rules('a value that is set anew after its deletion is not the one that is moved', async () => {
  const all = await world();
  const { map, keeper, writer } = all;
  map.setSync('a', 'old');
  keeper.aroundAppend(M, {
    before: () => writer.write(updateOf(M, [DELETE, 'a'], 'a'), setOf('a', 'new')),
  });
  await keeper.forget(await keeper.checkpoint());
  await agreeOn({ a: 'new' }, all);
});

rules('of two that move a value the first one has moved it', async () => {
  const all = await world();
  const { tango, map, keeper, writer } = all;
  const at = writer.write(setOf('a', 'A'));
  let first = 0;
  keeper.aroundAppend(M, {
    before: () => {
      first = writer.write(relocationOf('a', 'A', at));
    },
  });
  await keeper.forget(await keeper.checkpoint());
  assert.ok(isTrimmed(tango, at));
  assert.not(isTrimmed(tango, first), 'the second one has changed nothing');
  assert.is(map.versionOf('a'), at);
  await agreeOn({ a: 'A' }, all);
});

rules('who moves values and dies before the mark has changed nothing', async () => {
  const all = await world();
  const { tango, map, keeper, writer } = all;
  const at = writer.write(setOf('a', 'A'));
  writer.write(relocationOf('a', 'A', at));
  await keeper.forget(tango.log.tailSync());
  assert.not(isTrimmed(tango, at));
  await agreeOn({ a: 'A' }, all);
  map.setSync('a', 'B');
  await agreeOn({ a: 'B' }, all);
});

rules('a value that is moved in parts, some below a limit, stays where it is', async () => {
  const all = await world();
  const { tango, keeper, writer } = all;
  let at = 0;
  let parts: readonly number[] = [];
  keeper.aroundMark({
    before: () => {
      at = writer.write(setOf('a', 'A'));
      parts = writer.writeParts(relocationOf('a', 'A', at));
    },
  });
  const covered = await keeper.checkpoint();
  assert.ok(parts[0] < covered);
  writer.writeNaming(relocationOf('a', 'A', at), parts);
  await keeper.forget(tango.log.tailSync());
  assert.not(isTrimmed(tango, at));
  await agreeOn({ a: 'A' }, all);
});

rules('what is set between the move and the mark is not trimmed, not even by hand', async () => {
  const all = await world();
  const { tango, map, keeper, writer } = all;
  map.setSync('a', 'A');
  const before = tango.log.tailSync();
  let at = 0;
  keeper.aroundMark({
    before: () => {
      at = writer.write(setOf('b', 'B'));
      writer.write(updateOf(M, [DELETE, 'a'], 'a'));
    },
  });
  const covered = await keeper.checkpoint();
  assert.ok(before < at && at < covered - 2);
  await keeper.forget(covered);
  assert.ok(isTrimmed(tango, at - 1));
  assert.not(isTrimmed(tango, at));
  await agreeOn({ b: 'B' }, all);
});

rules('a view that lags finds what was moved and trimmed meanwhile', async () => {
  const { tango, map, keeper } = await world();
  const other = await logs.attach(tango);
  const lagging = await other.map<string, string>('m', { values: 'log' });
  for (const key of ['a', 'b', 'c']) map.setSync(key, key);
  const entries = lagging.entries();
  assert.equal(entries.next().value, ['a', 'a']);
  const before = tango.log.tailSync();
  map.setSync('c', 'new');
  await keeper.forget(await keeper.checkpoint());
  assert.ok(isTrimmed(tango, before));
  // As it was when the iteration began; what is no more is not made up.
  assert.equal(entries.next().value, ['b', 'b']);
  assert.is(await codeOf(() => entries.next()), 'ERR_TRIMMED');
  assert.equal(Object.fromEntries(lagging), { a: 'a', b: 'b', c: 'new' });
});

for (const run of ['transact', 'transactSync'] as const) {
  rules(`a body whose snapshot has lost a value begins again, ${run}`, async () => {
    const { tango, map, keeper, writer } = await world();
    const at = writer.write(setOf('a', 'A'));
    map.setSync('b', 'B');
    assert.is(map.get('b'), 'B');
    let runs = 0;
    const found = await tango[run](
      () => {
        const b = map.get('b');
        if (++runs === 1) {
          // What others have moved the view cannot know: it stands still.
          keeper.write(relocationOf('a', 'A', at));
          keeper.trim(at + 1);
        }
        try {
          return [b, map.get('a')];
        } catch {
          return 'what it makes of that does not matter';
        }
      },
      { stale: true },
    );
    assert.equal([runs, found], [2, ['B', 'A']], run);
  });
}

rules('a body that has lost a value holds what it may read, the second time', async () => {
  const { tango, map, keeper, writer } = await world();
  const at = writer.write(setOf('a', 'A'));
  const second = writer.write(setOf('b', 'B'));
  let runs = 0;
  const held: number[] = [];
  const found = tango.transactSync(() => {
    held.push(keeper.lowestHold);
    if (++runs === 1) {
      keeper.write(relocationOf('a', 'A', at));
      keeper.trim(at + 1);
    }
    return map.get('a');
  });
  assert.equal([runs, found], [2, 'A']);
  assert.ok(held[0] > second);
  assert.is(held[1], second, 'the lowest place of all');
  assert.is(keeper.lowestHold, Number.POSITIVE_INFINITY);
});

rules('a trim by hand of what a view needs is told, and nothing else is lost', async () => {
  const { map, keeper, writer } = await world();
  const at = writer.write(setOf('a', 'A'));
  writer.write(setOf('b', 'B'));
  assert.is(map.get('b'), 'B');
  keeper.trim(at + 1);
  assert.is(await codeOf(() => map.get('a')), 'ERR_TRIMMED');
  assert.is(await codeOf(() => map.find('none', 1)), 'ERR_INVALID_ARGUMENT');
  assert.equal([map.has('a'), map.get('b')], [true, 'B']);
  map.setSync('a', 'new');
  assert.is(map.get('a'), 'new');
});

rules('a move conflicts with nothing, and no feed tells it', async () => {
  const { tango, map, writer } = await world();
  const at = writer.write(setOf('a', 'A'));
  let runs = 0;
  const before = tango.log.tailSync();
  await tango.transact(() => {
    runs++;
    const size = map.size;
    const a = map.get('a');
    writer.write(relocationOf('a', 'A', at));
    map.setSync('b', `${size}${a}`);
  });
  assert.equal([runs, map.get('b')], [1, '1A']);
  const told: unknown[] = [];
  for await (const { updates } of tango.changes({ from: before, to: tango.log.tailSync() })) {
    told.push(...updates.map(({ operation }) => operation));
  }
  assert.equal(told, [{ set: 'b', value: '1A' }]);
});

rules('history reads what is there still, and says what is not', async () => {
  const { tango, map, keeper } = await world();
  map.setSync('a', 'old');
  const before = tango.log.tailSync();
  map.setSync('a', 'new');
  const past = await (await tango.at(before)).map<string, string>('m', { values: 'log' });
  const early = await (await tango.at(before)).map<string, string>('m', { values: 'log' });
  assert.is(past.get('a'), 'old');
  assert.is(past.get('b'), undefined);
  const covered = await keeper.checkpoint();
  await keeper.forget(covered);
  assert.is(map.get('a'), 'new');
  assert.is(await codeOf(() => early.get('a')), 'ERR_TRIMMED');
  assert.is(
    tango.transactSync(() => map.get('a')),
    'new',
  );
  assert.is(await codeOf(() => tango.transactSync(() => early.get('a'))), 'ERR_TRIMMED');
  const later = await (await tango.at(covered)).map<string, string>('m', { values: 'log' });
  assert.is(later.get('a'), 'new');
});

/** Of an application: the lines of a text, kept as places. */
class Lines extends TangoObject<readonly [line: string, was?: number]> {
  #places: ApplyContext[] = [];

  get text(): string {
    return this.#lines().join(' ');
  }

  add(line: string): Promise<void> {
    return this.update([line]);
  }

  #lines(): string[] {
    const count = this.query(() => this.#places.length);
    return Array.from(
      { length: count },
      (_, i) => this.operationAt(() => this.#places[i])?.[0] ?? '',
    );
  }

  protected apply([, was]: readonly [string, number?], at: ApplyContext): void {
    if (was === undefined) this.#places.push(at);
    else this.#places = this.#places.map((one) => (one.position === was ? at : one));
  }

  protected override references(): Iterable<ApplyContext> {
    return this.#places;
  }

  protected override relocation([line]: readonly [string, number?], at: ApplyContext) {
    return [line, at.position] as const;
  }

  protected checkpoint(): unknown {
    return this.#places;
  }

  protected restore(state: unknown): void {
    this.#places = state as ApplyContext[];
  }
}

rules('who does not know the class trims nothing that it may refer to', async () => {
  const { tango, keeper } = await world();
  const lines = await tango.object(Lines, 'l');
  const before = tango.log.tailSync();
  await lines.add('a');
  await keeper.forget(await keeper.checkpoint());
  assert.not(isTrimmed(tango, before));
  assert.ok(isTrimmed(tango, before - 1));
  await lines.add('b');
  // The state before, and what came since.
  await keeper.forget(await keeper.checkpoint());
  assert.not(isTrimmed(tango, before));
  const late = await (await logs.attach(tango)).object(Lines, 'l');
  assert.equal([lines.text, late.text], ['a b', 'a b']);
  // Who knows it moves the lines along, and tells the others where they are.
  const covered = await tango.checkpoint();
  await tango.forget(covered);
  assert.ok(isTrimmed(tango, before + 1));
  await keeper.forget(await keeper.checkpoint());
  const later = await (await logs.attach(tango)).object(Lines, 'l');
  assert.equal([lines.text, late.text, later.text], ['a b', 'a b', 'a b']);
});

rules.run();
