import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Staging } from './staging.ts';
import { allocateUnit, UnitMemory, type UnitSizes } from './unit-memory.ts';

const SIZES: UnitSizes = {
  streamHeaderWords: 3,
  slotCount: 64,
  chunkBytes: 16 * 1024,
  chunkCount: 4,
  headroomChunks: 1,
};
const HALF = SIZES.chunkBytes / 2;
const [ANNE, BERTA] = [11, 12];

const staging = suite('staging');

function freshUnit(): UnitMemory {
  return new UnitMemory(allocateUnit(SIZES));
}

staging('hands out bytes one behind the other', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  const first = anne.take(64, false);
  assert.is(first, chunks.chunkOffset(0));
  assert.is(anne.take(128, false), first + 64);
  assert.is(anne.take(8, false), first + 64 + 128);
});

staging('gives two threads bytes of different chunks', () => {
  const { chunks } = freshUnit();
  const [anne, berta] = [new Staging(chunks, ANNE), new Staging(chunks, BERTA)];
  assert.is.not(chunks.chunkOf(anne.take(64, false)), chunks.chunkOf(berta.take(64, false)));
});

staging('announces bytes as used before it hands them out', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  for (const bytes of [8, 4088, 8, 5000, 7000]) {
    const offset = anne.take(bytes, false);
    const chunk = chunks.chunkOf(offset);
    assert.ok(chunks.used(chunk) >= offset + bytes - chunks.chunkOffset(chunk));
    assert.ok(chunks.used(chunk) <= SIZES.chunkBytes);
  }
});

staging('fills a chunk to its last byte', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  const first = anne.take(HALF, false);
  assert.is(anne.take(HALF, false), first + HALF);
  assert.is(chunks.chunkOf(anne.take(8, false)), chunks.chunkOf(first) + 1);
});

staging('says 0 when the unit has no room, and keeps the headroom for the urgent', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  for (let taken = 0; taken < 3; taken++) assert.is.not(anne.take(SIZES.chunkBytes, false), 0);
  assert.is(anne.take(64, false), 0);
  assert.is.not(anne.take(64, true), 0);
  assert.is(chunks.freeCount(), 0);
});

staging('goes on in its chunk after an entry that found no room', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  for (let taken = 0; taken < 2; taken++) anne.take(SIZES.chunkBytes, false);
  const offset = anne.take(64, false);
  assert.is(anne.take(SIZES.chunkBytes, false), 0);
  assert.is(anne.take(64, false), offset + 64);
});

staging('gives its chunk back when the unit is full, once its entries are settled', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  const [first] = [0, 1, 2].map(() => anne.take(SIZES.chunkBytes, false));
  const last = chunks.chunkOffset(2);
  for (const offset of [first, last]) anne.willPublish(offset, 7);
  assert.is(anne.take(64, false), 0);
  anne.settle(first);
  assert.is(chunks.reclaim(1000), 1, 'the last one is still under way');
  anne.settle(last);
  assert.is(chunks.reclaim(1000), 1);
});

staging('keeps a chunk leased while an entry of it is not settled', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  const entries = [anne.take(HALF, false), anne.take(HALF, false)];
  for (const offset of entries) anne.willPublish(offset, 7);
  anne.take(8, false);
  anne.settle(entries[0]);
  assert.is(chunks.reclaim(Number.MAX_SAFE_INTEGER), 0);
  anne.settle(entries[1]);
  assert.is(chunks.reclaim(Number.MAX_SAFE_INTEGER), 1);
});

staging('gives back at close what is settled, and the rest when it is', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  const offset = anne.take(64, false);
  anne.willPublish(offset, 7);
  anne.leave();
  assert.is(chunks.reclaim(1000), 0);
  anne.settle(offset);
  assert.is(chunks.reclaim(1000), 1);
  assert.throws(() => anne.settle(offset), /settled once/);
  anne.leave();
  assert.is(chunks.freeCount(), 4);
});

staging('takes nothing away from a full unit by attempts that are not published', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  for (let attempt = 0; attempt < 100; attempt++) {
    const offset = anne.take(SIZES.chunkBytes, false);
    assert.is.not(offset, 0, `attempt ${attempt}`);
    anne.settle(offset);
    // The other replica was full.
    anne.yield();
  }
  assert.is(chunks.freeCount(), 4, 'no trim is needed to use them again');
  // Beside a published entry, the bytes of the last attempt are taken anew.
  const published = anne.take(64, false);
  anne.willPublish(published, 7);
  const attempt = anne.take(64, false);
  anne.settle(attempt);
  assert.is(anne.take(64, false), attempt);
});

staging('lets a chunk outlive the highest address published from it', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  const [first, second] = [anne.take(64, false), anne.take(64, false)];
  anne.willPublish(first, 2 ** 33);
  anne.willPublish(second, 5);
  assert.is(chunks.usedLimit(chunks.chunkOf(first)) > 2 ** 33, true);
  anne.settle(first);
  anne.settle(second);
  anne.leave();
  assert.is(chunks.reclaim(2 ** 33), 0);
  assert.is(chunks.reclaim(2 ** 33 + 1), 1);
});

staging('continues above what a dead tenant may have staged', () => {
  const { chunks } = freshUnit();
  const dead = new Staging(chunks, ANNE);
  const entry = dead.take(5000, false);
  dead.willPublish(entry, 40);
  dead.take(64, false);
  chunks.retireAllOf(ANNE, Number.MAX_SAFE_INTEGER);
  const heir = new Staging(chunks, BERTA);
  const offset = heir.take(64, false);
  assert.is(chunks.chunkOf(offset), chunks.chunkOf(entry), 'what is left of it is leased first');
  assert.ok(offset >= entry + 5000 + 64);
  // The heir knows of the dead one's entry: a lower address of its own does not hide it.
  heir.willPublish(offset, 3);
  assert.ok(chunks.usedLimit(chunks.chunkOf(entry)) > 40);
});

staging('starts a reclaimed chunk from its beginning', () => {
  const { chunks } = freshUnit();
  const anne = new Staging(chunks, ANNE);
  const first = anne.take(HALF, false);
  anne.willPublish(first, 9);
  anne.settle(first);
  anne.leave();
  chunks.reclaim(10);
  assert.is(anne.take(64, false), first);
  anne.willPublish(first, 0);
  anne.settle(first);
  anne.leave();
  assert.is(chunks.usedLimit(chunks.chunkOf(first)), 1, 'the old limit is forgotten');
});

staging('is for an incarnation of a thread', () => {
  const { chunks } = freshUnit();
  assert.throws(() => new Staging(chunks, 0), /incarnation/);
});

staging.run();
