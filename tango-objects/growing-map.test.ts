import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GrowingMap } from './growing-map.ts';
import { heapBytes } from './heap-bytes.ts';

const MIB = 1024 * 1024;

const growing = suite('growing map');

type Step = readonly ['set' | 'delete' | 'clear', number];

const steps = fc.array(
  fc.tuple(
    fc.constantFrom('set', 'set', 'set', 'delete', 'clear'),
    fc.nat(60),
  ) as fc.Arbitrary<Step>,
  { maxLength: 300, size: 'max' },
);

const KEYS: readonly ((number: number) => unknown)[] = [
  (number) => `key-${number}`,
  (number) => 'x'.repeat(number),
  (number) => number,
  (number) => number / 7 - 4,
  (number) => BigInt(number) * 2n ** 70n,
  (number) => [undefined, null, true, false, Number.NaN, 0, -0, '', 'a', 'ab'][number % 10],
];

growing('is as a Map at every size, order included', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(...KEYS), fc.nat(40), (done, keyOf, mapMax) => {
      const plain = new Map<unknown, number | undefined>();
      const versions = new Map<unknown, number>();
      const map = new GrowingMap<unknown, number | undefined>(mapMax);
      for (const [i, [what, number]] of done.entries()) {
        const key = keyOf(number);
        // A value may be undefined.
        const value = i % 3 === 0 ? undefined : i;
        if (what === 'set') {
          const version = i % 2 === 0 ? undefined : i;
          assert.is(map.set(key, value, version), map);
          plain.set(key, value);
          versions.set(key, version ?? 0);
        } else if (what === 'delete') assert.is(map.delete(key), plain.delete(key));
        else if (i % 11 === 0) for (const one of [map, plain]) one.clear();
        assert.is(map.size, plain.size);
        assert.equal([map.has(key), map.get(key)], [plain.has(key), plain.get(key)]);
        assert.is(map.version(key), plain.has(key) ? versions.get(key) : undefined);
        assert.equal([...map], [...plain]);
      }
      assert.equal([...map.keys()], [...plain.keys()]);
      const all = [...plain].map(([key, value]) => [key, value, versions.get(key)]);
      assert.equal([...map.versioned()], all);
      for (const [key, value] of plain) assert.is(map.get(key), value);
    }),
    { numRuns: 300 },
  );
});

growing('holds what is more than one Map, and is one again when most is gone', () => {
  const count = 300_000;
  const map = new GrowingMap<string, number>();
  const plain = new Map<string, number>();
  for (const one of [map, plain]) {
    for (let i = 0; i < count; i++) one.set(`/service/${i}/instance`, i);
    for (let i = 0; i < count; i += 3) assert.ok(one.delete(`/service/${i}/instance`));
    for (let i = 0; i < count; i += 6) one.set(`/service/${i}/instance`, -i);
  }
  const same = (): void => assert.ok(isSameInOrder(map, plain));
  same();
  for (let i = 0; i < count; i++) {
    const key = `/service/${i}/instance`;
    assert.is(map.get(key), plain.get(key));
    if (i % 20 !== 0) assert.is(map.delete(key), plain.delete(key));
    if (i % 50_000 === 0) same();
  }
  same();
});

growing('keeps nothing of what has come and gone', () => {
  const before = heapBytes();
  const map = new GrowingMap<string, unknown>();
  for (let i = 0; i < 300_000; i++) {
    map.set(`key-${i}`, { number: i });
    if (i >= 100) map.delete(`key-${i - 100}`);
  }
  const kept = heapBytes() - before;
  assert.is(map.size, 100);
  assert.ok(kept < 4 * MIB, `${kept} bytes`);
});

function isSameInOrder<K, V>(one: Iterable<[K, V]>, other: Iterable<[K, V]>): boolean {
  const rest = other[Symbol.iterator]();
  for (const [key, value] of one) {
    const next = rest.next();
    if (next.done || !Object.is(next.value[0], key) || next.value[1] !== value) return false;
  }
  return rest.next().done === true;
}

growing.run();
