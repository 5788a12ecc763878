import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CountedTree } from './counted-tree.ts';
import { heapBytes } from './heap-bytes.ts';

const counted = suite('counted tree');

/** What is done, and where: a fraction of the length. */
type Step = readonly ['push' | 'insert' | 'delete' | 'drain' | 'set' | 'fork' | 'back', number];

const kinds = ['push', 'push', 'insert', 'insert', 'delete', 'delete', 'set'] as const;
const step = fc.tuple(
  fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...kinds) },
    { weight: 1, arbitrary: fc.constantFrom('fork', 'back', 'drain') },
  ),
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
) as fc.Arbitrary<Step>;

class Both {
  tree: CountedTree<number>;
  plain: number[];
  #next = 1000;

  constructor(tree: CountedTree<number>, plain: number[]) {
    this.tree = tree;
    this.plain = plain;
  }

  make([what, where]: Step): void {
    const { tree, plain } = this;
    const element = this.#next++;
    const inside = Math.floor(where * plain.length);
    if (what === 'push') {
      tree.push(element);
      plain.push(element);
    } else if (what === 'insert') {
      const index = Math.floor(where * (plain.length + 1));
      tree.insert(index, element);
      plain.splice(index, 0, element);
    } else if (what === 'drain') {
      // A run of deletions, so that nodes go together and go.
      for (let i = plain.length - inside; i > 0; i--) {
        assert.is(tree.delete(inside), plain.splice(inside, 1)[0]);
      }
    } else if (plain.length === 0) return;
    else if (what === 'delete') assert.is(tree.delete(inside), plain.splice(inside, 1)[0]);
    else if (what === 'set') {
      tree.set(inside, element);
      plain[inside] = element;
    }
  }

  check(): void {
    const { tree, plain } = this;
    assert.is(tree.length, plain.length);
    assert.equal(tree.slice(), plain);
    for (const [i, element] of plain.entries()) assert.is(tree.at(i), element);
    const middle = plain.length >> 1;
    assert.equal(tree.slice(1, middle), plain.slice(1, middle));
    assert.equal(tree.slice(middle), plain.slice(middle));
  }
}

counted('is as an array in which the same was done, and a fork leaves the other alone', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.constantFrom(4, 5, 8), fc.array(step), (length, width, steps) => {
      const elements = Array.from({ length }, (_, i) => i);
      const both = new Both(new CountedTree(elements, width), elements.slice());
      const below: [CountedTree<number>, number[]][] = [];
      for (const one of steps) {
        if (one[0] === 'fork') {
          below.push([both.tree, both.plain]);
          both.tree = both.tree.fork();
          both.plain = both.plain.slice();
        } else if (one[0] === 'back') {
          const back = below.pop();
          if (back !== undefined) [both.tree, both.plain] = back;
        } else both.make(one);
        both.check();
      }
      for (const [tree, plain] of below) new Both(tree, plain).check();
    }),
    { numRuns: 300 },
  );
});

counted('holds many elements, and inserts and deletes in their midst', () => {
  const count = 20_000;
  const tree = new CountedTree(Array.from({ length: count }, (_, i) => i));
  for (let i = 0; i < count; i++) tree.insert(2 * i, -i);
  assert.is(tree.length, 2 * count);
  for (let i = 0; i < count; i++) assert.equal(tree.slice(2 * i, 2 * i + 2), [-i, i]);
  for (let i = count - 1; i >= 0; i--) assert.is(tree.delete(2 * i), -i);
  assert.is(tree.at(12_345), 12_345);
  while (tree.length > 0) tree.delete(tree.length >> 1);
  tree.push(7);
  assert.equal(tree.slice(), [7]);
});

counted('forks of forks keep nothing of what was replaced', () => {
  const count = 100_000;
  let tree = new CountedTree(Array.from({ length: count }, (_, i) => ({ number: i })));
  const before = heapBytes();
  for (let fork = 0; fork < 200; fork++) {
    tree = tree.fork();
    for (let i = 0; i < 500; i++) tree.set((i * 7919 + fork * 104_729) % count, { number: -i });
  }
  const kept = heapBytes() - before;
  assert.ok(kept < 4 * 1024 * 1024, `${kept} bytes`);
  assert.is(tree.length, count);
});

counted.run();
