/**
 * What the CORFU paper states, case by case, on the production classes in the simulator. The world
 * is calm unless a test says otherwise: a message takes 0.01 ms of virtual time.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Actor, ActorContext } from '../actors/actor.ts';
import { clientActor, unitActor } from '../actors/actor-ids.ts';
import { Message, MessageType } from '../actors/message.ts';
import type { ProjectionMap } from '../actors/projection.ts';
import { NO_FAULTS } from '../actors/simulation/faults.ts';
import { Random } from '../actors/simulation/random.ts';
import { runSeeds } from '../actors/simulation/simulate-seeds.ts';
import { World } from '../actors/simulation/world.ts';
import { StorageUnit } from '../actors/storage-unit.ts';
import { EntryKind } from '../shared-memory/entry-layout.ts';
import { stageHeader } from '../shared-memory/entry-writer.ts';
import { Quiescence } from '../shared-memory/quiescence.ts';
import { REFERENCE_SHIFT, SlotOutcome } from '../shared-memory/slots-layout.ts';
import { Staging } from '../shared-memory/staging.ts';
import { allocateThreadTable, ThreadTable } from '../shared-memory/thread-table.ts';
import { allocateUnit, UnitMemory } from '../shared-memory/unit-memory.ts';
import { fillPosition, trimPosition, trimPrefix } from './chain.ts';
import { DEFAULT_TIMES } from './client-options.ts';
import type { LogEntry, Position } from './log-entry.ts';
import { type Answer, call, type Procedure } from './procedure.ts';
import { readPosition } from './read.ts';
import { type Change, reconfigure } from './reconfigure.ts';
import {
  type Operation,
  SEQUENCER,
  SimulatedLog,
  type SimulatedLogOptions,
} from './simulation/simulated-log.ts';
import { Observer } from './simulation/simulated-observer.ts';

const corfu = suite('CORFU paper');

const { OK, WRITTEN, JUNK, TRIMMED, SEALED } = SlotOutcome;
const { UNIT_WRITE, UNIT_FILL, UNIT_TRIM, UNIT_TRIM_PREFIX, UNIT_SEAL } = MessageType;
const [ANNE, BERTA, CARLA] = [0, 1, 2];
const LONG_MS = 200;

function calmLog(options: SimulatedLogOptions = {}): SimulatedLog {
  return new SimulatedLog(new World({ seed: 1, faults: NO_FAULTS }), { clients: 3, ...options });
}

function* ask(
  unit: number,
  type: MessageType,
  { epoch = 1, position = 0, value = 0 } = {},
): Procedure<Answer> {
  return yield* call({ to: unitActor(unit), type, epoch, position, value });
}

/** Asks a unit as Anne; returns the outcome. */
function asked(log: SimulatedLog, unit: number, type: MessageType, request = {}): number {
  return log.ran(ANNE, () => ask(unit, type, request)).outcome;
}

/** Stages an entry of Anne's in a unit and returns its reference. */
function staged(log: SimulatedLog, unit: number, position: Position, text: string): number {
  const client = log.clients[ANNE];
  const bytes = new TextEncoder().encode(text);
  const offset = client.staging(unit).take(64, false);
  const { words, bytes: area } = log.memory.unit(unit);
  const header = {
    position,
    writerThread: client.incarnation,
    writerSequence: client.nextSequence(),
    payloadBytes: bytes.length,
    streamCount: 0,
    epoch: 1,
    kind: EntryKind.APPLICATION,
  };
  stageHeader(words, offset, header, new Int32Array(0), 0);
  area.set(bytes, offset + 32);
  client.staging(unit).willPublish(offset, position);
  return offset >>> REFERENCE_SHIFT;
}

/** Begins an append and stops its client as soon as `reached`; it goes on after LONG_MS. */
function stoppedAppend(
  log: SimulatedLog,
  client: number,
  text: string,
  reached: () => boolean,
): Operation<Position> {
  const append = log.append(client, text);
  log.world.run({ until: reached });
  log.world.stall(clientActor(client), LONG_MS);
  return append;
}

const headHolds = (log: SimulatedLog, position = 0) => log.at(position)[0] !== 'unwritten';

function textOf(entry: LogEntry): string {
  return entry.kind === 'data' ? new TextDecoder().decode(entry.payload) : entry.kind;
}

/** Grants what `choose` says instead of what is right; knows no streams. */
class LyingSequencer implements Actor {
  readonly role = 'lying sequencer';
  readonly #log: () => SimulatedLog;
  readonly #choose: (tail: Position) => Position;
  readonly #reply = new Message();

  constructor(log: () => SimulatedLog, choose: (tail: Position) => Position) {
    this.#log = log;
    this.#choose = choose;
  }

  receive(message: Message, context: ActorContext): void {
    const { sequencer } = this.#log().memory;
    const reply = this.#reply.replyTo(message, MessageType.SEQUENCER_GRANTED, OK);
    reply.position = this.#choose(sequencer.tail());
    sequencer.setTail(Math.max(sequencer.tail(), reply.position + 1));
    context.send(reply);
  }
}

function lyingLog(
  choose: (tail: Position) => Position,
  options: SimulatedLogOptions = {},
): SimulatedLog {
  const log: SimulatedLog = calmLog({
    ...options,
    wrap: (id, inner) => (id === SEQUENCER ? new LyingSequencer(() => log, choose) : inner),
  });
  return log;
}

/** Grants these, one after the other. */
function grants(...positions: Position[]): () => Position {
  return () => {
    const position = positions.shift();
    if (position === undefined) throw new Error('nobody needs one more token');
    return position;
  };
}

// CORFU 1.3, case 1
corfu('a unit refuses epochs at or below its sealed one and serves every higher one', () => {
  const log = calmLog();
  asked(log, 0, UNIT_SEAL, { epoch: 3 });
  for (const type of [UNIT_WRITE, UNIT_FILL, UNIT_TRIM, UNIT_TRIM_PREFIX]) {
    const answer = log.ran(ANNE, () => ask(0, type, { epoch: 3, value: 999 }));
    assert.equal([answer.outcome, answer.value], [SEALED, 3]);
  }
  assert.is(asked(log, 0, UNIT_FILL, { epoch: 4, position: 0 }), OK);
  assert.is(asked(log, 0, UNIT_FILL, { epoch: 7, position: 1 }), OK);
});

// CORFU 1.2, case 2
corfu('a sealer waits for the write in progress, and the highest address counts it', () => {
  const log = calmLog();
  const { threads } = log.memory;
  const { slots } = log.memory.unit(0);
  const reference = staged(log, 0, 5, 'in progress');
  threads.announce(log.bystander);
  const change = log.run(ANNE, (client) => reconfigure(client, ({ map }) => nextIn(map, 1)));
  log.world.run({ untilMs: 20 });
  assert.is(slots.sealedEpoch(), 1);
  assert.is(change.outcome, undefined);
  // The operation had looked at the epoch before the seal came.
  assert.is(slots.tryWrite(5, reference), OK);
  threads.leave(log.bystander);
  assert.is(log.value(change).epoch, 2);
  assert.is(slots.writtenLimit(), 6);
  assert.is(log.tail, 6);
  assert.is(asked(log, 0, UNIT_FILL, { position: 6 }), SEALED);
});

// CORFU 1.3, case 3
corfu('a seal of the same epoch succeeds again, a seal of a lower one is refused', () => {
  const log = calmLog();
  asked(log, 0, UNIT_FILL, { position: 4 });
  for (let i = 0; i < 2; i++) {
    const { outcome, value } = log.ran(ANNE, () => ask(0, UNIT_SEAL, { epoch: 3 }));
    assert.equal([outcome, value], [OK, 3]);
    assert.is(log.memory.unit(0).slots.writtenLimit(), 5);
  }
  const lower = log.ran(ANNE, () => ask(0, UNIT_SEAL, { epoch: 2 }));
  assert.equal([lower.outcome, lower.value], [SEALED, 3]);
});

// CORFU 1.2, case 4
corfu('a written page is never written again, with the same bytes or others', () => {
  const log = calmLog();
  log.appended(BERTA, 'first');
  const before = log.at(0);
  assert.is(asked(log, 0, UNIT_WRITE, { value: staged(log, 0, 0, 'first') }), WRITTEN);
  assert.is(asked(log, 0, UNIT_WRITE, { value: staged(log, 0, 0, 'other') }), WRITTEN);
  assert.is(asked(log, 0, UNIT_FILL), WRITTEN);
  assert.equal(log.at(0), before);
});

// CORFU 1.2 and 1.8, case 5
corfu('junk refuses writes, reads as junk and takes no bytes', () => {
  const log = calmLog();
  const free = log.memory.unit(0).chunks.freeCount();
  for (let position = 0; position < 40; position++) asked(log, 0, UNIT_FILL, { position });
  assert.is(log.memory.unit(0).chunks.freeCount(), free);
  assert.is(asked(log, 0, UNIT_WRITE, { value: staged(log, 0, 0, 'late') }), JUNK);
  assert.is(log.atAddress(0, 0, 0), 'junk');
});

// CORFU 1.2 and 1.14, case 6
corfu('slots and bytes of a small unit are enough for a million appends and trims', () => {
  const sizes = { streamHeaderWords: 3, slotCount: 64, chunkBytes: 1024, chunkCount: 6 };
  const memory = new UnitMemory(allocateUnit({ ...sizes, headroomChunks: 1 }));
  const threads = new ThreadTable(allocateThreadTable(2));
  const quiescence = new Quiescence(threads);
  const unit = new StorageUnit({ memory, quiescence, tenure: () => 1 });
  const staging = new Staging(memory.chunks, 1);
  let outcome = -1;
  const timers: number[] = [];
  const context: ActorContext = {
    self: unitActor(0),
    now: () => 0,
    random: () => 0,
    send: (message) => {
      outcome = message.outcome;
    },
    after: (_delayMs, timer) => timers.push(timer),
  };
  const message = new Message();
  const send = (type: number, position: number, value = 0): void => {
    Object.assign(message, { type, position, value, epoch: 1, extraCount: 0 });
    unit.receive(message, context);
    // Nobody is in flight: what is trimmed is reclaimed at the next look.
    while (timers.length > 0) unit.onTimer(timers.pop() ?? 0, context);
    if (outcome !== OK) assert.unreachable(`position ${position}: outcome ${outcome}`);
  };
  unit.start(context);
  const total = 1_000_000;
  for (let position = 0; position < total; position++) {
    const offset = staging.take(64, false);
    if (offset === 0) assert.unreachable(`no bytes are left at position ${position}`);
    staging.willPublish(offset, position);
    send(UNIT_WRITE, position, offset >>> REFERENCE_SHIFT);
    staging.settle(offset);
    // One by one, and every now and then a whole prefix.
    if (position >= 20) send(UNIT_TRIM, position - 20);
    if (position % 100 === 99) send(UNIT_TRIM_PREFIX, position - 10);
  }
  const { slots } = memory;
  assert.is(slots.watermark(), total - 11);
  assert.is(slots.addressLimit(), slots.watermark() + 64);
  assert.is(slots.look(0), TRIMMED);
  assert.is(slots.look(total - 12), TRIMMED);
  assert.is(slots.look(total - 11), WRITTEN);
  assert.is(slots.tryJunk(7), TRIMMED);
});

// CORFU 1.5 and 1.6, case 7
corfu('a value on the head alone is not read before the chain is completed', () => {
  const log = calmLog({ replicas: 3 });
  const append = stoppedAppend(log, ANNE, 'slow', () => headHolds(log));
  assert.equal(log.at(0).slice(1), ['unwritten', 'unwritten']);
  const read = log.run(BERTA, (client) => readPosition(client, 0));
  log.world.onStep(() => {
    if (read.outcome !== undefined) assert.is(new Set(log.at(0)).size, 1);
  });
  assert.is(textOf(log.value(read)), 'slow');
  assert.is(append.outcome, undefined);
  assert.is(log.value(append), 0);
  assert.is(log.tail, 1);
});

// CORFU 1.12, case 10
corfu('of two writers with one position exactly one has it, the other ends elsewhere', () => {
  const log = lyingLog(grants(0, 0, 1));
  const appends = [log.append(ANNE, 'a'), log.append(BERTA, 'b')];
  assert.equal(appends.map((one) => log.value(one)).sort(), [0, 1]);
  const [first, second] = [log.at(0), log.at(1)];
  assert.is(first[0], first[1]);
  assert.is(second[0], second[1]);
  assert.is.not(first[0], second[0]);
});

// CORFU 1.12, case 11
corfu('10,000 appends with duplicate and missing tokens are all there, each once', () => {
  const random = new Random(11);
  const choose = (tail: Position): Position => {
    if (random.chance(0.2)) return Math.max(0, tail - 1 - random.below(8));
    return random.chance(0.1) ? tail + 1 + random.below(3) : tail;
  };
  const log = lyingLog(choose, { slots: 16_384, chunks: 8192 });
  const expected = new Map<Position, string>();
  for (let i = 0; i < 2500; i++) {
    const batch = [ANNE, ANNE, BERTA, CARLA].map((client, j) => ({
      text: `${i}.${j}`,
      append: log.append(client, `${i}.${j}`),
    }));
    for (const { text, append } of batch) {
      const position = log.value(append);
      assert.not(expected.has(position));
      expected.set(position, text);
    }
  }
  for (let position = 0; position < log.tail; position++) {
    const entry = log.ran(ANNE, (client) => fillPosition(client, position));
    assert.is(textOf(entry), expected.get(position) ?? 'junk');
  }
});

// CORFU 1.5, case 12
corfu('a writer that meets its own repaired value goes on and does not append again', () => {
  const world = new World({ seed: 1, faults: NO_FAULTS });
  const observer = new Observer(world);
  const log = new SimulatedLog(world, { replicas: 3, wrap: observer.wrap });
  observer.watch(log);
  const append = stoppedAppend(log, ANNE, 'mine', () => headHolds(log));
  log.ran(BERTA, (client) => fillPosition(client, 0));
  assert.is(log.value(append), 0);
  assert.is(world.marks.get('own value copied by another'), 2);
  assert.is(log.tail, 1);
});

// CORFU 1.5, case 13
corfu('an entry repaired and trimmed before its writer reaches the tail counts as appended', () => {
  const log = calmLog();
  const append = stoppedAppend(log, ANNE, 'short-lived', () => headHolds(log));
  assert.is(textOf(log.ran(BERTA, (client) => readPosition(client, 0))), 'short-lived');
  log.ran(BERTA, (client) => trimPosition(client, 0));
  assert.equal(log.at(0), ['trimmed', 'trimmed']);
  assert.is(log.value(append), 0);
  assert.is(log.tail, 1);
});

// CORFU 1.5, case 14
corfu('byte-identical payloads of two clients are two entries', () => {
  const honest = calmLog();
  const twins = [honest.append(ANNE, 'same'), honest.append(BERTA, 'same')];
  assert.equal(twins.map((one) => honest.value(one)).sort(), [0, 1]);
  // Even when both are given the same position.
  const lying = lyingLog(grants(0, 0, 1));
  const rivals = [lying.append(ANNE, 'same'), lying.append(BERTA, 'same')];
  assert.equal(rivals.map((one) => lying.value(one)).sort(), [0, 1]);
  assert.is.not(lying.at(0)[0], lying.at(1)[0]);
});

// CORFU 1.7, case 15
corfu('a filled position stays junk for ever, and its late writer appends elsewhere', () => {
  const log = calmLog({ replicas: 3 });
  const append = stoppedAppend(log, ANNE, 'late', () => log.tail === 1);
  assert.is(log.ran(BERTA, (client) => fillPosition(client, 0)).kind, 'junk');
  assert.equal(log.at(0), ['junk', 'junk', 'junk']);
  assert.is(log.value(append), 1);
  assert.equal(log.at(0), ['junk', 'junk', 'junk']);
  assert.is(log.ran(CARLA, (client) => readPosition(client, 0)).kind, 'junk');
});

// CORFU 1.7, case 16
corfu('a fill that finds a value on the head completes it and returns it', () => {
  const log = calmLog({ replicas: 3 });
  log.append(ANNE, 'value');
  log.world.run({ until: () => headHolds(log) });
  log.world.kill(clientActor(ANNE));
  assert.is(textOf(log.ran(BERTA, (client) => fillPosition(client, 0))), 'value');
  assert.is(new Set(log.at(0)).size, 1);
});

// CORFU 1.7, case 17
corfu('a filler and a writer that race leave one of the two on all replicas, 1,000 seeds', () => {
  const report = runSeeds({
    name: 'race',
    count: 1000,
    file: import.meta.url,
    run: (_seed, createWorld) => {
      const world = createWorld({ faults: { killable: [] } });
      // Room for the tokens of requests that are repeated while their client or the sequencer stalls.
      const slots = 1024;
      const log = new SimulatedLog(world, { replicas: 3, slots, times: { operationMs: 60_000 } });
      const append = log.append(ANNE, 'value');
      world.run({ until: () => log.tail > 0 });
      const fill = log.run(BERTA, (client) => fillPosition(client, 0));
      const [position, entry] = [log.value(append), log.value(fill)];
      assert.is(new Set(log.at(0)).size, 1);
      assert.is(textOf(entry), position === 0 ? 'value' : 'junk');
      world.mark(entry.kind);
      return undefined;
    },
  });
  report.expectMarks(['data', 'junk']);
});

// CORFU 1.7, case 18
corfu('junk on the head alone is completed by the next reader, which reads junk', () => {
  const log = calmLog({ replicas: 3 });
  stoppedAppend(log, ANNE, 'never', () => log.tail === 1);
  log.world.kill(clientActor(ANNE));
  // Its effects: a timer for the request, the request to the head, the next request.
  log.world.killAtEffect(clientActor(BERTA), 3);
  log.run(BERTA, (client) => fillPosition(client, 0));
  log.world.run({ until: () => log.exited.has(clientActor(BERTA)) });
  assert.equal(log.at(0), ['junk', 'unwritten', 'unwritten']);
  assert.is(log.ran(CARLA, (client) => readPosition(client, 0)).kind, 'junk');
  assert.equal(log.at(0), ['junk', 'junk', 'junk']);
});

// CORFU 1.7 and 1.14, case 19
corfu('a trim that stopped at the head is finished by the next fill', () => {
  const log = calmLog({ replicas: 3 });
  log.appended(ANNE, 'old');
  log.world.killAtEffect(clientActor(BERTA), 3);
  log.run(BERTA, (client) => trimPosition(client, 0));
  log.world.run({ until: () => log.exited.has(clientActor(BERTA)) });
  assert.equal([log.at(0)[0], log.at(0)[1] !== 'trimmed'], ['trimmed', true]);
  assert.is(log.ran(CARLA, (client) => fillPosition(client, 0)).kind, 'trimmed');
  assert.equal(log.at(0), ['trimmed', 'trimmed', 'trimmed']);
});

// CORFU 1.14, case 19 for a prefix trim
corfu('a prefix trim that stopped at the head never shows junk where a value was', () => {
  const log = calmLog({ replicas: 2 });
  const append = stoppedAppend(log, ANNE, 'slow', () => headHolds(log));
  log.world.killAtEffect(clientActor(BERTA), 3);
  log.run(BERTA, (client) => trimPrefix(client, 1));
  log.world.run({ until: () => log.exited.has(clientActor(BERTA)) });
  assert.equal(log.at(0), ['trimmed', 'unwritten']);
  log.world.onStep(() => assert.not(log.at(0).includes('junk')));
  assert.is(log.ran(CARLA, (client) => fillPosition(client, 0)).kind, 'trimmed');
  assert.equal(log.at(0), ['trimmed', 'trimmed']);
  assert.is(log.value(append), 0);
});

// CORFU 1.14, case 19 for a prefix trim of three replicas
corfu('finishing a prefix trim for the tail leaves no replica out', () => {
  const log = calmLog({ replicas: 3 });
  stoppedAppend(log, ANNE, 'slow', () => log.at(0)[1] !== 'unwritten');
  log.appended(BERTA, 'whole');
  log.world.killAtEffect(clientActor(CARLA), 3);
  log.run(CARLA, (client) => trimPrefix(client, 2));
  log.world.run({ until: () => log.exited.has(clientActor(CARLA)) });
  log.world.onStep(() => {
    const [, middle, tail] = log.at(1);
    assert.ok(tail !== 'trimmed' || middle === 'trimmed', 'trims go down the chain');
  });
  assert.is(log.ran(BERTA, (client) => fillPosition(client, 0)).kind, 'trimmed');
  assert.equal(log.at(1), ['trimmed', 'trimmed', 'trimmed']);
});

// CORFU 1.14, trim while others are in flight
corfu('nothing below a prefix trim is read, even while its memory waits to be reused', () => {
  const log = calmLog();
  log.appended(ANNE, 'old');
  const { threads } = log.memory;
  threads.announce(log.bystander);
  log.ran(BERTA, (client) => trimPrefix(client, 1));
  // The slot still refers to the entry: somebody may be looking at it.
  assert.is(log.memory.unit(1).slots.addressLimit(), 64);
  assert.is(log.ran(BERTA, (client) => readPosition(client, 0)).kind, 'trimmed');
  threads.leave(log.bystander);
  log.world.run();
  assert.is(log.memory.unit(1).slots.addressLimit(), 65);
  assert.is(log.ran(BERTA, (client) => readPosition(client, 0)).kind, 'trimmed');
});

// CORFU 1.7, case 20
corfu('a read at or beyond the tail decides nothing, and the later owner is not disturbed', () => {
  const log = calmLog();
  for (const position of [0, 1, 5]) {
    const read = log.run(BERTA, (client) => readPosition(client, position));
    assert.equal(log.end(read), { kind: 'failed', code: 'ERR_UNWRITTEN', position });
    assert.equal(log.at(position), ['unwritten', 'unwritten']);
  }
  assert.is(log.appended(ANNE, 'first'), 0);
  assert.is(log.clients[ANNE].counters.disturbedAppends, 0);
});

// CORFU 1.7 and Tango 2.4, case 21
corfu('a read of a hole waits for the fill timeout and not longer; 100 ms by default', () => {
  assert.is(DEFAULT_TIMES.holeFillMs, 100);
  for (const holeFillMs of [100, 7]) {
    const log = calmLog({ times: { holeFillMs } });
    stoppedAppend(log, ANNE, 'never', () => log.tail === 1);
    log.world.kill(clientActor(ANNE));
    log.appended(BERTA, 'later');
    const called = log.world.now();
    assert.is(log.ran(BERTA, (client) => readPosition(client, 0)).kind, 'junk');
    const waited = log.world.now() - called;
    // Two replicas to fill, each asked and answered in 0.01 ms.
    assert.ok(waited >= holeFillMs && waited < holeFillMs + 0.1, `waited ${waited} ms`);
    assert.is(textOf(log.ran(BERTA, (client) => readPosition(client, 1))), 'later');
  }
});

/** The change that ends epoch `from`, and no other. */
function nextIn({ epoch }: ProjectionMap, from: number): Change | undefined {
  return epoch === from ? { sequencer: 'replace' } : undefined;
}

/** Lets the next epoch begin with the same chains and another sequencer. */
function nextEpoch(log: SimulatedLog): void {
  const next = log.ran(BERTA, (client) => reconfigure(client, ({ map }) => nextIn(map, 1)));
  assert.is(next.epoch, 2);
}

// CORFU 1.5, err_sealed below the head
corfu('a writer that is sealed out below the head keeps its position in the next epoch', () => {
  const log = calmLog();
  const append = stoppedAppend(log, ANNE, 'between', () => headHolds(log));
  nextEpoch(log);
  assert.is(log.value(append), 0);
  assert.is(new Set(log.at(0)).size, 1);
  assert.is(log.tail, 1);
});

// CORFU 1.5 and 1.12, err_sealed at the head
corfu('a writer that is sealed out before the head takes a new token', () => {
  const log = calmLog();
  const append = stoppedAppend(log, ANNE, 'again', () => log.tail === 1);
  nextEpoch(log);
  assert.is(log.value(append), 1);
  // The token of the old epoch was dropped, and its position decided before the new one served.
  assert.equal(log.at(0), ['junk', 'junk']);
});

corfu.run();
