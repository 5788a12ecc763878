/**
 * Reconfiguration, replacement and sequencer failover, case by case as PROTOCOL numbers them (8, 9,
 * 22 to 35), on the production classes in a calm simulated world.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sequencerActor, unitActor, unitId, unitIndex } from '../actors/actor-ids.ts';
import { MessageType } from '../actors/message.ts';
import { cloned, withSequencer } from '../actors/next-projection.ts';
import { ProjectionMap } from '../actors/projection.ts';
import { SEQUENCER_BUSY } from '../actors/sequencer.ts';
import { NO_FAULTS } from '../actors/simulation/faults.ts';
import { World } from '../actors/simulation/world.ts';
import { SlotOutcome } from '../shared-memory/slots-layout.ts';
import { changeAsAsked, checkChange, type ProjectionChange } from './asked-change.ts';
import { fillPosition, trimPosition, trimPrefix } from './chain.ts';
import type { LogClient } from './log-client.ts';
import type { LogEntry, Position } from './log-entry.ts';
import { call, type Procedure } from './procedure.ts';
import { readPosition } from './read.ts';
import { reconfigure } from './reconfigure.ts';
import { repair } from './repair.ts';
import { restore } from './restore.ts';
import { SEQUENCER, SimulatedLog, type SimulatedLogOptions } from './simulation/simulated-log.ts';
import { StreamPlayer } from './simulation/stream-player.ts';

const paper = suite('failover paper');
const [ANNE, BERTA, CARLA] = [0, 1, 2];
const { OK, SEALED, UNWRITTEN } = SlotOutcome;

function calmLog(options: SimulatedLogOptions = {}): SimulatedLog {
  const world = new World({ seed: 1, faults: NO_FAULTS });
  return new SimulatedLog(world, { clients: 3, spares: 2, repairs: true, ...options });
}

const repaired = (log: SimulatedLog): void => log.ran(BERTA, repair);
const restored = (log: SimulatedLog): void => log.ran(BERTA, restore);
const read = (log: SimulatedLog, client: number, position: Position): LogEntry =>
  log.ran(client, (one) => readPosition(one, position));
const changed = (log: SimulatedLog, change: ProjectionChange, client = BERTA) =>
  log.ran(client, (one) => changeAsAsked(one, change));

function textOf(entry: LogEntry): string {
  return entry.kind === 'data' ? new TextDecoder().decode(entry.payload) : entry.kind;
}

/** What every position below the tail holds. */
function allOf(log: SimulatedLog): string[] {
  return Array.from({ length: log.tail }, (_, position) =>
    textOf(log.ran(BERTA, (client) => fillPosition(client, position))),
  );
}

const isWritten = (log: SimulatedLog, replica: number): boolean => {
  const at = log.at(0);
  return at[replica] !== 'unwritten' && (at[replica + 1] ?? 'unwritten') === 'unwritten';
};

/** Begins an append of Anne's and stops the world when position 0 is on `replicas` replicas. */
function begun(log: SimulatedLog, text: string, replicas: number) {
  const append = log.append(ANNE, text);
  log.world.run({ until: () => log.tail === 1 && isWritten(log, replicas - 1) });
  return append;
}

function* ask(to: number, type: MessageType, epoch: number, extra: number[] = []) {
  return yield* call({ to, type, epoch, extra });
}

paper('8: a value that was on the lost head only was never read, and is not read later', () => {
  const log = calmLog();
  begun(log, 'lost', 1);
  const early = log.run(CARLA, (client) => readPosition(client, 0));
  log.killHostOf(unitActor(0));
  log.world.run({ until: () => log.exited.has(unitActor(0)) });
  repaired(log);
  assert.not(log.projection.ranges[0].extents[0].chain.includes(0));
  const [first, second] = [log.end(early), textOf(read(log, BERTA, 0))];
  const seen = first.kind === 'done' ? textOf(first.value) : 'junk';
  assert.is(seen, second, 'whatever is read is read again');
});

paper(
  '9: a value above the lost tail is kept, and its writer succeeds at its position, once',
  () => {
    const log = calmLog({ replicas: 3 });
    const append = begun(log, 'kept', 2);
    log.killHostOf(unitActor(2));
    assert.is(log.value(append), 0);
    assert.is(textOf(read(log, BERTA, 0)), 'kept');
    assert.is(allOf(log).filter((text) => text === 'kept').length, 1);
  },
);

paper('22: of many reconfigurers one wins each epoch, and all use its projection', () => {
  const log = calmLog({ clients: 6, links: ['mailbox', 'direct'] });
  const all = log.clients.map((_, client) =>
    log.run(client, (one) =>
      reconfigure(one, ({ map }) => (map.epoch === 1 ? { sequencer: 'replace' } : undefined)),
    ),
  );
  const projections = all.map((one) => log.value(one));
  for (const one of projections) assert.equal(one, projections[0]);
  assert.is(projections[0].epoch, 2);
  const store = log.memory.layoutStore;
  assert.is(store.propose({ ...cloned(store.read(1)!), sequencer: 9 }), 'present');
  assert.equal(store.read(2), projections[0]);
});

paper('23: a sealer that dies before it proposes is succeeded by whoever waits', () => {
  const log = calmLog();
  log.appended(ANNE, 'before');
  for (const unit of [0, 1]) log.memory.unit(unit).slots.seal(1);
  log.memory.sequencer.seal(1);
  log.memory.sequencer.requireBuild(2);
  const begin = log.world.now();
  assert.is(log.appended(ANNE, 'after'), 1);
  assert.ok(log.world.now() - begin < 200, 'within the patience of a client');
  assert.equal(allOf(log), ['before', 'after']);
});

paper('24, 25: a lost unit is replaced at once and rebuilt with values, junk and trims', () => {
  const log = calmLog();
  for (let i = 0; i < 12; i++) log.appended(ANNE, `v${i}`);
  log.ran(CARLA, function* (client): Procedure<void> {
    yield* ask(client.map.sequencer, MessageType.SEQUENCER_NEXT, client.map.epoch);
  });
  assert.is(log.ran(BERTA, (client) => fillPosition(client, 12)).kind, 'junk');
  log.ran(BERTA, (client) => trimPosition(client, 7));
  log.killHostOf(unitActor(0));
  log.world.run({ until: () => log.exited.has(unitActor(0)) });
  repaired(log);
  const { ranges } = log.projection;
  assert.equal(ranges[0].extents[0].chain, [1]);
  const spare = ranges[1].extents[0].chain[1];
  assert.is(ranges[1].from, 13);
  assert.is(log.appended(ANNE, 'goes on'), 13);
  assert.is(textOf(read(log, CARLA, 3)), 'v3');
  // Trims that arrive before the copy is made.
  log.ran(CARLA, (client) => trimPosition(client, 9));
  log.ran(CARLA, (client) => trimPrefix(client, 2));
  restored(log);
  assert.equal(log.projection.ranges.at(-1)?.extents[0].chain, [1, spare], 'the spare is last');
  for (let position = 2; position < log.tail; position++) {
    const [survivor, copy] = log.at(position);
    assert.is(copy, survivor, `position ${position}`);
  }
  for (const position of [0, 1, 7, 9]) assert.is(read(log, ANNE, position).kind, 'trimmed');
  assert.is(read(log, ANNE, 12).kind, 'junk');
});

paper('26: an ejected unit serves nothing until it is wiped and added under a new id', () => {
  const log = calmLog({ spares: 1 });
  for (let i = 0; i < 5; i++) log.appended(ANNE, `v${i}`);
  changed(log, { remove: 0 });
  restored(log);
  const ejected = log.memory.unit(0).slots;
  ejected.tryJunk(5);
  const { FILL } = { FILL: MessageType.UNIT_FILL };
  assert.is(log.ran(ANNE, () => ask(unitActor(0), FILL, 1)).outcome, SEALED);
  assert.is(log.appended(ANNE, 'v5'), 5);
  changed(log, { remove: 1 });
  restored(log);
  const { chain } = log.projection.ranges.at(-1)!.extents[0];
  assert.ok(chain.includes(unitId(0, 1)) && !chain.includes(0));
  assert.equal(allOf(log), ['v0', 'v1', 'v2', 'v3', 'v4', 'v5']);
  assert.is(new Set(log.at(5)).size, 1);
});

paper('27: added units take the next range, and no unit is sealed for it', () => {
  const log = calmLog();
  for (let i = 0; i < 3; i++) log.appended(ANNE, `v${i}`);
  const sealed = (): number[] => [0, 1].map((unit) => log.memory.unit(unit).slots.sealedEpoch());
  const before = sealed();
  changed(log, { add: 2 });
  assert.equal(sealed(), before);
  assert.is(log.clients[CARLA].map.epoch, 1, 'has not heard of it');
  const positions = [0, 1, 2, 3].map((i) => log.appended(CARLA, `w${i}`));
  assert.equal(positions, [3, 4, 5, 6]);
  const map = new ProjectionMap(log.projection);
  const units = new Set(positions.flatMap((position) => map.chainOf(position)));
  assert.is([...units].filter((unit) => unitIndex(unit) >= 2).length, 2);
  assert.equal(allOf(log), ['v0', 'v1', 'v2', 'w0', 'w1', 'w2', 'w3']);
});

paper('28: who still believes in a removed unit never misses a completed position', () => {
  const log = calmLog();
  log.appended(ANNE, 'old');
  changed(log, { remove: 1 });
  const position = log.appended(ANNE, 'new');
  assert.is(log.clients[CARLA].map.epoch, 1);
  assert.is(log.memory.unit(1).slots.look(position), UNWRITTEN, 'the removed unit lacks it');
  assert.is(textOf(read(log, CARLA, position)), 'new');
});

paper('29: a client keeps its projection when an older one is offered', () => {
  const log = calmLog();
  changed(log, { sequencer: 'replace' }, ANNE);
  const { layoutStore } = log.memory;
  const older = layoutStore.read(1);
  Object.assign(layoutStore, { latest: () => older });
  assert.not(log.clients[ANNE].refreshProjection());
  assert.is(log.clients[ANNE].map.epoch, 2);
});

paper(
  '30: a sequencer is killed under load: no position twice, no entry lost, streams whole',
  () => {
    const log = calmLog({ links: ['mailbox', 'direct'] });
    const appends = Array.from({ length: 30 }, (_, i) => log.append(i % 3, `v${i}`, [1 + (i % 2)]));
    log.world.run({ until: () => log.tail > 10 });
    log.world.kill(SEQUENCER);
    const positions = appends.map((one) => log.value(one));
    assert.is(new Set(positions).size, 30);
    assert.ok(log.projection.sequencerSince > 1);
    const all = allOf(log);
    positions.forEach((position, i) => {
      assert.is(all[position], `v${i}`);
    });
    for (const stream of [1, 2]) {
      const player = new StreamPlayer(log.clients[CARLA], stream);
      log.ran(CARLA, () => player.play(true));
      const own = positions.filter((_, i) => 1 + (i % 2) === stream).sort((a, b) => a - b);
      assert.equal(player.positions, own);
    }
  },
);

paper('31: after a failover the old epoch gets neither tokens nor tails', () => {
  const log = calmLog();
  log.appended(ANNE, 'v', [1]);
  const { sequencer } = changed(log, { sequencer: 'replace' });
  for (const to of [SEQUENCER, sequencer]) {
    for (const type of [MessageType.SEQUENCER_NEXT, MessageType.SEQUENCER_TAILS]) {
      const request = log.run(ANNE, () => ask(to, type, 1, [1]));
      assert.is(log.value(request).outcome, SEALED);
    }
  }
});

paper('32: a token of an old epoch is dropped with its headers, and its position is junk', () => {
  const log = calmLog();
  const append = log.append(ANNE, 'again', [1]);
  log.world.run({ until: () => log.tail === 1 });
  changed(log, { sequencer: 'replace' });
  assert.is(log.value(append), 1);
  assert.equal(allOf(log), ['junk', 'again']);
  const player = new StreamPlayer(log.clients[CARLA], 1);
  log.ran(CARLA, () => player.play(true));
  assert.equal(player.positions, [1]);
});

paper('33: without a sequencer appends probe, and streams are refused', () => {
  const log = calmLog({ links: ['mailbox', 'direct'] });
  log.appended(ANNE, 'before');
  changed(log, { sequencer: 'none' });
  const appends = Array.from({ length: 9 }, (_, i) => log.append(i % 3, `v${i}`));
  const positions = appends.map((one) => log.value(one));
  assert.is(new Set(positions).size, 9);
  const later = log.appended(ANNE, 'later');
  assert.ok(
    positions.every((position) => position < later),
    'in real time',
  );
  const streamed = log.end(log.append(ANNE, 'no', [1]));
  assert.is(streamed.kind === 'failed' && streamed.code, 'ERR_UNSUPPORTED');
  changed(log, { sequencer: 'replace' });
  assert.ok(log.appended(ANNE, 'streamed', [1]) > later);
});

paper('34: the counter does not go back when everything below the tail is trimmed', () => {
  const log = calmLog();
  for (let i = 0; i < 6; i++) log.appended(ANNE, `v${i}`);
  log.ran(ANNE, (client) => trimPrefix(client, 6));
  log.world.kill(SEQUENCER);
  assert.is(log.appended(BERTA, 'next'), 6);
});

paper('35: a sequencer that is not built refuses, and serves once it is', () => {
  const log = calmLog();
  log.appended(ANNE, 'v', [1]);
  const { layoutStore, sequencer, homes } = log.memory;
  for (const unit of [0, 1]) log.memory.unit(unit).slots.seal(1);
  sequencer.seal(1);
  sequencer.requireBuild(2);
  homes.move(homes.count - 16 + 1, 0);
  assert.is(layoutStore.propose(withSequencer(log.projection, sequencerActor(1))), 'written');
  const token = (client: LogClient) =>
    ask(client.map.sequencer, MessageType.SEQUENCER_NEXT, 2, [1]);
  log.clients[ANNE].refreshProjection();
  // The first request finds nobody: the actor comes to live there with the next step.
  log.ran(ANNE, token);
  assert.is(log.ran(ANNE, token).outcome, SEQUENCER_BUSY);
  repaired(log);
  const granted = log.ran(ANNE, token);
  assert.equal([granted.outcome, granted.position], [OK, 1]);
});

paper('a position whose every replica is lost is named, and appends go on elsewhere', () => {
  const log = calmLog();
  for (let i = 0; i < 4; i++) log.appended(ANNE, `v${i}`);
  for (const unit of [0, 1]) log.memory.unit(unit).markLost();
  repaired(log);
  for (const procedure of [readPosition, fillPosition]) {
    const outcome = log.end(log.run(CARLA, (client) => procedure(client, 2)));
    assert.equal(outcome, { kind: 'failed', code: 'ERR_CORRUPT', position: 2 });
  }
  const position = log.appended(ANNE, 'goes on');
  assert.is(textOf(read(log, CARLA, position)), 'goes on');
});

paper('a change that makes no sense is refused before anything is sealed', () => {
  const log = calmLog({ replicas: 1 });
  const client = log.clients[ANNE];
  const wrong: object[] = [{}, { removed: 1 }, { remove: 77 }, { remove: 0 }, { add: 0 }];
  wrong.push({ add: 1.5 }, { sequencer: 'new' }, { remove: undefined });
  for (const change of wrong) {
    assert.throws(() => checkChange(client, change as ProjectionChange), 'ERR_INVALID_ARGUMENT');
  }
  assert.throws(() => checkChange(client, { remove: 0 }), /last replica of positions \[0, /);
  assert.is(log.memory.unit(0).slots.sealedEpoch(), 0);
  const tooMany = log.end(log.run(ANNE, (one) => changeAsAsked(one, { add: 3 })));
  assert.is(tooMany.kind === 'failed' && tooMany.code, 'ERR_LOG_FULL');
});

paper.run();
