import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from './random.ts';

const random = suite('random');

function words(source: Random, count: number): number[] {
  return Array.from({ length: count }, () => source.word());
}

random('gives the same numbers for the same seed', () => {
  assert.equal(words(new Random(42), 100), words(new Random(42), 100));
});

random('gives other numbers for seeds that differ in the low or in the high word', () => {
  const seen = new Set<string>();
  const seeds = [0, 1, 2, 3, 2 ** 32, 2 ** 32 + 1, 2 ** 33, Number.MAX_SAFE_INTEGER];
  for (const seed of seeds) seen.add(words(new Random(seed), 4).join());
  assert.is(seen.size, seeds.length);
});

random('a fork does not depend on what was drawn from its parent or its siblings', () => {
  const fresh = words(new Random(7).fork('network'), 50);
  const parent = new Random(7);
  words(parent, 13);
  words(parent.fork('scheduler'), 99);
  assert.equal(words(parent.fork('network'), 50), fresh);
});

random('forks of different names, and of different parents, are different streams', () => {
  const parent = new Random(7);
  const streams = [
    parent,
    parent.fork('a'),
    parent.fork('b'),
    parent.fork('a').fork('b'),
    parent.fork('b').fork('a'),
    new Random(8).fork('a'),
  ];
  assert.is(new Set(streams.map((stream) => words(stream, 4).join())).size, streams.length);
});

random('numbers are in [0, 1) and evenly spread', () => {
  const source = new Random(3);
  const buckets = new Array<number>(16).fill(0);
  for (let i = 0; i < 16_000; i++) {
    const number = source.next();
    assert.ok(number >= 0 && number < 1);
    buckets[Math.floor(number * 16)] += 1;
  }
  for (const hits of buckets) assert.ok(hits > 850 && hits < 1150, `a bucket has ${hits}`);
});

random('below and pick reach everything and nothing else', () => {
  const source = new Random(4);
  const seen = new Set<number>();
  for (let i = 0; i < 500; i++) seen.add(source.below(5));
  assert.equal([...seen].sort(), [0, 1, 2, 3, 4]);
  const picked = new Set<string>();
  for (let i = 0; i < 100; i++) picked.add(source.pick(['a', 'b', 'c']));
  assert.is(picked.size, 3);
  assert.throws(() => source.below(0));
  assert.throws(() => source.pick([]));
});

random('chance follows its probability, with one draw for each', () => {
  const source = new Random(5);
  let hits = 0;
  for (let i = 0; i < 10_000; i++) hits += source.chance(0.2) ? 1 : 0;
  assert.ok(hits > 1800 && hits < 2200, `${hits} hits`);
  const one = new Random(6);
  const other = new Random(6);
  one.chance(0);
  other.chance(1);
  assert.is(one.word(), other.word());
});

random('exponential and logarithmic numbers have their mean and their ends', () => {
  const source = new Random(9);
  let sum = 0;
  for (let i = 0; i < 20_000; i++) {
    sum += source.exponential(5);
    const number = source.logarithmic(0.01, 100);
    assert.ok(number >= 0.01 && number <= 100);
  }
  assert.ok(Math.abs(sum / 20_000 - 5) < 0.2, `mean ${sum / 20_000}`);
});

random.run();
