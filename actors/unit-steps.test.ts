import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { allocateUnit, UnitMemory } from '../shared-memory/unit-memory.ts';
import { clientActor, unitActor } from './actor-ids.ts';
import { Message, MessageType } from './message.ts';
import { leavesGarbage, serveUnit } from './unit-steps.ts';

const { OK, WRITTEN, TRIMMED, SEALED, FULL } = SlotOutcome;
const { UNIT_WRITE, UNIT_FILL, UNIT_TRIM, UNIT_TRIM_PREFIX, UNIT_FORGET, UNIT_SEAL } = MessageType;
const SLOTS = 64;
const REFERENCE = 4096;

const unitSteps = suite('unit steps');

function freshUnit(): UnitMemory {
  const sizes = { streamHeaderWords: 3, slotCount: SLOTS, chunkBytes: 1024, chunkCount: 4 };
  return new UnitMemory(allocateUnit({ ...sizes, headroomChunks: 1 }));
}

const reply = new Message();

/** Takes the step as any thread may, with a reply that still holds another one. */
function serve(unit: UnitMemory, type: number, position = 0, epoch = 1): Message {
  const request = new Message();
  Object.assign(request, { type, position, epoch, operation: 77, tenant: 5, value: REFERENCE });
  request.from = clientActor(9);
  request.to = unitActor(0);
  Object.assign(reply, { value: 13, outcome: 14, extraCount: 15, position: 16 });
  serveUnit(unit, request, reply);
  return reply;
}

for (const type of [UNIT_WRITE, UNIT_FILL, UNIT_TRIM, UNIT_TRIM_PREFIX, UNIT_FORGET, UNIT_SEAL]) {
  unitSteps(`answers its requester, number and tenant: type ${type}`, () => {
    const unit = freshUnit();
    unit.slots.tryJunk(3);
    const { from, to, operation, tenant, extraCount, epoch } = serve(unit, type, 3, 4);
    assert.is(reply.type, type + 1);
    assert.equal([from, to], [unitActor(0), clientActor(9)]);
    assert.equal([operation, tenant, extraCount, epoch], [77, 5, 0, 4]);
  });
}

unitSteps('is the same for every thread: the state is in the memory alone', () => {
  const buffer = allocateUnit({
    streamHeaderWords: 3,
    slotCount: SLOTS,
    chunkBytes: 1024,
    chunkCount: 4,
    headroomChunks: 1,
  });
  const [one, other] = [new UnitMemory(buffer), new UnitMemory(buffer)];
  assert.is(serve(one, UNIT_WRITE, 5).outcome, OK);
  assert.is(serve(other, UNIT_WRITE, 5).outcome, WRITTEN);
  serve(other, UNIT_SEAL, 0, 1);
  assert.equal([serve(one, UNIT_FILL, 6).outcome, reply.value], [SEALED, 1]);
});

unitSteps('decides nothing in a sealed epoch, with every request', () => {
  for (const type of [UNIT_WRITE, UNIT_FILL, UNIT_TRIM, UNIT_TRIM_PREFIX, UNIT_FORGET]) {
    const unit = freshUnit();
    unit.slots.tryJunk(0);
    serve(unit, UNIT_SEAL, 0, 3);
    assert.equal([serve(unit, type, 0, 3).outcome, reply.value], [SEALED, 3]);
    assert.is(unit.slots.look(0), SlotOutcome.JUNK);
    assert.equal([unit.slots.watermark(), unit.slots.writtenLimit()], [0, 1]);
  }
});

unitSteps('raises the sealed epoch before it answers, and never lowers it', () => {
  const unit = freshUnit();
  assert.equal([serve(unit, UNIT_SEAL, 0, 5).outcome, reply.value], [OK, 5]);
  assert.equal([serve(unit, UNIT_SEAL, 0, 5).outcome, reply.value], [OK, 5], 'again, the same');
  assert.equal([serve(unit, UNIT_SEAL, 0, 4).outcome, reply.value], [SEALED, 5]);
  assert.is(unit.slots.sealedEpoch(), 5);
  assert.is(serve(unit, UNIT_WRITE, 0, 6).outcome, OK);
});

unitSteps('moves the watermark over what is trimmed and forgotten without a gap', () => {
  const unit = freshUnit();
  for (const address of [0, 1, 2]) serve(unit, UNIT_WRITE, address);
  serve(unit, UNIT_TRIM, 1);
  assert.is(unit.slots.watermark(), 0);
  assert.is(serve(unit, UNIT_FORGET, 3).outcome, OK);
  serve(unit, UNIT_TRIM, 0);
  assert.is(unit.slots.watermark(), 2);
  serve(unit, UNIT_TRIM, 2);
  assert.is(unit.slots.watermark(), 4, 'a forgotten address is a trimmed one');
});

unitSteps('forgets an address whose copy has not come, and takes it no more', () => {
  const unit = freshUnit();
  assert.is(serve(unit, UNIT_FORGET, 7).outcome, OK);
  assert.is(serve(unit, UNIT_WRITE, 7).outcome, TRIMMED);
  assert.is(serve(unit, UNIT_FORGET, SLOTS).outcome, FULL);
});

unitSteps('knows which requests leave something to reclaim', () => {
  const leaving = Object.values(MessageType).filter(leavesGarbage);
  assert.equal(leaving, [UNIT_TRIM, UNIT_TRIM_PREFIX]);
});

unitSteps.run();
