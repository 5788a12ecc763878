import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GrowingMap } from './growing-map.ts';
import { LayeredMap } from './layered-map.ts';
import { MapCell } from './map-cell.ts';

const layered = suite('layered map');

type Step = readonly ['set' | 'delete' | 'clear', number];

const steps = fc.array(
  fc.tuple(fc.constantFrom('set', 'set', 'delete', 'clear'), fc.nat(6)) as fc.Arbitrary<Step>,
);

layered(
  'is as a Map in which the same was done, order included, and leaves the other alone',
  () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(6)), steps, (keys, done) => {
        const below = new GrowingMap<number, number | undefined>();
        for (const key of keys) below.set(key, -1, 1);
        const before = [...below.versioned()];
        const plain = new Map<number, number | undefined>(below);
        const versions = new Map(before.map(([key, , version]) => [key, version]));
        const map = new LayeredMap<number, number | undefined>(below);
        for (const [i, [what, key]] of done.entries()) {
          // A value may be undefined.
          const value = i % 3 === 0 ? undefined : i;
          if (what === 'set') {
            assert.is(map.set(key, value, i), map);
            plain.set(key, value);
            versions.set(key, i);
          } else if (what === 'delete') assert.is(map.delete(key), plain.delete(key));
          else if (i % 4 === 0) {
            map.clear();
            plain.clear();
          }
          for (let one = 0; one < 7; one++) {
            assert.is(map.has(one), plain.has(one));
            assert.is(map.get(one), plain.get(one));
            assert.is(map.version(one), plain.has(one) ? versions.get(one) : undefined);
          }
          assert.is(map.size, plain.size);
          assert.equal([...map], [...plain]);
        }
        assert.equal([...below.versioned()], before);
        const all = [...plain].map(([key, value]) => [key, value, versions.get(key)]);
        assert.equal([...map.versioned()], all);
        for (const _step of map.settle());
        assert.equal([...below.versioned()], all);
      }),
      { numRuns: 500 },
    );
  },
);

const many = fc.array(
  fc.tuple(fc.constantFrom('set', 'set', 'set', 'delete', 'clear', 'settle'), fc.nat(9)),
);

layered('moves what was changed down step by step, and is the same meanwhile', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(9)), many, (keys, done) => {
      const cell = new MapCell<number, number>();
      for (const key of keys) cell.map.set(key, -1);
      const plain = new Map(cell.map);
      const before = [...plain];
      const { map: frozen, thaw } = cell.freeze();
      let steps: Iterator<void> | undefined;
      for (const [i, [what, key]] of done.entries()) {
        if (what === 'set') {
          cell.map.set(key, i);
          plain.set(key, i);
        } else if (what === 'delete') assert.is(cell.map.delete(key), plain.delete(key));
        else if (what === 'settle') {
          assert.equal([...frozen], steps === undefined ? before : [...frozen]);
          steps ??= thaw()[Symbol.iterator]();
          steps.next();
        } else if (i % 5 === 0) {
          cell.map.clear();
          plain.clear();
        }
        assert.equal([...cell.map], [...plain]);
        assert.is(cell.map.size, plain.size);
      }
      steps ??= thaw()[Symbol.iterator]();
      while (!steps.next().done) assert.equal([...cell.map], [...plain]);
      assert.instance(cell.map, GrowingMap);
      assert.equal([...cell.map], [...plain]);
    }),
    { numRuns: 1000 },
  );
});

layered('moves many, with changes in between', () => {
  const cell = new MapCell<number, number>();
  for (let key = 0; key < 10_000; key++) cell.map.set(key, 0);
  const { thaw } = cell.freeze();
  const plain = new Map(cell.map);
  const change = (from: number, to: number, value: number): void => {
    for (let key = from; key < to; key++) {
      if (key % 3 === 0) {
        cell.map.delete(key);
        plain.delete(key);
      }
      if (key % 2 === 0) {
        cell.map.set(key, value);
        plain.set(key, value);
      }
    }
  };
  change(0, 12_000, 1);
  let steps = 0;
  for (const _step of thaw()) {
    if (++steps < 5) change(5000 * steps, 5000 * steps + 3000, steps);
  }
  assert.ok(steps > 5, `${steps} steps`);
  assert.instance(cell.map, GrowingMap);
  assert.equal([...cell.map], [...plain]);
});

layered('thaws in the opposite order of freezing, and a trial over it ends before', () => {
  const cell = new MapCell<string, number>();
  cell.map.set('a', 1);
  const first = cell.freeze();
  cell.map.set('b', 2);
  const second = cell.freeze();
  cell.map.set('c', 3);
  assert.equal([...first.map], [['a', 1]]);
  assert.equal(
    [...second.map],
    [
      ['a', 1],
      ['b', 2],
    ],
  );
  const trial = cell.tryOut();
  cell.map.clear();
  trial.undo();
  for (const _step of second.thaw());
  for (const _step of first.thaw());
  assert.instance(cell.map, GrowingMap);
  assert.equal(Object.fromEntries(cell.map), { a: 1, b: 2, c: 3 });
});

layered('leaves no layer behind when it is thawed while a trial is on', () => {
  const cell = new MapCell<string, number>();
  cell.map.set('a', 1);
  const { thaw } = cell.freeze();
  cell.map.set('b', 2);
  const trial = cell.tryOut();
  cell.map.set('b', 3);
  for (const _step of thaw()) assert.is(cell.map.get('b'), 3);
  trial.undo();
  assert.instance(cell.map, GrowingMap);
  assert.equal(Object.fromEntries(cell.map), { a: 1, b: 2 });
  const later = cell.tryOut();
  cell.map.clear();
  later.undo();
  assert.equal(Object.fromEntries(cell.map), { a: 1, b: 2 });
});

layered('keeps what was tried out, in order', () => {
  const cell = new MapCell<string, number>();
  for (const [i, key] of ['a', 'b', 'c'].entries()) cell.map.set(key, i);
  const outer = cell.tryOut();
  cell.map.delete('a');
  const inner = cell.tryOut();
  cell.map.delete('b');
  cell.map.set('a', 7);
  inner.keep();
  assert.equal(
    [...cell.map],
    [
      ['c', 2],
      ['a', 7],
    ],
  );
  const lost = cell.tryOut();
  cell.map.clear();
  lost.undo();
  assert.equal(
    [...cell.map],
    [
      ['c', 2],
      ['a', 7],
    ],
  );
  outer.undo();
  assert.equal(
    [...cell.map],
    [
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ],
  );
  const kept = cell.tryOut();
  cell.map.clear();
  cell.map.set('d', 3);
  kept.keep();
  assert.instance(cell.map, GrowingMap);
  assert.equal([...cell.map], [['d', 3]]);
});

const tried = fc.array(
  fc.tuple(
    fc.constantFrom('set', 'set', 'delete', 'clear', 'try', 'undo', 'keep', 'freeze', 'thaw'),
    fc.nat(5),
  ),
  { maxLength: 40 },
);

layered('trials and freezes in each other, each thawed whenever', () => {
  fc.assert(
    fc.property(tried, (done) => {
      const cell = new MapCell<number, number>();
      let plain = new Map<number, number>();
      const trials: [ReturnType<typeof cell.tryOut>, Map<number, number>][] = [];
      const frozen: [ReturnType<typeof cell.freeze>, [number, number][]][] = [];
      for (const [i, [what, key]] of done.entries()) {
        if (what === 'set') {
          cell.map.set(key, i);
          plain.set(key, i);
        } else if (what === 'delete') assert.is(cell.map.delete(key), plain.delete(key));
        else if (what === 'clear' && key === 0) for (const one of [cell.map, plain]) one.clear();
        else if (what === 'try') trials.push([cell.tryOut(), new Map(plain)]);
        else if (what === 'undo' || what === 'keep') {
          const [trial, before] = trials.pop() ?? [];
          trial?.[what]();
          if (what === 'undo' && before !== undefined) plain = before;
          // What is on trial is frozen by nobody.
        } else if (what === 'freeze' && trials.length === 0) {
          frozen.push([cell.freeze(), [...plain]]);
        } else if (what === 'thaw') {
          const [last, entries] = frozen.pop() ?? [];
          if (last !== undefined) assert.equal([...last.map], entries);
          for (const _step of last?.thaw() ?? []);
        }
        assert.equal([...cell.map], [...plain]);
      }
      for (const [trial, before] of trials.reverse()) {
        trial.undo();
        plain = before;
      }
      for (const [last] of frozen.reverse()) for (const _step of last.thaw());
      assert.equal([...cell.map], [...plain]);
      assert.instance(cell.map, GrowingMap);
    }),
    { numRuns: 1000 },
  );
});

layered.run();
