import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HashTable } from './hash-table.ts';

const tables = suite('hash table');

/** Of `spread` keys, as many as `changes` are set or deleted: with `deletes` of ten, deleted. */
interface Phase {
  readonly changes: number;
  readonly spread: number;
  readonly deletes: number;
}

const phases: fc.Arbitrary<Phase[]> = fc.array(
  fc.record({
    changes: fc.integer({ min: 1, max: 20_000 }),
    spread: fc.constantFrom(10, 1000, 30_000),
    deletes: fc.constantFrom(0, 3, 7, 10),
  }),
  { minLength: 1, maxLength: 6 },
);

const KEYS: readonly ((number: number) => unknown)[] = [
  (number) => `key-${number}`,
  (number) => number - 7,
  (number) => number / 7,
  (number) => BigInt(number) * 2n ** 70n,
  (number) => [Number.NaN, -0, undefined, null, true, '', 'NaN', '0', 'true'][number] ?? number,
];

tables('are as Maps, order included, whatever is set and deleted', () => {
  fc.assert(
    fc.property(phases, fc.constantFrom(...KEYS), fc.nat(), (all, keyOf, seed) => {
      const plain = new Map<unknown, number | undefined>();
      const versions = new Map<unknown, number>();
      const table = new HashTable<unknown, number | undefined>();
      let random = seed;
      for (const { changes, spread, deletes } of all) {
        for (let i = 0; i < changes; i++) {
          random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
          const key = keyOf((random >>> 8) % spread);
          const value = i % 3 === 0 ? undefined : i;
          if ((random >>> 4) % 10 < deletes) {
            if (table.delete(key) !== plain.delete(key))
              assert.unreachable(`delete ${String(key)}`);
          } else {
            table.set(key, value, i);
            plain.set(key, value);
            versions.set(key, i);
          }
        }
        assert.is(table.size, plain.size);
        const entries = [...table];
        let i = 0;
        for (const [key, value] of plain) {
          const [at, there, version] = entries[i++];
          const isSame = Object.is(at, key) && there === value;
          if (!isSame || version !== versions.get(key) || version !== table.version(key))
            assert.unreachable(`${String(key)} is out of order`);
          if (table.get(key) !== value || !table.has(key)) assert.unreachable(`get ${String(key)}`);
        }
        assert.is(i, entries.length);
        for (let number = 0; number < 100; number++) {
          const key = keyOf(number);
          assert.equal([table.has(key), table.get(key)], [plain.has(key), plain.get(key)]);
        }
      }
    }),
    { numRuns: 25 },
  );
});

tables('hold a few that stay among many that come and go, in the room of a few', () => {
  const table = new HashTable<number, number>();
  for (let key = 0; key < 2_000_000; key++) {
    table.set(key, key, 0);
    if (key >= 100 && (key - 100) % 5000 !== 0) table.delete(key - 100);
  }
  assert.is(table.size, 100 + 400);
  assert.is([...table].length, table.size);
  assert.ok(table.entriesAndHoles <= 3 * 4096, `${table.entriesAndHoles} entries and holes`);
});

tables.run();
