import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ChunkTable, NO_CHUNK } from '../chunk-table.ts';
import { CHUNK_RECORD_BYTES, CHUNK_STATE_OFFSET, ChunkState } from '../entry-bytes-layout.ts';
import { FIRST_REFERENCE, REFERENCE_SHIFT, UNIT_HEADER_BYTES } from '../slots-layout.ts';
import { Staging } from '../staging.ts';
import { UnitMemory } from '../unit-memory.ts';
import { WORD_BYTES } from '../words.ts';
import { assertFinds, explore, sample } from './explorer.ts';
import type { Program } from './machine.ts';
import { allocateSmallUnit, referenceTo, viewsOn } from './unit-programs.ts';

const [ANNE, BERTA] = [11, 12];
const BYTES = 32;
/** No address at or above it is granted. */
const TAIL = 3;
const WATERMARK = 1;

const chunks = suite('chunks interleavings');

type Tenant = (unit: SharedArrayBuffer, tenant: number, addresses: readonly number[]) => number;

/** Stages, publishes and settles an entry for each address, as the runtime does; tells how many. */
const stages: Tenant = (unit, tenant, addresses) => {
  const { chunks, slots, words } = viewsOn(unit);
  const staging = new Staging(chunks, tenant);
  let taken = 0;
  for (const address of addresses) {
    const offset = staging.take(BYTES, false);
    if (offset === 0) return taken;
    taken++;
    words[offset / WORD_BYTES] = tenant + address;
    staging.willPublish(offset, address);
    slots.tryWrite(address, referenceTo(offset));
    assert.is(words[offset / WORD_BYTES], tenant + address, 'the bytes are mine alone');
    staging.settle(offset);
  }
  staging.leave();
  return taken;
};

/** The same with steps of one entry, so that a chunk is given back with room in it. */
function stagesSmall(limitFirst: boolean): Tenant {
  return (unit, tenant, addresses) => {
    const { chunks, slots, words } = viewsOn(unit);
    let taken = 0;
    for (const address of addresses) {
      const chunk = chunks.lease(tenant, BYTES, false);
      if (chunk === NO_CHUNK) return taken;
      taken++;
      const used = chunks.used(chunk);
      const offset = chunks.chunkOffset(chunk) + used;
      chunks.setUsed(chunk, used + BYTES);
      words[offset / WORD_BYTES] = tenant + address;
      if (limitFirst) raiseLimit(chunks, chunk, address + 1);
      slots.tryWrite(address, referenceTo(offset));
      if (!limitFirst) raiseLimit(chunks, chunk, address + 1);
      assert.is(words[offset / WORD_BYTES], tenant + address, 'the bytes are mine alone');
      chunks.retire(chunk);
    }
    return taken;
  };
}

function raiseLimit(chunks: ChunkTable, chunk: number, limit: number): void {
  if (chunks.usedLimit(chunk) < limit) chunks.setUsedLimit(chunk, limit);
}

interface Shape {
  readonly chunkCount: number;
  readonly anne: readonly number[];
  readonly berta: readonly number[];
  readonly killable: readonly string[];
}

type Inherit = (memory: UnitMemory, chunk: number) => void;

/** Broken on purpose: a chunk found RECLAIMING is freed without a look at its limit. */
const finishBlindly: Inherit = ({ chunks, words }, chunk) => {
  chunks.setUsed(chunk, 0);
  chunks.setUsedLimit(chunk, 0);
  Atomics.store(words, stateIndex(chunk), ChunkState.FREE);
};

/** Two tenants, the unit that trims address 0 and reclaims, and who cleans up after the dead. */
function program(tenant: Tenant, shape: Shape, inherit?: Inherit): Program {
  const unit = allocateSmallUnit({ slotCount: 4, chunkCount: shape.chunkCount });
  const memory = new UnitMemory(unit);
  const reclaims = (inherits: boolean) => (): number => {
    const views = viewsOn(unit);
    views.slots.raiseWatermark(WATERMARK);
    for (let chunk = 0; inherits && chunk < shape.chunkCount; chunk++) {
      const state = Atomics.load(views.words, stateIndex(chunk));
      if (state === ChunkState.RECLAIMING) inherit?.(views, chunk);
    }
    return views.chunks.reclaim(WATERMARK);
  };
  const threads: Record<string, () => unknown> = {
    anne: () => tenant(unit, ANNE, shape.anne),
    berta: () => tenant(unit, BERTA, shape.berta),
    unit: reclaims(false),
  };
  if (shape.killable.includes('unit')) threads.heir = reclaims(true);
  else threads.supervisor = () => viewsOn(unit).chunks.retireAllOf(ANNE, TAIL);
  return {
    threads,
    startsAfter: { heir: ['unit'], supervisor: ['anne'] },
    killable: shape.killable,
    always: () => checkEntries(memory, shape),
    atEnd(glance) {
      for (let chunk = 0; chunk < shape.chunkCount; chunk++) {
        assert.is.not(stateOf(memory, chunk), ChunkState.RECLAIMING, 'a successor finishes it');
        assert.is.not(stateOf(memory, chunk), ANNE, 'the chunks of the dead are retired');
      }
      if (glance.kills > 0) return;
      const taken = ['anne', 'berta'].map((name) => Number(glance.thread(name).outcome));
      assert.ok(taken[0] + taken[1] > 0, 'somebody gets a chunk');
    },
  };
}

/** Entries at or above the watermark keep their bytes, and those their chunk. */
function checkEntries(memory: UnitMemory, shape: Shape): void {
  const { slots, chunks, words } = memory;
  for (let address = slots.watermark(); address < TAIL; address++) {
    const reference = slots.load(address);
    if (reference < FIRST_REFERENCE) continue;
    const offset = reference << REFERENCE_SHIFT;
    const tenant = shape.anne.includes(address) ? ANNE : BERTA;
    assert.is(words[offset / WORD_BYTES], tenant + address, `entry ${address} keeps its bytes`);
    const state = stateOf(memory, chunks.chunkOf(offset));
    const kept = state !== ChunkState.FREE;
    // RECLAIMING may be put back after a second look at the limit; FREE may not.
    assert.ok(kept, `the chunk of entry ${address} is not reclaimed`);
  }
}

function stateOf(memory: UnitMemory, chunk: number): number {
  return memory.words[stateIndex(chunk)];
}

function stateIndex(chunk: number): number {
  return (UNIT_HEADER_BYTES + chunk * CHUNK_RECORD_BYTES + CHUNK_STATE_OFFSET) / WORD_BYTES;
}

const ONE: Shape = { chunkCount: 1, anne: [1], berta: [0], killable: ['anne'] };
const TWO: Shape = { chunkCount: 2, anne: [1], berta: [0], killable: ['anne'] };
const LONG: Shape = { chunkCount: 1, anne: [0, 1], berta: [2], killable: ['anne'] };
const UNIT: Shape = { ...ONE, killable: ['unit'] };
const SHAPES = { one: ONE, two: TWO, long: LONG, 'unit dies': UNIT };

for (const kills of [0, 1]) {
  for (const [name, shape] of Object.entries(SHAPES)) {
    chunks(`a live entry keeps its bytes: ${name}, kills=${kills}`, () => {
      explore(`staging ${name} kills ${kills}`, () => program(stages, shape), { kills });
      const setup = (): Program => program(stagesSmall(true), shape);
      explore(`chunks ${name} kills ${kills}`, setup, { kills });
    });
  }
}

chunks('random executions have no race by vector clocks', () => {
  const setup = (): Program => program(stagesSmall(true), LONG);
  sample('chunks priorities', setup, { seed: 6, executions: 500, kills: 1, priorityChanges: 3 });
});

chunks('finds a used limit that is raised after the reference has left', () => {
  assertFinds(/not reclaimed|keeps its bytes/, () =>
    explore('mutant limit late', () => program(stagesSmall(false), ONE), { kills: 1 }),
  );
});

chunks('finds a successor that frees a chunk without a look at its limit', () => {
  assertFinds(/not reclaimed|keeps its bytes/, () =>
    explore('mutant finish blindly', () => program(stagesSmall(true), UNIT, finishBlindly), {
      kills: 1,
    }),
  );
});

chunks.run();
