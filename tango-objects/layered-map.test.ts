import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LayeredMap } from './layered-map.ts';

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
        const below = new Map(keys.map((key) => [key, -1]));
        const before = [...below];
        const plain = new Map<number, number | undefined>(below);
        const map = new LayeredMap<number, number | undefined>(below);
        for (const [i, [what, key]] of done.entries()) {
          // A value may be undefined.
          const value = i % 3 === 0 ? undefined : i;
          if (what === 'set') {
            assert.is(map.set(key, value), map);
            plain.set(key, value);
          } else if (what === 'delete') assert.is(map.delete(key), plain.delete(key));
          else if (i % 4 === 0) {
            map.clear();
            plain.clear();
          }
          for (let one = 0; one < 7; one++) {
            assert.is(map.has(one), plain.has(one));
            assert.is(map.get(one), plain.get(one));
          }
          assert.is(map.size, plain.size);
          assert.equal([...map], [...plain]);
        }
        assert.equal([...below], before);
      }),
      { numRuns: 500 },
    );
  },
);

layered.run();
