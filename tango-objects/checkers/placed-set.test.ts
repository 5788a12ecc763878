import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PlacedSet } from './placed-set.ts';

const placedSet = suite('placed set');

placedSet('has a key of its own for each set, whichever way it came about', () => {
  const index = fc.nat(95);
  // Sets as a search makes them: everything up to somewhere, a few more, a few less.
  const full = fc.nat(96);
  const changes = fc.array(index, { maxLength: 6 });
  const setsByKey = new Map<string, string>();
  const keysBySet = new Map<string, string>();
  fc.assert(
    fc.property(full, changes, changes, (size, added, passing) => {
      const members = new Set<number>();
      const placed = new PlacedSet(96);
      for (const one of [...Array(size).keys(), ...added]) {
        members.add(one);
        placed.add(one);
      }
      for (const one of passing) {
        if (members.has(one)) placed.remove(one);
        else placed.add(one);
        if (!members.delete(one)) members.add(one);
      }
      for (let one = 0; one < 96; one++) assert.is(placed.has(one), members.has(one));
      const set = [...members].sort((a, b) => a - b).join();
      const key = placed.key();
      assert.is(setsByKey.get(key) ?? set, set);
      assert.is(keysBySet.get(set) ?? key, key);
      setsByKey.set(key, set);
      keysBySet.set(set, key);
    }),
    { numRuns: 3000 },
  );
});

placedSet('has one key for sets that were fuller before', () => {
  const placed = new PlacedSet(200);
  const empty = placed.key();
  for (const one of [5, 40, 150]) placed.add(one);
  const key = placed.key();
  for (let one = 0; one < 200; one++) placed.add(one);
  for (let one = 0; one < 200; one++) if (![5, 40, 150].includes(one)) placed.remove(one);
  assert.is(placed.key(), key);
  for (const one of [150, 5, 40]) placed.remove(one);
  assert.is(placed.key(), empty);
});

placedSet('has a short key while nearly all are placed in turn', () => {
  const placed = new PlacedSet(100_000);
  for (let one = 0; one < 90_000; one++) placed.add(one);
  placed.add(90_010);
  placed.remove(89_990);
  assert.ok(placed.key().length < 50, placed.key());
});

placedSet.run();
