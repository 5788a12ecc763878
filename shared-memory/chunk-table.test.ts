import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ChunkTable, NO_CHUNK } from './chunk-table.ts';
import { CHUNK_RECORD_BYTES, CHUNK_STATE_OFFSET, ChunkState } from './entry-bytes-layout.ts';
import { UNIT_HEADER_BYTES } from './slots-layout.ts';
import { allocateUnit, UnitMemory, type UnitSizes, unitBytesFor } from './unit-memory.ts';
import { WORD_BYTES } from './words.ts';

const SIZES: UnitSizes = {
  streamHeaderWords: 3,
  slotCount: 64,
  chunkBytes: 16 * 1024,
  chunkCount: 4,
  headroomChunks: 1,
};
const [ANNE, BERTA] = [11, 12];

const chunkTable = suite('chunk table');

interface Tabled {
  readonly chunks: ChunkTable;
  readonly words: Int32Array;
}

function freshTable(): Tabled {
  return new UnitMemory(allocateUnit(SIZES));
}

function stateIndex(chunk: number): number {
  return (UNIT_HEADER_BYTES + chunk * CHUNK_RECORD_BYTES + CHUNK_STATE_OFFSET) / WORD_BYTES;
}

chunkTable('is a table of free chunks in fresh memory', () => {
  const { chunks } = freshTable();
  assert.is(chunks.count, 4);
  assert.is(chunks.chunkBytes, SIZES.chunkBytes);
  assert.is(chunks.freeCount(), 4);
  assert.is(chunks.used(3), 0);
  assert.is(chunks.usedLimit(3), 0);
});

chunkTable('lays the chunks side by side up to the end of the buffer', () => {
  const { chunks } = freshTable();
  for (let chunk = 0; chunk < 4; chunk++) {
    const offset = chunks.chunkOffset(chunk);
    assert.is(chunks.chunkOf(offset), chunk);
    assert.is(chunks.chunkOf(offset + SIZES.chunkBytes - 8), chunk);
    if (chunk > 0) assert.is(offset, chunks.chunkOffset(chunk - 1) + SIZES.chunkBytes);
  }
  assert.is(chunks.chunkOffset(3) + SIZES.chunkBytes, unitBytesFor(SIZES));
});

chunkTable('leases no chunk twice', () => {
  const { chunks } = freshTable();
  const leased = [ANNE, BERTA, ANNE].map((tenant) => chunks.lease(tenant, 64, false));
  assert.is(new Set(leased).size, 3);
  assert.is(chunks.freeCount(), 1);
});

chunkTable('keeps the headroom for urgent entries', () => {
  const { chunks } = freshTable();
  for (let leased = 0; leased < 3; leased++) {
    assert.is.not(chunks.lease(ANNE, 64, false), NO_CHUNK);
  }
  assert.is(chunks.lease(ANNE, 64, false), NO_CHUNK);
  assert.is.not(chunks.lease(ANNE, 64, true), NO_CHUNK);
  assert.is(chunks.lease(ANNE, 64, true), NO_CHUNK);
});

chunkTable('leases what is left of a chunk before it touches a free one', () => {
  const { chunks } = freshTable();
  const first = chunks.lease(ANNE, 64, false);
  chunks.setUsed(first, 4096);
  chunks.retire(first);
  assert.is(chunks.freeCount(), 3);
  assert.is(chunks.lease(BERTA, SIZES.chunkBytes - 4096, false), first);
  assert.is(chunks.used(first), 4096);
});

chunkTable('passes over a used chunk that has too little left', () => {
  const { chunks } = freshTable();
  const first = chunks.lease(ANNE, 64, false);
  chunks.setUsed(first, 4096);
  chunks.retire(first);
  const second = chunks.lease(BERTA, SIZES.chunkBytes - 4096 + 8, false);
  assert.is.not(second, first);
  assert.is.not(second, NO_CHUNK);
  assert.is(chunks.lease(BERTA, 8, false), first, 'it is still there for a smaller one');
});

chunkTable('leases used chunks even when only the headroom is free', () => {
  const { chunks } = freshTable();
  const leased = [1, 2, 3].map(() => chunks.lease(ANNE, 64, false));
  chunks.retire(leased[1]);
  assert.is(chunks.lease(BERTA, 64, false), leased[1]);
  assert.is(chunks.lease(BERTA, 64, false), NO_CHUNK);
});

chunkTable('reclaims a retired chunk once the watermark covers its highest address', () => {
  const { chunks } = freshTable();
  const chunk = chunks.lease(ANNE, 64, false);
  chunks.setUsed(chunk, 4096);
  chunks.setUsedLimit(chunk, 100);
  assert.is(chunks.reclaim(1000), 0, 'a leased chunk stays');
  chunks.retire(chunk);
  assert.is(chunks.reclaim(99), 0, 'address 99 is not trimmed yet');
  assert.is(chunks.reclaim(100), 1);
  assert.is(chunks.freeCount(), 4);
  assert.is(chunks.used(chunk), 0);
  assert.is(chunks.usedLimit(chunk), 0);
});

chunkTable('knows limits beyond 2^32', () => {
  const { chunks } = freshTable();
  const chunk = chunks.lease(ANNE, 64, false);
  chunks.setUsedLimit(chunk, 2 ** 40 + 1);
  chunks.retire(chunk);
  assert.is(chunks.usedLimit(chunk), 2 ** 40 + 1);
  assert.is(chunks.reclaim(2 ** 40), 0);
  assert.is(chunks.reclaim(2 ** 40 + 1), 1);
});

chunkTable('tells how many entries of a size a tenant may still take', () => {
  const { chunks } = freshTable();
  const quarter = SIZES.chunkBytes / 4;
  assert.is(chunks.roomFor(ANNE, quarter, 0), 4 * SIZES.chunkBytes);
  const chunk = chunks.lease(ANNE, 64, false);
  chunks.setUsed(chunk, quarter + 8);
  chunks.setUsedLimit(chunk, 7);
  assert.is(chunks.roomFor(ANNE, quarter, 0), 3 * SIZES.chunkBytes + 2 * quarter, 'whole ones');
  assert.is(chunks.roomFor(BERTA, quarter, 0), 3 * SIZES.chunkBytes, 'it is not hers');
  assert.is(chunks.roomFor(BERTA, quarter, 7), 3 * SIZES.chunkBytes, 'nor is it retired');
  chunks.retire(chunk);
  assert.is(chunks.roomFor(BERTA, quarter, 6), 3 * SIZES.chunkBytes + 2 * quarter);
  assert.is(chunks.roomFor(BERTA, quarter, 7), 4 * SIZES.chunkBytes, 'once it is trimmed');
  assert.is(chunks.headroomBytes, SIZES.chunkBytes);
});

chunkTable('retires the chunks of a dead tenant, and nobody else’s', () => {
  const { chunks, words } = freshTable();
  const ofAnne = [chunks.lease(ANNE, 64, false), chunks.lease(ANNE, 64, false)];
  const ofBerta = chunks.lease(BERTA, 64, false);
  for (const chunk of ofAnne) chunks.setUsedLimit(chunk, 7);
  const unused = chunks.lease(ANNE, 64, true);
  chunks.setUsed(unused, 64);
  chunks.retireAllOf(ANNE, 1000);
  for (const chunk of ofAnne) assert.is(words[stateIndex(chunk)], ChunkState.PARTIAL);
  assert.is(words[stateIndex(unused)], ChunkState.FREE, 'nobody ever saw an entry of it');
  assert.is(chunks.used(unused), 0);
  assert.is(words[stateIndex(ofBerta)], BERTA);
  assert.throws(() => chunks.retireAllOf(ChunkState.PARTIAL, 0), /incarnation/);
});

chunkTable('finishes what a reclaimer that died had begun', () => {
  const { chunks, words } = freshTable();
  const chunk = chunks.lease(ANNE, 64, false);
  chunks.setUsed(chunk, 8192);
  chunks.setUsedLimit(chunk, 7);
  words[stateIndex(chunk)] = ChunkState.RECLAIMING;
  assert.is(chunks.lease(BERTA, 64, false) === chunk, false, 'it is nobody’s meanwhile');
  assert.is(chunks.reclaim(7), 1);
  assert.is(words[stateIndex(chunk)], ChunkState.FREE);
  assert.is(chunks.used(chunk), 0);
});

chunkTable.run();
