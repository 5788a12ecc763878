import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STREAM_INDEX_OFFSET } from './sequencer-layout.ts';
import { allocateSequencer, SequencerMemory } from './sequencer-memory.ts';
import { CACHE_LINE_BYTES } from './words.ts';

const K = 4;
const NONE = [-1, -1, -1, -1];

const sequencer = suite('sequencer memory');

function fresh(streamsMax = 8, backpointers = K): SequencerMemory {
  return new SequencerMemory(allocateSequencer({ backpointers, streamsMax }));
}

function positionsOf(memory: SequencerMemory, record: number): number[] {
  return Array.from({ length: memory.backpointers }, (_, i) => memory.streamPosition(record, i));
}

function add(memory: SequencerMemory, stream: number, ...positions: number[]): number {
  const record = memory.findStream(stream, true);
  for (const position of positions) memory.pushStreamPosition(record, position);
  return record;
}

sequencer('serves nobody in fresh memory', () => {
  const memory = fresh();
  for (const epoch of [0, 1, 1000]) assert.not(memory.serves(epoch));
  assert.is(memory.sealedEpoch(), 0);
  assert.is(memory.builtEpoch(), 0);
  assert.is(memory.requiredBuild(), 0);
  assert.is(memory.lockOwner(), 0);
  assert.is(memory.tail(), 0);
  assert.is(memory.decidedMark(), 0);
  assert.is(memory.trimMark(), 0);
  assert.is(memory.checkpointPosition(), 0);
  assert.is(memory.historyStart(), 0);
  assert.is(memory.streamsKnown, 0);
});

sequencer('serves the epochs above the sealed one, once built', () => {
  const memory = fresh();
  memory.setBuilt(1);
  assert.not(memory.serves(0), 'epoch 0 is sealed from the start');
  assert.ok(memory.serves(1));
  assert.ok(memory.serves(2), 'a build is good for later epochs');
  memory.seal(2);
  assert.not(memory.serves(2));
  assert.ok(memory.serves(3));
});

sequencer('serves nobody from the demand for a build to the build', () => {
  const memory = fresh();
  memory.setBuilt(1);
  memory.requireBuild(3);
  for (const epoch of [1, 2, 3, 4]) assert.not(memory.serves(epoch));
  memory.setBuilt(2);
  assert.not(memory.serves(4), 'built for an older epoch');
  memory.setBuilt(3);
  assert.ok(memory.serves(3));
});

sequencer('never lowers an epoch or a mark', () => {
  const memory = fresh();
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 1_000_000 }), { minLength: 1 }), (values) => {
      for (const value of values) {
        const before = [memory.sealedEpoch(), memory.requiredBuild(), memory.builtEpoch()];
        const checkpoint = memory.checkpointPosition();
        memory.seal(value);
        memory.requireBuild(value + 1);
        memory.setBuilt(value + 2);
        memory.raiseCheckpointPosition(value * 2 ** 32);
        assert.is(memory.sealedEpoch(), Math.max(before[0], value));
        assert.is(memory.requiredBuild(), Math.max(before[1], value + 1));
        assert.is(memory.builtEpoch(), Math.max(before[2], value + 2));
        assert.is(memory.checkpointPosition(), Math.max(checkpoint, value * 2 ** 32));
      }
    }),
  );
});

sequencer('has one owner at a time', () => {
  const buffer = allocateSequencer({ backpointers: K, streamsMax: 1 });
  const [one, other] = [new SequencerMemory(buffer), new SequencerMemory(buffer)];
  assert.ok(one.tryLock(7));
  assert.is(other.lockOwner(), 7);
  assert.not(other.tryLock(8));
  assert.is(one.lockOwner(), 7, 'the failed attempt changed nothing');
  one.unlock();
  assert.is(other.lockOwner(), 0);
  assert.ok(other.tryLock(8));
});

sequencer('keeps the lock of a dead owner until it is broken in its name', () => {
  const memory = fresh();
  assert.not(memory.breakLock(7), 'the lock is free');
  memory.tryLock(7);
  assert.not(memory.breakLock(8));
  assert.is(memory.lockOwner(), 7);
  assert.ok(memory.breakLock(7));
  assert.is(memory.lockOwner(), 0);
  assert.not(memory.breakLock(7), 'twice');
});

sequencer('keeps every word apart from the others', () => {
  const memory = fresh();
  const words = [
    () => memory.sealedEpoch(),
    () => memory.requiredBuild(),
    () => memory.builtEpoch(),
    () => memory.lockOwner(),
    () => memory.tail(),
    () => memory.decidedMark(),
    () => memory.trimMark(),
    () => memory.checkpointPosition(),
    () => memory.historyStart(),
  ];
  memory.seal(1);
  memory.requireBuild(2);
  memory.setBuilt(3);
  memory.tryLock(4);
  memory.setTail(2 ** 33 + 5);
  memory.raiseDecidedMark(2 ** 33 + 6);
  memory.raiseTrimMark(2 ** 33 + 7);
  memory.raiseCheckpointPosition(2 ** 33 + 8);
  memory.resetStreams(2 ** 33 + 9);
  const big = [5, 6, 7, 8, 9].map((low) => 2 ** 33 + low);
  assert.equal(
    words.map((word) => word()),
    [1, 2, 3, 4, ...big],
  );
});

sequencer('numbers streams in the order of their first use', () => {
  const memory = fresh();
  const streams = [5, 0, 2 ** 31 - 1, -1];
  for (const [record, stream] of streams.entries()) {
    assert.is(memory.findStream(stream, false), -1);
    assert.is(memory.findStream(stream, true), record);
    assert.is(memory.findStream(stream, true), record, 'it is added once');
    assert.is(memory.findStream(stream, false), record);
    assert.is(memory.streamOf(record), stream);
    assert.is(memory.streamsKnown, record + 1);
  }
});

sequencer('keeps the latest K positions of a stream, latest first', () => {
  for (const k of [4, 8, 16]) {
    const memory = fresh(2, k);
    const record = add(memory, 3);
    const neighbour = add(memory, 4);
    assert.equal(positionsOf(memory, record), new Array(k).fill(-1));
    const pushed: number[] = [];
    for (let i = 0; i < 2 * k; i++) {
      memory.pushStreamPosition(record, i * 2 ** 30);
      pushed.unshift(i * 2 ** 30);
      const expected = [...pushed, ...new Array(k).fill(-1)].slice(0, k);
      assert.equal(positionsOf(memory, record), expected);
    }
    assert.equal(positionsOf(memory, neighbour), new Array(k).fill(-1), 'the neighbour');
    assert.is(memory.streamOf(neighbour), 4);
  }
});

sequencer('takes positions as they are told', () => {
  const memory = fresh();
  const record = add(memory, 1, 10, 20, 30);
  memory.setStreamPositions(record, new Float64Array([2 ** 40, 7, -1, -1]));
  assert.equal(positionsOf(memory, record), [2 ** 40, 7, -1, -1]);
  memory.setStreamPositions(record, [9]);
  assert.equal(positionsOf(memory, record), [9, -1, -1, -1], 'none where none is told');
  memory.setStreamPositions(record, [5, 4, 3, 2, 1]);
  assert.equal(positionsOf(memory, record), [5, 4, 3, 2], 'K at most');
});

sequencer('has room for as many streams as it was given', () => {
  for (const streamsMax of [1, 2, 3, 48, 100]) {
    const memory = fresh(streamsMax);
    for (let stream = 0; stream < streamsMax; stream++) {
      assert.ok(memory.hasRoomFor(streamsMax - stream));
      assert.not(memory.hasRoomFor(streamsMax - stream + 1));
      assert.is(memory.findStream(stream, true), stream);
    }
    assert.is(memory.findStream(streamsMax, true), -1, 'full');
    assert.is(memory.streamsKnown, streamsMax);
    for (let s = 0; s < streamsMax; s++) assert.is(memory.findStream(s, true), s, 'still found');
  }
});

sequencer('tells streams apart that share a bucket', () => {
  const memory = fresh(3);
  // Four buckets: of any nine streams, three start at the same one.
  for (let first = 0; first < 100; first++) {
    memory.resetStreams(0);
    const streams = [first, first + 2 ** 8, first + 2 ** 16];
    for (const stream of streams) add(memory, stream, stream, stream + 1);
    for (const [record, stream] of streams.entries()) {
      assert.is(memory.findStream(stream, false), record);
      assert.equal(positionsOf(memory, record), [stream + 1, stream, -1, -1]);
    }
    assert.is(memory.findStream(first + 1, false), -1);
  }
});

sequencer(
  'gives unknown and new streams the end of what is not covered as earlier position',
  () => {
    const memory = fresh();
    assert.is(memory.firstEarlier(), -1);
    assert.equal(positionsOf(memory, add(memory, 1)), NONE);
    memory.resetStreams(2 ** 35);
    assert.is(memory.firstEarlier(), 2 ** 35 - 1);
    const record = add(memory, 1);
    assert.equal(positionsOf(memory, record), [2 ** 35 - 1, -1, -1, -1]);
    memory.pushStreamPosition(record, 2 ** 35 + 4);
    assert.equal(positionsOf(memory, record), [2 ** 35 + 4, 2 ** 35 - 1, -1, -1]);
    memory.resetStreams(1);
    assert.equal(positionsOf(memory, add(memory, 1)), [0, -1, -1, -1]);
  },
);

sequencer('forgets every stream on a reset, and uses its memory again', () => {
  const memory = fresh(6);
  for (let stream = 0; stream < 6; stream++) add(memory, stream, stream);
  memory.resetStreams(0);
  assert.is(memory.streamsKnown, 0);
  assert.ok(memory.hasRoomFor(6));
  for (let stream = 0; stream < 6; stream++) assert.is(memory.findStream(stream, false), -1);
  // The same streams in another order: records of old get buckets of others.
  const again = [5, 3, 1, 0, 2, 4];
  for (const [record, stream] of again.entries()) {
    assert.is(memory.findStream(stream, true), record);
    assert.equal(positionsOf(memory, record), NONE);
    for (const [other, later] of again.entries()) {
      assert.is(memory.findStream(later, false), other <= record ? other : -1);
    }
  }
});

sequencer('believes in no bucket of an adding that was not finished', () => {
  const buffer = allocateSequencer({ backpointers: K, streamsMax: 6 });
  const index = new Int32Array(buffer, STREAM_INDEX_OFFSET, CACHE_LINE_BYTES / 4);
  const memory = new SequencerMemory(buffer);
  add(memory, 1, 10);
  const known = index.slice();
  // As after a death before the count: any bucket may name the record that comes next.
  for (let bucket = 0; bucket < 8; bucket++) {
    if (known[bucket] !== 0) continue;
    index[bucket] = 2;
    for (let stream = 2; stream < 40; stream++) assert.is(memory.findStream(stream, false), -1);
    assert.is(memory.findStream(1, false), 0);
  }
  for (let stream = 2; stream < 7; stream++) {
    assert.is(memory.findStream(stream, true), stream - 1);
    for (let s = 1; s <= stream; s++) assert.is(memory.findStream(s, false), s - 1);
    assert.is(memory.findStream(stream + 1, false), -1);
  }
});

type Step =
  | { readonly kind: 'find'; readonly stream: number; readonly add: boolean }
  | { readonly kind: 'push'; readonly stream: number; readonly position: number }
  | { readonly kind: 'set'; readonly stream: number; readonly positions: readonly number[] }
  | { readonly kind: 'reset'; readonly historyStart: number };

/** Few streams, so that they meet; every magnitude, so that every bit of the hash counts. */
const anyStream = fc
  .tuple(fc.constantFrom(0, 8, 16, 24), fc.integer({ min: -3, max: 6 }))
  .map(([shift, id]) => id << shift);
const anyPosition = fc.oneof(fc.nat({ max: 50 }), fc.maxSafeNat());
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('find'), stream: anyStream, add: fc.boolean() }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('push'), stream: anyStream, position: anyPosition }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('set'),
      stream: anyStream,
      positions: fc.array(fc.oneof(fc.constant(-1), anyPosition), { maxLength: K + 1 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('reset'),
      historyStart: fc.oneof(fc.constant(0), anyPosition),
    }),
  },
);

/** What the memory has to say, kept in a Map whose order is that of the records. */
class Model {
  readonly streams = new Map<number, number[]>();
  readonly streamsMax: number;
  historyStart = 0;

  constructor(streamsMax: number) {
    this.streamsMax = streamsMax;
  }

  find(stream: number, add: boolean): number {
    if (add && !this.streams.has(stream) && this.streams.size < this.streamsMax) {
      this.streams.set(stream, padded([this.historyStart - 1]));
    }
    return [...this.streams.keys()].indexOf(stream);
  }
}

const padded = (positions: readonly number[]): number[] => [...positions, ...NONE].slice(0, K);

function take(memory: SequencerMemory, model: Model, step: Step): void {
  if (step.kind === 'reset') {
    memory.resetStreams(step.historyStart);
    model.streams.clear();
    model.historyStart = step.historyStart;
    return;
  }
  const adds = step.kind !== 'find' || step.add;
  const record = memory.findStream(step.stream, adds);
  assert.is(record, model.find(step.stream, adds));
  const before = model.streams.get(step.stream);
  if (before === undefined) return;
  if (step.kind === 'push') {
    memory.pushStreamPosition(record, step.position);
    model.streams.set(step.stream, padded([step.position, ...before]));
  } else if (step.kind === 'set') {
    memory.setStreamPositions(record, step.positions);
    model.streams.set(step.stream, padded(step.positions));
  }
}

sequencer('does what a Map does, whatever the order', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 14 }),
      fc.array(anyStep, { maxLength: 80, size: 'max' }),
      (streamsMax, steps) => {
        const memory = fresh(streamsMax);
        const model = new Model(streamsMax);
        for (const step of steps) {
          take(memory, model, step);
          assert.is(memory.streamsKnown, model.streams.size);
          assert.is(memory.firstEarlier(), Math.max(-1, model.historyStart - 1));
        }
        [...model.streams].forEach(([stream, positions], record) => {
          assert.is(memory.findStream(stream, false), record);
          assert.is(memory.streamOf(record), stream);
          assert.equal(positionsOf(memory, record), positions);
        });
      },
    ),
    { numRuns: 400 },
  );
});

sequencer.run();
