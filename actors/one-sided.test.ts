import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { clientActor, sequencerActor, unitActor, unitId } from './actor-ids.ts';
import { allocateLog, LogMemory } from './log-memory.ts';
import { Message, MessageType } from './message.ts';
import { OneSided } from './one-sided.ts';
import { SequencerSteps } from './sequencer.ts';

const { OK, WRITTEN } = SlotOutcome;
const INCARNATION = 4;

const oneSided = suite('one-sided');

function fresh(): { memory: LogMemory; steps: OneSided } {
  const sizes = {
    storageUnits: 2,
    spareUnits: 1,
    replicas: 2,
    logBytes: 64 * 1024,
    entryBytesMax: 64,
    backpointers: 4,
    actorThreads: 1,
    attachMax: 2,
  };
  const memory = new LogMemory(allocateLog(sizes, { streamsMax: 64 }));
  memory.sequencer.setBuilt(1);
  const capacity = { limit: () => 100, urgentLimit: () => 100 };
  const sequencer = new SequencerSteps(memory.sequencer, capacity, INCARNATION);
  return { memory, steps: new OneSided(memory, sequencer) };
}

function serve(steps: OneSided, to: number, type: number, position = 0): Message {
  const [request, reply] = [new Message(), new Message()];
  Object.assign(request, { type, position, epoch: 1, operation: 9, from: clientActor(1) });
  request.to = to;
  steps.serve(request, reply);
  assert.equal([reply.from, reply.to, reply.operation], [to, clientActor(1), 9]);
  return reply;
}

oneSided('takes the step of the very unit that is asked', () => {
  const { memory, steps } = fresh();
  assert.is(serve(steps, unitActor(1), MessageType.UNIT_FILL, 5).outcome, OK);
  const looks = [0, 1, 2].map((unit) => memory.unit(unit).slots.look(5));
  assert.equal(looks, [SlotOutcome.UNWRITTEN, SlotOutcome.JUNK, SlotOutcome.UNWRITTEN]);
  assert.is(serve(steps, unitActor(1), MessageType.UNIT_FILL, 5).outcome, SlotOutcome.JUNK);
  memory.unit(2).slots.tryWrite(1, 4096);
  const spare = unitActor(unitId(2, 3));
  assert.is(serve(steps, spare, MessageType.UNIT_FILL, 1).outcome, WRITTEN, 'of any generation');
});

oneSided('takes the sequencer’s step, whichever sequencer is named', () => {
  const { memory, steps } = fresh();
  for (const [i, index] of [0, 3, 15].entries()) {
    const reply = serve(steps, sequencerActor(index), MessageType.SEQUENCER_NEXT);
    assert.equal([reply.outcome, reply.position], [OK, i]);
  }
  assert.equal([memory.sequencer.tail(), memory.sequencer.lockOwner()], [3, 0]);
});

oneSided('seals unit and sequencer with nobody alive', () => {
  const { memory, steps } = fresh();
  assert.is(serve(steps, unitActor(0), MessageType.UNIT_SEAL).outcome, OK);
  assert.is(serve(steps, sequencerActor(0), MessageType.SEQUENCER_SEAL).outcome, OK);
  const epochs = [0, 1].map((unit) => memory.unit(unit).slots.sealedEpoch());
  assert.equal([...epochs, memory.sequencer.sealedEpoch()], [1, 0, 1]);
});

oneSided.run();
