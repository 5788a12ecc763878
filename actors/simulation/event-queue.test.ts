import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EventQueue } from './event-queue.ts';
import { Random } from './random.ts';

const queue = suite('event queue');

function drain<T>(events: EventQueue<T>): T[] {
  const drained: T[] = [];
  for (let next = events.pop(); next !== undefined; next = events.pop()) drained.push(next);
  return drained;
}

queue('gives the earliest first', () => {
  const events = new EventQueue<string>();
  events.push(3, 1, 'c');
  events.push(1, 9, 'a');
  events.push(2, 5, 'b');
  assert.is(events.nextTime, 1);
  assert.equal(drain(events), ['a', 'b', 'c']);
});

queue('orders events of one moment by tie, as unsigned words, then by arrival', () => {
  const events = new EventQueue<string>();
  events.push(1, 0xffff_ffff, 'last');
  events.push(1, 7, 'second');
  events.push(1, 7, 'third');
  events.push(1, 0, 'first');
  assert.equal(drain(events), ['first', 'second', 'third', 'last']);
});

queue('is empty at the start and at the end', () => {
  const events = new EventQueue<string>();
  assert.is(events.pop(), undefined);
  assert.is(events.nextTime, Number.POSITIVE_INFINITY);
  events.push(1, 1, 'only');
  assert.is(events.size, 1);
  assert.is(events.pop(), 'only');
  assert.is(events.pop(), undefined);
  assert.is(events.size, 0);
});

queue('agrees with sorting, with pushes and pops mixed, over 50 seeds', () => {
  for (let seed = 0; seed < 50; seed++) checkAgainstSorting(new Random(seed));
});

type Entry = { time: number; tie: number; sequence: number };

function checkAgainstSorting(random: Random): void {
  const events = new EventQueue<Entry>();
  const model: Entry[] = [];
  for (let sequence = 0; sequence < 400; sequence++) {
    const entry = { time: random.below(20), tie: random.below(3), sequence };
    events.push(entry.time, entry.tie, entry);
    model.push(entry);
    if (random.chance(0.4)) assert.is(events.pop(), takeLeast(model));
  }
  while (model.length > 0) assert.is(events.pop(), takeLeast(model));
  assert.is(events.pop(), undefined);
}

function takeLeast(model: Entry[]): Entry {
  model.sort((a, b) => a.time - b.time || a.tie - b.tie || a.sequence - b.sequence);
  return model.shift()!;
}

queue.run();
